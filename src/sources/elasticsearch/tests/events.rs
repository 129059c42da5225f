//! What tells things apart, and the events of them.

use serde_json::{Value, json};

use super::object;
use crate::core::event::{Key, PayloadPath};
use crate::sources::elasticsearch::Finding;
use crate::sources::elasticsearch::event::{Making, failed, id_of_document, id_of_found};

fn path(text: &str) -> PayloadPath {
    PayloadPath::parse(text).expect("a path")
}

#[test]
fn the_identity_is_the_same_text_for_the_same_thing() {
    let finding = |value: Value, parts: &[Value]| Finding {
        value: object(value),
        parts: parts.to_vec(),
    };
    let long = "ä".repeat(2000);
    for (paths, value, parts, expected) in [
        (
            vec![],
            json!({"key": "a"}),
            vec![json!("a")],
            "a".to_owned(),
        ),
        (vec![], json!({}), vec![json!(7)], "7".to_owned()),
        (
            vec![],
            json!({}),
            vec![json!({"h": "a"})],
            r#"{"h":"a"}"#.to_owned(),
        ),
        (
            vec![],
            json!({}),
            vec![json!("l"), json!("1")],
            r#"["l","1"]"#.to_owned(),
        ),
        (
            vec!["key.h"],
            json!({"key": {"h": "a"}}),
            vec![json!(1)],
            "a".to_owned(),
        ),
        (
            vec!["a", "b"],
            json!({"a": 1}),
            vec![],
            "[1,null]".to_owned(),
        ),
        (
            vec!["$.t[*].v"],
            json!({"t": [{"v": 1}, {"v": 2}]}),
            vec![],
            "[1,2]".to_owned(),
        ),
    ] {
        let making = Making {
            identity: paths.into_iter().map(path).collect(),
            map: Vec::new(),
        };
        assert_eq!(making.identity(&finding(value, &parts)), expected);
    }
    let identity = Making::default().identity(&finding(json!({}), &[json!(long)]));
    assert!(identity.len() <= 1024, "{}", identity.len());
}

#[test]
fn events_have_the_fields_of_what_was_found_under_the_names_of_the_map() {
    let at = "2026-01-15T12:00:00Z".parse().expect("a time");
    let finding = Finding {
        value: object(json!({"key": "a", "doc_count": 3, "load": {"value": 12.5}})),
        parts: vec![json!("a")],
    };
    for (map, payload) in [
        (
            vec![],
            json!({"key": "a", "doc_count": 3, "load": {"value": 12.5}, "identity": "a"}),
        ),
        (
            vec![("node", "key"), ("l", "load.value"), ("none", "no.such")],
            json!({"doc_count": 3, "load": {"value": 12.5}, "node": "a", "l": 12.5, "identity": "a"}),
        ),
        // Names that change places.
        (
            vec![("doc_count", "key"), ("key", "doc_count")],
            json!({"load": {"value": 12.5}, "doc_count": "a", "key": 3, "identity": "a"}),
        ),
    ] {
        let making = Making {
            identity: Vec::new(),
            map: map
                .into_iter()
                .map(|(name, text)| (name.to_owned(), path(text)))
                .collect(),
        };
        let event = making.found("orders", &finding, "a", id_of_found("a", at), at);
        assert_eq!(event.payload, payload);
        assert_eq!(
            (
                event.id.as_str(),
                event.event_type.as_str(),
                event.time.as_str()
            ),
            (
                "found/a@2026-01-15T12:00:00Z",
                "orders.found",
                "2026-01-15T12:00:00Z"
            )
        );
        assert_eq!(event.key(), Key::of_source("orders", "a"));
    }
    assert_eq!(id_of_document("x"), "found/x");
    let event = failed("orders", "no answer", at);
    assert_eq!(event.id, "failed@2026-01-15T12:00:00Z");
    assert_eq!(
        event.payload,
        json!({"error": "no answer", "since": "2026-01-15T12:00:00Z"})
    );
}
