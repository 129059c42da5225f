//! Filters of every kind, met by values of every kind.

use super::*;
use crate::core::rules::operators::Reader;
use jiff::Timestamp;
use serde_json::json;

fn parsed(path: &str, expected: &Value) -> Result<Filter, String> {
    let mut reader = Reader::default();
    let filter = reader.filter_of(path, expected);
    let mistakes = reader.into_mistakes();
    assert!(mistakes.iter().all(|(_, it)| !it.hint.is_empty()));
    filter.ok_or_else(|| mistakes[0].1.message.clone())
}

fn given() -> Given<'static> {
    Given::at(Timestamp::UNIX_EPOCH)
}

fn holds(expected: &Value, found: &Value) -> bool {
    let event = Event::new(
        "1".into(),
        "t".into(),
        "now".into(),
        None,
        json!({ "field": found }),
    );
    parsed("field", expected)
        .unwrap()
        .mismatch(&event, &given())
        .unwrap()
        .is_none()
}

#[test]
fn each_kind_of_filter_meets_each_kind_of_value() {
    let values = [
        json!("test"),
        json!("testing"),
        json!(5),
        json!(5.0),
        json!(true),
        json!(null),
        json!({}),
        json!(["test"]),
    ];
    let cases = [
        (
            json!("test"),
            [true, true, false, false, false, false, false, false],
        ),
        (
            json!("test$"),
            [true, false, false, false, false, false, false, false],
        ),
        (
            json!(""),
            [true, true, true, true, true, false, false, false],
        ),
        (
            json!("5"),
            [false, false, true, true, false, false, false, false],
        ),
        (
            json!("true"),
            [false, false, false, false, true, false, false, false],
        ),
        (
            json!(5),
            [false, false, true, true, false, false, false, false],
        ),
        (
            json!(true),
            [false, false, false, false, true, false, false, false],
        ),
        (
            json!(null),
            [false, false, false, false, false, true, false, false],
        ),
        (
            json!([null, 5, "testi"]),
            [false, true, true, true, false, true, false, false],
        ),
    ];
    for (expected, outcomes) in cases {
        for (value, outcome) in values.iter().zip(outcomes) {
            assert_eq!(holds(&expected, value), outcome, "{expected} on {value}");
        }
    }
}

#[test]
fn numbers_are_equal_by_value_and_never_by_rounding() {
    assert!(holds(&json!(1), &serde_json::from_str("1e0").unwrap()));
    assert!(holds(&json!(0.5), &serde_json::from_str("5e-1").unwrap()));
    assert!(!holds(
        &json!(9_007_199_254_740_993_i64),
        &json!(9_007_199_254_740_992_i64)
    ));
}

#[test]
fn a_missing_field_is_like_null() {
    let event = Event::new("1".into(), "t".into(), "now".into(), None, json!({}));
    let mismatch = |expected: Value| parsed("a.b", &expected).unwrap().mismatch(&event, &given());
    assert_eq!(mismatch(json!(null)), Ok(None));
    let refused = mismatch(json!(".*")).unwrap().unwrap();
    assert_eq!(
        (refused.path.as_str(), refused.found.as_str()),
        ("a.b", "missing")
    );
    assert_eq!(refused.expected, "text matching \".*\"");
}

#[test]
fn any_of_the_answers_of_a_json_path_will_do() {
    let event = Event::new(
        "1".into(),
        "t".into(),
        "now".into(),
        None,
        json!({"disks": [{"n": 1}, {"n": 2}]}),
    );
    let holds = |expected: Value| {
        parsed("$.disks[*].n", &expected)
            .unwrap()
            .mismatch(&event, &given())
            .unwrap()
            .is_none()
    };
    assert!(holds(json!(2)));
    assert!(!holds(json!(3)));
}

#[test]
fn what_is_no_filter_is_refused_with_a_hint() {
    let cases = [
        ("a", json!({}), "expected operators"),
        ("a", json!([[]]), "expected text, a number"),
        ("a", json!([]), "is empty"),
        (
            "a",
            json!("*"),
            "expected a regular expression for `a`, but found `*`",
        ),
        ("a..b", json!(1), "expected a dotted path"),
    ];
    for (path, expected, part) in cases {
        let error = parsed(path, &expected).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}
