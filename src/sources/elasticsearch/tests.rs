//! Tables: what a query asks, what an answer means, and what it is told as.

mod events;
mod refused;
mod rows;
mod telling;

use serde_json::{Map, Value, json};

use super::answer::{Next, Page, Paging};
use super::each::{Each, Finding};
use super::query::Query;
use crate::core::template::JsonTemplate;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

fn query(body: Value, each: &str, overlap: i64) -> Query {
    let template = JsonTemplate::parse(&body).expect("templates");
    let body = object(body);
    let each = Each::named(each, &body).expect("something of the query");
    Query::new(
        template,
        &body,
        each,
        jiff::SignedDuration::from_secs(overlap),
    )
}

fn buckets(names: &[&str]) -> Each {
    Each::Buckets(names.iter().map(|name| (*name).to_owned()).collect())
}

const PLAIN: Paging = Paging {
    size: 2,
    is_sorted: false,
    is_composite: false,
    may_stop_early: false,
};

#[test]
fn what_makes_an_event_is_named_or_leaves_no_doubt() {
    let nested = json!({"aggs": {
        "hosts": {"terms": {}, "aggs": {"a.b": {"terms": {}}, "load": {"avg": {}}}},
        "a": {"filter": {}, "aggregations": {"b": {"terms": {}}}},
    }});
    let nested = object(nested);
    for (text, expected) in [
        ("hits", Some(Each::Hits)),
        ("aggs.hosts", Some(buckets(&["hosts"]))),
        ("aggregations.hosts.load", Some(buckets(&["hosts", "load"]))),
        ("aggs.hosts.a.b", Some(buckets(&["hosts", "a.b"]))),
        ("aggs.a.b", Some(buckets(&["a", "b"]))),
        ("aggs.none", None),
        ("aggs.hosts.none", None),
        ("aggs.", None),
        ("hosts", None),
        ("", None),
    ] {
        assert_eq!(Each::named(text, &nested), expected, "{text}");
    }
    let choices = Each::choices(&nested).join(" ");
    assert_eq!(
        choices,
        "hits aggs.hosts aggs.hosts.a.b aggs.hosts.load aggs.a aggs.a.b"
    );
    for (body, expected) in [
        (json!({"query": {}}), Some(Each::Hits)),
        (json!({"aggregations": {"q": {}}}), Some(buckets(&["q"]))),
        (Value::Object(nested), None),
    ] {
        assert_eq!(Each::only(&object(body.clone())), expected, "{body}");
    }
}

#[test]
fn a_query_is_filled_in_for_a_time_and_a_page() {
    let [since, until] =
        ["2026-01-15T12:00:00Z", "2026-01-15T12:01:00Z"].map(|it| it.parse().expect("a time"));
    let range = json!({"range": {"@timestamp": {"gte": "{{ since }}", "lt": "{{ until }}"}}});
    let filled = json!({"range": {"@timestamp": {
        "gte": "2026-01-15T11:59:30Z", "lt": "2026-01-15T12:01:00Z",
    }}});
    let after = Next::AfterKey(json!({"host": "b"}));
    let behind = Next::SearchAfter(json!([7, "x"]));
    let of_hosts = |composite: Value| json!({"f": {"filter": {}, "aggs": {"hosts": {"composite": composite}}}});
    for (body, each, next, expected) in [
        (
            json!({"query": range}),
            "hits",
            None,
            json!({"query": filled, "size": 1000}),
        ),
        (
            json!({"query": range, "size": 5, "sort": ["t"]}),
            "hits",
            Some(&behind),
            json!({"query": filled, "size": 5, "sort": ["t"], "search_after": [7, "x"]}),
        ),
        (
            json!({"aggs": {"q": {"terms": {}}}}),
            "aggs.q",
            None,
            json!({"aggs": {"q": {"terms": {}}}, "size": 0}),
        ),
        (
            json!({"aggs": of_hosts(json!({"sources": []}))}),
            "aggs.f.hosts",
            Some(&after),
            json!({
                "aggs": of_hosts(json!({"sources": [], "size": 1000, "after": {"host": "b"}})), "size": 0,
            }),
        ),
        (
            json!({"aggs": of_hosts(json!({"sources": [], "size": 3})), "size": 1}),
            "aggs.f.hosts",
            None,
            json!({"aggs": of_hosts(json!({"sources": [], "size": 3})), "size": 1}),
        ),
    ] {
        let body = query(body, each, 30).body(since, until, next);
        assert_eq!(body, Ok(expected));
    }
}

/// The values that were found, what tells them apart, and why something may be missing.
fn read(each: &Each, paging: Paging, answer: &Value) -> Result<Page, String> {
    Page::read(answer.to_string().as_bytes(), each, paging)
}

#[test]
fn each_form_of_buckets_is_found() {
    let finding = |value: Value, parts: Value| Finding {
        value: object(value),
        parts: parts.as_array().expect("a list").clone(),
    };
    let cases = [
        (
            json!({"q": {"buckets": [{"key": "a", "doc_count": 1}, {"key": 2, "doc_count": 3}]}}),
            vec!["q"],
            vec![
                finding(json!({"key": "a", "doc_count": 1}), json!(["a"])),
                finding(json!({"key": 2, "doc_count": 3}), json!([2])),
            ],
        ),
        // `filters` with names, and without.
        (
            json!({"q": {"buckets": {"errors": {"doc_count": 3}, "warnings": {"doc_count": 0}}}}),
            vec!["q"],
            vec![
                finding(json!({"doc_count": 3, "key": "errors"}), json!(["errors"])),
                finding(
                    json!({"doc_count": 0, "key": "warnings"}),
                    json!(["warnings"]),
                ),
            ],
        ),
        (
            json!({"q": {"buckets": [{"doc_count": 4}]}}),
            vec!["q"],
            vec![finding(json!({"doc_count": 4, "key": 0}), json!([0]))],
        ),
        // Within a single bucket, within each of several, and a value within them.
        (
            json!({"q": {"doc_count": 5, "in": {"buckets": [{"key": "x", "doc_count": 5}]}}}),
            vec!["q", "in"],
            vec![finding(json!({"key": "x", "doc_count": 5}), json!(["x"]))],
        ),
        (
            json!({"h": {"buckets": [
                {"key": "a", "doc_count": 1, "s": {"buckets": [{"key": "x", "doc_count": 1}]}},
                {"key": "b", "doc_count": 1, "s": {"buckets": []}},
            ]}}),
            vec!["h", "s"],
            vec![finding(
                json!({"key": "x", "doc_count": 1, "_outer": {"h": "a"}}),
                json!(["a", "x"]),
            )],
        ),
        (
            json!({"h": {"buckets": [
                {"key": "a", "doc_count": 1, "load": {"value": 1.5}},
                {"key": "b", "doc_count": 0, "load": {"value": null}},
            ]}}),
            vec!["h", "load"],
            vec![finding(
                json!({"value": 1.5, "_outer": {"h": "a"}}),
                json!(["a", "load"]),
            )],
        ),
        (
            json!({"q": {"value": 12.5}}),
            vec!["q"],
            vec![finding(json!({"value": 12.5}), json!(["q"]))],
        ),
        (json!({"q": {"value": null}}), vec!["q"], vec![]),
    ];
    for (aggregations, names, expected) in cases {
        let answer = json!({"timed_out": false, "aggregations": aggregations});
        let page = read(&buckets(&names), PLAIN, &answer).expect("a page");
        assert_eq!(page.found, expected, "{answer}");
        assert_eq!((page.next, page.lacks), (None, None));
    }
}

#[test]
fn pages_are_followed_as_long_as_there_may_be_more() {
    let composite = Paging {
        is_composite: true,
        ..PLAIN
    };
    let page = |buckets: Value| json!({"aggregations": {"q": {"after_key": {"h": "b"}, "buckets": buckets}}});
    let bucket = json!([{"key": {"h": "b"}, "doc_count": 1}]);
    for (paging, buckets_of_page, next) in [
        (
            composite,
            bucket.clone(),
            Some(Next::AfterKey(json!({"h": "b"}))),
        ),
        (composite, json!([]), None),
        (PLAIN, bucket, None),
    ] {
        let read = read(&buckets(&["q"]), paging, &page(buckets_of_page)).expect("a page");
        assert_eq!(read.next, next);
    }
    let sorted = Paging {
        is_sorted: true,
        ..PLAIN
    };
    let hit = |id: u32| json!({"_index": "l", "_id": id.to_string(), "sort": [id]});
    for (paging, count, total, next, is_cut) in [
        (
            sorted,
            2,
            json!({"value": 9, "relation": "eq"}),
            Some(json!([2])),
            false,
        ),
        (
            sorted,
            1,
            json!({"value": 9, "relation": "eq"}),
            None,
            false,
        ),
        (
            sorted,
            0,
            json!({"value": 2, "relation": "eq"}),
            None,
            false,
        ),
        (PLAIN, 2, json!({"value": 2, "relation": "eq"}), None, false),
        (PLAIN, 2, json!({"value": 3, "relation": "gte"}), None, true),
        (PLAIN, 2, json!(2), None, false),
        (PLAIN, 2, Value::Null, None, true),
        (PLAIN, 1, Value::Null, None, false),
    ] {
        let hits: Vec<Value> = (1..=count)
            .map(hit)
            .map(|mut hit| {
                if !paging.is_sorted {
                    hit.as_object_mut().expect("an object").remove("sort");
                }
                hit
            })
            .collect();
        let page = read(
            &Each::Hits,
            paging,
            &json!({"hits": {"total": total, "hits": hits}}),
        );
        let page = page.expect("a page");
        assert_eq!(page.next, next.map(Next::SearchAfter), "{count} of {total}");
        assert_eq!(
            page.lacks.is_some(),
            is_cut,
            "{count} of {total}: {:?}",
            page.lacks
        );
        assert_eq!(page.found.len(), usize::try_from(count).expect("few"));
    }
}
