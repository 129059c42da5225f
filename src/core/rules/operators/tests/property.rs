//! What holds for any operators, whatever they are given, and any values.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::names;
use super::{filter, holds, mismatch};

fn value() -> impl Strategy<Value = Value> {
    let texts = vec![
        "",
        "a",
        "Ab",
        "5",
        "-0",
        "1e3",
        "nan",
        "2026-01-15T11:00:00Z",
        "é",
        "*",
        "[a",
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3..12_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(texts).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[abn]|store|where|gt|any", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A text with a number compares as one, so only values that can be ordered are on one side of another.
fn is_ordered(found: &Value, wanted: &Value) -> bool {
    let mut gathered = false;
    for name in ["gte", "lt"] {
        gathered |= holds(&json!({ name: wanted }), found);
    }
    gathered
}

proptest! {
    #[test]
    fn any_operator_with_anything_is_refused_or_decides_any_value(
        names in prop::collection::vec(prop::sample::select(names::known().collect::<Vec<_>>()), 1..4),
        wanted in value(), nested in value(), field in value(),
    ) {
        let mut operators = serde_json::Map::new();
        for (place, name) in names.iter().enumerate() {
            let wanted = if place == 0 { &wanted } else { &nested };
            operators.insert((*name).to_owned(), wanted.clone());
        }
        for path in ["f", "$..*", "$.f[*]"] {
            if filter(path, &Value::Object(operators.clone())).is_ok() {
                mismatch(path, &Value::Object(operators.clone()), &field);
            }
        }
    }

    #[test]
    fn a_negative_operator_is_the_opposite_of_its_positive_one(wanted in value(), field in value()) {
        for (positive, negative) in [
            ("eq", "neq"), ("in", "nin"), ("contains", "ncontains"), ("icontains", "incontains"),
            ("regex", "nregex"), ("any", "none"), ("exists", "nexists"),
        ] {
            let (positive, negative) = (json!({ positive: wanted }), json!({ negative: wanted }));
            prop_assert_eq!(filter("f", &positive).is_ok(), filter("f", &negative).is_ok());
            if filter("f", &positive).is_ok() {
                prop_assert_ne!(holds(&positive, &field), holds(&negative, &field), "{}", positive);
            }
        }
    }

    #[test]
    fn of_two_values_that_have_an_order_one_relation_holds(wanted in value(), field in value()) {
        if filter("f", &json!({"gt": wanted})).is_ok() {
            let all = ["lt", "eq", "gt"].map(|name| holds(&json!({ name: wanted }), &field));
            let held = all.iter().filter(|holds| **holds).count();
            prop_assert_eq!(held, usize::from(is_ordered(&field, &wanted)), "{:?}", all);
            prop_assert_eq!(holds(&json!({"gte": wanted}), &field), all[1] || all[2]);
            prop_assert_eq!(holds(&json!({"lte": wanted}), &field), all[0] || all[1]);
        }
    }
}
