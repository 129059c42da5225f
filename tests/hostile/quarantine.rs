//! The quarantine: listed, shown, and retried when what was wrong has been mended.

use std::time::Instant;

use serde_json::Value;

use crate::support::captured::{self, Driver};
use crate::support::scene::{DELETE, FULFILL, PATIENCE, Scene, notification, wait_until};

/// Takes more steps on sixty letters than a filter may.
const RUNAWAY: &str = r#"filter_params = {"purpose": "(?:(a*)*)*\\1b(?=c)"}"#;

fn rule(filter: &str) -> String {
    format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose\n{filter}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn what_could_not_be_decided_is_retried_beside_the_service_when_the_rule_is_mended() {
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
    let told = text(&output.stdout);
    assert!(
        told.contains("delivery 1 stays in quarantine: rule [runaway]"),
        "{told}"
    );

    assert!(told.contains("explain --quarantined 1"), "{told}");
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
    let told = text(&output.stderr);
    assert!(
        told.contains("there is no quarantined delivery 1"),
        "{told}"
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
    let told = text(&output.stderr);
    for part in [
        "the quarantined delivery 1: expected a JSON object, but ",
        "near `",
        "[blanked]\", broken`",
        "quarantine show 1",
    ] {
        assert!(told.contains(part), "no {part} in {told}");
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
