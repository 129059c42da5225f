//! Operators over lists, and values of the store.

use serde_json::json;

use super::{filter, holds, mismatch};

#[test]
fn values_of_the_store_can_stand_for_a_path() {
    for (wanted, expected) in [
        (json!({"store:least": {"exists": true}}), true),
        (json!({"store:least": 5}), true),
        (json!({"store:none": {"exists": false}}), true),
        (json!({"store:none": null}), true),
        (json!({"store:allowed": {"any": "a"}}), true),
        (json!({"store:allowed": {"contains": "c"}}), false),
    ] {
        let (path, condition) = wanted.as_object().unwrap().iter().next().unwrap();
        assert_eq!(
            mismatch(path, condition, &json!(1)).is_none(),
            expected,
            "{wanted}"
        );
    }
    let filter = filter(
        "store:a",
        &json!({"eq": {"store": "b"}, "any": {"x": {"lt": {"store": "c"}}}}),
    );
    let mut names = Vec::new();
    let filter = filter.unwrap();
    filter.push_stored(&mut names);
    assert_eq!((names, filter.path()), (vec!["a", "b", "c"], None));
}

#[test]
fn lists_are_asked_for_their_elements() {
    let disks = json!([
        {"name": "nvme0", "size": "100"}, {"name": "nvme1", "size": 960}, {"name": "sda", "size": 960, "count": 3},
    ]);
    let large = json!({"size": {"gt": 500}});
    let cases = [
        (
            json!({"any": {"size": {"gt": 500}, "name": {"startswith": "nvme"}}}),
            true,
        ),
        (json!({"any": {"size": {"lt": 500}, "name": "sda"}}), false),
        (json!({"all": large}), false),
        (json!({"all": {"size": {"gte": 100}}}), true),
        (json!({"none": {"size": {"gt": 1000}}}), true),
        (json!({"none": large}), false),
        (json!({"count": 3}), true),
        (json!({"count": {"where": large, "gte": 2}}), true),
        (json!({"count": {"where": large, "gt": 2}}), false),
        (json!({"any": {"$.count": {"gt": 2}}}), true),
        (json!({"any": {"$": {"contains": "count"}}}), true),
        (json!({"any": {"contains": "count"}}), true),
        (
            json!({"search": {"condition": "all2any", "pattern": {
            "item.size": {"type": "lt", "pattern": 200}, "item.size#2": {"type": "gt", "pattern": 900}}}}),
            true,
        ),
    ];
    for (wanted, expected) in cases {
        assert_eq!(holds(&wanted, &disks), expected, "{wanted}");
    }
    for (wanted, field, expected) in [
        (json!({"all": large}), json!([]), true),
        (json!({"any": large}), json!([]), false),
        (json!({"none": large}), json!([]), true),
        (json!({"count": 0}), json!([]), true),
        (json!({"all": large}), json!(null), false),
        (json!({"none": large}), json!(null), true),
        (json!({"count": 0}), json!(null), false),
        (json!({"any": large}), json!({"size": 501}), true),
        (json!({"any": "a"}), json!("a"), false),
        (json!({"any": "a"}), json!(["b", "a"]), true),
        (json!({"all": ["a", "b"]}), json!(["b", "a"]), true),
        (json!({"any": {"gt": 5}}), json!([1, 6]), true),
    ] {
        assert_eq!(holds(&wanted, &field), expected, "{wanted} of {field}");
    }
    // What a path has gathered is a list, of one, too; and one and the same hit fulfils all other operators.
    for (field, wanted, expected) in [
        (
            json!([{"n": 5}]),
            json!({"all": {"gt": 4}, "count": 1}),
            true,
        ),
        (
            json!([{"n": 5}, {"n": 1}]),
            json!({"all": {"gt": 4}}),
            false,
        ),
        (
            json!([{"n": 5}, {"n": 1}]),
            json!({"gt": 4, "count": 2}),
            true,
        ),
        (
            json!([{"n": 50}, {"n": 700}]),
            json!({"gt": 100, "lt": 600}),
            false,
        ),
        (
            json!([{"n": 50}, {"n": 300}]),
            json!({"gt": 100, "lt": 600}),
            true,
        ),
    ] {
        assert_eq!(
            mismatch("$.f[*].n", &wanted, &field).is_none(),
            expected,
            "{wanted} of {field}"
        );
    }
}
