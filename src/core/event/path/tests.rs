use super::*;
use serde_json::json;

fn look_up(path: &str) -> String {
    let payload = json!({
        "esi_leap_object.name": "LeaseCRUDPayload",
        "esi_leap_object.data": {
            "name": null,
            "purpose": "a \"b\"\nc",
            "id": 7,
            "properties": {
                "vendor": "foo",
                "a.b": "dotted key",
                "a": {"c": true, "b.x": 1},
                "disks": [{"size": 10}, {"size": 20}],
                "7": "key seven"
            },
        }
    });
    let event = Event::new("1".into(), "t".into(), "now".into(), None, payload);
    PayloadPath::parse(path).unwrap().find(&event).to_text()
}

#[test]
fn paths_find_what_they_name() {
    let cases = [
        ("purpose", "a \"b\"\nc"),
        ("id", "7"),
        ("name", ""),
        ("nope", ""),
        ("nope.deeper", ""),
        ("purpose.deeper", ""),
        ("properties.vendor", "foo"),
        ("properties.a.b", "dotted key"),
        ("properties.a.c", "true"),
        ("properties.a.b.x", "1"),
        ("properties.a", r#"{"c":true,"b.x":1}"#),
        ("properties.disks", r#"[{"size":10},{"size":20}]"#),
        ("properties.disks.1.size", "20"),
        ("properties.disks.2.size", ""),
        ("properties.disks.-1", ""),
        ("properties.7", "key seven"),
        ("esi_leap_object.name", "LeaseCRUDPayload"),
        ("esi_leap_object.data.id", "7"),
        ("$.id", "7"),
        ("$.properties.disks[?(@.size > 10)].size", "20"),
        ("$.properties.disks[*].size", "[10,20]"),
        ("$.properties['a.b']", "dotted key"),
        ("$['esi_leap_object.data'].id", "7"),
        ("$.nope", ""),
    ];
    for (path, text) in cases {
        assert_eq!(look_up(path), text, "{path}");
    }
}

#[test]
fn a_text_is_kept_to_a_bound_and_counted_beyond_it() {
    let values = json!(["ü".repeat(10), ["x".repeat(COUNTED)], {"a": 1}]);
    let within = |found: Found<'_>, most| {
        let Text {
            text,
            size,
            and_more,
        } = found.to_text_within(most);
        (text, size, and_more)
    };
    assert_eq!(within(Found::One(&values[0]), 5), ("üü".into(), 20, false));
    assert_eq!(within(Found::One(&values[0]), 20).0, "ü".repeat(10));
    assert_eq!(within(Found::One(&values[2]), 3), ("{\"a".into(), 7, false));
    assert_eq!(within(Found::Nothing, 3), (String::new(), 0, false));
    let (text, size, and_more) = within(Found::Several(vec![&values; 1000]), 5);
    assert_eq!((text.as_str(), and_more), ("[[\"ü", true));
    assert!((COUNTED..2 * COUNTED).contains(&size), "{size}");
}

#[test]
fn a_path_begins_with_fields() {
    let cases: [(&str, &[&str]); 14] = [
        ("node_name", &["node_name"]),
        ("properties.vendor", &["properties"]),
        ("esi_leap_object.data.id", &["id"]),
        ("esi_leap_object.data", &["esi_leap_object.data"]),
        ("esi_leap_object.name.x", &["esi_leap_object.name"]),
        ("payload.node_uuid", &["payload"]),
        ("$.properties[0]", &["properties"]),
        ("$['node_name']", &["node_name"]),
        (r#"$["id", 'name'].x"#, &["id", "name"]),
        ("$['esi_leap_object.data'].id", &["id"]),
        ("$['esi_leap_object.data']", &["esi_leap_object.data"]),
        ("$..name", &[]),
        ("$[*]", &[]),
        ("$", &[]),
    ];
    for (path, fields) in cases {
        assert_eq!(PayloadPath::parse(path).unwrap().fields(), fields, "{path}");
    }
}

#[test]
fn what_is_no_path_is_refused_with_a_hint() {
    // The parser would need days for it.
    let deep = format!("$.a{}", "[?@.b == 1 && length(@.c".repeat(40));
    let cases = [
        ("", "but found nothing"),
        ("a..b", "an empty name"),
        (".a", "an empty name"),
        ("a.", "an empty name"),
        ("$.a[", "found `[` without its end"),
        ("$['a", "found a string without its end"),
        ("$.a-b", "expected a JSONPath"),
        ("$[?(@.k in ['a'])]", "the unknown operator `in`"),
        (&deep, "at most 10 nested brackets"),
    ];
    for (path, part) in cases {
        let error = PayloadPath::parse(path).unwrap_err();
        assert!(error.message.contains(part), "{path}: {}", error.message);
        assert!(!error.message.contains('\n'), "{path}: {}", error.message);
    }
}
