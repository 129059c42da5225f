//! The program while it stays up: what it logs, signals to it, its end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stage::{PATIENCE, Stage, wait_until};

/// A program that stays, and what it has logged so far.
pub(crate) struct Service {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Service {
    /// `listen` with the configuration of a stage.
    pub(crate) fn listen(stage: &Stage) -> Self {
        Self::start(&mut stage.program("listen"))
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let (mut service, stderr) = Self::unread(command);
        service.read(stderr);
        service
    }

    /// The same, but nobody reads what it logs.
    pub(crate) fn unread(command: &mut Command) -> (Self, ChildStderr) {
        let mut service = Self::logging_to(command, Stdio::piped());
        let stderr = service.child.stderr.take().expect("a pipe");
        (service, stderr)
    }

    pub(crate) fn logging_to(command: &mut Command, stderr: impl Into<Stdio>) -> Self {
        let child = command.stdin(Stdio::null()).stderr(stderr).spawn();
        Self {
            child: child.expect("the program"),
            log: Arc::default(),
            reader: None,
        }
    }

    /// Reads from now on what it logs.
    pub(crate) fn read(&mut self, stderr: ChildStderr) {
        let mut stderr = BufReader::new(stderr);
        let copy = Arc::clone(&self.log);
        self.reader = Some(std::thread::spawn(move || {
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
        }));
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
        self.size("VmHWM:") / 1024
    }

    /// Its size in memory now, in KiB.
    pub(crate) fn size_now(&self) -> u64 {
        self.size("VmRSS:")
    }

    fn size(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a status");
        let line = status.lines().find(|line| line.starts_with(name));
        let size = line.and_then(|line| line.split_ascii_whitespace().nth(1));
        size.and_then(|size| size.parse().ok()).expect("a size")
    }

    /// The numbers of the files that it has open, in order.
    pub(crate) fn open_files(&self) -> Vec<u64> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("its files");
        let number = |file: fs::DirEntry| file.file_name().to_str()?.parse().ok();
        let mut numbers: Vec<u64> = files.flatten().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// How many files it has open when nothing happens. A command that ends is noticed by the service, which
    /// looks at its journal once more then.
    pub(crate) fn files_at_rest(&self) -> usize {
        let (mut files, mut looks) = (0, 0);
        wait_until("as many files each time", || {
            let now = self.open_files().len();
            looks = if now == files { looks + 1 } else { 0 };
            files = now;
            looks == 20
        });
        files
    }

    /// Its children that have ended and that it has not taken note of.
    pub(crate) fn zombies(&self) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its threads");
        let children = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
        let children: Vec<String> = tasks.flatten().filter_map(children).collect();
        let is_zombie = |pid: &&str| {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, rest)| rest.starts_with('Z'))
            })
        };
        let pids = children
            .iter()
            .flat_map(|pids| pids.split_ascii_whitespace());
        pids.filter(is_zombie).count()
    }

    /// Changes a soft limit of it, in the words of `prlimit`; as the user whose process it is, since
    /// root need not be allowed to.
    pub(crate) fn limit(&self, resource: &str, soft: &str) {
        let owner = |path: &str| fs::metadata(path).expect("a process").uid();
        let owner_of_it = owner(&format!("/proc/{}", self.pid()));
        let mut command = if owner_of_it == owner("/proc/self") {
            Command::new("prlimit")
        } else {
            let mut setpriv = Command::new("setpriv");
            setpriv
                .arg(format!("--reuid={owner_of_it}"))
                .arg(format!("--regid={owner_of_it}"))
                .args(["--clear-groups", "--", "prlimit"]);
            setpriv
        };
        command
            .arg(format!("--pid={}", self.pid()))
            .arg(format!("--{resource}={soft}:"));
        assert!(command.status().expect("prlimit").success());
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
