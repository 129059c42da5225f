//! A tenant's timer, in a user's own systemd.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::stage::{program, wait_until};
use crate::support::system::{System, text};

/// Prints what is in the files beside it.
const OPENSTACK: &str = r#"#!/bin/sh
case "$*" in
    *"esi event list"*) exec cat /home/tenant/rows.json ;;
    *"esi lease show"*) exec cat /home/tenant/lease.json ;;
    *) echo "unexpected: $*" >&2; exit 2 ;;
esac
"#;

const CONFIG: &str = "[DEFAULT]\nopenstack_command = /home/tenant/openstack\n\n\
                      [started]\nevents = esi_leap.lease.fulfill.end\nscript = started.sh\nscript_params = event_id\n";

const SCRIPT: &str = "#!/bin/sh\necho \"$1\" >>/home/tenant/log\n";

/// What the real client printed.
fn printed(recording: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli");
    let recorded = fs::read(folder.join(recording)).expect("a file");
    let recorded: Value = serde_json::from_slice(&recorded).expect("JSON");
    serde_json::from_str(recorded["stdout"].as_str().expect("text")).expect("JSON")
}

/// A lease and the events that are about it.
fn lease_and_events() -> (Value, Value) {
    let lease = printed("20-lease-show-active-metachars.json");
    let events = printed("03-event-list-bob.json");
    let events = events.as_array().expect("a list").iter();
    let events = events.filter(|event| event["Object UUID"] == lease["uuid"]);
    let events = events.cloned().collect();
    (lease, events)
}

#[test]
fn a_tenants_timer_polls_and_runs_what_is_new_once() {
    let Some(system) = System::boot("a tenant's timer is not tried under systemd", &[]) else {
        return;
    };
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    system.copy(program(), "/usr/bin/esi-event-actions", "755");
    for unit in [
        "esi-event-actions-poll@.service",
        "esi-event-actions-poll@.timer",
    ] {
        system.copy(
            &own.join(unit),
            &format!("/usr/lib/systemd/user/{unit}"),
            "644",
        );
    }
    system.done(&["useradd", "--create-home", "--uid", "1234", "tenant"]);
    system.done(&["loginctl", "enable-linger", "tenant"]);
    let folder = "/home/tenant/.config/esi-event-actions";
    system.write(
        CONFIG,
        &format!("{folder}/esi-event-action-listener.conf"),
        "644",
    );
    system.write(SCRIPT, &format!("{folder}/started.sh"), "755");
    system.write(OPENSTACK, "/home/tenant/openstack", "755");
    system.write("[]", "/home/tenant/rows.json", "644");
    let (lease, events) = lease_and_events();
    system.write(&lease.to_string(), "/home/tenant/lease.json", "644");
    system.done(&["chown", "-R", "tenant:tenant", "/home/tenant"]);
    let tenant = |command: &[&str]| {
        let mut words = vec!["runuser", "-u", "tenant", "--", "env", "HOME=/home/tenant"];
        words.push("XDG_RUNTIME_DIR=/run/user/1234");
        words.extend(command);
        system.call(&words)
    };
    let done = |command: &[&str]| {
        let output = tenant(command);
        assert!(output.status.success(), "{command:?}: {output:?}");
        text(&output.stdout)
    };
    wait_until("the tenant's systemd", || {
        tenant(&["systemctl", "--user", "is-system-running"]).stdout == b"running\n"
    });

    let state = "/home/tenant/.local/state/esi-event-actions/mycloud";
    done(&[
        "esi-event-actions",
        "poll",
        "--cloud",
        "mycloud",
        "--state-dir",
        state,
        "--from-now",
    ]);
    system.write(&events.to_string(), "/home/tenant/rows.json", "644");
    done(&[
        "systemctl",
        "--user",
        "enable",
        "--now",
        "esi-event-actions-poll@mycloud.timer",
    ]);
    // The timer's first pass comes within seconds; the next one is asked for.
    let log = || text(&system.call(&["cat", "/home/tenant/log"]).stdout);
    wait_until("the scripts of the first pass", || !log().is_empty());
    let unit = "esi-event-actions-poll@mycloud.service";
    wait_until("the end of the first pass", || {
        let state = done(&[
            "systemctl",
            "--user",
            "show",
            "--value",
            "-p",
            "ActiveState",
            unit,
        ]);
        state == "inactive\n"
    });
    let first = log();
    done(&["systemctl", "--user", "start", unit]);
    assert_eq!(log(), first, "what is known is not run again");
    let result = done(&[
        "systemctl",
        "--user",
        "show",
        "--value",
        "-p",
        "Result",
        unit,
    ]);
    assert_eq!(result, "success\n");
    let listed = done(&["esi-event-actions", "runs", "list", "--state-dir", state]);
    assert_eq!(
        listed.matches("succeeded").count(),
        first.lines().count(),
        "{listed}"
    );
}
