//! `batch`: one message for the events of a window, over kills, retries and retention.

use std::os::unix::process::ExitStatusExt as _;

use esi_event_actions::crash::Point;

use super::chat::text;
use super::outcomes;
use super::secrets::HOOK;
use crate::support::drained::secret;
use crate::support::http_server::{HttpServer, answer};
use crate::support::service::Service;
use crate::support::stage::{Stage, wait_until};

/// A stage with a timer that fires so many times, and the rule `tell`, which sends this server one message for all of
/// a window.
fn stage(server: &HttpServer, every: &str, times: usize, options: &str) -> Stage {
    let mut stage = Stage::new("");
    let timer = format!("type = timer\nevery = {every}\nlimit = {times}\nmissed = all");
    stage.rule("source:tick", &timer);
    let rule = "events = tick\naction = slack\nurl_file = hook\nmessage = tick {{ payload.i }}\nretry_delay = 10ms";
    stage.rule("tell", &format!("{rule}\n{options}"));
    secret(&stage, "hook", &format!("{}{HOOK}\n", server.url()));
    stage
}

fn listen(stage: &Stage) -> Service {
    let service = Service::listen(stage);
    service.wait_for("timer:tick");
    service
}

fn taking() -> HttpServer {
    HttpServer::start([answer("200 OK", &[], "ok")])
}

/// How many runs are in this state.
fn count(stage: &Stage, state: &str) -> usize {
    let states = stage.states();
    states.iter().filter(|found| *found == state).count()
}

/// The ticks of these numbers, a line each.
fn ticks(numbers: std::ops::RangeInclusive<usize>) -> String {
    let lines: Vec<String> = numbers.map(|number| format!("tick {number}")).collect();
    lines.join("\n")
}

/// The run that tells, once it has succeeded.
fn told(stage: &Stage) -> serde_json::Value {
    wait_until("the message", || count(stage, "succeeded") == 1);
    stage.run_detail(1)
}

#[test]
fn the_events_of_a_window_are_one_message_and_each_says_which() {
    let server = taking();
    let stage = stage(&server, "20ms", 5, "batch = 3s");
    let service = listen(&stage);
    wait_until("all to be accepted", || stage.runs().len() == 5);
    let id = stage.runs()[4]["event_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let explained = String::from_utf8(stage.run(&["explain", &id]).stdout).expect("text");
    let line = "such an event would be told of by run 1, at ";
    assert!(explained.contains(line), "{explained}");
    assert_eq!(server.received().len(), 0, "the window has not ended");
    let run = told(&stage);
    service.stop();
    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(text(&received[0]), ticks(1..=5));
    assert_eq!(run["key"], "tell", "of whatever events it is");
    let batch = serde_json::json!({"events": 5, "runs_told_of": [2, 3, 4, 5]});
    assert_eq!(run["batch"], batch);
    let outcome = outcomes(&run)[0];
    let expected = "the server answered 200 OK; the message is of 5 events, and tells of 5";
    assert!(outcome.ends_with(expected), "{outcome}");
    let shown = String::from_utf8(stage.run(&["runs", "show", "1"]).stdout).expect("text");
    let line = "  batch     5 events: its own, and those of the runs 2, 3, 4, 5\n";
    assert!(shown.contains(line), "{shown}");
    for run in &stage.runs()[1..] {
        let reason = run["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("told of by run 1, at "), "{reason}");
        assert_eq!(run["state"], "cancelled");
    }
}

/// Between the starts retention would take what has finished.
#[test]
fn a_batch_outlives_kills_while_its_window_is_open_and_a_server_that_fails() {
    let server = HttpServer::start([answer("500 No", &[], ""), answer("200 OK", &[], "ok")]);
    let mut stage = stage(&server, "400ms", 6, "batch = 5s\nretries = 3");
    stage.default("keep_events = 1");
    for accepted in [2, 4] {
        let service = listen(&stage);
        wait_until("some to be accepted", || stage.runs().len() >= accepted);
        service.kill();
    }
    assert_eq!(server.received().len(), 0);
    let service = listen(&stage);
    let run = told(&stage);
    service.stop();
    let texts: Vec<String> = server.received().iter().map(text).collect();
    assert_eq!(texts, [ticks(1..=6), ticks(1..=6)]);
    assert_eq!(run["attempts"], 2, "{run}");
}

#[test]
fn a_kill_around_the_message_loses_no_event_of_it() {
    for (point, messages) in [
        (Point::RunClaimed, 1),
        (Point::ProcessEnded, 2),
        (Point::OutcomeUncommitted, 2),
        (Point::OutcomeWritten, 1),
    ] {
        let server = taking();
        let stage = stage(&server, "20ms", 3, "batch = 1s");
        let mut command = stage.program("listen");
        let killed = command.env("ESI_CRASH_POINT", point.name()).output();
        let killed = killed.expect("the program");
        assert_eq!(killed.status.signal(), Some(9), "{point:?} {killed:?}");
        let service = listen(&stage);
        told(&stage);
        service.stop();
        let texts: Vec<String> = server.received().iter().map(text).collect();
        assert_eq!(texts, vec![ticks(1..=3); messages], "{point:?}");
    }
}

#[test]
fn of_a_storm_the_first_hundred_are_told_and_the_others_counted() {
    let server = taking();
    let stage = stage(&server, "5ms", 120, "batch = 4s");
    let service = listen(&stage);
    let run = told(&stage);
    service.stop();
    assert_eq!(
        text(&server.received()[0]),
        ticks(1..=100) + "\n… and 20 more"
    );
    assert_eq!(run["batch"]["events"], 120, "{run}");
    let outcome = outcomes(&run)[0];
    assert!(
        outcome.ends_with("120 events, and tells of 100"),
        "{outcome}"
    );
}
