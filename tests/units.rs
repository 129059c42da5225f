//! The unit of `listen` under a real systemd, installed as docs/install.md says, in a container.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use super::support::broker::reaper::Reaper;
use super::support::broker::run_script;
use super::support::stage::{PATIENCE, private_folder, program, wait_until};

const IMAGE: &str = "esi-event-actions-systemd:debian";

/// A script that takes its time, and says so where the unit lets it write.
const SLOW: &str = "#!/bin/sh\necho began >>/var/lib/esi-event-actions/log\nsleep 3\necho ended >>/var/lib/esi-event-actions/log\n";

/// One event, however often it is told.
const ONCE: &str = "#!/bin/sh\necho '{\"id\": \"1\"}'\nexec sleep 3600\n";

const CONFIG: &str =
    "[source:once]\ntype = exec\ncommand = once.sh\n\n[slow]\nevents = once\nscript = slow.sh\n";

/// A system that has booted.
struct System {
    name: String,
    _reaper: Reaper,
}

impl System {
    /// Boots one, with the program, its unit and a configuration installed; `None` where there is no engine to do it.
    fn boot(config: &str) -> Option<Self> {
        let engine = Command::new("docker").arg("version").output();
        if !engine.is_ok_and(|answer| answer.status.success()) {
            eprintln!("no Docker engine answers: the unit is not tried under systemd");
            return None;
        }
        run_script("systemd-image", &[]).expect("an image");
        let name = format!("esi-event-actions-units-{:08x}", fastrand::u32(..));
        let reaper = Reaper::arm("docker rm -f \"$1\"", &[&name]);
        let system = Self {
            name,
            _reaper: reaper,
        };
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").args(arguments).output();
            let output = output.expect("docker");
            assert!(output.status.success(), "{arguments:?}: {output:?}");
        };
        let mut run = vec!["run", "--detach", "--name", &system.name];
        // systemd makes groups and mounts of its own; more it does not need.
        run.extend(["--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"]);
        run.extend(["--cgroupns=private", "--tmpfs=/run", "--tmpfs=/tmp", IMAGE]);
        docker(&run);
        wait_until("the system has booted", || {
            let state = system.call(&["systemctl", "is-system-running"]);
            ["running\n", "degraded\n"].contains(&text(&state.stdout).as_str())
        });
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
        let folder = private_folder();
        let written = |file: &str, content: &str| {
            let path = folder.path().join(file);
            fs::write(&path, content).expect("a file");
            path
        };
        let configuration = "/etc/esi-event-actions";
        system.done(&["mkdir", "-p", configuration]);
        for (file, place, mode) in [
            (
                program().to_owned(),
                "/usr/bin/esi-event-actions".to_owned(),
                "755",
            ),
            (
                own.join("esi-event-actions.service"),
                "/etc/systemd/system/esi-event-actions.service".to_owned(),
                "644",
            ),
            (
                own.join("esi-event-actions.sysusers.conf"),
                "/usr/lib/sysusers.d/esi-event-actions.conf".to_owned(),
                "644",
            ),
            (
                written("listener.conf", config),
                format!("{configuration}/esi-event-action-listener.conf"),
                "644",
            ),
            (
                written("slow.sh", SLOW),
                format!("{configuration}/slow.sh"),
                "755",
            ),
            (
                written("once.sh", ONCE),
                format!("{configuration}/once.sh"),
                "755",
            ),
        ] {
            let from = file.to_str().expect("a path in UTF-8");
            docker(&["cp", "--quiet", from, &format!("{}:{place}", system.name)]);
            system.done(&["chown", "root:root", &place]);
            system.done(&["chmod", mode, &place]);
        }
        system.done(&["systemd-sysusers"]);
        system.done(&["systemctl", "daemon-reload"]);
        Some(system)
    }

    fn call(&self, command: &[&str]) -> Output {
        let mut docker = Command::new("docker");
        docker.args(["exec", &self.name]).args(command);
        docker.output().expect("docker")
    }

    /// What a command prints that has to end well.
    fn done(&self, command: &[&str]) -> String {
        let output = self.call(command);
        assert!(
            output.status.success(),
            "{command:?}: {output:?}\n{}",
            self.log()
        );
        text(&output.stdout)
    }

    /// A property of the unit.
    fn property(&self, name: &str) -> String {
        let value = self.done(&[
            "systemctl",
            "show",
            "--value",
            "-p",
            name,
            "esi-event-actions",
        ]);
        value.trim().to_owned()
    }

    /// What the service has logged.
    fn log(&self) -> String {
        let log = self.call(&["journalctl", "--no-pager", "-u", "esi-event-actions"]);
        text(&log.stdout)
    }

    fn wait_for(&self, line: &str) {
        let began = Instant::now();
        while !self.log().contains(line) {
            assert!(began.elapsed() < PATIENCE, "no `{line}` in {}", self.log());
        }
    }

    /// What the script has said.
    fn said(&self) -> String {
        text(&self.call(&["cat", "/var/lib/esi-event-actions/log"]).stdout)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_unit_starts_reloads_survives_and_stops_under_systemd() {
    let Some(system) = System::boot(CONFIG) else {
        return;
    };
    let unit = "esi-event-actions";

    // Without a file for the password: this configuration names none.
    system.done(&["systemctl", "start", unit]);
    assert_eq!(system.property("ActiveState"), "active");
    wait_until("the status", || {
        system.property("StatusText").contains("once")
    });
    wait_until("the script has begun", || system.said() == "began\n");
    let listed = system.done(&["esi-event-actions", "runs", "list"]);
    assert!(listed.contains("running"), "{listed}");

    system.done(&["systemctl", "reload", unit]);
    system.wait_for("was read again");

    // A stop waits for the script, and the next start has nothing to recover.
    system.done(&["systemctl", "stop", unit]);
    assert_eq!(system.said(), "began\nended\n");
    assert_eq!(system.property("Result"), "success");

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
    let Some(system) = System::boot(config) else {
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
