//! The quarantine: listed, shown, retried when what was wrong has been mended, and dropped; and the runs
//! that wait for it.

use std::time::Instant;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::captured::{self, Driver};
use crate::support::scene::{DELETE, FULFILL, PATIENCE, Scene, lease, notification, wait_until};

/// Takes more steps on sixty letters than a filter may.
const RUNAWAY: &str = r#"filter_params = {"purpose": "(?:(a*)*)*\\1b(?=c)"}"#;

fn rule(filter: &str) -> String {
    format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose\n{filter}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn what_could_not_be_decided_is_retried_beside_the_service_when_the_rule_is_fixed() {
    let long = "a".repeat(60);
    let mut scene = Scene::new("undecidable");
    scene.rule("runaway", &rule(RUNAWAY));
    scene.rule("other", &rule(""));
    let message = notification(FULFILL).with("purpose", long.as_str());
    scene.publish(&message.body);
    // Twice the same news does not make two of it.
    scene.publish(&message.body);
    let service = scene.listen();
    service.wait_for("rule [runaway] cannot be decided");
    // A rule that cannot be decided holds up no other one.
    scene.wait_for_log(1);
    service.stop();
    let kept = scene.quarantined();
    assert_eq!(kept.len(), 1);
    let reason = kept[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("too many steps"), "{reason}");
    assert_eq!(kept[0]["size"], message.body.len());

    // Unmended it stays.
    let output = scene.run(&["quarantine", "retry", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    assert!(
        printed.contains("delivery 1 stays in quarantine: rule [runaway]"),
        "{printed}"
    );

    assert!(printed.contains("explain --quarantined 1"), "{printed}");
    let explained = text(&scene.run(&["explain", "--quarantined", "1"]).stdout);
    let head = format!("event {} of type {FULFILL}", message.message_id);
    assert!(explained.starts_with(&head), "{explained}");
    assert!(explained.contains("too many steps"), "{explained}");
    assert!(explained.contains("record.sh aaaa"), "{explained}");

    scene.no_rules();
    scene.rule("runaway", &rule(r#"filter_params = {"purpose": "a+"}"#));
    scene.rule("other", &rule(""));
    let service = scene.listen();
    let output = scene.run(&["quarantine", "retry", "1"]);
    let retried = Instant::now();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "delivery 1: accepted; runs 2\n");
    scene.wait_for_log(2);
    // Two seconds are promised; a busy machine may need some more.
    assert!(retried.elapsed() < PATIENCE / 12, "{:?}", retried.elapsed());
    wait_until("both runs", || scene.states() == ["succeeded", "succeeded"]);
    service.stop();
    let runs = scene.runs();
    assert_eq!([&runs[0]["rule"], &runs[1]["rule"]], ["other", "runaway"]);
    assert_eq!(runs[1]["event_id"], message.message_id);
    assert!(scene.quarantined().is_empty());

    let output = scene.run(&["quarantine", "retry", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(
        printed.contains("there is no quarantined delivery 1"),
        "{printed}"
    );
}

#[test]
fn deliveries_are_listed_and_shown_whole() {
    let mut scene = Scene::new("shown");
    scene.rule("r", &rule(""));
    let broken = "{\"purpose\": \"Grüße\", \"_context_auth_token\": \"x\", broken";
    scene.publish_all([broken.as_bytes(), b"\xffsecond"]);
    scene.drain();

    let table = text(&scene.run(&["quarantine", "list"]).stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    for (line, parts) in lines.iter().zip([
        ["delivery", "bytes", "reason"],
        ["1", &broken.len().to_string(), "expected a JSON object"],
        ["2", "7", "expected UTF-8 text"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{table}");
    }
    let shown = text(&scene.run(&["quarantine", "show", "1"]).stdout);
    assert!(
        shown.contains("\"Grüße\", \"_context_auth_token\": \"[blanked]\", broken"),
        "{shown}"
    );
    assert!(shown.contains("reason: expected a JSON object"), "{shown}");
    let shown = text(&scene.run(&["quarantine", "show", "2"]).stdout);
    assert!(shown.contains("\\xffsecond"), "{shown}");
    let output = scene.run(&["quarantine", "show", "2", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(shown["size"], 7);
    assert_eq!(shown["body"], "\u{fffd}second");
    let newest = scene.run(&["quarantine", "list", "--limit", "1", "--format", "json"]);
    let newest: Vec<Value> = serde_json::from_slice(&newest.stdout).expect("JSON");
    assert_eq!((newest.len(), &newest[0]["id"]), (1, &Value::from(2)));

    let output = scene.run(&["quarantine", "show", "7"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no quarantined delivery 7"));
    let output = scene.run(&["explain", "--quarantined", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    for part in [
        "the quarantined delivery 1: expected a JSON object, but ",
        "near `",
        "[blanked]\", broken`",
        "quarantine show 1",
    ] {
        assert!(printed.contains(part), "no {part} in {printed}");
    }
    let output = scene.run(&["explain", "--quarantined", "7"]);
    assert_eq!(output.status.code(), Some(1));
    // Several at once: each is told of.
    let output = scene.run(&["quarantine", "retry", "1", "2"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout).matches("stays in quarantine").count(),
        2
    );
}

#[test]
fn a_retry_without_a_service_is_carried_out_by_the_next_one() {
    let mut scene = Scene::new("later");
    scene.rule("r", &rule(RUNAWAY));
    let long = "a".repeat(60);
    let message = captured::first(Driver::Messaging, FULFILL).fresh();
    scene.publish(message.with("purpose", long.as_str()).body);
    scene.publish(notification(DELETE).body);
    scene.drain();
    assert!(scene.runs().is_empty());
    scene.no_rules().rule("r", &rule(""));
    let output = scene.run(&["quarantine", "retry", "1"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(scene.states(), ["due"]);
    scene.drain();
    assert_eq!(scene.log(), [format!("{long}|")]);
    assert_eq!(scene.states(), ["succeeded"]);
}

/// A stage whose one rule records the purpose.
fn recording(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.rule("r", &rule(""));
    scene
}

/// A notification that breaks off near its end, long after it has named its node.
fn cut(purpose: &str, node: &str) -> String {
    let mut body = lease(purpose, node);
    body.truncate(body.len() - 20);
    body
}

/// What became of a command that has to end well.
fn told(scene: &Scene, arguments: &[&str]) -> String {
    let output = scene.run(arguments);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

#[test]
fn later_runs_of_the_node_wait_for_what_cannot_be_decoded_until_it_is_dropped() {
    let scene = recording("held");
    let service = scene.listen();
    scene.publish(lease("early", "A"));
    scene.wait_for_log(1);
    // Its tenant would like the node B to be held.
    let purpose = r#"\", "node_uuid": "B", "esi_leap_object.data": {"node_uuid": "B"}, "x": ""#;
    scene.publish(cut(purpose, "A"));
    scene.publish_all([lease("late", "A"), lease("other", "B"), lease("later", "A")]);
    assert_eq!(scene.wait_for_log(2), ["early|", "other|"]);
    let log = service.stop();
    let line = log.lines().find(|line| line.contains("in quarantine"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    for part in [
        "ERROR",
        "later runs of its node A wait for it",
        "quarantine show 1",
        "quarantine retry 1",
        "quarantine drop 1",
    ] {
        assert!(line.contains(part), "no `{part}` in {line}");
    }

    // Whoever stops when idle does not wait for an operator; and the next one holds them, too.
    scene.publish(lease("third", "B"));
    let log = text(&scene.drain().stderr);
    assert!(
        log.contains("runs wait for deliveries in quarantine"),
        "{log}"
    );
    assert!(log.contains("runs=2"), "{log}");
    assert_eq!(scene.log()[2..], ["third|"]);
    let runs = scene.runs();
    let standing = |purpose: usize| (&runs[purpose]["state"], &runs[purpose]["held_by"]);
    assert_eq!(standing(0), (&"succeeded".into(), &Value::Null));
    assert_eq!(standing(1), (&"due".into(), &1.into()));
    assert_eq!(standing(3), (&"due".into(), &1.into()));
    let kept = &scene.quarantined()[0];
    assert_eq!((&kept["node"], &kept["waiting"]), (&"A".into(), &2.into()));
    let run = runs[1]["id"].to_string();
    for (command, part) in [
        (&["runs", "list"][..], "waits for delivery 1 in quarantine"),
        (
            &["runs", "show", &run],
            "for delivery 1 in quarantine, which came before it",
        ),
        (
            &["quarantine", "show", "1"],
            "holds node: A; runs waiting: 2; `quarantine retry 1`",
        ),
        (&["quarantine", "list"], "holds node"),
    ] {
        let shown = told(&scene, command);
        assert!(shown.contains(part), "no `{part}` in {shown}");
    }

    let service = scene.listen();
    // It is as broken as before.
    let output = scene.run(&["quarantine", "retry", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let output = scene.run(&["quarantine", "drop", "1", "7"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no quarantined delivery 7"));
    scene.publish(lease("fourth", "B"));
    assert_eq!(scene.wait_for_log(4)[3], "fourth|");
    assert_eq!(
        told(&scene, &["quarantine", "drop", "1"]),
        "delivery 1: deleted; runs of node A that waited for it and go on: 2\n"
    );
    assert_eq!(scene.wait_for_log(6)[4..], ["late|", "later|"]);
    service.stop();
    assert!(scene.quarantined().is_empty());
}

#[test]
fn what_is_released_runs_before_what_has_waited_for_it() {
    let scene = recording("released");
    let whole = lease("lost", "A");
    scene.publish(cut("lost", "A"));
    scene.publish(lease("late", "A"));
    scene.drain();
    assert_eq!(scene.states(), ["due"]);
    // As if this program had learnt to read it.
    let journal = Connection::open(scene.state().join("journal.sqlite")).expect("a journal");
    let changed = journal.execute("UPDATE quarantine SET body = ?1", [whole.as_bytes()]);
    assert_eq!(changed, Ok(1));
    drop(journal);

    let service = scene.listen();
    let shown = told(&scene, &["quarantine", "retry", "1"]);
    assert!(shown.starts_with("delivery 1: accepted; runs "), "{shown}");
    assert_eq!(scene.wait_for_log(2), ["lost|", "late|"]);
    wait_until("both runs", || scene.states() == ["succeeded", "succeeded"]);
    service.stop();
}

#[test]
fn what_retention_deletes_from_quarantine_lets_its_node_go_on() {
    let mut scene = recording("pruned");
    scene.publish_all([cut("lost", "A"), cut("lost", "B")]);
    scene.publish_all([lease("late", "A"), lease("late", "B")]);
    scene.drain();
    assert_eq!(scene.states(), ["due", "due"]);
    scene.default("keep_events = 1");
    let service = scene.listen();
    service.wait_for(
        "a delivery in quarantine exceeded the retention limits and was deleted; runs of node A \
         that waited for it and go on: 1",
    );
    assert_eq!(scene.wait_for_log(1), ["late|"]);
    service.stop();
    let kept = scene.quarantined();
    assert_eq!((kept.len(), &kept[0]["node"]), (1, &"B".into()));
}
