//! What every scenario has: a folder with a configuration, scripts and a journal, and the program
//! itself. Scripts append to a log, so that a test can say what ran, with which arguments, in which
//! order.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing that a scenario waits for takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The folder and the configuration.
pub(crate) struct Stage {
    folder: TempDir,
    defaults: String,
    rules: String,
}

impl Stage {
    /// A folder with a script that records its arguments, and a configuration that has only these
    /// lines in `[DEFAULT]`, besides the place of the journal.
    pub(crate) fn new(defaults: &str) -> Self {
        let mut stage = Self {
            folder: private_folder(),
            defaults: "[DEFAULT]\nstate_dir = state\n".to_owned(),
            rules: String::new(),
        };
        stage.default(defaults);
        stage.script("record.sh", RECORD);
        stage
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
        // Renamed into its place: a service may be reading it.
        let new = self.path(".listener.conf.new");
        fs::write(&new, format!("{}\n{}", self.defaults, self.rules)).expect("a configuration");
        if let Ok(former) = fs::metadata(&path) {
            fs::set_permissions(&new, former.permissions()).expect("permissions");
        }
        fs::rename(&new, &path).expect("a configuration");
        path
    }

    /// Runs a subcommand with this configuration to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments[0])
            .args(&arguments[1..])
            .output()
            .expect("the program")
    }

    /// What `check --connect` prints on standard output and then on standard error, with its exit code.
    pub(crate) fn connects(&self) -> (Option<i32>, String) {
        let output = self.run(&["check", "--connect"]);
        let told = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8(told).expect("UTF-8"),
        )
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

/// A folder that only its owner can look into, so that nothing in it is open to other users.
pub(crate) fn private_folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .expect("a folder")
}

/// Appends its arguments to the log, each followed by `|`.
const RECORD: &str = r#"line=$(printf '%s|' "$@"; printf .); printf '%s\n' "${line%.}" >>"$LOG""#;

/// The program under test: cargo names it to tests, and `scripts/soak` and `scripts/bench` to theirs.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let of_tests = option_env!("CARGO_BIN_EXE_esi-event-actions").map(PathBuf::from);
        of_tests.unwrap_or_else(|| {
            let named = std::env::var_os("ESI_EVENT_ACTIONS_PROGRAM");
            named
                .expect("started with scripts/soak or scripts/bench")
                .into()
        })
    })
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
