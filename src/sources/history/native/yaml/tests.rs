use super::*;

/// Shows what was read: in a test there are no secrets.
fn shown(setting: &Setting) -> String {
    match setting {
        Setting::Unset => "-".into(),
        Setting::Text(text) => format!("{text:?}"),
        Setting::Odd(text) => format!("odd {text}"),
        Setting::List(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(","))
        }
        Setting::Section(section) => {
            let pairs = section
                .iter()
                .map(|(key, value)| format!("{key}:{}", shown(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    }
}

fn outcome(text: &str) -> String {
    read(text, false).map_or_else(|error| error, |section| shown(&Setting::Section(section)))
}

#[test]
fn values_are_what_was_written() {
    let cases = [
        ("", "{}"),
        ("# nothing\n", "{}"),
        ("a: 0123", "{a:odd 0123}"),
        ("a: 12e45", r#"{a:"12e45"}"#),
        ("a: true", "{a:odd true}"),
        ("a: !!str 1", r#"{a:"1"}"#),
        ("a: '~'", r#"{a:"~"}"#),
        ("a: ~\nb:\nc: null", "{a:-,b:-,c:-}"),
        ("a: \"\\u00fc\\n\"", r#"{a:"ü\n"}"#),
        ("a: [1, x: y]", r#"{a:["1",{x:"y"}]}"#),
        (r#"{"a": {"b": 1}}"#, r#"{a:{b:"1"}}"#),
        (
            "x: &x {p: 1, q: 2}\ny: {<<: *x, q: 3}",
            r#"{x:{p:"1",q:"2"},y:{p:"1",q:"3"}}"#,
        ),
        (
            "x: &x {p: 1}\nz: &z {p: 2, r: 4}\ny: {<<: [*x, *z]}",
            r#"{x:{p:"1"},y:{p:"1",r:"4"},z:{p:"2",r:"4"}}"#,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(outcome(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_a_mapping_is_reported_without_its_value() {
    let cases = [
        ("hunter2", "expected a mapping, but found text"),
        ("- hunter2", "expected a mapping, but found a list"),
        (
            "a: 1\n---\nb: 2",
            "expected one YAML document, but found a second",
        ),
        (
            "a: !vault hunter2",
            "expected plain values, but found a tag such as `!name`",
        ),
        ("? [hunter2]\n: 1", "expected text as the key of a mapping"),
        (
            "a: {<<: hunter2}",
            "expected a mapping after `<<`, but found text",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(outcome(text), expected, "{text}");
    }
    for (text, line) in [
        ("a: 'hunter2", "line 1"),
        ("a: 1\na: hunter2", "line 2"),
        ("a: {b: [hunter2", "line 2"),
    ] {
        let said = outcome(text);
        assert!(said.starts_with("expected YAML, but line"), "{said}");
        assert!(said.contains(line) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn anchors_cannot_grow_without_end() {
    use std::fmt::Write as _;

    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{row}]").unwrap();
    }
    assert!(
        outcome(&text).contains("alias expansion"),
        "{}",
        outcome(&text)
    );
}

#[test]
fn secrets_are_known_by_their_names() {
    let cases = [
        ("clouds: {a: {auth: {password: p}}}", Some("password")),
        (
            "clouds: {a: {auth: {application-credential-secret: p}}}",
            Some("application_credential_secret"),
        ),
        ("clouds: {a: {auth: {password: ''}}}", None),
        ("clouds: {a: {auth: {password: }}}", None),
        ("clouds: {password: {auth: {username: u}}}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(secret_in(&read(text, false).unwrap()), expected, "{text}");
    }
}

#[test]
fn one_section_over_another() {
    let mut under = read("c: {auth: {user: u, pass: p}, region: r, key: k}", false).unwrap();
    lay_over(
        &mut under,
        read("c: {auth: {pass: q}, region: [s], key: ~}\nd: 1", false).unwrap(),
    );
    assert_eq!(
        shown(&Setting::Section(under)),
        r#"{c:{auth:{pass:"q",user:"u"},key:-,region:["s"]},d:"1"}"#
    );
    let dashed = read("user-name: u\nauth: {project-id: p-1}", false).unwrap();
    assert_eq!(
        shown(&Setting::Section(with_underscores(dashed).unwrap())),
        r#"{auth:{project_id:"p-1"},user_name:"u"}"#
    );
}
