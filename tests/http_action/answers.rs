//! What each answer means for the run: done, again, later, or given up.

use std::time::Duration;

use serde_json::{Value, json};

use super::{drain, outcomes, run_of, stage};
use crate::support::http_server::{HttpServer, Step, answer};

/// What a rule says besides its address.
const FAST: &str = "retries = 2\nretry_delay = 10ms\nrequest_timeout = 2s";

/// The run of a rule whose server answers so, and how many requests came.
fn run_with(answers: Vec<Vec<Step>>, options: &str) -> (Value, HttpServer) {
    let server = HttpServer::start(answers);
    let stage = stage(&format!("url = {}/n\n{options}", server.url()));
    (run_of(&stage), server)
}

#[test]
fn a_status_says_whether_it_is_done_or_tried_again_or_given_up() {
    for (status, state, requests) in [
        ("200 OK", "succeeded", 1),
        ("201 Created", "succeeded", 1),
        ("204 No Content", "succeeded", 1),
        ("400 Bad Request", "discarded", 1),
        ("401 Unauthorized", "discarded", 1),
        ("404 Not Found", "discarded", 1),
        ("429 Too Many Requests", "discarded", 3),
        ("500 Internal Server Error", "discarded", 3),
        ("503 Service Unavailable", "discarded", 3),
    ] {
        let (run, server) = run_with(vec![answer(status, &[], "as it is")], FAST);
        assert_eq!(run["state"], state, "{status}: {run}");
        assert_eq!(server.received().len(), requests, "{status}");
        let message = format!("the server answered {status}");
        let all = outcomes(&run);
        assert!(all.iter().all(|it| it.contains(&message)), "{all:?}");
        let shown = if status.starts_with("204") {
            ""
        } else {
            "as it is"
        };
        let output = run["attempt_records"][0]["output"].as_str();
        assert!(output.is_some_and(|output| output.contains(shown)), "{run}");
    }
    // What helps in the end is a success.
    let answers = ["500 Internal Server Error", "200 OK"];
    let answers = answers.map(|status| answer(status, &[], "")).to_vec();
    let (run, _) = run_with(answers, FAST);
    assert_eq!(
        (&run["state"], &run["attempts"]),
        (&json!("succeeded"), &json!(2))
    );
}

#[test]
fn the_rule_says_which_statuses_mean_what() {
    let options = format!("{FAST}\nsuccess = 404, 3xx\nretry_on_status = 200-201");
    for (status, state, requests) in [
        ("404 Not Found", "succeeded", 1),
        ("302 Found", "succeeded", 1),
        ("201 Created", "discarded", 3),
        ("503 Service Unavailable", "discarded", 1),
    ] {
        let (run, server) = run_with(vec![answer(status, &[], "")], &options);
        assert_eq!(run["state"], state, "{status}: {run}");
        assert_eq!(server.received().len(), requests, "{status}");
    }
}

#[test]
fn no_redirect_is_followed_and_where_it_leads_is_told() {
    let elsewhere = HttpServer::start([answer("200 OK", &[], "")]);
    for status in [
        "301 Moved Permanently",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("Location: {}/else", elsewhere.url());
        let (run, server) = run_with(vec![answer(status, &[&location], "")], FAST);
        assert_eq!(
            (&run["state"], &run["attempts"]),
            (&json!("discarded"), &json!(1))
        );
        let message = format!(
            "the server answered {status}, which leads to {}/else: redirects are not followed",
            elsewhere.url()
        );
        assert!(outcomes(&run)[0].contains(&message), "{run}");
        assert_eq!(server.received().len(), 1);
    }
    assert!(elsewhere.received().is_empty());
}

#[test]
fn a_server_says_how_long_to_wait_and_is_obeyed() {
    let soon = (jiff::Timestamp::now() + Duration::from_secs(4)).as_second();
    let soon = jiff::Timestamp::from_second(soon).expect("a time");
    let date = soon
        .strftime("Retry-After: %a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    for (status, header) in [
        ("503 Service Unavailable", &date[..]),
        ("429 Too Many Requests", "Retry-After: 2"),
    ] {
        let answers = vec![answer(status, &[header], ""), answer("200 OK", &[], "")];
        let (run, server) = run_with(answers, FAST);
        assert_eq!(run["state"], "succeeded", "{run}");
        let received = server.received();
        let apart = received[1].at.duration_since(received[0].at);
        assert!(apart >= Duration::from_millis(1500), "{header}: {apart:?}");
    }
}

#[test]
fn no_server_puts_a_run_off_for_longer_than_a_day() {
    let server = HttpServer::start([answer(
        "429 Too Many Requests",
        &["Retry-After: 99999999"],
        "",
    )]);
    let stage = stage(&format!("url = {}\n{FAST}", server.url()));
    let service = crate::support::service::Service::start(&mut stage.program("listen"));
    crate::support::stage::wait_until("the failure", || {
        !server.received().is_empty() && stage.runs().iter().any(|run| run["state"] == "retryable")
    });
    let run = stage.run_detail(1);
    let moment = |value: &Value| {
        value
            .as_str()
            .expect("a time")
            .parse::<jiff::Timestamp>()
            .expect("a time")
    };
    let waits =
        moment(&run["due_at"]).duration_since(moment(&run["attempt_records"][0]["ended_at"]));
    assert!((86_000..=86_400).contains(&waits.as_secs()), "{waits:?}");
    service.stop();
}

#[test]
fn a_slow_or_broken_body_changes_nothing_about_the_status() {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbegin");
    let timeout = "request_timeout = 1s";
    for (steps, told) in [
        (
            vec![Step::Say(head(99).into()), Step::Hold],
            "the body did not end within 1s",
        ),
        (vec![Step::Say(head(99).into())], "the body broke off: "),
        (
            vec![
                Step::Say(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n".into(),
                ),
                Step::Say("x".into()),
            ],
            "the body broke off: ",
        ),
    ] {
        let (run, _server) = run_with(vec![steps], timeout);
        assert_eq!(run["state"], "succeeded", "{run}");
        assert!(outcomes(&run)[0].contains(told), "{run}");
        assert_eq!(run["attempt_records"][0]["output"], "begin");
    }
}

#[test]
fn of_a_huge_body_the_beginning_is_kept_and_no_more_is_read() {
    const HUGE: usize = 1 << 30;
    let head = format!("HTTP/1.1 500 Internal Server Error\r\nContent-Length: {HUGE}\r\n\r\n");
    let (run, server) = run_with(vec![vec![Step::Say(head.into()), Step::Flood(HUGE)]], "");
    assert!(
        outcomes(&run)[0].contains("only the first 65536 bytes of the body are kept"),
        "{run}"
    );
    let output = run["attempt_records"][0]["output"]
        .as_str()
        .expect("an output");
    assert_eq!(output, "x".repeat(64 * 1024));
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_body_that_is_no_text_is_shown_as_far_as_it_is() {
    let (run, _) = run_with(vec![answer("200 OK", &[], b"a\xff\xfe\0\x1b[31mb")], "");
    assert_eq!(
        run["attempt_records"][0]["output"],
        "a\u{fffd}\u{fffd}\0\u{1b}[31mb"
    );
}

#[test]
fn what_is_sent_is_what_explain_shows() {
    let server = HttpServer::start([answer("200 OK", &[], "")]);
    let options = r#"/{{ event.type }}/{{ run.rule }}?i={{ i }}&at={{ payload.scheduled }}
method = PUT
headers = {"X-Event": "{{ event.id }}", "x-rule": "rule {{ run.rule }}"}
body = {"i": "{{ i }}", "text": "{{ i }} by {{ run.rule }}, attempt {{ run.attempt }}", "all": "{{ payload }}",
    "list": ["{{ event.id }}", null, 1.50]}"#;
    let stage = stage(&format!("url = {}{options}", server.url()));
    drain(&stage);
    let event = stage.run_detail(1)["event_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let output = stage.run(&["explain", &event, "--format", "json"]);
    let explained: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown = &explained["rules"][0]["request"];
    let received = &server.received()[0];
    let url = shown["url"].as_str().expect("a URL");
    let path = url.strip_prefix(&server.url()).expect("the server");
    assert_eq!(received.line, format!("PUT {path} HTTP/1.1"));
    assert_eq!(shown["method"], "PUT");
    for (name, value) in shown["headers"].as_object().expect("headers") {
        assert_eq!(
            received.headers.get(name).map(String::as_str),
            value.as_str(),
            "{name}"
        );
    }
    assert_eq!(received.headers["x-rule"], "rule tell");
    let sent: Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(sent, shown["body"]);
    assert_eq!(sent["i"], 1);
    assert_eq!(sent["text"], "1 by tell, attempt 1");
}

#[test]
fn without_a_body_the_event_is_sent_as_scripts_get_it() {
    let server = HttpServer::start([answer("200 OK", &[], "")]);
    let stage = stage(&format!("url = {}", server.url()));
    let run = run_of(&stage);
    let received = &server.received()[0];
    assert!(received.line.starts_with("POST / "), "{}", received.line);
    assert_eq!(received.headers["content-type"], "application/json");
    assert_eq!(
        String::from_utf8_lossy(&received.body),
        run["event"].to_string()
    );
}

#[test]
fn a_name_that_is_not_there_is_a_failed_attempt_that_names_it() {
    let server = HttpServer::start([answer("200 OK", &[], "")]);
    for (options, told) in [
        (
            "url = URL/{{ payload.nothing }}",
            "`url`: there is no `payload.nothing`",
        ),
        (
            "url = URL\nheaders = {\"X-A\": \"{{ nothing }}\"}",
            "`headers`: x-a: there is no `nothing`",
        ),
        (
            "url = URL\nbody = {\"a\": [\"{{ payload.a.b }}\"]}",
            "`body`: there is no `payload.a.b`",
        ),
    ] {
        let stage = stage(&options.replace("URL", &server.url()));
        let run = run_of(&stage);
        assert_eq!(run["state"], "discarded");
        assert!(outcomes(&run)[0].contains(told), "{run}");
    }
    assert!(server.received().is_empty());
}
