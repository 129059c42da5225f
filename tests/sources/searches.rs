//! Searches that are asked over HTTP: what comes of good answers, of bad ones, and of crashes between them.

mod certificates;
mod real;
mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http_server::{HttpServer, Step, answer};
use crate::support::scene::{Service, wait_until};
use crate::support::search::{BUCKETS, buckets, id, ok, options};
use crate::support::stage::Stage;

/// A stage with a search `s`, and a rule that writes its events down: type, and what the payload says it is of.
fn stage(url: &str, others: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:s", &options(url, others));
    stage.rule(
        "r",
        "events = s.*\nscript = record.sh\nscript_params = identity, since, error",
    );
    stage
}

/// The ids of all events that ran, without the times in them, each with how many times it did.
fn events(stage: &Stage) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for run in stage.runs() {
        let id = run["event_id"].as_str().expect("text");
        let name = id.split('@').next().unwrap_or(id).to_owned();
        *found.entry(name).or_default() += 1;
    }
    found
}

fn counted(names: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let names = names.iter();
    names.map(|(name, it)| ((*name).to_owned(), *it)).collect()
}

/// Waits until the server has been asked so many times more.
fn asked(server: &HttpServer, times: usize) {
    let before = server.received().len();
    wait_until("further requests", || {
        server.received().len() >= before + times
    });
}

#[test]
fn what_is_found_is_told_once_and_what_is_over_too_whatever_is_killed_between() {
    let server = HttpServer::start([buckets(["a", "b"])]);
    let others = format!("{BUCKETS}\nevery = 1s\nbackoff = 1h\nresolve_after = 2");
    let stage = stage(&server.url(), &others);
    let service = Service::listen(&stage);
    stage.wait_for_log(2);
    asked(&server, 2);
    service.kill();
    let service = Service::listen(&stage);
    asked(&server, 2);
    assert_eq!(
        events(&stage),
        counted(&[("found/a", 1), ("found/b", 1)]),
        "the back-off outlasts the service"
    );
    // Answers that are not whole, and failures, lack nothing.
    let partial = json!({"timed_out": true, "aggregations": {"q": {"buckets": []}}});
    server.answer_with([ok(&partial)]);
    service.wait_for("the answer is not whole: the server ran out of time");
    server.answer_with([buckets(["b"])]);
    stage.wait_for_log(3);
    service.kill();
    let service = Service::listen(&stage);
    asked(&server, 2);
    let expected = counted(&[("found/a", 1), ("found/b", 1), ("resolved/a", 1)]);
    assert_eq!(events(&stage), expected);
    service.stop();
}

#[test]
fn a_failure_is_told_once_the_next_host_is_asked_and_nothing_ends() {
    let down = || {
        answer(
            "500 Internal Server Error",
            &[],
            r#"{"error": {"reason": "why"}}"#,
        )
    };
    let (first, second) = (
        HttpServer::start([down()]),
        HttpServer::start([buckets(["a"])]),
    );
    let urls = format!("{}, {}", first.url(), second.url());
    let stage = stage(&urls, &format!("{BUCKETS}\nevery = 1s"));
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    assert_eq!(first.received().len(), 1, "the one that answers stays");
    second.answer_with([down()]);
    let log = stage.wait_for_log(2);
    assert!(
        log[1].contains("answered 500 Internal Server Error: why"),
        "{log:?}"
    );
    // The same outage, to another service.
    service.kill();
    let service = Service::listen(&stage);
    asked(&second, 4);
    second.answer_with([buckets(["a", "b"])]);
    stage.wait_for_log(3);
    service.wait_for("elasticsearch s answers again");
    let expected = counted(&[("failed", 1), ("found/a", 1), ("found/b", 1)]);
    assert_eq!(events(&stage), expected);
    let log = service.stop();
    assert_eq!(log.matches("trying again").count(), 1, "{log}");
}

#[test]
fn a_server_that_is_busy_is_not_asked_before_the_time_that_it_names() {
    let busy = answer("429 Too Many Requests", &["Retry-After: 4"], "{}");
    let server = HttpServer::start([busy, buckets(["a"])]);
    let stage = stage(&server.url(), &format!("{BUCKETS}\nevery = 1s"));
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    let received = server.received();
    let waited = received[1].at - received[0].at;
    assert!(waited >= Duration::from_secs(4), "{waited:?}");
    service.stop();
}

#[test]
fn pages_are_asked_for_until_the_last() {
    let page = |keys: &[&str]| {
        let bucket = |key: &&str| json!({"key": {"h": key}, "doc_count": 1});
        let found: Vec<Value> = keys.iter().map(bucket).collect();
        let after = keys.last().map(|key| json!({"h": key}));
        ok(&json!({"aggregations": {"q": {"buckets": found, "after_key": after}}}))
    };
    let server = HttpServer::start([page(&["a", "b"]), page(&["c"]), page(&[])]);
    let query = r#"query = {"aggs": {"q": {"composite": {"size": 2, "sources": []}}}}"#;
    let others = format!("{query}\nidentity = key.h\nevery = 1h\nindex = l-*,m");
    let composite = stage(&server.url(), &others);
    let service = Service::listen(&composite);
    composite.wait_for_log(3);
    let expected = counted(&[("found/a", 1), ("found/b", 1), ("found/c", 1)]);
    assert_eq!(events(&composite), expected);
    let received = server.received();
    let bodies = received.iter().map(|request| {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        body["aggs"]["q"]["composite"]["after"].clone()
    });
    let bodies: Vec<Value> = bodies.collect();
    assert_eq!(bodies, [Value::Null, json!({"h": "b"}), json!({"h": "c"})]);
    let line = "POST /l-*,m/_search?allow_partial_search_results=false HTTP/1.1";
    assert_eq!(received[0].line, line);
    service.stop();

    let page = |numbers: &[usize]| {
        let hit = |n: &usize| json!({"_index": "l", "_id": n.to_string(), "sort": [n]});
        let hits: Vec<Value> = numbers.iter().map(hit).collect();
        ok(&json!({"hits": {"total": {"value": 3}, "hits": hits}}))
    };
    let server = HttpServer::start([page(&[1, 2]), page(&[3])]);
    let others = "query = {\"size\": 2, \"sort\": [\"n\"]}\nevery = 1h";
    let sorted = stage(&server.url(), others);
    let service = Service::listen(&sorted);
    sorted.wait_for_log(3);
    let ids: Vec<String> = (1..4).map(id).collect();
    let ids: Vec<(&str, usize)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
    assert_eq!(events(&sorted), counted(&ids));
    let body: Value = serde_json::from_slice(&server.received()[1].body).expect("JSON");
    assert_eq!(body["search_after"], json!([2]));
    service.stop();
}

#[test]
fn credentials_are_sent_and_shown_to_nobody() {
    for (others, secret, header) in [
        ("api_key_file = secret", "aGlkZGVu", "ApiKey aGlkZGVu"),
        ("token_file = secret", "aGlkZGVu", "Bearer aGlkZGVu"),
        // As recorded, and with what their program could not send.
        (
            "user = es_user\npassword_file = secret",
            "es_pass",
            "Basic ZXNfdXNlcjplc19wYXNz",
        ),
        (
            "user = es_user\npassword_file = secret",
            "pässwörd€",
            "Basic ZXNfdXNlcjpww6Rzc3fDtnJk4oKs",
        ),
    ] {
        let echo = format!(r#"{{"error": {{"reason": "{secret} and {header} are wrong"}}}}"#);
        let server = HttpServer::start([answer("401 Unauthorized", &[], echo)]);
        let stage = stage(&server.url(), &format!("{BUCKETS}\nevery = 1s\n{others}"));
        std::fs::write(stage.path("secret"), format!("{secret}\n")).expect("a file");
        let service = Service::listen(&stage);
        service.wait_for("answered 401 Unauthorized");
        stage.wait_for_log(1);
        assert_eq!(server.received()[0].headers["authorization"], header);
        let log = service.stop() + &stage.log().concat();
        let sent = header.split(' ').next_back().unwrap_or_default();
        assert!(!log.contains(secret) && !log.contains(sent), "{log}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_told_and_the_next_one_is_taken() {
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let flood = vec![Step::Say(head.to_vec()), Step::Flood(9 * 1024 * 1024)];
    let server = HttpServer::start([flood, buckets(["a"])]);
    let stage = stage(&server.url(), &format!("{BUCKETS}\nevery = 1s"));
    let service = Service::listen(&stage);
    service.wait_for("has more than 8388608 bytes");
    stage.wait_for_log(1);
    service.stop();
}

#[test]
fn check_connect_asks_the_query_once_and_notes_nothing() {
    let server = HttpServer::start([buckets(["a"])]);
    let stage = stage(&server.url(), &format!("{BUCKETS}\nevery = 1h"));
    let (code, told) = stage.connects();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("elasticsearch:s: answers the query\n"),
        "{told}"
    );
    assert_eq!(server.received().len(), 1);
    assert!(!stage.state().exists());
    server.answer_with([answer("401 Unauthorized", &[], "{}")]);
    let (code, told) = stage.connects();
    assert_eq!(code, Some(75), "{told}");
    for part in [
        "error: the query is not answered: ",
        "401 Unauthorized",
        "section [source:s]",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
}
