//! ES|QL: rows are told like buckets, and who has none of it is told clearly.

use serde_json::{Value, json};

use super::{asked, counted, events, ok, stage};
use crate::support::http_server::{HttpServer, answer};
use crate::support::scene::{Service, wait_until};

/// The answer with these rows of a name and a number.
fn rows(rows: &[(&str, u64)], others: &Value) -> Value {
    let mut answer = json!({
        "took": 3, "is_partial": false,
        "columns": [{"name": "n", "type": "long"}, {"name": "host.name", "type": "keyword"}],
        "values": rows.iter().map(|(host, n)| json!([n, host])).collect::<Vec<_>>(),
    });
    let fields = answer.as_object_mut().expect("fields");
    fields.extend(others.as_object().expect("fields").clone());
    answer
}

const ESQL: &str = "esql = FROM logs-*\n  | WHERE @timestamp >= \"{{ since }}\" AND @timestamp < \"{{ until }}\"\n  | \
                    STATS n = COUNT(*) BY host.name\nidentity = host.name\nmap = {\"node\": \"host.name\"}";

#[test]
fn rows_are_found_and_resolved_and_a_part_of_them_resolves_nothing() {
    let none = json!({});
    let server = HttpServer::start([ok(&rows(&[("a", 7), ("b", 2)], &none))]);
    let mut stage = stage(
        &server.url(),
        &format!("{ESQL}\nevery = 1s\nresolve_after = 1"),
    );
    stage.script("keep.sh", r#"line=$(cat); printf '%s\n' "$line" >>"$LOG""#);
    stage.rule("keep", "events = s.found\nscript = keep.sh");
    let service = Service::listen(&stage);
    // Each of two is written down by two rules.
    let log = stage.wait_for_log(4);
    let mut payloads: Vec<Value> = log
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|event| event["payload"].clone())
        .collect();
    payloads.sort_by_key(|payload| payload["node"].to_string());
    let payload = |host: &str, n: u64| json!({"n": n, "node": host, "identity": host});
    assert_eq!(payloads, [payload("a", 7), payload("b", 2)]);

    for part in [
        json!({"is_partial": true}),
        json!({"_clusters": {"total": 2, "successful": 1, "skipped": 1}}),
    ] {
        server.answer_with([ok(&rows(&[], &part))]);
        asked(&server, 2);
    }
    service.wait_for("the answer is not whole: the server found only a part (`is_partial`)");
    server.answer_with([ok(&rows(&[("b", 3)], &none))]);
    wait_until("what is over", || events(&stage).contains_key("resolved/a"));
    asked(&server, 2);
    service.stop();
    let mut told = events(&stage);
    // Whether the parts were three in a row.
    told.remove("failed");
    let expected = counted(&[("found/a", 2), ("found/b", 2), ("resolved/a", 1)]);
    assert_eq!(told, expected);

    let received = &server.received()[1];
    assert_eq!(received.line, "POST /_query HTTP/1.1");
    let body: Value = serde_json::from_slice(&received.body).expect("JSON");
    let fields: Vec<&String> = body.as_object().expect("fields").keys().collect();
    assert_eq!(fields, ["query"]);
    let query = body["query"].as_str().expect("text");
    let times: Vec<jiff::Timestamp> = query
        .split('"')
        .filter_map(|text| text.parse().ok())
        .collect();
    let [since, until] = times[..] else {
        panic!("no two times in {query}");
    };
    assert!(until > since, "{query}");
    assert!(query.starts_with("FROM logs-*"), "{query}");
    assert!(
        query.ends_with("STATS n = COUNT(*) BY host.name"),
        "{query}"
    );
}

#[test]
fn rows_beyond_a_limit_that_the_server_adds_are_missed_unless_they_need_not_be_there() {
    let limit =
        "Warning: 299 Elasticsearch-8.19.1 \"No limit defined, adding default limit of [2]\"";
    let body = rows(&[("a", 7), ("b", 2)], &json!({})).to_string();
    let cut = answer("200 OK", &[limit], &body);
    let server = HttpServer::start([cut]);
    let refusing = stage(&server.url(), &format!("{ESQL}\nevery = 1s"));
    let service = Service::listen(&refusing);
    service.wait_for("only 2 rows are in the answer");
    refusing.wait_for_log(1);
    service.stop();
    assert_eq!(events(&refusing), counted(&[("failed", 1)]));

    let taking = stage(&server.url(), &format!("{ESQL}\nevery = 1s\npartial = yes"));
    let service = Service::listen(&taking);
    taking.wait_for_log(2);
    service.wait_for("an answer that is not whole is taken: only 2 rows");
    service.stop();
    assert_eq!(events(&taking), counted(&[("found/a", 1), ("found/b", 1)]));
}
