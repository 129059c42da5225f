//! Answers that are not whole, and what is no answer.

use serde_json::{Value, json};

use super::{PLAIN, buckets, object, query, read};
use crate::sources::elasticsearch::{Each, Page, Paging};

#[test]
fn an_answer_that_is_not_whole_says_why() {
    let whole = json!({"aggregations": {"q": {"sum_other_doc_count": 0, "buckets": []}}});
    for (name, value, part) in [
        ("took", json!(3), None),
        ("timed_out", json!(true), Some("ran out of time")),
        ("terminated_early", json!(true), Some("stopped early")),
        (
            "_shards",
            json!({"total": 5, "failed": 3}),
            Some("3 of 5 shards failed"),
        ),
        ("_shards", json!({"total": 5, "failed": 0}), None),
        (
            "_clusters",
            json!({"total": 3, "skipped": 1, "partial": 1}),
            Some("2 clusters"),
        ),
        (
            "aggregations",
            json!({"q": {"sum_other_doc_count": 90, "buckets": []}}),
            Some("buckets with 90 documents are not in the answer"),
        ),
    ] {
        let mut answer = object(whole.clone());
        answer.insert(name.to_owned(), value);
        let answer = Value::Object(answer);
        let stopping = Paging {
            may_stop_early: true,
            ..PLAIN
        };
        let lacks = |paging| read(&buckets(&["q"]), paging, &answer).map(|page| page.lacks);
        let lacks_otherwise = lacks(PLAIN).expect("a page");
        let lacks = lacks(stopping).expect("a page");
        // Without `terminate_after` in the query it says nothing.
        let is_otherwise_whole = part.is_none() || name == "terminated_early";
        assert_eq!(lacks_otherwise.is_none(), is_otherwise_whole, "{name}");
        match part {
            None => assert_eq!(lacks, None, "{name}"),
            Some(part) => assert!(
                lacks.as_ref().is_some_and(|it| it.contains(part)),
                "{lacks:?}"
            ),
        }
    }
    // A pattern that no index matches: Elasticsearch leaves the aggregations out, OpenSearch does not.
    let none = json!({"_shards": {"total": 0, "failed": 0}, "hits": {"hits": []}});
    let page = read(&buckets(&["q"]), PLAIN, &none).expect("a page");
    assert_eq!((page.found, page.lacks), (vec![], None));
}

#[test]
fn a_query_may_let_the_server_stop_early() {
    for (body, expected) in [
        (json!({"terminate_after": 5}), true),
        (json!({"query": {}}), false),
    ] {
        let paging = query(body.clone(), "hits", 0).paging;
        assert_eq!(paging.may_stop_early, expected, "{body}");
    }
}

#[test]
fn what_is_no_answer_is_refused_in_words() {
    let of_buckets = buckets(&["q", "in"]);
    for (body, each, part) in [
        (
            "<html>login</html>",
            &of_buckets,
            "is no JSON: <html>login</html>",
        ),
        (r#"{"aggregations": {"#, &of_buckets, "the JSON ends early"),
        ("[]", &of_buckets, "expected the answer to a search"),
        (
            r#"{"error": "x"}"#,
            &of_buckets,
            r#"answered with an error: "x""#,
        ),
        (
            r#"{"error": {"reason": "y"}}"#,
            &of_buckets,
            r#"answered with an error: "y""#,
        ),
        (
            r#"{"took": 1}"#,
            &of_buckets,
            "the answer has no aggregation `q`",
        ),
        (
            r#"{"aggregations": {"q": {"doc_count": 1}}}"#,
            &of_buckets,
            "no aggregation `in`",
        ),
        (
            r#"{"aggregations": {"q": 7}}"#,
            &of_buckets,
            "expected an object of the aggregation `q`",
        ),
        (
            r#"{"aggregations": {"q": {"buckets": 7}}}"#,
            &of_buckets,
            "expected a list of buckets",
        ),
        (
            r#"{"aggregations": {"q": {"buckets": [7]}}}"#,
            &of_buckets,
            "expected objects as buckets",
        ),
        (
            r#"{"hits": {"total": 1}}"#,
            &Each::Hits,
            "expected documents in `hits.hits`",
        ),
        (
            r#"{"hits": {"hits": [{"_id": "1"}]}}"#,
            &Each::Hits,
            "expected `_index` and `_id`",
        ),
        (
            r#"{"hits": {"hits": [1]}}"#,
            &Each::Hits,
            "expected objects in `hits.hits`",
        ),
    ] {
        let why = Page::read(body.as_bytes(), each, PLAIN).expect_err(body);
        assert!(why.contains(part), "{body}: {why}");
    }
}
