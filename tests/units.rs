//! The unit of `listen` under a real systemd, installed as docs/install.md says, in a container.

mod tenants;

use std::path::Path;

use super::support::stage::{program, wait_until};
use super::support::system::{System, text};

/// A script that takes its time, and says so where the unit lets it write.
const SLOW: &str = "#!/bin/sh\necho loud\necho began >>/var/lib/esi-event-actions/log\nsleep 3\necho ended >>/var/lib/esi-event-actions/log\n";

/// One event, however often it is told.
const ONCE: &str = "#!/bin/sh\necho '{\"id\": \"1\"}'\nexec sleep 3600\n";

const CONFIG: &str = "[DEFAULT]\nhttp = unix:/run/esi-event-actions/http.sock\n\n[source:once]\ntype = exec\ncommand = once.sh\n\n[slow]\nevents = once\nscript = slow.sh\n";

/// Boots a system with the program, its unit and a configuration installed; `None` where there is no engine to do it.
fn boot(config: &str) -> Option<System> {
    let system = System::boot("the unit is not tried under systemd", &[])?;
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    system.copy(program(), "/usr/bin/esi-event-actions", "755");
    let unit = own.join("esi-event-actions.service");
    system.copy(
        &unit,
        "/etc/systemd/system/esi-event-actions.service",
        "644",
    );
    let user = own.join("esi-event-actions.sysusers.conf");
    system.copy(&user, "/usr/lib/sysusers.d/esi-event-actions.conf", "644");
    for (content, file, mode) in [
        (config, "esi-event-action-listener.conf", "644"),
        (SLOW, "slow.sh", "755"),
        (ONCE, "once.sh", "755"),
    ] {
        system.write(content, &format!("/etc/esi-event-actions/{file}"), mode);
    }
    system.done(&["systemd-sysusers"]);
    system.done(&["systemctl", "daemon-reload"]);
    Some(system)
}

/// What the script has said.
fn said(system: &System) -> String {
    text(
        &system
            .call(&["cat", "/var/lib/esi-event-actions/log"])
            .stdout,
    )
}

#[test]
fn the_unit_starts_reloads_survives_and_stops_under_systemd() {
    let Some(system) = boot(CONFIG) else {
        return;
    };
    let unit = "esi-event-actions";

    // Without a file for the password: this configuration names none.
    system.done(&["systemctl", "start", unit]);
    assert_eq!(system.property("ActiveState"), "active");
    wait_until("the status", || {
        system.property("StatusText").contains("once")
    });
    wait_until("the script has begun", || said(&system) == "began\n");
    let listed = system.done(&["esi-event-actions", "runs", "list"]);
    assert!(listed.contains("running"), "{listed}");
    let socket = "/run/esi-event-actions/http.sock";
    let mode = system.done(&["stat", "--format=%a %U %G", socket]);
    assert_eq!(mode, "660 esi-event-actions esi-event-actions\n");

    system.done(&["systemctl", "reload", unit]);
    system.wait_for("was read again");

    // A stop waits for the script, and the next start has nothing to recover.
    system.done(&["systemctl", "stop", unit]);
    assert_eq!(said(&system), "began\nended\n");
    assert_eq!(system.property("Result"), "success");

    // Entries have fields; of a run there is one, and its script's lines are not among them.
    let of_run = system.done(&[
        "journalctl",
        "--output=cat",
        "ESI_RUN_ID=1",
        "ESI_RULE=slow",
    ]);
    assert_eq!(of_run.lines().count(), 1, "{of_run}");
    assert!(of_run.contains("succeeded in"), "{of_run}");
    let fields = system.done(&["journalctl", "--output=verbose", "ESI_RUN_ID=1"]);
    for field in [
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=esi-event-actions",
        "_SYSTEMD_UNIT=esi-event-actions.service",
    ] {
        assert!(fields.contains(field), "{field}: {fields}");
    }

    // A service that dies is started again, and so is one that hangs.
    system.done(&["systemctl", "start", unit]);
    let first = system.property("MainPID");
    system.done(&["kill", "-KILL", &first]);
    wait_until("it is started again", || {
        let pid = system.property("MainPID");
        pid != first && pid != "0" && system.property("ActiveState") == "active"
    });
    assert_eq!(system.property("NRestarts"), "1");
    system.done(&[
        "mkdir",
        "-p",
        "/etc/systemd/system/esi-event-actions.service.d",
    ]);
    let shorter = "printf '[Service]\\nWatchdogSec=2s\\n' >/etc/systemd/system/esi-event-actions.service.d/test.conf";
    system.done(&["sh", "-c", shorter]);
    system.done(&["systemctl", "daemon-reload"]);
    system.done(&["systemctl", "restart", unit]);
    let hanging = system.property("MainPID");
    system.done(&["kill", "-STOP", &hanging]);
    system.wait_for("Watchdog timeout");
    wait_until("it is started again", || {
        let pid = system.property("MainPID");
        pid != hanging && pid != "0" && system.property("ActiveState") == "active"
    });

    // What starting again cannot help is not started again.
    let broken = "echo 'script_parms = x' >>/etc/esi-event-actions/esi-event-action-listener.conf";
    system.done(&["sh", "-c", broken]);
    let refused = system.call(&["systemctl", "restart", unit]);
    assert!(!refused.status.success(), "{refused:?}");
    wait_until("it has failed", || {
        system.property("ActiveState") == "failed"
    });
    assert_eq!(system.property("ExecMainStatus"), "78");
}

#[test]
fn systemctl_start_waits_neither_for_a_broker_nor_for_a_password() {
    let config = "[DEFAULT]\nuser = esi\npassword_file = password\nhost = 127.0.0.1\nqueues = q\n\n\
                  [slow]\nevents = esi_leap.lease.fulfill.end\nscript = slow.sh\n";
    let Some(system) = boot(config) else {
        return;
    };
    system.done(&["systemctl", "start", "esi-event-actions"]);
    assert_eq!(system.property("ActiveState"), "active");
    system.wait_for("failed to connect to the broker");
    wait_until("the status says what is waited for", || {
        system.property("StatusText").contains("broker")
    });
    system.done(&["systemctl", "stop", "esi-event-actions"]);
    assert_eq!(system.property("Result"), "success");
}

/// A source that takes requests with a token, which only root can read: systemd hands it over.
const TOLD: &str = "[source:told]\ntype = webhook\nlisten = 127.0.0.1:8080\npath = /told\ntoken_file = password\n\n\
                    [slow]\nevents = told\nscript = slow.sh\n";

#[test]
fn a_credential_that_only_root_can_read_reaches_the_service_and_no_script() {
    let Some(system) = boot(TOLD) else {
        return;
    };
    system.write("a long secret\n", "/etc/esi-event-actions/password", "600");
    let script = "#!/bin/sh\nenv >>/var/lib/esi-event-actions/log\n";
    system.write(script, "/etc/esi-event-actions/slow.sh", "755");
    system.done(&["systemctl", "start", "esi-event-actions"]);
    let request = |token: &str| {
        let request = format!(
            "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'POST /told HTTP/1.1\\r\\nHost: localhost\\r\\n\
             Authorization: Bearer {token}\\r\\nContent-Type: application/json\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}' >&3; \
             head -n 1 <&3"
        );
        text(&system.call(&["bash", "-c", &request]).stdout)
    };
    wait_until("the source listens", || request("wrong").contains(" 401 "));
    assert!(
        request("a long secret").contains(" 202 "),
        "{}",
        system.log()
    );
    wait_until("the script", || said(&system).contains("ESI_RUN_ID=1"));
    let environment = said(&system);
    assert!(
        !environment.contains("CREDENTIALS_DIRECTORY") && !environment.contains("a long secret"),
        "{environment}"
    );
}
