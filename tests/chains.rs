//! Rules of several steps. Timers make the events, so that no bus is needed.

use std::os::unix::process::ExitStatusExt;

use serde_json::{Value, json};

use super::support::drained::drain;
use super::support::http_server::{HttpServer, answer};
use super::support::service::Service;
use super::support::stage::Stage;

/// A stage with a timer that fires once, at once, and the rule `build` for it.
fn stage(options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule("build", &format!("events = tick\n{options}"));
    for (name, status) in [("good.sh", 0), ("bad.sh", 3)] {
        stage.script(name, &format!("echo \"$*\" >>\"$LOG\"\nexit {status}"));
    }
    stage
}

/// Which step each attempt of the only run performed, and how it ended.
fn steps(stage: &Stage) -> Vec<(String, String)> {
    let run = stage.run_detail(1);
    let attempts = run["attempt_records"].as_array().expect("attempts");
    let text = |value: &Value| value.as_str().unwrap_or("build").to_owned();
    attempts
        .iter()
        .map(|attempt| (text(&attempt["step"]), text(&attempt["outcome"])))
        .collect()
}

fn shown(stage: &Stage) -> String {
    let output = stage.run(&["runs", "show", "1"]);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn attempts(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = of
        .iter()
        .map(|(step, outcome)| ((*step).to_owned(), (*outcome).to_owned()));
    owned.collect()
}

#[test]
fn later_steps_see_what_earlier_ones_found() {
    let ticket = "{\n \"ticket\": {\"id\": 7}\n}";
    let server = HttpServer::start([answer("201 Created", &[], ticket)]);
    let mut stage =
        stage("script = build.sh\nresults = {\"ip\": \"$.ip\"}\non_success = build/tell");
    stage.script(
        "build.sh",
        r#"echo "starting"; echo '{"ip": "10.0.0.1"}'; echo "done" >&2"#,
    );
    stage.rule(
        "build/tell",
        &format!(
            "action = http\nurl = {}/{{{{ steps.build.ip }}}}\nresults = {{\"ticket\": \"ticket.id\"}}\non_success = build/last",
            server.url()
        ),
    );
    stage.script("last.sh", r#"echo "$*" >>"$LOG"; cat >>"$LOG""#);
    stage.rule(
        "build/last",
        "script = last.sh\nscript_params = @build.ip, @build.exit_status, @tell.ticket, @build.nope, scheduled",
    );
    let log = drain(&stage);
    assert_eq!(stage.states(), ["succeeded"], "{log}");
    assert_eq!(server.received()[0].line, "POST /10.0.0.1 HTTP/1.1");
    let said = stage.log();
    assert!(said[0].starts_with("10.0.0.1 0 7  20"), "{said:?}");
    let event: Value = serde_json::from_str(&said[1]).expect("the event");
    let expected = json!({"build": {"exit_status": 0, "ip": "10.0.0.1"}, "tell": {"ticket": 7}});
    assert_eq!(event["steps"], expected);
    assert_eq!(
        steps(&stage),
        attempts(&[
            ("build", "exit status 0"),
            ("build/tell", "the server answered 201 Created"),
            ("build/last", "exit status 0")
        ])
    );
    assert!(log.contains("[build/tell] follows"), "{log}");
    let shown = shown(&stage);
    assert!(shown.contains("ended with [build/last]"), "{shown}");
    assert!(shown.contains("attempt 2 of [build/tell] at"), "{shown}");
}

#[test]
fn a_failure_that_another_step_handled_is_one_unless_the_rule_says_otherwise() {
    for (means, state) in [("failure", "discarded"), ("success", "succeeded")] {
        let mut stage = stage(&format!(
            "script = bad.sh build\nretries = 1\nretry_delay = 0\non_failure = build/undo\non_failure_means = {means}"
        ));
        stage.rule(
            "build/undo",
            "script = good.sh undo\nscript_params = @build.exit_status",
        );
        let log = drain(&stage);
        assert_eq!(stage.states(), [state], "{log}");
        assert_eq!(stage.log(), ["build", "build", "undo 3"]);
        let why = stage.runs()[0]["reason"].clone();
        let expected = match state {
            "discarded" => "[build] failed, handled by [build/undo]",
            _ => "exit status 0",
        };
        assert_eq!(why, expected);
        let is_told = log.contains("succeeded, but [build] had failed; given up");
        assert_eq!(is_told, state == "discarded", "{log}");
    }
}

#[test]
fn a_retry_begins_at_the_step_that_failed_or_at_the_first() {
    let mut stage = stage("script = good.sh build\non_success = build/tell");
    stage.rule("build/tell", "script = bad.sh tell");
    drain(&stage);
    assert_eq!(stage.states(), ["discarded"]);
    let retry = |arguments: &[&str]| {
        let output = stage.run(&[&["runs", "retry", "1"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        drain(&stage);
        stage.log()
    };
    assert_eq!(retry(&[]), ["build", "tell", "tell"]);
    assert_eq!(
        retry(&["--from-start"]),
        ["build", "tell", "tell", "build", "tell"]
    );
}

#[test]
fn only_the_failures_that_are_named_are_tried_again() {
    for (on, times) in [("timeout", 1), ("failure", 3), ("failure, timeout", 3)] {
        let stage = stage(&format!(
            "script = bad.sh\nretries = 2\nretry_delay = 0\nretry_on = {on}"
        ));
        drain(&stage);
        assert_eq!(stage.log().len(), times, "{on}");
    }
}

#[test]
fn after_a_crash_a_run_goes_on_at_its_step() {
    // At the second of each: of the second step.
    for point in [
        "run-claimed:2",
        "process-ended:2",
        "outcome-uncommitted:2",
        "outcome-written:1",
    ] {
        let mut stage = stage("script = good.sh build\non_success = build/tell");
        stage.rule(
            "build/tell",
            "script = good.sh tell\nscript_params = @build.exit_status",
        );
        stage.config();
        let mut command = stage.program("listen");
        let mut service = Service::start(command.env("ESI_CRASH_POINT", point));
        let (status, log) = service.wait();
        assert_eq!(status.signal(), Some(9), "{point}: {log}");
        drain(&stage);
        assert_eq!(stage.states(), ["succeeded"], "{point}");
        let log = stage.log();
        assert_eq!(log[0], "build", "{point}");
        let rest: Vec<_> = log[1..].iter().map(String::as_str).collect();
        assert!(
            !rest.is_empty() && rest.iter().all(|line| *line == "tell 0"),
            "{point}: {log:?}"
        );
    }
}

#[test]
fn a_step_that_has_gone_meanwhile_cancels_the_run_and_says_so() {
    let mut stage = stage("script = good.sh build\non_success = build/tell");
    stage.rule("build/tell", "script = bad.sh tell");
    drain(&stage);
    stage.no_rules();
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule("build", "events = tick\nscript = good.sh build");
    let output = stage.run(&["runs", "retry", "1"]);
    assert!(output.status.success(), "{output:?}");
    let log = drain(&stage);
    assert_eq!(stage.states(), ["cancelled"], "{log}");
    let why = stage.runs()[0]["reason"].clone();
    assert_eq!(
        why,
        "not started: no step [build/tell] follows in the rule any more"
    );
}

#[test]
fn explain_says_what_follows() {
    let mut stage =
        stage("script = good.sh build\non_success = build/tell\non_failure = build/undo");
    stage.rule("build/tell", "script = good.sh tell");
    stage.rule(
        "build/undo",
        "script = good.sh undo\non_success = build/tell",
    );
    drain(&stage);
    let id = stage.runs()[0]["event_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let output = stage.run(&["explain", &id, "--format", "json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rule = &answer["rules"][0];
    let expected = json!([
        {"step": "build", "on_success": "build/tell", "on_failure": "build/undo"},
        {"step": "build/tell", "on_success": null, "on_failure": null},
        {"step": "build/undo", "on_success": "build/tell", "on_failure": null},
    ]);
    assert_eq!(rule["steps"], expected);
    let why = rule["why"].as_str().expect("text");
    assert!(
        why.contains("; on failure of [build] follows [build/undo]"),
        "{why}"
    );
}
