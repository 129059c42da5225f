//! Ends of runs as events, and rules that make events. Timers make the first ones, so that no bus is needed.

use std::os::unix::process::ExitStatusExt;

use serde_json::{Value, json};

use super::support::drained::drain;
use super::support::http_server::{HttpServer, answer};
use super::support::service::Service;
use super::support::stage::{Stage, wait_until};

/// A stage with a timer that fires once, at once, and the rule `build` for it.
fn stage(options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule("build", &format!("events = tick\n{options}"));
    stage.script("bad.sh", "echo \"no room\"; exit 3");
    stage
}

fn told(stage: &Stage, arguments: &[&str]) -> String {
    let output = stage.run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The rules and the ids of the events of all runs, oldest first.
fn rules_and_events(stage: &Stage) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let runs = stage.runs();
    let pair = |run: &Value| (text(&run["rule"]), text(&run["event_id"]));
    runs.iter().map(pair).collect()
}

/// The rule `tell`, which writes down what it is told of the ends of runs.
fn telling(stage: &mut Stage, events: &str) {
    let rule = format!("events = {events}\nscript = record.sh\nscript_params = rule, run, outcome");
    stage.rule("tell", &rule);
}

#[test]
fn the_channel_is_told_when_anything_was_given_up() {
    let server = HttpServer::start([answer("404 Not Found", &[], "")]);
    let mut stage = stage("script = bad.sh");
    stage.rule("all", "events = *\nscript = record.sh all");
    stage.rule(
        "tell",
        &format!(
            "events = run.discarded\naction = http\nurl = {}/hook\nbody = {}",
            server.url(),
            r#"{"text": "[{{ payload.rule }}] gave up: {{ outcome }}", "of": "{{ payload.event.type }}", "end": "{{ payload.output }}", "key": "{{ key }}"}"#
        ),
    );
    // The request fails as well, but that is the end of a run for the end of a run.
    let log = drain(&stage);
    assert_eq!(
        stage.states(),
        ["discarded", "succeeded", "discarded"],
        "{log}"
    );
    let received = server.received();
    assert_eq!(received.len(), 1);
    let body: Value = serde_json::from_slice(&received[0].body).expect("JSON");
    let expected = json!({
        "text": "[build] gave up: exit status 3", "of": "tick", "end": "no room\n", "key": "tick",
    });
    assert_eq!(body, expected);
    // Rules for all that sources send are not for this.
    assert_eq!(stage.log(), ["all|"]);
    let shown = told(&stage, &["runs", "show", "3"]);
    assert!(
        shown.contains("\n  made by   the end of run 1\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\n  event     run.discarded 1-1 from run\n"),
        "{shown}"
    );
    let event = &stage.run_detail(3)["event"];
    assert_eq!(event["made_by"]["run"], 1);
    assert_eq!(event["payload"]["event"], stage.run_detail(1)["event"]);
}

/// Each way, and without a service that runs meanwhile.
#[test]
fn a_run_that_ends_again_is_told_again_whoever_ends_it() {
    let mut stage = stage("script = bad.sh\nstart_at = time + 10h");
    telling(&mut stage, "run.*");
    drain(&stage);
    assert_eq!(stage.states(), ["scheduled"]);
    told(&stage, &["runs", "cancel", "1", "--reason", "no need"]);
    assert_eq!(stage.states(), ["cancelled"]);
    drain(&stage);
    let cancelled = "build|1|cancelled by the operator: no need|";
    assert_eq!(stage.log(), [cancelled]);
    told(&stage, &["runs", "retry", "1"]);
    drain(&stage);
    let discarded = "build|1|exit status 3|";
    assert_eq!(stage.log(), [cancelled, discarded]);
    stage.script("bad.sh", "exit 0");
    told(&stage, &["runs", "retry", "1"]);
    drain(&stage);
    let succeeded = "build|1|exit status 0|";
    assert_eq!(stage.log(), [cancelled, discarded, succeeded]);
    let events = rules_and_events(&stage);
    let ids: Vec<_> = events.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids[1..], ["1-1", "1-2", "1-3"]);
    drain(&stage);
    assert_eq!(stage.runs().len(), 4);
}

#[test]
fn what_commands_end_beside_a_service_is_told_at_once() {
    let mut stage = stage("script = bad.sh\nstart_at = time + 10h");
    telling(&mut stage, "run.cancelled");
    stage.config();
    let service = Service::start(stage.program("listen").arg("--verbose"));
    service.wait_for("tick accepted");
    assert_eq!(stage.states(), ["scheduled"]);
    told(&stage, &["runs", "cancel", "1"]);
    stage.wait_for_log(1);
    service.stop();
    assert_eq!(stage.log(), ["build|1|cancelled by the operator|"]);
}

#[test]
fn a_rule_that_a_reload_adds_is_told_of_what_ends_from_then_on() {
    let mut stage = stage("script = bad.sh");
    stage.config();
    let service = Service::start(stage.program("listen").arg("--verbose"));
    service.wait_for("tick accepted");
    wait_until("the run to end", || stage.states() == ["discarded"]);
    telling(&mut stage, "run.discarded");
    stage.config();
    service.signal("HUP");
    service.wait_for("was read again");
    told(&stage, &["runs", "retry", "1"]);
    stage.wait_for_log(1);
    service.stop();
    assert_eq!(stage.log(), ["build|1|exit status 3|"]);
}

#[test]
fn a_step_makes_an_event_of_what_the_steps_before_found() {
    let mut stage =
        stage("script = build.sh\nresults = {\"ip\": \"$.ip\"}\non_success = build/announce");
    stage.script("build.sh", r#"echo '{"ip": "10.0.0.1"}'"#);
    stage.rule(
        "build/announce",
        "action = event\ntype = node.built\npayload = {\"ip\": \"{{ steps.build.ip }}\", \"by\": \"{{ run.id }}\"}\n\
         on_success = build/last",
    );
    stage.rule("build/last", "script = record.sh last");
    stage.rule(
        "heard",
        "events = node.*\nscript = record.sh heard\nscript_params = ip, by",
    );
    let log = drain(&stage);
    assert_eq!(stage.states(), ["succeeded", "succeeded"], "{log}");
    // They have the same key: the run that was accepted first goes on first.
    assert_eq!(stage.log(), ["last|", "heard|10.0.0.1|1|"]);
    let [first, second] = [1, 2].map(|run| stage.run_detail(run)["key"].clone());
    assert_eq!(first, second);
    let shown = told(&stage, &["runs", "show", "2"]);
    assert!(
        shown.contains("\n  made by   run 1, at depth 1\n"),
        "{shown}"
    );
    let shown = told(&stage, &["runs", "show", "1"]);
    assert!(shown.contains("made an event `node.built`"), "{shown}");
}

#[test]
fn events_made_of_each_other_end_after_five() {
    let mut stage = stage("action = event\ntype = a");
    stage.rule("there", "events = a\naction = event\ntype = b");
    stage.rule("back", "events = b\naction = event\ntype = a\nretries = 9");
    let warned = told(&stage, &["check"]);
    assert!(
        warned.contains("the event `b` may come back to this rule: by [back], then [there]"),
        "{warned}"
    );
    drain(&stage);
    let runs = stage.runs();
    assert_eq!(runs.len(), 6);
    assert!(runs[..5].iter().all(|run| run["state"] == "succeeded"));
    assert_eq!(
        (&runs[5]["state"], &runs[5]["attempts"]),
        (&json!("discarded"), &json!(1))
    );
    let why = runs[5]["reason"].as_str().expect("a reason");
    assert!(
        why.contains("5 runs in a row have each made an event"),
        "{why}"
    );
}

#[test]
fn a_crash_in_between_makes_neither_no_event_nor_two() {
    let ends = "script = bad.sh";
    let makes = "action = event\ntype = made\npayload = {\"rule\": \"build\", \"run\": \"{{ run.id }}\", \"outcome\": \"-\"}";
    for (options, events) in [(ends, "run.discarded"), (makes, "made")] {
        for point in [
            "process-ended:1",
            "outcome-uncommitted:1",
            "outcome-written:1",
            "announcement-decided:1",
            "announced-uncommitted:1",
            "announced:1",
        ] {
            let mut stage = stage(options);
            telling(&mut stage, events);
            stage.config();
            let mut command = stage.program("listen");
            let mut service = Service::start(command.env("ESI_CRASH_POINT", point));
            let (status, log) = service.wait();
            assert_eq!(status.signal(), Some(9), "{events}, {point}: {log}");
            drain(&stage);
            let rules: Vec<_> = rules_and_events(&stage)
                .into_iter()
                .map(|(rule, _)| rule)
                .collect();
            assert_eq!(rules, ["build", "tell"], "{events}, {point}");
            assert_eq!(stage.log().len(), 1, "{events}, {point}");
            drain(&stage);
            assert_eq!(stage.runs().len(), 2, "{events}, {point}");
        }
    }
}

#[test]
fn check_and_explain_know_events_of_runs() {
    let mut stage = stage("script = bad.sh");
    telling(&mut stage, "run.failed, run.cancelled");
    stage.rule("other", "events = *\naction = event\ntype = made");
    let warned = told(&stage, &["check"]);
    for part in [
        "no event of type `run.failed` tells of the end of a run",
        "did you mean `run.discarded`?",
        "the event `made` may come back to this rule: by [other]",
    ] {
        assert!(warned.contains(part), "no `{part}` in {warned}");
    }
    let explained = |event_type: &str| -> Vec<Value> {
        let payload = r#"{"rule": "build", "run": 7, "outcome": "too old"}"#;
        let arguments = ["explain", "--event-type", event_type, "--payload", payload];
        let output = told(&stage, &[&arguments[..], &["--format", "json"]].concat());
        let answer: Value = serde_json::from_str(&output).expect("JSON");
        answer["rules"].as_array().expect("rules").clone()
    };
    let rules = explained("run.cancelled");
    let verdicts: Vec<_> = rules.iter().map(|rule| rule["verdict"].clone()).collect();
    assert_eq!(verdicts, ["other_type", "run", "other_type"]);
    let arguments = rules[1]["command"].to_string();
    assert!(arguments.contains("too old"), "{}", rules[1]);
    let rules = explained("tick");
    let why = "it is for run.failed, run.cancelled: what tells of the ends of runs";
    assert_eq!(rules[1]["why"], why);
    assert_eq!(rules[2]["makes"]["type"], "made");
}
