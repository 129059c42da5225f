//! Messages to chat services: what each of them gets, which of its answers is a success, and what nobody is shown.

use std::time::Duration;

use serde_json::{Value, json};

use super::secrets::{HOOK, assert_nothing_told, assert_silent, of_hook};
use super::{outcomes, remember, run_of, stage_for};
use crate::support::drained::secret;
use crate::support::http_server::{HttpServer, Received, Step, answer};
use crate::support::stage::Stage;

const SERVICES: [&str; 4] = ["rocketchat", "slack", "mattermost", "teams"];

/// A rule that sends a message by this server.
pub(super) fn chat(action: &str, server: &HttpServer, options: &str) -> Stage {
    let stage = stage_for(action, &format!("url_file = hook\n{options}"));
    secret(&stage, "hook", &format!("{}{HOOK}\n", server.url()));
    stage
}

/// The text of a message that came.
pub(super) fn text(received: &Received) -> String {
    let body: Value = serde_json::from_slice(&received.body).expect("JSON");
    let card = body.pointer("/attachments/0/content/body/0/text");
    let text = card.or(body.get("text")).and_then(Value::as_str);
    text.expect("a text").to_owned()
}

#[test]
fn each_service_says_in_its_own_way_whether_it_took_a_message() {
    let taken = [
        ("rocketchat", "200 OK", r#"{"success": true}"#),
        ("slack", "200 OK", "ok"),
        ("mattermost", "200 OK", "ok"),
        ("teams", "202 Accepted", ""),
        ("teams", "200 OK", "1"),
    ];
    let not_taken = [
        (
            "rocketchat",
            "200 OK",
            r#"{"success": false, "error": "gone"}"#,
            1,
            "`\"success\": true`: gone",
        ),
        (
            "rocketchat",
            "200 OK",
            "<html>",
            2,
            "`\"success\": true`: <html>",
        ),
        (
            "rocketchat",
            "202 Accepted",
            r#"{"success": true}"#,
            1,
            "202 Accepted",
        ),
        (
            "slack",
            "200 OK",
            "<html>",
            2,
            "200 OK, but not `ok`: <html>",
        ),
        (
            "slack",
            "403 Forbidden",
            "action_prohibited",
            1,
            "403 Forbidden",
        ),
        (
            "slack",
            "500 Internal Server Error",
            "rollup_error",
            2,
            "500",
        ),
        (
            "mattermost",
            "400 Bad Request",
            r#"{"message": "Couldn't find the channel."}"#,
            1,
            "400",
        ),
        ("mattermost", "200 OK", "", 2, "200 OK, but not `ok`"),
        (
            "teams",
            "200 OK",
            "Webhook message delivery failed with error: HTTP error 429",
            2,
            "200 OK, but not `1`: Webhook message delivery failed",
        ),
        ("teams", "204 No Content", "", 1, "204"),
    ];
    let taken = taken.map(|(action, status, body)| (action, status, body, 1, status, "succeeded"));
    let not_taken = not_taken.map(|(action, status, body, requests, told)| {
        (action, status, body, requests, told, "discarded")
    });
    for (action, status, body, requests, told, state) in taken.into_iter().chain(not_taken) {
        let server = HttpServer::start([answer(status, &[], body)]);
        let options = "message = a\nretries = 1\nretry_delay = 10ms";
        let run = run_of(&chat(action, &server, options));
        let place = format!("{action} {status} {body}: {run}");
        assert_eq!(run["state"], state, "{place}");
        assert_eq!(server.received().len(), requests, "{place}");
        let outcomes = outcomes(&run);
        assert!(outcomes.iter().all(|it| it.contains(told)), "{place}");
    }
}

#[test]
fn who_is_too_busy_is_waited_for_as_long_as_it_says() {
    let server = HttpServer::start([
        answer("429 Too Many Requests", &["Retry-After: 2"], ""),
        answer("200 OK", &[], "ok"),
    ]);
    let options = "message = a\nretries = 1\nretry_delay = 10ms";
    let run = run_of(&chat("slack", &server, options));
    assert_eq!(run["state"], "succeeded", "{run}");
    let received = server.received();
    let waited = received[1].at - received[0].at;
    assert!(waited >= Duration::from_millis(1_900), "{waited:?}");
}

/// Values come from the store here, which anybody may have filled.
#[test]
fn what_a_value_says_mentions_nobody_and_links_nowhere_but_the_rule_may() {
    let value = "<!here> @all [free](https://evil.example/x)\n> *gpu_1*";
    for (action, expected) in [
        (
            "rocketchat",
            "@all *<^!here> @^all [^free]^(https:^//evil.^example/x)\n^> \\*gpu_1\\**",
        ),
        (
            "slack",
            "@all *&lt;!here&gt; @^all [free](https:^//evil.^example/x)\n^&gt; ^*^gpu_1^*^*",
        ),
        (
            "mattermost",
            "@all *<^!here> @^all \\[free\\](https:^//evil.^example/x)\n^> \\*gpu_1\\**",
        ),
        (
            "teams",
            "@all *<^!here> @^all \\[free\\](https:^//evil.^example/x)\n\n^> \\*gpu_1\\**",
        ),
    ] {
        let server = HttpServer::start([answer("500 No", &[], "")]);
        let stage = chat(action, &server, "message = @all *{{ store.said }}*");
        remember(&stage, &[("said", value)]);
        run_of(&stage);
        let received = &server.received()[0];
        assert_eq!(received.line, format!("POST {HOOK} HTTP/1.1"));
        assert_eq!(received.headers["content-type"], "application/json");
        assert_eq!(
            text(received).replace('\u{200b}', "^"),
            expected,
            "{action}"
        );
    }
}

#[test]
fn a_message_that_is_too_long_is_cut_and_explain_says_so() {
    for action in SERVICES {
        let server = HttpServer::start([answer("500 No", &[], "")]);
        let stage = chat(
            action,
            &server,
            "message = {% for _ in range(1000) %}{{ store.said }}{% endfor %}",
        );
        let value = "0123456789".repeat(5);
        remember(&stage, &[("said", &value)]);
        run_of(&stage);
        let text = text(&server.received()[0]);
        assert!(text.ends_with("… (cut)"), "{action}: {} left", text.len());
        let id = stage.runs()[0]["event_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let output = stage.run(&["explain", &id]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("longer than the service takes"), "{told}");
    }
}

#[test]
fn a_message_of_which_nothing_is_left_is_not_sent() {
    let server = HttpServer::start([answer("200 OK", &[], "ok")]);
    let options = "message = {{ store.said | default('') }}";
    let run = run_of(&chat("slack", &server, options));
    assert_eq!(run["state"], "discarded", "{run}");
    let told = "not started: `message`: expected text, but nothing is left of it for this event";
    assert!(outcomes(&run)[0].contains(told), "{run}");
    assert_eq!(server.received().len(), 0);
}

#[test]
fn the_address_of_a_webhook_is_shown_nowhere() {
    for action in SERVICES {
        for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
            let body = format!("{}{}", r#"{"success": false"#, of_hook());
            let server = HttpServer::start([answer(status, &[], body)]);
            let stage = chat(action, &server, "message = a");
            let mut command = stage.program("listen");
            let output = command.args(["-v", "--until-idle"]).output();
            assert_nothing_told("the log", &output.expect("the program").stderr);
            let shown = stage.run_detail(1).to_string();
            assert!(shown.contains("***"), "{shown}");
            assert_silent(&stage);
        }
    }
    let gone = HttpServer::start([vec![Step::Say(Vec::new())]]);
    let stage = chat("slack", &gone, "message = a");
    let run = run_of(&stage);
    assert_eq!(run["state"], json!("discarded"));
    assert_silent(&stage);
}
