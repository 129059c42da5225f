//! The program while it stays up: what it logs, signals to it, its end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stage::{PATIENCE, wait_until};

/// A program that stays, and what it has logged so far.
pub(crate) struct Service {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            let mut line = Vec::new();
            while stderr
                .read_until(b'\n', &mut line)
                .is_ok_and(|bytes| bytes > 0)
            {
                let text = String::from_utf8_lossy(&line);
                copy.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
                line.clear();
            }
        });
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until it has logged this.
    pub(crate) fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.log().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain for `{text}` in\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its largest size in memory so far, in MiB.
    pub(crate) fn largest_size(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a status");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let size = line.and_then(|line| line.split_ascii_whitespace().nth(1));
        size.and_then(|size| size.parse::<u64>().ok())
            .expect("a size")
            / 1024
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .expect("kill");
        assert!(sent.success());
    }

    /// Whether it is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for its end: the status, and all that it has logged.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        wait_until("the end of the program", || !self.is_alive());
        let status = self.child.wait().expect("a child");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log");
        }
        (status, self.log())
    }

    /// Stops it with SIGTERM, which has to end well, and gives all that it has logged.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        let (status, log) = self.wait();
        assert!(status.success(), "{status}: {log}");
        log
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("kill");
        self.child.wait().expect("a child");
        self.log()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // After a failed assertion nothing may stay; after `stop` there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
