use proptest::prelude::*;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use super::*;
use crate::core::template::Place;

fn scope() -> Scope {
    let payload = json!({"node_name": "a/../b?", "dots": "..", "line": "a\nb", "n": 3});
    Scope::new([("payload", &payload), ("n", &payload["n"])])
}

fn call(url: &str) -> Call {
    Call {
        method: Method::POST,
        address: Address::Template(Template::parse(url, Place::Url).expect("a template")),
        headers: Vec::new(),
        body: None,
        login: None,
    }
}

/// The request, and what no message may show of it.
fn fill(call: &Call) -> Result<(Request, Vec<String>), String> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let Filled {
        request, secrets, ..
    } = call.fill(&Client::new(), &scope(), &Others::default())?;
    let secrets = secrets.iter().map(|it| it.expose_secret().to_owned());
    Ok((request, secrets.collect()))
}

#[test]
fn a_value_stays_in_its_place_in_the_address() {
    for (template, filled) in [
        (
            "https://h/n/{{ payload.node_name }}?q={{ n }}",
            Ok("https://h/n/a%2F..%2Fb%3F?q=3"),
        ),
        (
            "https://h/n/{{ payload.dots }}/x",
            Err("`url`: expected no `.` or `..` between slashes"),
        ),
        (
            "https://h/n/.{{ payload.dots[:1] }}/x",
            Err("`url`: expected no `.` or `..` between slashes"),
        ),
        ("https://h/?q={{ payload.dots }}", Ok("https://h/?q=..")),
        ("ftp://h/", Err("`url`: expected `http://` or `https://`")),
        ("https://u:p@h/", Err("`url`: expected no user or password")),
        (
            "/n",
            Err("`url`: expected a URL (relative URL without a base)"),
        ),
        (
            "https://h/{{ payload.nod }}",
            Err("`url`: there is no `payload.nod`"),
        ),
    ] {
        let found = fill(&call(template));
        match (found, filled) {
            (Ok(found), Ok(url)) => assert_eq!(found.0.url().as_str(), url),
            (Err(why), Err(begin)) => assert!(why.starts_with(begin), "{why}"),
            (found, _) => panic!("{template}: {found:?}"),
        }
    }
}

#[test]
fn headers_and_body_are_filled_in_and_a_header_may_say_what_the_body_is() {
    let mut call = call("https://h/");
    let header = |name: &'static str, text: &str| {
        let template = Template::parse(text, Place::Header).expect("a template");
        (HeaderName::from_static(name), template)
    };
    call.body = Some(Body::Json(
        JsonTemplate::parse(&json!({"n": "{{ n }}"})).expect("a template"),
    ));
    call.headers = vec![header("x-n", "{{ n }}")];
    let request = fill(&call).expect("a request").0;
    assert_eq!(request.headers()["x-n"], "3");
    assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(
        request.body().and_then(|body| body.as_bytes()),
        Some(&b"{\"n\":3}"[..])
    );

    call.headers = vec![header("content-type", "application/cloudevents+json")];
    let request = fill(&call).expect("a request").0;
    assert_eq!(
        request.headers()[CONTENT_TYPE],
        "application/cloudevents+json"
    );

    call.headers = vec![header("x-n", "{{ payload.line }}")];
    let why = fill(&call).expect_err("a line break");
    assert!(
        why.starts_with("`headers`: x-n: `payload.line`: a header holds no line break"),
        "{why}"
    );
}

#[test]
fn secrets_are_read_when_they_are_needed_and_known_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let mut call = call("https://h/");
    for (login, header, known) in [
        (
            Login::Token(file("token", " t0ken \nmore\n")),
            "Bearer t0ken",
            ["t0ken", "t0ken"],
        ),
        (
            Login::Basic(file("basic", "ann:p:w\n")),
            "Basic YW5uOnA6dw==",
            ["YW5uOnA6dw==", "p:w"],
        ),
    ] {
        call.login = Some(login);
        let (request, secrets) = fill(&call).expect("a request");
        let value = &request.headers()[AUTHORIZATION];
        assert!(value == header && value.is_sensitive());
        assert_eq!(secrets, known);
    }
    call.login = None;
    call.address = Address::File(file("url", "https://h/hooks/T0P%2FSECRET?s=1&t=s3cr%20t\n"));
    let (request, secrets) = fill(&call).expect("a request");
    let (path, query) = ("/hooks/T0P%2FSECRET", "s=1&t=s3cr%20t");
    assert_eq!(request.url().as_str(), format!("https://h{path}?{query}"));
    assert_eq!(secrets, [path, query, "T0P/SECRET", "s3cr t"]);

    call.address = Address::File(file("not", "hooks.example.org/s3cret"));
    let missing = folder.path().join("missing");
    let not_basic = Some(Login::Basic(file("no-colon", "s3cret")));
    for (address, login, part) in [
        (
            call.address.clone(),
            None,
            "not (`url_file`): expected a URL",
        ),
        (Address::File(missing.clone()), None, "failed to read "),
        (
            Address::File(file("ok", "https://h/")),
            Some(Login::Token(missing)),
            "missing (`token_file`): ",
        ),
        (
            Address::File(file("ok", "https://h/")),
            Some(Login::Token(file("none", "\n"))),
            "found nothing",
        ),
        (
            Address::File(file("ok", "https://h/")),
            not_basic,
            "found no colon",
        ),
    ] {
        call.address = address;
        call.login = login;
        let why = fill(&call).expect_err(part);
        assert!(why.contains(part) && !why.contains("s3cret"), "{why}");
    }
}

#[test]
fn hostile_values_stay_what_they_are() {
    let payload = json!({
        "big": "B", "null": null, "list": ["a/b", {"c": 1}], "again": "{{ payload.list }}{% raw %}",
        "quote": "\"}, {\"x\": \"", "encoded": "%2e%2e/%2F", "at": "@evil.example:80", "lines": "a\r\nX-Y: z",
    });
    let text = payload
        .to_string()
        .replace("\"B\"", &format!("{}.50", "9".repeat(60)));
    let payload: Value = serde_json::from_str(&text).expect("JSON");
    let scope = Scope::new([("payload", &payload)]);
    drop(rustls::crypto::ring::default_provider().install_default());
    let parts = |url: &str, body: Value| {
        let mut call = call(url);
        call.body = Some(Body::Json(JsonTemplate::parse(&body).expect("a template")));
        call.parts(&scope, &Others::default())
    };
    let url = "https://h/{{ payload.at }}/{{ payload.encoded }}/{{ payload.null }}/{{ payload.list }}/{{ payload.lines }}";
    let whole = json!({"all": "{{ payload }}", "text": "<{{ payload.again }}{{ payload.quote }}>"});
    let found = parts(url, whole).expect("parts");
    assert_eq!(
        found.url.as_ref().map(Url::as_str),
        Some(
            "https://h/%40evil.example%3A80/%252e%252e%2F%252F//%5B%22a%2Fb%22%2C%7B%22c%22%3A1%7D%5D/a%0D%0AX-Y%3A%20z"
        )
    );
    let body = found.body.expect("a body");
    assert_eq!(body["all"].to_string(), text);
    assert_eq!(body["text"], "<{{ payload.list }}{% raw %}\"}, {\"x\": \">");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a value is, it goes to the same host, to as many names deep, and is one value.
    #[test]
    fn no_value_leaves_its_place(value in any::<String>(), more in "[./\\\\?#@%:{}\r\n\t\"a]{0,6}") {
        for value in [value, more] {
            let json = json!(value);
            let scope = Scope::new([("v", &json)]);
            let mut call = call("https://h.example:8443/a/{{ v }}/b{{ v }}/c?q={{ v }}&r=1#{{ v }}");
            call.body = Some(Body::Json(JsonTemplate::parse(&json!({"v": "{{ v }}", "t": "({{ v }})"})).expect("a template")));
            call.headers = vec![(
                HeaderName::from_static("x-v"),
                Template::parse("({{ v }})", Place::Header).expect("a template"),
            )];
            let found = match call.parts(&scope, &Others::default()) {
                Ok(found) => found,
                Err(why) => {
                    let is_dots = matches!(&value[..], "." | "..");
                    prop_assert!(is_dots || value.contains(char::is_control), "{}", why);
                    continue;
                }
            };
            let url = found.url.expect("a URL");
            prop_assert_eq!(url.origin().ascii_serialization(), "https://h.example:8443");
            prop_assert_eq!(url.username(), "");
            let names: Vec<_> = url.path_segments().expect("a path").collect();
            prop_assert_eq!(names.len(), 4);
            let decoded = percent_decode_str(names[1]).decode_utf8().expect("UTF-8");
            prop_assert_eq!(decoded, &value[..]);
            let pairs: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            prop_assert_eq!(pairs, [("q".to_owned(), value.clone()), ("r".to_owned(), "1".to_owned())]);
            let in_header = format!("({value})");
            prop_assert_eq!(found.headers["x-v"].as_bytes(), in_header.as_bytes());
            prop_assert_eq!(found.body, Some(json!({"v": value, "t": in_header})));
        }
    }
}
