use super::*;
use serde_json::json;

fn scope() -> Scope {
    let payload = json!({
        "node_name": "gpu 1/2", "text": "a\r\nX: y", "link": "<!all>", "n": 7, "big": 123_456_789_012_345_678_901_234_567_890_i128,
        "x": 1.50, "none": null, "yes": true, "list": [1, "b"], "properties": {"gpus": 2, "a b": "c"},
    });
    let Json::Object(fields) = &payload else {
        unreachable!()
    };
    let names = fields.iter().map(|(name, value)| (name.as_str(), value));
    Scope::new(names.chain([("payload", &payload)]))
}

fn fill(source: &str, place: Place) -> Result<String, String> {
    let template = Template::parse(source, place).map_err(|error| error.to_string())?;
    template.fill(&scope()).map_err(|error| error.to_string())
}

#[test]
fn values_are_written_as_arguments_are_and_escaped_for_their_place() {
    for (source, place, filled) in [
        (
            "{{ node_name }} has {{ properties.gpus }}",
            Place::Text,
            "gpu 1/2 has 2",
        ),
        (
            "{{ none }}|{{ yes }}|{{ list }}|{{ n }}|{{ x }}",
            Place::Text,
            "|true|[1,\"b\"]|7|1.5",
        ),
        ("{{ big }}", Place::Text, "123456789012345678901234567890"),
        (
            "https://h/{{ node_name }}?q={{ payload.text }}",
            Place::Url,
            "https://h/gpu%201%2F2?q=a%0D%0AX%3A%20y",
        ),
        ("{{ node_name | safe }}", Place::Url, "gpu%201%2F2"),
        ("Bearer {{ n }}", Place::Header, "Bearer 7"),
        (
            "<!here> *{{ link }}* {{ link | safe }}",
            Place::Chat(Markup::Slack),
            "<!here> *&lt;!all&gt;* &lt;!all&gt;",
        ),
        ("{{ nothing | default('-') }}", Place::Text, "-"),
        ("{% if n > 6 %}many{% endif %}", Place::Text, "many"),
        ("{{ properties['a b'] | upper }}", Place::Text, "C"),
    ] {
        assert_eq!(fill(source, place).as_deref(), Ok(filled), "{source}");
    }
}

#[test]
fn what_is_not_there_fails_and_is_named() {
    for (source, place, why) in [
        ("{{ nod_name }}", Place::Text, "there is no `nod_name`"),
        (
            "a {{ payload.nod_name }} b",
            Place::Text,
            "there is no `payload.nod_name`",
        ),
        (
            "{{ payload.nothing.more }}",
            Place::Url,
            "there is no `payload.nothing.more`",
        ),
        (
            "{{ properties['c'] }}",
            Place::Text,
            "there is no `properties['c']`",
        ),
        (
            "{% if nothing %}{% endif %}",
            Place::Text,
            "there is no `nothing`",
        ),
        (
            "{{ text }}",
            Place::Header,
            "`text`: a header holds no line break and no other control character",
        ),
    ] {
        assert_eq!(fill(source, place), Err(why.to_owned()), "{source}");
    }
}

#[test]
fn what_is_malformed_is_told_where() {
    for (source, part, at) in [
        ("{{ a", "unexpected end", 3),
        ("{% if a %}", "unexpected end of input", 8),
        ("é {{ a }", "unexpected `}`", 8),
        (
            "é {{ a | no_filter }}",
            "there is no filter `no_filter`",
            10,
        ),
        (
            "{% if a|upper|uper(1) %}{% endif %}",
            "no filter `uper`",
            14,
        ),
        ("{{ '|b}}' ~ a|c }}", "no filter `c`", 14),
        ("{{ 1 + }}", "unexpected", 7),
    ] {
        let error = Template::parse(source, Place::Text).expect_err(source);
        assert!(error.to_string().contains(part), "{source}: {error}");
        assert_eq!(error.at, at, "{source}: {error}");
    }
    for fine in [
        "a | b {# | c #} {{ a | upper | default('|d') | join(', ') }}",
        "{{ a }} | b",
        "{{ \"\\\"|b\" }}",
    ] {
        assert!(Template::parse(fine, Place::Text).is_ok(), "{fine}");
    }
}

#[test]
fn json_keeps_the_type_of_a_single_expression() {
    let template = json!({
        "n": "{{ n }}", "text": "{{ n }} of {{ properties.gpus }}", "list": ["{{ list }}", 1, null],
        "all": "{{ properties }}", "none": "{{ none }}", "quoted": "\"{{ text }}\"", "both": "{{ n }}{{ n }}",
        "{{ n }}": true, "big": "{{ big }}",
    });
    let filled = JsonTemplate::parse(&template).and_then(|template| template.fill(&scope()));
    let wanted = json!({
        "n": 7, "text": "7 of 2", "list": [[1, "b"], 1, null], "all": {"gpus": 2, "a b": "c"},
        "none": null, "quoted": "\"a\r\nX: y\"", "both": "77", "{{ n }}": true,
        "big": 123_456_789_012_345_678_901_234_567_890_i128,
    });
    assert_eq!(filled.map(|json| json.to_string()), Ok(wanted.to_string()));
    for missing in [json!("{{ nothing }}"), json!(["{{ payload.nothing }}"])] {
        let filled = JsonTemplate::parse(&missing).and_then(|template| template.fill(&scope()));
        let error = filled.expect_err("nothing there").to_string();
        assert!(
            error.starts_with("there is no `") && error.ends_with("nothing`"),
            "{error}"
        );
    }
    assert!(JsonTemplate::parse(&json!({"a": ["{{"]})).is_err());
}
