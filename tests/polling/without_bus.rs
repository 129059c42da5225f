//! A tenant's configuration, which knows no bus: every command that needs none takes it, and says
//! of it what the history cannot give.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use super::{LEASE, NODE, rows};
use crate::support::openstack::{lease_of, row};
use crate::support::poller::Poller;
use crate::support::scene::{DELETE, FULFILL, notification};

/// The options without which there is no bus.
const BUS_OPTIONS: [&str; 2] = ["`host`", "`queues`"];

fn printed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let printed = if code == 0 {
        &output.stdout
    } else {
        &output.stderr
    };
    String::from_utf8(printed.clone()).expect("UTF-8")
}

#[test]
fn a_configuration_without_a_bus_serves_all_that_needs_none() {
    let poller = Poller::recording(FULFILL);
    poller.openstack.rows(&rows([1]));
    poller.pass(&["--from-start"]);
    let cases: [(&[&str], &str); 8] = [
        (&["runs", "list"], "succeeded"),
        (&["runs", "show", "1"], "exit status 0"),
        (&["runs", "retry", "1"], ""),
        (&["quarantine", "list"], ""),
        (&["explain", "1"], "record.sh 1 7a1c3c5e"),
        (
            &["check", "--feed", "history"],
            "no problems; 1 of 1 rules in force, the event history, using `",
        ),
        (&["poll", "--status"], "openstack"),
        (&["poll"], ""),
    ];
    for (arguments, part) in cases {
        let text = printed(&poller.run(arguments), 0);
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    assert_eq!(poller.log().len(), 2);
    // The bus is another matter.
    for arguments in [&["check"][..], &["check", "--feed", "bus"], &["listen"]] {
        let text = printed(&poller.run(arguments), 78);
        for option in BUS_OPTIONS {
            assert!(text.contains(option), "{arguments:?}: {text}");
        }
    }
}

#[test]
fn the_check_names_what_the_history_never_tells_and_a_program_that_is_missing() {
    let mut poller = Poller::new();
    poller.rule("fine", &format!("events = {FULFILL}\nscript = record.sh\nscript_params = node_name, properties.id, node_properties.vendor"));
    assert!(printed(&poller.run(&["check", "--feed", "history"]), 0).contains("no problems"));
    poller.rule(
        "bus",
        &format!(
            "events = {FULFILL}\nscript = record.sh\nscript_params = uuid, node_provision_state, id\n\
             filter_params = {{\"node_power_state\": \"on\"}}"
        ),
    );
    poller.rule(
        "off",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = id\nenabled = no"),
    );
    poller.replace("openstack_command", "/no/such/openstack --debug");
    let report = printed(&poller.run(&["check", "--feed", "history"]), 0);
    for part in [
        "warning: `script_params` asks for `node_provision_state`, which the bus alone tells",
        "`script_params` asks for `id`",
        "use `uuid`, or `event_id`",
        "`filter_params` asks for `node_power_state`",
        "`openstack_command`: /no/such/openstack does not exist",
        "pip install python-openstackclient python-esileapclient",
    ] {
        assert!(report.contains(part), "no `{part}` in {report}");
    }
    assert_eq!(
        report.matches("which the bus alone tells").count(),
        3,
        "{report}"
    );
    assert_eq!(report.matches("rule [bus]").count(), 3, "{report}");
    // It is not the bus that they are wrong for.
    let bus = printed(&poller.run(&["check"]), 78);
    assert!(
        !bus.contains("the bus alone tells") && !bus.contains("openstack_command"),
        "{bus}"
    );
}

/// What `explain` tells machines.
fn explained(poller: &Poller, arguments: &[&str]) -> Value {
    let output = poller.run(&[&["explain", "--format", "json"], arguments].concat());
    serde_json::from_str(&printed(&output, 0)).expect("JSON")
}

#[test]
fn explain_takes_a_row_and_its_lease() {
    let mut poller = Poller::new();
    let rule = |fields| format!("events = {FULFILL}\nscript = record.sh\nscript_params = {fields}");
    poller.rule("by-row", &rule("event_id, node_uuid"));
    poller.rule("by-lease", &rule("node_name, purpose"));
    poller.rule(
        "never",
        &format!(
            "{}\nfilter_params = {{\"purpose\": \"never\"}}",
            rule("uuid")
        ),
    );
    poller.rule("other", &format!("events = {DELETE}\nscript = record.sh"));
    let row = row(6, FULFILL, LEASE, NODE);
    let mut lease = lease_of(LEASE, NODE);
    lease["purpose"] = "it's this".into();
    let write = |name: &str, content: &Value| {
        let path = poller.path(name);
        fs::write(&path, content.to_string()).expect("a file");
        path.display().to_string()
    };
    let lease_file = write("lease.json", &lease);
    let verdicts = |explained: &Value| -> Vec<Value> {
        let rules = explained["rules"].as_array().expect("a list");
        rules.iter().map(|rule| rule["verdict"].clone()).collect()
    };
    for (name, content) in [
        ("row.json", row.clone()),
        ("rows.json", json!([row.clone()])),
    ] {
        let file = write(name, &content);
        let alone = explained(&poller, &[&file]);
        assert_eq!(
            (&alone["id"], &alone["type"]),
            (&json!("6"), &json!(FULFILL))
        );
        assert_eq!(
            verdicts(&alone),
            ["run", "awaits_lease", "awaits_lease", "other_type"]
        );
        let whole = explained(&poller, &[&file, "--lease", &lease_file]);
        assert_eq!(verdicts(&whole), ["run", "run", "refused", "other_type"]);
        let name = lease["resource"].clone();
        assert_eq!(
            whole["rules"][1]["command"],
            json!(["record.sh", name, "it's this"])
        );
        assert_eq!(whole["rules"][1]["key"], NODE);
    }
    // It tells what a pass then does.
    poller.openstack.rows(&[row]);
    poller.openstack.lease(LEASE, lease.clone());
    poller.pass(&["--from-start"]);
    let mut log = poller.log();
    log.sort();
    let name = lease["resource"].as_str().expect("a name");
    assert_eq!(log, [format!("6|{NODE}|"), format!("{name}|it's this|")]);
}

#[test]
fn explain_refuses_what_is_not_one_row_and_a_lease_that_is_not_wanted() {
    let poller = Poller::recording(FULFILL);
    let write = |name: &str, content: &str| {
        let path = poller.path(name);
        fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    let lease = write("lease.json", &lease_of(LEASE, NODE).to_string());
    let one = write("one.json", &rows([1])[0].to_string());
    let two = write("two.json", &json!(rows([1, 2])).to_string());
    let none = write("none.json", "[]");
    let message = write("notification.json", &notification(FULFILL).body);
    assert_eq!(explained(&poller, &[&message])["type"], FULFILL);
    let cases: [(&[&str], i32, &str); 5] = [
        (&[&two], 1, "expected one row, but found 2"),
        (&[&none], 1, "expected one row, but found 0"),
        (
            &[&message, "--lease", &lease],
            2,
            "a notification has its lease within it",
        ),
        (&[&one, "--lease", &none], 1, "failed to read a lease from"),
        (
            &[&one, "--lease", "/no/such/file"],
            1,
            "failed to read the lease from",
        ),
    ];
    for (arguments, code, part) in cases {
        let refused = printed(&poller.run(&[&["explain"], arguments].concat()), code);
        assert!(
            refused.contains(part) && refused.contains("hint: "),
            "{refused}"
        );
    }
}
