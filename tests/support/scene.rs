//! A small stage for a scenario: a folder with a configuration and scripts, queues of its own on a
//! broker, and the program itself. Scripts append to a log, so that a test can say what ran, with
//! which arguments, in which order.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::amqp::{Declaration, Publisher, unique};
use super::broker::Broker;
use super::captured::{self, Captured, Driver};
pub(crate) use super::service::Service;

/// Nothing that a scenario waits for takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const FULFILL: &str = "esi_leap.lease.fulfill.end";
pub(crate) const DELETE: &str = "esi_leap.lease.delete.end";

/// A notification that ESI Leap really sent.
pub(crate) fn notification(event_type: &str) -> Captured {
    captured::first(Driver::MessagingV2, event_type).fresh()
}

/// The stage.
pub(crate) struct Scene {
    folder: TempDir,
    /// The queue, and the routing key that leads to it.
    pub(crate) queue: String,
    /// The exchange that it is bound to.
    pub(crate) exchange: String,
    runtime: Runtime,
    publisher: Publisher,
    defaults: String,
    rules: String,
}

impl Scene {
    /// A stage on the shared broker, its queue made as oslo.messaging does by default.
    pub(crate) fn new(name: &str) -> Self {
        let scene = Self::on(Broker::shared(), name);
        scene.declare(Declaration::Transient);
        scene
    }

    /// A stage on this broker, whose queue does not exist yet.
    pub(crate) fn on(broker: &Broker, name: &str) -> Self {
        Self::at(broker, broker.url(), name)
    }

    /// The same in another virtual host, which exists, and whose name needs no escape in a URL.
    pub(crate) fn in_vhost(broker: &Broker, vhost: &str, name: &str) -> Self {
        let (host, _) = broker.url().rsplit_once('/').expect("a URL");
        let mut scene = Self::at(broker, &format!("{host}/{vhost}"), name);
        scene.replace("vhost", vhost);
        scene
    }

    fn at(broker: &Broker, url: &str, name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let publisher = runtime.block_on(Publisher::connect(url));
        let queue = unique(name);
        let mut defaults = String::from("[DEFAULT]\n");
        write!(
            defaults,
            "user = {}\npassword = {}\nhost = {}\nport = {}\nvhost = {}\nqueues = {queue}\nstate_dir = state\n",
            broker.user(),
            broker.password().replace('%', "%%"),
            broker.host(),
            broker.port(),
            broker.vhost(),
        )
        .expect("memory");
        let scene = Self {
            folder: TempDir::new().expect("a folder"),
            exchange: unique(&format!("{name}-exchange")),
            queue,
            runtime,
            publisher,
            defaults,
            rules: String::new(),
        };
        scene.script("record.sh", RECORD);
        scene
    }

    /// Makes the queue, its exchange and the binding, as ESI Leap does.
    pub(crate) fn declare(&self, declaration: Declaration) {
        let declaring = self
            .publisher
            .declare(&self.exchange, &self.queue, declaration);
        self.runtime.block_on(declaring);
    }

    /// Connects anew: after the broker was restarted.
    pub(crate) fn reconnect(&mut self, broker: &Broker) {
        self.publisher = self.runtime.block_on(Publisher::connect(broker.url()));
    }

    /// Adds lines to `[DEFAULT]`.
    pub(crate) fn default(&mut self, lines: &str) -> &mut Self {
        self.defaults.push_str(lines);
        self.defaults.push('\n');
        self
    }

    /// Replaces an option of `[DEFAULT]`.
    pub(crate) fn replace(&mut self, option: &str, value: &str) -> &mut Self {
        self.without(option).default(&format!("{option} = {value}"))
    }

    /// Removes an option of `[DEFAULT]`.
    pub(crate) fn without(&mut self, option: &str) -> &mut Self {
        let kept: Vec<&str> = self
            .defaults
            .lines()
            .filter(|line| !line.starts_with(&format!("{option} =")))
            .collect();
        self.defaults = kept.join("\n") + "\n";
        self
    }

    /// Adds a rule.
    pub(crate) fn rule(&mut self, name: &str, options: &str) -> &mut Self {
        write!(self.rules, "[{name}]\n{options}\n").expect("memory");
        self
    }

    /// Removes all rules.
    pub(crate) fn no_rules(&mut self) -> &mut Self {
        self.rules.clear();
        self
    }

    /// Writes a script. `$LOG` is the log.
    pub(crate) fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path(name);
        let log = self.path("log");
        // Written aside and renamed: a script that is just being run cannot be opened for writing.
        let new = self.path(&format!(".{name}.new"));
        fs::write(
            &new,
            format!("#!/bin/sh\nLOG='{}'\n{body}\n", log.display()),
        )
        .expect("a script");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("permissions");
        fs::rename(&new, &path).expect("a script");
        path
    }

    /// A path within the folder of the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the journal.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The configuration file, written anew from what has been said so far.
    pub(crate) fn config(&self) -> PathBuf {
        let path = self.path("listener.conf");
        fs::write(&path, format!("{}\n{}", self.defaults, self.rules)).expect("a configuration");
        path
    }

    /// Publishes to the queue, and waits until the broker has it.
    pub(crate) fn publish(&self, body: impl AsRef<[u8]>) {
        let publishing = self.publisher.publish(&self.exchange, &self.queue, body);
        self.runtime.block_on(publishing);
    }

    /// Publishes all of these, in order.
    pub(crate) fn publish_all<B: AsRef<[u8]>>(&self, bodies: impl IntoIterator<Item = B>) {
        let publishing = self
            .publisher
            .publish_all(&self.exchange, &self.queue, bodies);
        self.runtime.block_on(publishing);
    }

    /// Does something else as ESI Leap, over the stage's own connection.
    pub(crate) fn as_publisher<T>(&self, act: impl AsyncFnOnce(&Publisher) -> T) -> T {
        self.runtime.block_on(act(&self.publisher))
    }

    /// How many messages are ready in the queue; `None` if there is no such queue.
    pub(crate) fn waiting(&self) -> Option<u32> {
        self.runtime
            .block_on(self.publisher.message_count(&self.queue))
    }

    /// Deletes the queue.
    pub(crate) fn delete_queue(&self) {
        self.runtime.block_on(self.publisher.delete(&self.queue));
    }

    /// Starts `listen`, and waits until it consumes.
    pub(crate) fn listen(&self) -> Service {
        let service = self.start(&[]);
        service.wait_for(&format!("consuming queue {}", self.queue));
        service
    }

    /// Starts `listen` with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Service {
        Service::start(self.program("listen").args(arguments))
    }

    /// Runs `listen` until nothing is left to do; it has to end well.
    pub(crate) fn drain(&self) -> Output {
        let output = self.run(&["listen", "--until-idle"]);
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// Runs a subcommand with this configuration to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments[0])
            .args(&arguments[1..])
            .output()
            .expect("the program")
    }

    /// The program with a subcommand and this configuration.
    pub(crate) fn program(&self, subcommand: &str) -> Command {
        let mut command = Command::new(program());
        command
            .arg(subcommand)
            .arg("--config")
            .arg(self.config())
            .current_dir("/");
        command
    }

    /// What `runs list` shows, oldest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        self.listed(&["runs", "list", "--limit", "100000", "--format", "json"])
    }

    /// What `quarantine list` shows, oldest first.
    pub(crate) fn quarantined(&self) -> Vec<Value> {
        self.listed(&[
            "quarantine",
            "list",
            "--limit",
            "100000",
            "--format",
            "json",
        ])
    }

    /// What `runs show` shows.
    pub(crate) fn run_detail(&self, id: u64) -> Value {
        let output = self.run(&["runs", "show", &id.to_string(), "--format", "json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn listed(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("a JSON list")
    }

    /// The state of every run, oldest first.
    pub(crate) fn states(&self) -> Vec<String> {
        let state = |run: &Value| run["state"].as_str().expect("a state").to_owned();
        self.runs().iter().map(state).collect()
    }

    /// The lines that scripts have appended to the log.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the log has so many lines, and gives them.
    pub(crate) fn wait_for_log(&self, lines: usize) -> Vec<String> {
        wait_until(&format!("{lines} lines in the log"), || {
            self.log().len() >= lines
        });
        self.log()
    }
}

/// Appends its arguments to the log, each followed by `|`.
const RECORD: &str = r#"line=$(printf '%s|' "$@"; printf .); printf '%s\n' "${line%.}" >>"$LOG""#;

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_esi-event-actions"))
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process does anything: zombies do not.
pub(crate) fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
    state.is_some_and(|state| !matches!(state, "Z" | "X"))
}
