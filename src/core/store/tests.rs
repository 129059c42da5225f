//! What changes make of values, as tables.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn set(value: Value, ttl: Option<Duration>, if_absent: bool) -> Operation {
    Operation::Set {
        value,
        ttl,
        if_absent,
    }
}

fn write(value: Value, lasting: Lasting) -> Effect {
    Effect::Write { value, lasting }
}

#[test]
fn an_operation_is_decided_by_what_is_there() {
    let incr = |by, ttl| Operation::Incr { by, ttl };
    let (one, text) = (json!(1), json!("a"));
    let cases = [
        (
            set(text.clone(), None, false),
            None,
            write(text.clone(), Lasting::ForEver),
        ),
        // A value that is set anew without a time to live stays.
        (
            set(text.clone(), None, false),
            Some(&one),
            write(text.clone(), Lasting::ForEver),
        ),
        (
            set(text.clone(), Some(HOUR), true),
            None,
            write(text.clone(), Lasting::For(HOUR)),
        ),
        (
            set(text.clone(), Some(HOUR), true),
            Some(&Value::Null),
            Effect::Nothing,
        ),
        (Operation::Delete, None, Effect::Nothing),
        (Operation::Delete, Some(&one), Effect::Remove),
        (
            incr(2, Some(HOUR)),
            None,
            write(json!(2), Lasting::For(HOUR)),
        ),
        (incr(-3, None), None, write(json!(-3), Lasting::ForEver)),
        // Counting up does not put the end of a window off.
        (
            incr(2, Some(HOUR)),
            Some(&one),
            write(json!(3), Lasting::AsBefore),
        ),
    ];
    for (operation, found, expected) in cases {
        assert_eq!(
            operation.effect("n", found),
            Ok(expected),
            "{operation:?} of {found:?}"
        );
    }
}

#[test]
fn only_whole_numbers_are_counted_up() {
    let one_more = Operation::Incr { by: 1, ttl: None };
    for (found, told) in [
        (
            json!("1"),
            "expected a whole number in `n`, but found `\"1\"`",
        ),
        (
            json!(1.5),
            "expected a whole number in `n`, but found `1.5`",
        ),
        (
            json!(null),
            "expected a whole number in `n`, but found `null`",
        ),
        (
            json!(u64::MAX),
            "expected a whole number in `n`, but found `18446744073709551615`",
        ),
        (
            json!(i64::MAX),
            "expected a sum of at most 64 bits in `n`, but found 9223372036854775807 and 1 to add to it",
        ),
    ] {
        let refused = one_more.effect("n", Some(&found)).unwrap_err();
        assert_eq!(refused.to_string(), told);
    }
}

#[test]
fn names_and_values_have_limits_that_the_error_names() {
    let long = "n".repeat(LONGEST_NAME + 1);
    for (name, told) in [
        ("", "found nothing"),
        (
            &long[..],
            "at most 1024 bytes long, but found one of 1025 bytes",
        ),
        (
            "a\0b",
            "without control characters and without blanks at its ends, but found \"a\\0b\"",
        ),
        ("a\nb", "\"a\\nb\""),
        ("a\u{202e}b", "\"a\\u{202e}b\""),
        (" a", "\" a\""),
    ] {
        let refused = Operation::Delete.check(name).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
    }
    for name in ["a", "a b", "st2.pack:name", "ä", &long[1..]] {
        assert_eq!(check_name(name), Ok(()));
    }
    let of_size = |size| set(json!("v".repeat(size)), None, false);
    assert_eq!(of_size(LONGEST_VALUE - 2).check("n"), Ok(()));
    let refused = of_size(LONGEST_VALUE - 1)
        .check("n")
        .unwrap_err()
        .to_string();
    let told = "at most 65536 bytes as JSON for `n`, but found one of 65537 bytes";
    assert!(refused.contains(told), "{refused}");
    let deep = (0..200).fold(Value::Null, |inner, _| json!([inner]));
    let refused = set(deep, None, false).check("n");
    assert_eq!(refused, Err(StoreError::TooDeep { name: "n".into() }));
}

#[test]
fn each_change_has_its_own_identity() {
    let changes = [
        set(json!("1"), None, false),
        set(json!(1), None, false),
        set(json!(1), Some(HOUR), false),
        set(json!(1), None, true),
        set(json!("v".repeat(2000)), None, false),
        set(json!("v".repeat(2001)), None, false),
        Operation::Delete,
        Operation::Incr { by: 1, ttl: None },
        Operation::Incr { by: 2, ttl: None },
        Operation::Incr {
            by: 1,
            ttl: Some(HOUR),
        },
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (change, name) in changes.iter().flat_map(|one| [(one, "a"), (one, "b")]) {
        let identity = change.identity(name);
        assert_eq!(change.clone().identity(name), identity);
        assert!(identity.len() <= LONGEST_NAME);
        assert!(seen.insert(identity), "{change:?}");
    }
}
