//! `explain`: what would run for an event, and why not.

use std::fs;

use serde_json::{Value, json};

use super::{CONFIG, assert_refused, call, call_with_input, folder, text};
use crate::support::captured::{self, Driver};
use crate::support::scene::{DELETE, FULFILL, Scene, notification};

#[test]
fn explain_tells_of_both_forms_of_a_notification_what_would_run_and_why_not() {
    let folder = folder(CONFIG);
    let file = folder.path().join("notification.json");
    let path = file.to_str().expect("text");
    for driver in Driver::ALL {
        let message = captured::first(driver, FULFILL).with("purpose", "it's $(this)");
        fs::write(&file, &message.body).expect("a file");
        let output = call(folder.path(), &["explain", path]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let printed = text(&output.stdout);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), 6, "{printed}");
        assert!(
            lines[0].starts_with(&format!(
                "event {} of type {FULFILL}, sent 2026-11-2",
                message.message_id
            )),
            "{printed}"
        );
        let node = message.data()["node_uuid"]
            .as_str()
            .expect("a node")
            .to_owned();
        for (line, parts) in lines[1..].iter().zip([
            ["rule", "runs", "why"],
            ["fulfil", "yes", &format!("/bin/echo 'two words' MOC-R4PAC08U33-S1A \"it's \"'$(this)', one at a time for {node}")],
            ["delete", "no", "it is for esi_leap.lease.delete.*"],
            ["refused", "no", "node_properties.vendor should be text matching \"bar\" or null or nothing, but is the text \"foo\""],
            ["off", "no", "the rule is switched off by `enabled`"],
        ]) {
            assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}: {printed}");
        }
        // The same on standard input, and in the form for machines.
        let output = call_with_input(
            folder.path(),
            &["explain", "-", "--format", "json"],
            message.body.as_bytes(),
        );
        let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(shown["id"], message.message_id);
        assert_eq!(shown["type"], FULFILL);
        let verdicts: Vec<&Value> = shown["rules"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|rule| &rule["verdict"])
            .collect();
        assert_eq!(verdicts, ["run", "other_type", "refused", "disabled"]);
        assert_eq!(
            shown["rules"][0]["command"],
            json!([
                "/bin/echo",
                "two words",
                "MOC-R4PAC08U33-S1A",
                "it's $(this)"
            ])
        );
        assert_eq!(shown["rules"][0]["key"], node);
        assert!(shown["rules"][1].get("command").is_none());
    }
}

#[test]
fn explain_takes_events_of_the_journal_and_as_scripts_read_them() {
    let mut scene = Scene::new("explain");
    scene.script("keep.sh", "cat >event.json");
    scene.rule("r", &format!("events = {FULFILL}\nscript = keep.sh"));
    let message = notification(FULFILL);
    scene.publish(&message.body);
    scene.drain();
    let by_id = scene.run(&["explain", &message.message_id, "--format", "json"]);
    let by_id: Value = serde_json::from_slice(&by_id.stdout).expect("JSON");
    assert_eq!(by_id["rules"][0]["verdict"], "run");
    assert_eq!(by_id["id"], message.message_id);
    let event = scene.path("event.json");
    let by_file = scene.run(&["explain", event.to_str().expect("text"), "--format", "json"]);
    let by_file: Value = serde_json::from_slice(&by_file.stdout).expect("JSON");
    assert_eq!(by_file, by_id);

    let other = notification(DELETE).message_id;
    assert_refused(
        &scene.run(&["explain", &other]),
        1,
        &[
            &format!("neither a file `{other}` nor an event of that id"),
            "hint: ",
        ],
    );
    fs::write(scene.path("broken.json"), "{\"oslo").expect("a file");
    let broken = scene.path("broken.json");
    let broken = broken.to_str().expect("text");
    assert_refused(
        &scene.run(&["explain", broken]),
        1,
        &[
            "failed to read an event from",
            broken,
            "expected a JSON object",
            "hint: give a notification",
        ],
    );
}

#[test]
fn explain_tells_of_each_operator_what_was_found_and_how_it_was_compared() {
    let config = CONFIG.to_owned()
        + r#"
[operators]
events = esi_leap.lease.fulfill.end
script = /bin/echo
filter_params = {"node_properties.memory_mb": {"gt": 100, "lt": 1}, "purpose": {"exists": true}}
filter_any = [{"node_properties.disks": {"any": {"size": 5}}}, {"start_time": {"older_than": "1h"}}]
"#;
    let folder = folder(&config);
    let file = folder.path().join("notification.json");
    let path = file.to_str().expect("text");
    let message = captured::first(Driver::ALL[0], FULFILL);
    fs::write(&file, &message.body).expect("a file");
    let output = call(folder.path(), &["explain", path]);
    let told = text(&output.stdout);
    let line = |part: &str| {
        let line = told.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("{part}: {told}")).to_owned()
    };
    assert!(line("greaterthan 100").starts_with("operators"), "{told}");
    assert!(line("exists true").contains("is null"), "{told}");
    assert!(line("older_than").contains("(filter_any 2)"), "{told}");

    let output = call(folder.path(), &["explain", path, "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rules = shown["rules"].as_array().expect("a list");
    let rule = rules.iter().find(|rule| rule["rule"] == "operators");
    let filters = &rule.expect("the rule")["filters"];
    let names = filters.as_array().expect("a list").iter();
    let names: Vec<&Value> = names.map(|filter| &filter["operator"]).collect();
    assert_eq!(
        names,
        ["greaterthan", "lessthan", "exists", "any", "older_than"]
    );
    assert_eq!(filters[3]["found"], "missing");
    assert_eq!(filters[4]["filter_any"], 2);
    assert_eq!(filters[4]["compared_as"], "times");
    assert_eq!([&filters[0]["holds"], &filters[1]["holds"]], [true, false]);
}

#[test]
fn explain_needs_no_message_but_a_type_and_a_payload() {
    let folder = folder(CONFIG);
    let payload = r#"{"node_uuid": "n", "node_properties": {"vendor": "foo"}}"#;
    let explain = |arguments: &[&str]| {
        let arguments = [&["explain", "--format", "json"], arguments].concat();
        let output = call(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        answer
    };
    let answer = explain(&["--event-type", FULFILL, "--payload", payload]);
    assert_eq!(answer["type"], FULFILL);
    let fulfil = &answer["rules"][0];
    assert_eq!(
        (&fulfil["verdict"], &fulfil["key"]),
        (&json!("run"), &json!("n"))
    );
    assert_eq!(
        explain(&["--event-type", "other"])["rules"][0]["verdict"],
        "other_type"
    );

    let wrong = call(
        folder.path(),
        &["explain", "--event-type", "t", "--payload", "{"],
    );
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(
        text(&wrong.stderr).contains("expected JSON in --payload"),
        "{wrong:?}"
    );
    let alone = call(folder.path(), &["explain", "--payload", "{}"]);
    assert_eq!(alone.status.code(), Some(2), "{alone:?}");
}
