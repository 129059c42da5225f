//! What operators say of values, what they show, and what of them is refused.

mod lists;
mod property;
use serde_json::json;

use super::*;
use crate::core::event::Event;
use crate::core::rules::filter::Filter;
use crate::core::rules::{Finding, Mismatch};

const NOW: &str = "2026-01-15T12:00:00Z";

fn filter(path: &str, wanted: &Value) -> Result<Filter, Vec<String>> {
    let mut reader = Reader::default();
    let filter = reader.filter_of(path, wanted);
    let mistakes = reader.into_mistakes().into_iter();
    filter.ok_or_else(|| {
        mistakes
            .map(|(_, it)| format!("{} ({})", it.message, it.hint))
            .collect()
    })
}

fn event(field: &Value) -> Event {
    Event::new(
        "1".into(),
        "t".into(),
        "now".into(),
        None,
        json!({ "f": field }),
    )
}

/// What a filter for a path says of an event whose field `f` is this.
fn mismatch(path: &str, wanted: &Value, field: &Value) -> Option<Mismatch> {
    let stored: std::collections::BTreeMap<String, Value> = [
        ("least".to_owned(), json!(5)),
        ("allowed".to_owned(), json!(["a", "b"])),
    ]
    .into();
    let given = Given {
        now: NOW.parse().unwrap(),
        stored: &stored,
    };
    let filter = filter(path, wanted).unwrap_or_else(|why| panic!("{wanted}: {why:?}"));
    let mismatch = filter.mismatch(&event(field), &given).unwrap();
    // What explains and what decides is the same.
    let findings = filter.findings(&event(field), &given);
    assert_eq!(
        findings.iter().any(Finding::refuses),
        mismatch.is_some(),
        "{findings:?}"
    );
    mismatch
}

fn holds(wanted: &Value, field: &Value) -> bool {
    mismatch("f", wanted, field).is_none()
}

#[test]
fn operators_of_our_own_hold_where_they_say() {
    let cases = [
        (json!({"gte": 5}), json!(5), true),
        (json!({"gte": 5}), json!("4.9"), false),
        (json!({"LTE": 5}), json!("5.0"), true),
        (json!({"lte": 5}), json!("05"), false),
        (json!({"between": [1, 10]}), json!(10), true),
        (json!({"between": [1, 10]}), json!("10.5"), false),
        (json!({"between": ["a", "c"]}), json!("b"), true),
        (json!({"nregex": "a|b"}), json!("xay"), false),
        (json!({"nregex": "a|b"}), json!(null), true),
        (json!({"nregex": "a|b"}), json!(["a"]), true),
        (
            json!({"older_than": "1h"}),
            json!("2026-01-15T10:59:59Z"),
            true,
        ),
        (
            json!({"older_than": "1h"}),
            json!("2026-01-15 11:00:00"),
            false,
        ),
        (
            json!({"newer_than": "1h"}),
            json!("2026-01-15T11:00:01"),
            true,
        ),
        (
            json!({"newer_than": "1h"}),
            json!("2027-01-15T11:00:01"),
            true,
        ),
        (json!({"newer_than": "1h"}), json!("soon"), false),
        (
            json!({"within": "30m"}),
            json!("2026-01-15T12:30:00Z"),
            true,
        ),
        (
            json!({"within": "30m"}),
            json!("2026-01-15T12:00:00Z"),
            true,
        ),
        (
            json!({"within": "30m"}),
            json!("2026-01-15T11:59:59Z"),
            false,
        ),
        (json!({"within": 60}), json!(1_768_478_401), true),
        (json!({"exists": true}), json!(false), true),
        (json!({"exists": false}), json!(null), true),
        (json!({"gt": 1, "lt": 9, "neq": 5}), json!(5), false),
        (json!({"gt": 1, "lt": 9, "neq": 5}), json!(6), true),
        (json!({"eq": "64"}), json!(64), true),
        (json!({"eq": 64}), json!("64"), true),
        (json!({"in": [64, 128]}), json!("64"), true),
        (json!({"eq": {"a": [1.0]}}), json!({"a": [1]}), true),
        (json!({"eq": {"a": ["1"]}}), json!({"a": [1]}), false),
        (json!({"eq": true}), json!(1), false),
        (json!({"gt": {"store": "least"}}), json!(6), true),
        (json!({"gt": {"store": "least"}}), json!(5), false),
        (json!({"between": [1, {"store": "least"}]}), json!(5), true),
        (json!({"in": {"store": "allowed"}}), json!("b"), true),
        (json!({"in": {"store": "least"}}), json!(5), false),
        (json!({"nin": {"store": "least"}}), json!(5), true),
        (json!({"eq": {"store": "none"}}), json!(5), false),
        (json!({"neq": {"store": "none"}}), json!(5), true),
    ];
    for (wanted, field, expected) in cases {
        assert_eq!(holds(&wanted, &field), expected, "{wanted} of {field}");
    }
}

#[test]
fn it_is_told_what_was_found_what_was_wanted_and_how_they_were_compared() {
    let cases = [
        (
            json!({"gt": 100}),
            json!("99"),
            "such that `greaterthan 100` holds",
            "the text \"99\" (compared as numbers)",
        ),
        (
            json!({"gt": "100"}),
            json!("099"),
            "such that `greaterthan \"100\"` holds",
            "the text \"099\" (compared as text)",
        ),
        (
            json!({"icontains": "x"}),
            json!(["x"]),
            "such that `icontains \"x\"` holds",
            "the list [\"x\"] (is a list, not text)",
        ),
        (
            json!({"gt": 1}),
            json!("abc"),
            "such that `greaterthan 1` holds",
            "the text \"abc\" (is text, but not of a number)",
        ),
        (
            json!({"within": "1h"}),
            json!(NOW.replace("12:", "11:")),
            "such that `within \"1h\"` holds",
            "the text \"2026-01-15T11:00:00Z\" (compared as times)",
        ),
        (
            json!({"older_than": "1h"}),
            json!("soon"),
            "such that `older_than \"1h\"` holds",
            "the text \"soon\" (is not a time)",
        ),
        (
            json!({"exists": true}),
            json!(null),
            "such that `exists true` holds",
            "null",
        ),
        (
            json!({"eq": {"store": "gone"}}),
            json!(1),
            "such that `equals {\"store\":\"gone\"}` holds",
            "the number 1 (the store has no value of this name)",
        ),
        (
            json!({"all": {"gt": 1}}),
            json!([2, 1]),
            "such that `all {\"gt\":1}` holds",
            "the list [2,1] (decided by element 2 of 2)",
        ),
        (
            json!({"any": {"gt": 2}}),
            json!([2, 1]),
            "such that `any {\"gt\":2}` holds",
            "the list [2,1] (fulfilled by 0 of 2 elements)",
        ),
        (
            json!({"any": "x"}),
            json!("x"),
            "such that `any \"x\"` holds",
            "the text \"x\" (is text, not a list)",
        ),
    ];
    for (wanted, field, expected, found) in cases {
        let told = mismatch("f", &wanted, &field).expect("refused");
        assert_eq!(
            (told.expected.as_str(), told.found.as_str()),
            (expected, found)
        );
    }
}

#[test]
fn mistakes_are_told_all_at_once_with_a_remedy() {
    let deep = json!({"any": {"a": {"any": {"a": {"any": {"a": {"any": {"a": {"any": 1}}}}}}}}});
    let cases = [
        (json!({"vendor": "x"}), "there is no operator `vendor`"),
        (json!({"containz": "x"}), "did you mean `contains`"),
        (json!({}), "expected operators"),
        (
            json!({"gt": true}),
            "expected a number or text for `gt`, but found `true`",
        ),
        (
            json!({"in": "a"}),
            "expected a list for `in`, but found `\"a\"`",
        ),
        (json!({"in": []}), "expected a list with values"),
        (json!({"in": [null]}), "expected values for `in`"),
        (json!({"eq": null}), "`{\"exists\": false}`"),
        (
            json!({"eq": {"store": 1}}),
            "expected the name of a value in the store",
        ),
        (
            json!({"regex": "("}),
            "expected a regular expression for `regex`, but found `(`",
        ),
        (
            json!({"regex": 5}),
            "expected a regular expression for `regex`, but found `5`",
        ),
        (
            json!({"regex": {"store": "x"}}),
            "expected a regular expression",
        ),
        (json!({"between": [1]}), "expected a list of two"),
        (
            json!({"between": [5, 1]}),
            "expected a lowest and a highest value",
        ),
        (
            json!({"within": "soon"}),
            "expected a length of time for `within`",
        ),
        (json!({"older_than": -5}), "expected a length of time"),
        (json!({"td_lt": "1h"}), "expected a number of seconds"),
        (json!({"exists": "yes"}), "expected true or false"),
        (json!({"count": -1}), "expected a number of elements"),
        (
            json!({"count": {"where": {"a": 1}}}),
            "expected a number of elements",
        ),
        (
            json!({"count": {"regex": "1"}}),
            "expected an operator for numbers",
        ),
        (
            json!({"any": {"gt": 1, "a": 2}}),
            "expected only paths, or only operators",
        ),
        (json!({"any": {"a..b": 1}}), "expected a dotted path"),
        (
            json!({"search": {"condition": "some"}}),
            "expected a `pattern`",
        ),
        (deep, "at most 4 operators over lists"),
    ];
    for (wanted, part) in cases {
        let told = filter("f", &wanted).unwrap_err();
        assert!(
            told.iter().any(|it| it.contains(part)),
            "{wanted}: {told:?}"
        );
    }
    let told = filter(
        "a..b",
        &json!({"gt": null, "bogus": 1, "any": {"regex": "("}}),
    )
    .unwrap_err();
    assert_eq!(told.len(), 4, "{told:?}");
    let mut reader = Reader::default();
    assert!(reader.filter_of("f", &json!({"gt": "100"})).is_some());
    let warned = reader.into_mistakes();
    assert!(
        !warned[0].1.is_error() && warned[0].1.hint.contains("100"),
        "{warned:?}"
    );
}

/// A list of 100,000 and megabytes of text are gone through once, for each operator.
#[test]
fn large_values_are_decided() {
    let list = Value::Array(
        (0..100_000)
            .map(|n| json!({"n": n, "t": "x".repeat(10)}))
            .collect(),
    );
    let text = json!("x".repeat(4_000_000) + "y");
    for (wanted, field, expected) in [
        (
            json!({"all": {"n": {"gte": 0}, "t": {"regex": "x$"}}, "count": {"gt": 99_999}}),
            &list,
            true,
        ),
        (json!({"contains": "x"}), &list, false),
        (
            json!({"icontains": "XY", "endswith": "y", "matchwildcard": "*x*x*x*y", "regex": "x+y", "nregex": "z"}),
            &text,
            true,
        ),
        (json!({"gt": 1}), &json!("9".repeat(4_000_000)), true),
    ] {
        assert_eq!(holds(&wanted, field), expected);
    }
}
