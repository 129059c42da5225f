//! A program that stands in for `openstack`: it answers what a test has told it to, in the form and
//! with the errors of the real one, and fails as the test says, also while calls are under way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::stage::wait_until;

/// The stand-in, in a folder of its own.
pub(crate) struct Openstack {
    folder: PathBuf,
}

/// Which calls a fault befalls.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// `event list`.
    Events,
    /// `lease show`, of every lease that has no fault of its own.
    Leases,
    /// `lease show` of this one.
    Lease(&'a str),
}

/// What goes wrong.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Ends with this status, and this on standard error.
    Exit(i32, String),
    /// Prints this for an answer, and ends well.
    Prints(String),
    /// Prints one half of the answer, and ends well.
    Cut,
    /// Writes this on standard error, and answers all the same.
    Warns(String),
    /// Never ends.
    Hang,
    /// Never ends, and ignores SIGTERM.
    HangDeaf,
    /// Never ends, nor does its child, which holds its output too.
    HangWithChild,
    /// Answers and ends, but a child stays and holds its output.
    LeavesChild,
    /// Answers so much later.
    Delay(Duration),
    /// Waits for another fault or none, and goes on as that says.
    Gate,
}

/// A call that was made.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    /// Its process, and its process group.
    pub(crate) pid: u32,
    /// Its arguments.
    pub(crate) argv: Vec<String>,
    /// Of its environment what is about clouds and services, and `PATH` and `HOME`.
    pub(crate) env: BTreeMap<String, String>,
    /// Its working folder.
    pub(crate) folder: PathBuf,
    /// The file that is its standard input.
    pub(crate) stdin: PathBuf,
    /// When it began: nanoseconds of a clock that all calls share.
    pub(crate) began: u64,
    /// When it ended by itself.
    pub(crate) ended: Option<u64>,
    /// Whether it came to a gate, or hangs.
    #[serde(default)]
    pub(crate) held: bool,
}

impl Openstack {
    /// Makes the program, which knows no rows and no leases.
    pub(crate) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let stand_in = Self {
            folder: folder.to_owned(),
        };
        for (name, content) in [
            ("rows.json", "[]"),
            ("leases.json", "{}"),
            ("faults.json", "{}"),
        ] {
            stand_in.write(name, content);
        }
        let program = include_str!("openstack.py");
        // Without the machine's own packages it starts several times as fast.
        let program = format!("#!{} -SE\n{program}", python().display());
        stand_in.write("openstack.py", &program);
        // Another process makes it: a file that this one has just written cannot be run while some
        // other thread's new process still holds it open.
        let made = Command::new("install")
            .args(["-m", "755", "openstack.py", "openstack"])
            .current_dir(folder)
            .status();
        assert!(made.expect("install").success());
        stand_in
    }

    /// The path of the program.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("openstack")
    }

    /// The program as the value of `openstack_command`.
    pub(crate) fn command(&self) -> String {
        let program = self.program();
        let program = program.to_str().expect("UTF-8");
        shlex::try_quote(program).expect("no NUL").into_owned()
    }

    /// Replaces the rows. They are answered in this order.
    pub(crate) fn rows(&self, rows: &[Value]) {
        self.write_json("rows.json", &json!(rows));
    }

    /// Adds a lease, or replaces it.
    pub(crate) fn lease(&self, uuid: &str, lease: Value) {
        self.edit("leases.json", |leases| leases.insert(uuid.into(), lease));
    }

    /// Puts this text in the place of a string in the leases: what only Python takes for JSON.
    pub(crate) fn in_leases(&self, string: &str, text: &str) {
        let leases = fs::read_to_string(self.folder.join("leases.json")).expect("a file");
        self.write(
            "leases.json",
            &leases.replace(&format!("\"{string}\""), text),
        );
    }

    /// Denies access to a lease.
    pub(crate) fn deny(&self, uuid: &str) {
        self.lease(uuid, Value::Null);
    }

    /// From now on this goes wrong, and nothing else there.
    pub(crate) fn fault(&self, at: At<'_>, fault: Fault) {
        self.edit("faults.json", |faults| {
            faults.insert(at.name(), fault.into_json())
        });
    }

    /// From now on nothing goes wrong there; calls that wait at a gate go on.
    pub(crate) fn mend(&self, at: At<'_>) {
        self.edit("faults.json", |faults| faults.shift_remove(&at.name()));
    }

    /// Every call, in the order of their beginnings.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let log = fs::read_to_string(self.folder.join("calls.log")).unwrap_or_default();
        let mut calls: Vec<(String, Map<String, Value>)> = Vec::new();
        // A line without an end is just being written.
        for line in log.split_inclusive('\n').filter(|it| it.ends_with('\n')) {
            let mut told: Map<String, Value> = serde_json::from_str(line).expect("a line");
            let name = told.shift_remove("call").expect("a call").to_string();
            match calls.iter_mut().find(|(call, _)| *call == name) {
                Some((_, call)) => call.extend(told),
                None => calls.push((name, told)),
            }
        }
        let mut calls: Vec<Call> = calls
            .into_iter()
            .map(|(_, told)| serde_json::from_value(told.into()).expect("a call"))
            .collect();
        calls.sort_by_key(|call| call.began);
        calls
    }

    /// Waits until so many living calls are held, at a gate or because they hang, and gives them.
    pub(crate) fn wait_for_held(&self, count: usize) -> Vec<Call> {
        let held = || {
            let calls = self.calls().into_iter();
            let held = calls.filter(|call| call.held && call.ended.is_none());
            held.filter(|call| group_lives(call.pid)).collect()
        };
        let mut found: Vec<Call> = Vec::new();
        wait_until(&format!("{count} calls that are held"), || {
            found = held();
            found.len() >= count
        });
        found
    }

    fn edit<T>(&self, name: &str, edit: impl FnOnce(&mut Map<String, Value>) -> T) {
        let text = fs::read_to_string(self.folder.join(name)).expect("a file");
        let mut content = serde_json::from_str(&text).expect("an object");
        edit(&mut content);
        self.write_json(name, &content.into());
    }

    fn write_json(&self, name: &str, content: &Value) {
        self.write(name, &content.to_string());
    }

    /// In one step: calls that are under way may be reading it.
    fn write(&self, name: &str, content: &str) {
        let new = self.folder.join(format!(".{name}.new"));
        fs::write(&new, content).expect("a file");
        fs::rename(&new, self.folder.join(name)).expect("a file");
    }
}

impl At<'_> {
    fn name(self) -> String {
        match self {
            Self::Events => "events".into(),
            Self::Leases => "leases".into(),
            Self::Lease(uuid) => format!("lease {uuid}"),
        }
    }
}

impl Fault {
    /// A failure of the real program: `34-bad-password`, for one.
    pub(crate) fn captured(name: &str) -> Self {
        let call = captured(name);
        let status = call["exit"].as_i64().and_then(|exit| exit.try_into().ok());
        let status = status.filter(|exit| *exit != 0).expect("a failure");
        Self::Exit(status, call["stderr"].as_str().expect("text").into())
    }

    fn into_json(self) -> Value {
        let hang = |deaf, child| json!({"kind": "hang", "deaf": deaf, "child": child});
        match self {
            Self::Exit(status, stderr) => {
                json!({"kind": "exit", "status": status, "stderr": stderr})
            }
            Self::Prints(stdout) => json!({"kind": "prints", "stdout": stdout}),
            Self::Cut => json!({"kind": "cut"}),
            Self::Warns(stderr) => json!({"kind": "warns", "stderr": stderr}),
            Self::Hang => hang(false, false),
            Self::HangDeaf => hang(true, false),
            Self::HangWithChild => hang(false, true),
            Self::LeavesChild => json!({"kind": "leaves-child"}),
            Self::Delay(delay) => json!({"kind": "delay", "seconds": delay.as_secs_f64()}),
            Self::Gate => json!({"kind": "gate"}),
        }
    }
}

/// The leases that the real client was asked to show, by their captures.
pub(crate) const LEASES_SHOWN: [&str; 7] = [
    "19-lease-show-full-deleted",
    "20-lease-show-active-metachars",
    "21-lease-show-active-dummy",
    "22-lease-show-claimed",
    "23-lease-show-sublease",
    "24-lease-show-expired",
    "25-lease-show-never-started",
];

/// A call of the real program: `args`, `exit`, `stdout`, `stderr`.
pub(crate) fn captured(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/cli")
        .join(format!("{name}.json"));
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|why| panic!("failed to read {}: {why}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// What the real program printed, as JSON.
pub(crate) fn printed(name: &str) -> Value {
    let call = captured(name);
    serde_json::from_str(call["stdout"].as_str().expect("text")).expect("JSON")
}

/// A row of the history.
pub(crate) fn row(id: i64, event_type: &str, lease: &str, node: &str) -> Value {
    json!({
        "ID": id,
        "Event Type": event_type,
        "Event Time": "2026-11-21T08:50:08.243638",
        "Object Type": "lease",
        "Object UUID": lease,
        "Resource Type": "ironic_node",
        "Resource UUID": node,
        "Lessee ID": "33333333333343338333333333333333",
        "Owner ID": "22222222222242228222222222222222"
    })
}

/// A lease of this node as the real program shows one.
pub(crate) fn lease_of(uuid: &str, node: &str) -> Value {
    let mut lease = printed("19-lease-show-full-deleted");
    lease["uuid"] = uuid.into();
    lease["resource_uuid"] = node.into();
    lease
}

/// Whether a process of this group does anything: zombies do not.
pub(crate) fn group_lives(group: u32) -> bool {
    let group = group.to_string();
    let processes = fs::read_dir("/proc").expect("/proc");
    processes.flatten().any(|process| {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let fields: Vec<&str> = fields.split(' ').collect();
        matches!(fields[..], [state, _, of, ..] if of == group && !matches!(state, "Z" | "X"))
    })
}

/// The interpreter itself: what `PATH` leads to may be a script that looks for it.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let asked = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable, end='')"])
            .output()
            .expect("python3 is installed");
        String::from_utf8(asked.stdout).expect("UTF-8").into()
    })
}
