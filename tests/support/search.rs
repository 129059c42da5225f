//! What Elasticsearch answers, as [`HttpServer`](super::http_server::HttpServer) is to say it.

use std::ops::Range;

use serde_json::{Value, json};

use super::http_server::{Step, answer};

/// The options of a search at this address, with these besides.
pub(crate) fn options(url: &str, others: &str) -> String {
    format!("type = elasticsearch\nurl = {url}\nrequest_timeout = 2s\n{others}")
}

/// A query whose buckets are things found.
pub(crate) const BUCKETS: &str =
    r#"query = {"aggs": {"q": {"terms": {"field": "host", "size": 10000}}}}"#;

/// An answer of status 200 with this body.
pub(crate) fn ok(body: &Value) -> Vec<Step> {
    answer(
        "200 OK",
        &["Content-Type: application/json"],
        body.to_string(),
    )
}

/// The answer that has a bucket for each of these keys.
pub(crate) fn buckets<K: Into<Value>>(keys: impl IntoIterator<Item = K>) -> Vec<Step> {
    let bucket = |key: K| json!({"key": key.into(), "doc_count": 1});
    let buckets: Vec<Value> = keys.into_iter().map(bucket).collect();
    ok(&json!({
        "timed_out": false,
        "_shards": {"total": 1, "failed": 0},
        "aggregations": {"q": {"sum_other_doc_count": 0, "buckets": buckets}},
    }))
}

/// The answer that has the documents of these numbers, which are all that there are.
pub(crate) fn documents(numbers: Range<usize>) -> Vec<Step> {
    let document =
        |number: usize| json!({"_index": "l", "_id": number.to_string(), "_source": {"n": number}});
    let total = numbers.len();
    let hits: Vec<Value> = numbers.map(document).collect();
    ok(&json!({
        "timed_out": false,
        "_shards": {"total": 1, "failed": 0},
        "hits": {"total": {"value": total, "relation": "eq"}, "hits": hits},
    }))
}

/// The id of the event of the document of this number.
pub(crate) fn id(number: usize) -> String {
    format!(r#"found/["l","{number}"]"#)
}
