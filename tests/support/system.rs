//! A Debian system that has booted systemd, in a container.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use super::broker::reaper::Reaper;
use super::broker::run_script;
use super::stage::{PATIENCE, private_folder, wait_until};

const IMAGE: &str = "esi-event-actions-systemd:debian";

/// The unit that is tried.
const UNIT: &str = "esi-event-actions";

/// A system that has booted.
pub(crate) struct System {
    name: String,
    _reaper: Reaper,
}

impl System {
    /// Boots one for what is to be tried; `None`, and said, where there is no engine to do it. `options` are Docker's.
    pub(crate) fn boot(what: &str, options: &[&str]) -> Option<Self> {
        let engine = Command::new("docker").arg("version").output();
        if !engine.is_ok_and(|answer| answer.status.success()) {
            eprintln!("no Docker engine answers: {what}");
            return None;
        }
        run_script("systemd-image", &[]).expect("an image");
        let name = format!("esi-event-actions-system-{:08x}", fastrand::u32(..));
        let reaper = Reaper::arm("docker rm -f \"$1\"", &[&name]);
        let system = Self {
            name,
            _reaper: reaper,
        };
        let mut run = vec!["run", "--detach", "--name", &system.name];
        // systemd makes groups and mounts of its own; more it does not need.
        run.extend(["--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"]);
        run.extend(["--cgroupns=private", "--tmpfs=/run", "--tmpfs=/tmp"]);
        run.extend(options);
        run.push(IMAGE);
        docker(&run);
        wait_until("the system has booted", || {
            let state = system.call(&["systemctl", "is-system-running"]);
            ["running\n", "degraded\n"].contains(&text(&state.stdout).as_str())
        });
        // Elsewhere systemd does this by itself, in a container it does not; credentials of units are mounts.
        system.done(&["mount", "--make-rshared", "/"]);
        Some(system)
    }

    /// Copies a file to its place there; it is root's.
    pub(crate) fn copy(&self, file: &Path, place: &str, mode: &str) {
        if let Some((folder, _)) = place.rsplit_once('/') {
            self.done(&["mkdir", "-p", folder]);
        }
        let from = file.to_str().expect("a path in UTF-8");
        docker(&["cp", "--quiet", from, &format!("{}:{place}", self.name)]);
        self.done(&["chown", "root:root", place]);
        self.done(&["chmod", mode, place]);
    }

    /// The same with a file of this content.
    pub(crate) fn write(&self, content: &str, place: &str, mode: &str) {
        let folder = private_folder();
        let file = folder.path().join("file");
        fs::write(&file, content).expect("a file");
        self.copy(&file, place, mode);
    }

    /// Runs a command there.
    pub(crate) fn call(&self, command: &[&str]) -> Output {
        let mut docker = Command::new("docker");
        docker.args(["exec", &self.name]).args(command);
        docker.output().expect("docker")
    }

    /// What a command prints that has to end well.
    pub(crate) fn done(&self, command: &[&str]) -> String {
        let output = self.call(command);
        assert!(
            output.status.success(),
            "{command:?}: {output:?}\n{}",
            self.log()
        );
        text(&output.stdout)
    }

    /// A property of the unit.
    pub(crate) fn property(&self, name: &str) -> String {
        let value = self.done(&["systemctl", "show", "--value", "-p", name, UNIT]);
        value.trim().to_owned()
    }

    /// What the service has logged.
    pub(crate) fn log(&self) -> String {
        let log = self.call(&["journalctl", "--no-pager", "-u", UNIT]);
        text(&log.stdout)
    }

    pub(crate) fn wait_for(&self, line: &str) {
        let began = Instant::now();
        while !self.log().contains(line) {
            assert!(began.elapsed() < PATIENCE, "no `{line}` in {}", self.log());
        }
    }
}

fn docker(arguments: &[&str]) {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("docker");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
