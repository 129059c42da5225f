//! Facts: what files say is told once for each content, whatever becomes of the files and of the service.

use std::fs;

use serde_json::Value;

use crate::support::service::Service;
use crate::support::stage::{Stage, wait_until};

fn facts(files: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule(
        "source:inventory",
        &format!("type = facts\nfiles = {files}"),
    );
    let rule = "events = inventory\nscript = record.sh\nscript_params = host";
    stage.rule("report", rule);
    stage
}

/// Has `listen --until-idle` look once.
fn drain(stage: &Stage) -> String {
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn changes_are_told_as_they_come_and_those_from_while_it_was_down() {
    let stage = facts("a.yml, b.json");
    let (yaml, json) = (stage.path("a.yml"), stage.path("b.json"));
    fs::write(&yaml, "- host: one\n- host: two\n").expect("a file");
    fs::write(&json, r#"{"host": "three"}"#).expect("a file");
    let service = Service::start(&mut stage.program("listen"));
    let mut log = stage.wait_for_log(3);
    log.sort();
    assert_eq!(log, ["one|", "three|", "two|"]);
    // As deployments and editors do.
    let aside = stage.path("aside");
    fs::write(&aside, r#"{"host": "four"}"#).expect("a file");
    fs::rename(&aside, &json).expect("a file");
    assert_eq!(stage.wait_for_log(4)[3], "four|");
    let log = service.stop();
    assert!(log.contains("facts:inventory: content of 2 files"), "{log}");

    drain(&stage);
    assert_eq!(stage.log().len(), 4, "a restart tells nothing twice");
    fs::write(&yaml, "host: five\n").expect("a file");
    drain(&stage);
    assert_eq!(stage.log()[4..], ["five|"]);
    let last = stage.runs().pop().expect("a run");
    assert_eq!(
        last["event_id"],
        format!("inventory:{}#2.1", yaml.display())
    );
    assert_eq!(last["key"], yaml.display().to_string());
}

#[test]
fn what_cannot_be_read_is_told_and_so_is_its_end() {
    let stage = facts("a.yml, b.yml");
    let yaml = stage.path("a.yml");
    let listed = || -> Value {
        let output = stage.run(&["sources", "list", "--format", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        list[0].clone()
    };
    let service = Service::start(&mut stage.program("listen"));
    service.wait_for("a.yml: No such file or directory");
    wait_until("the failure to be listed", || listed()["failing"] == true);

    // What can be read is told meanwhile, which ends no failure.
    fs::write(stage.path("b.yml"), "host: zero\n").expect("a file");
    assert_eq!(stage.wait_for_log(1), ["zero|"]);
    wait_until("the content to be noted", || {
        listed()["reached"] == "1 of 1 files read"
    });
    assert_eq!(listed()["failing"], true);

    fs::write(&yaml, "host: one\nport: [\n").expect("a file");
    wait_until("quarantine", || stage.quarantined().len() == 1);
    let reason = stage.quarantined()[0]["reason"].clone();
    let reason = reason.as_str().expect("text");
    assert!(
        reason.contains("a.yml: expected YAML, but line "),
        "{reason}"
    );
    let sources = listed();
    assert_eq!(sources["failing"], false);
    assert_eq!(sources["reached"], "2 of 2 files read");
    let refused = stage.run(&["quarantine", "retry", "1"]);
    let refused = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(
        refused.contains("read again once it has changed"),
        "{refused}"
    );

    fs::write(&yaml, "host: one\n").expect("a file");
    assert_eq!(stage.wait_for_log(2)[1], "one|");
    service.stop();
}
