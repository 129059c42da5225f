//! Webhooks: a request is answered once its event is on disk, whatever happens to the service.

mod connections;
mod secured;
mod sharing;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::scene::Service;
use crate::support::sender::{free_port, request, send};
use crate::support::stage::Stage;

/// A stage with a webhook `hook` at a port, with these options besides, and a rule that writes down what comes.
fn hook(port: u16, options: &str) -> Stage {
    let mut stage = Stage::new("");
    let place =
        format!("type = webhook\nlisten = 127.0.0.1:{port}\nid = header X-Id\nkey = payload.n");
    stage.rule("source:hook", &format!("{place}\n{options}"));
    recorded(&mut stage);
    stage
}

/// Has a rule write down what comes.
fn recorded(stage: &mut Stage) {
    stage.rule(
        "r",
        "events = hook\nscript = record.sh\nscript_params = payload.n",
    );
}

/// Starts `listen`, and waits until requests are taken.
fn listen(stage: &Stage) -> Service {
    let service = Service::start(&mut stage.program("listen"));
    service.wait_for("webhook:hook: taking requests at http");
    service
}

/// The request with this number.
fn numbered(number: usize) -> Vec<u8> {
    let id = format!("X-Id: {number}");
    request("POST /", &[&id], &json!({"n": number}).to_string())
}

/// The ids of the events that have runs.
fn on_disk(stage: &Stage) -> Vec<String> {
    let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
    stage.runs().iter().map(id).collect()
}

#[test]
fn a_request_is_answered_once_it_is_on_disk_and_one_that_is_sent_again_is_one_event() {
    let port = free_port();
    let stage = hook(port, "auth = none");
    let service = listen(&stage);
    let (status, answer) = send(port, &numbered(7)).expect("an answer");
    assert_eq!(status, 202, "{answer}");
    assert!(answer.ends_with("{\"events\":[\"7\"]}\n"), "{answer}");
    let runs = stage.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (&runs[0]["event_id"], &runs[0]["key"]),
        (&json!("7"), &json!("7"))
    );
    assert_eq!(send(port, &numbered(7)).expect("an answer").0, 202);
    service.wait_for("hook is known already");
    assert_eq!(stage.wait_for_log(1), ["7|"]);
    assert_eq!(on_disk(&stage), ["7"]);
    service.stop();
}

#[test]
fn what_is_refused_is_told_to_its_sender_and_in_a_few_lines_and_no_secret_is() {
    let port = free_port();
    let stage = hook(
        port,
        "path = /hooks\ntoken_file = token\nhmac = sha256 X-Mac mac\nmax_body = 100",
    );
    for (name, text) in [("token", "hidden-token\n"), ("mac", "hidden-mac\n")] {
        fs::write(stage.path(name), text).expect("a file");
    }
    let service = listen(&stage);
    let right = "Authorization: Bearer hidden-token";
    // No signature of any body here.
    let signed = "X-Mac: sha256=6f1d8a";
    let long = "x".repeat(101);
    let cases: [(&str, &[&str], &str, u16, &str); 8] = [
        ("POST /other", &[right], "{}", 404, "nothing takes requests"),
        (
            "POST /hooks2",
            &[right],
            "{}",
            404,
            "nothing takes requests",
        ),
        ("POST /hooks", &[], "{}", 401, "WWW-Authenticate: Bearer"),
        (
            "POST /hooks",
            &["Authorization: Bearer hidden-t"],
            "{}",
            401,
            "is wrong",
        ),
        ("POST /hooks", &[right], "{}", 401, "expected a signature"),
        ("POST /hooks/a", &[right, signed], "{}", 401, "signature"),
        ("GET /hooks", &[right, signed], "", 405, "Allow: POST"),
        (
            "POST /hooks",
            &[right, signed],
            &long,
            413,
            "at most 100 bytes (`max_body`)",
        ),
    ];
    for _ in 0..20 {
        for (line, headers, body, status, part) in cases {
            let (found, answer) = send(port, &request(line, headers, body)).expect("an answer");
            assert_eq!(found, status, "{line} {headers:?}: {answer}");
            let answer = answer.to_lowercase();
            assert!(
                answer.contains(&part.to_lowercase()),
                "no `{part}` in {answer}"
            );
        }
    }
    assert_eq!(on_disk(&stage), Vec::<String>::new());
    let log = service.stop();
    let lines = log
        .matches("webhook:hook: refused a request from 127.0.0.1 with ")
        .count();
    assert!((1..=8).contains(&lines), "{log}");
    assert!(!log.contains("hidden"), "{log}");
}

#[test]
fn what_an_event_shows_of_a_request_has_no_secret_in_it() {
    let port = free_port();
    let stage = hook(port, "basic_file = login");
    fs::write(stage.path("login"), "user:hidden\n").expect("a file");
    stage.script("record.sh", "cat >>\"$LOG\"; echo >>\"$LOG\"");
    let service = listen(&stage);
    let headers = [
        "X-Id: 1",
        "Authorization: Basic dXNlcjpoaWRkZW4=",
        "Cookie: hidden",
        "X-Gitlab-Token: hidden",
        "X-GitHub-Event: push",
    ];
    let request = request("POST /a/b?token=hidden", &headers, r#"{"n": 1}"#);
    let (status, answer) = send(port, &request).expect("an answer");
    assert_eq!(status, 202, "{answer}");
    let line = stage.wait_for_log(1).remove(0);
    let event: Value = serde_json::from_str(&line).expect("an event");
    let headers = json!({
        "Host": "localhost", "Content-Type": "application/json", "Connection": "close",
        "Content-Length": "8", "X-Id": "1", "X-GitHub-Event": "push",
    });
    let payload = json!({"payload": {"n": 1}, "meta": {"endpoint": "a/b", "headers": headers}});
    assert_eq!(event["payload"], payload);
    service.stop();
    for entry in fs::read_dir(stage.state()).expect("the state").flatten() {
        let bytes = fs::read(entry.path()).unwrap_or_default();
        for secret in [&b"hidden"[..], b"dXNlcjpoaWRkZW4"] {
            assert_eq!(
                memchr::memmem::find(&bytes, secret),
                None,
                "{:?}",
                entry.path()
            );
        }
    }
}

#[test]
fn a_stop_under_load_answers_what_is_on_disk_and_nothing_else_is() {
    const SENDERS: usize = 8;
    for round in 0..5 {
        let port = free_port();
        let stage = hook(port, "auth = none");
        let service = listen(&stage);
        let next = AtomicUsize::new(0);
        let answered = Mutex::new(BTreeSet::new());
        thread::scope(|threads| {
            for _ in 0..SENDERS {
                threads.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        match send(port, &numbered(number)) {
                            Ok((202, _)) => {
                                let mut answered = answered.lock().expect("nobody panics");
                                answered.insert(number.to_string());
                            }
                            Ok((503, _)) => {}
                            Ok((_, answer)) => panic!("{answer}"),
                            Err(_) => break,
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(200 + 37 * round));
            service.stop();
        });
        let answered = answered.into_inner().expect("nobody panics");
        assert!(answered.len() > SENDERS);
        assert_eq!(
            on_disk(&stage).into_iter().collect::<BTreeSet<_>>(),
            answered
        );
    }
}
