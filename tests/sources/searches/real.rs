//! Searches of real indices, which a search engine really searches.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{counted, events};
use crate::support::osmem::Osmem;
use crate::support::scene::{Service, wait_until};
use crate::support::search::options;
use crate::support::stage::Stage;

/// What some servers did, each with what it took.
fn fill(server: &Osmem) {
    server.make("calls-1", &[("host", "keyword"), ("path", "keyword")]);
    let call =
        |host: &str, path: &str, took: u64| json!({"host": host, "path": path, "took": took});
    server.fill(
        "calls-1",
        &[
            call("a", "/x", 10),
            call("a", "/y", 20),
            call("b", "/x", 30),
            call("b", "/x", 500),
            call("c", "/z", 40),
        ],
    );
}

/// A stage with a search that is asked once an hour, and a rule that keeps its events.
fn asked_once(url: &str, others: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:s", &options(url, &format!("every = 1h\n{others}")));
    stage.script("keep.sh", r#"line=$(cat); printf '%s\n' "$line" >>"$LOG""#);
    stage.rule("r", "events = s.*\nscript = keep.sh");
    stage
}

/// The payloads of what one answer tells, by their identities.
fn found(url: &str, others: &str) -> BTreeMap<String, Value> {
    let stage = asked_once(url, others);
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    let payload = |line: &String| {
        let event: Value = serde_json::from_str(line).expect("an event");
        assert_eq!(event["type"], "s.found", "{event}");
        let payload = event["payload"].clone();
        let identity = payload["identity"].as_str().expect("text").to_owned();
        (identity, payload)
    };
    let log = stage.log();
    let payloads: BTreeMap<_, _> = log.iter().map(payload).collect();
    assert_eq!(payloads.len(), log.len(), "each is told once: {log:?}");
    payloads
}

#[test]
fn documents_are_told_page_by_page() {
    let server = Osmem::start();
    fill(&server);
    let query = r#"{"size": 2, "sort": ["took"], "query": {"range": {"took": {"lt": 100}}}}"#;
    let others = format!("index = calls-*\nmap = {{\"host\": \"_source.host\"}}\nquery = {query}");
    let found = found(&server.url(), &others);
    let of: Vec<(&str, &str)> = found
        .iter()
        .map(|(id, payload)| (id.as_str(), payload["host"].as_str().expect("text")))
        .collect();
    let id = |number: u64| format!(r#"["calls-1","{number}"]"#);
    let (zero, one, two, four) = (id(0), id(1), id(2), id(4));
    assert_eq!(
        of,
        [
            (zero.as_str(), "a"),
            (one.as_str(), "a"),
            (two.as_str(), "b"),
            (four.as_str(), "c"),
        ]
    );
}

#[test]
fn each_form_of_buckets_is_that_of_a_real_answer() {
    let server = Osmem::start();
    fill(&server);
    let keys = |others: &str| -> Vec<String> {
        let others = format!("index = calls-1\n{others}");
        found(&server.url(), &others).into_keys().collect()
    };
    for (others, expected) in [
        // One within the other, with a threshold.
        (
            r#"query = {"aggs": {"h": {"terms": {"field": "host"}, "aggs":
  {"p": {"terms": {"field": "path", "min_doc_count": 2}}}}}}
each = aggs.h.p"#,
            vec![r#"["b","/x"]"#],
        ),
        // Within one bucket that is in no list.
        (
            r#"query = {"aggs": {"x": {"filter": {"term": {"path": "/x"}}, "aggs": {"h": {"terms": {"field": "host"}}}}}}
each = aggs.x.h"#,
            vec!["a", "b"],
        ),
        // Keyed.
        (
            r#"query = {"aggs": {"q": {"filters": {"filters":
  {"fast": {"range": {"took": {"lt": 100}}}, "slow": {"range": {"took": {"gte": 100}}}}}}}}"#,
            vec!["fast", "slow"],
        ),
        (
            r#"query = {"aggs": {"q": {"range": {"field": "took", "keyed": true, "ranges":
  [{"key": "slow", "from": 100}]}}}}"#,
            vec!["slow"],
        ),
        // A value, and what a script of the query leaves.
        (
            r#"query = {"aggs": {"worst": {"max": {"field": "took"}}}}"#,
            vec!["worst"],
        ),
        (
            r#"query = {"aggs": {"h": {"terms": {"field": "host"}, "aggs": {"worst": {"max": {"field": "took"}}, "only":
  {"bucket_selector": {"buckets_path": {"w": "worst"}, "script": "params.w > 30"}}}}}}
each = aggs.h"#,
            vec!["b", "c"],
        ),
        // In pages of two.
        (
            r#"query = {"aggs": {"q": {"composite": {"size": 2, "sources":
  [{"h": {"terms": {"field": "host"}}}, {"p": {"terms": {"field": "path"}}}]}}}}
identity = key.h, key.p"#,
            vec![
                r#"["a","/x"]"#,
                r#"["a","/y"]"#,
                r#"["b","/x"]"#,
                r#"["c","/z"]"#,
            ],
        ),
    ] {
        assert_eq!(keys(others), expected, "{others}");
    }
}

#[test]
fn an_index_that_is_missing_is_a_failure_until_it_is_there_and_what_goes_is_resolved() {
    let server = Osmem::start();
    let mut stage = Stage::new("");
    let query = r#"query = {"aggs": {"h": {"terms": {"field": "host"}}}}"#;
    let others = format!("{query}\nevery = 1s\nindex = calls-1\nresolve_after = 1");
    stage.rule("source:s", &options(&server.url(), &others));
    stage.rule(
        "r",
        "events = s.*\nscript = record.sh\nscript_params = identity, error",
    );
    let service = Service::listen(&stage);
    let log = stage.wait_for_log(1);
    assert!(
        log[0].contains("404 Not Found: no such index [calls-1]"),
        "{log:?}"
    );
    fill(&server);
    service.wait_for("elasticsearch s answers again");
    stage.wait_for_log(4);
    server.tell("DELETE /calls-1/_doc/4?refresh=true", "");
    stage.wait_for_log(5);
    let expected = [
        ("failed", 1),
        ("found/a", 1),
        ("found/b", 1),
        ("found/c", 1),
        ("resolved/c", 1),
    ];
    wait_until("the last run", || stage.runs().len() == 5);
    assert_eq!(events(&stage), counted(&expected));
    service.stop();
}

#[test]
fn who_has_no_esql_is_told_clearly() {
    let server = Osmem::start();
    fill(&server);
    let others = "esql = FROM calls-1\nidentity = host";
    let stage = asked_once(&server.url(), others);
    let service = Service::listen(&stage);
    let reason = "answered 405 Method Not Allowed: Incorrect HTTP method for uri [/_query]";
    service.wait_for(reason);
    let log = service.stop();
    assert!(
        log.contains("write the query as `query` instead of `esql`"),
        "{log}"
    );
}
