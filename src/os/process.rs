//! Identifies a process and the members of its group, from `/proc`.
//!
//! A process id alone says little: the kernel gives it to another process soon after its process has gone.
//! With the time of start and the boot it is unique, so that recovery never ends a stranger.

mod group;
mod look;
mod marked;
mod orphans;
mod remaining;
mod signal;

pub use group::Group;
pub(crate) use group::withhold;
pub(crate) use look::look;
pub(crate) use marked::{
    ATTEMPT_VARIABLE, Environment, JOURNAL_VARIABLE, RUN_VARIABLE, SOURCE_VARIABLE, end_marked,
};
pub(crate) use orphans::reap_orphans;
pub(crate) use remaining::{Remaining, describe_remaining};
pub(crate) use signal::{is_hidden, may_be_ended, signal};

use std::fs;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Which process it is, so that recovery never ends a stranger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process, and its process group.
    pub pid: i32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id`, because ticks start from zero at each boot.
    pub boot_id: String,
}

/// How long output is still read after the script has ended, for those who hold its pipes: long
/// enough for a `tee` to write its last lines, short enough not to wait for a daemon.
pub const OUTPUT_GRACE: Duration = Duration::from_millis(250);

/// How long the end of processes is waited for after SIGKILL. Only the kernel can delay it.
pub const FORCE_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait between two looks at processes that are to end: first often, then less so.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    (0..).map(|round: u32| Duration::from_millis(5 << round.min(5)))
}

/// Who the process `pid` is.
///
/// # Errors
/// If there is no such process, or `/proc` cannot be read.
pub fn identify(pid: i32) -> io::Result<ProcessIdentity> {
    Ok(ProcessIdentity {
        pid,
        start_ticks: Status::of(pid)?.start_ticks,
        boot_id: boot_id()?,
    })
}

/// The boot that this machine is in. It is read once: no process sees another one.
///
/// # Errors
/// If `/proc` cannot be read.
pub(crate) fn boot_id() -> io::Result<String> {
    static READ: OnceLock<String> = OnceLock::new();
    if let Some(known) = READ.get() {
        return Ok(known.clone());
    }
    let read = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(READ.get_or_init(|| read.trim_end().to_owned()).clone())
}

/// Whether a living process is in the group. If `/proc` cannot be read, there may be one.
#[cfg(test)]
pub(crate) fn group_lives(group: i32) -> bool {
    look::Seen::now().map_or(true, |seen| seen.living_in(group).next().is_some())
}

/// What `/proc/PID/stat` says, as far as it is needed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) pid: i32,
    parent: i32,
    /// The name of its program, cut by the kernel to 15 bytes.
    pub(crate) name: String,
    /// Neither a zombie nor dead.
    pub(crate) alive: bool,
    pub(crate) group: i32,
    /// In clock ticks since boot.
    pub(crate) start_ticks: u64,
}

impl Status {
    /// A process of tests.
    #[cfg(test)]
    pub(crate) fn made_up(pid: i32, group: i32, alive: bool) -> Self {
        Self {
            pid,
            parent: 1,
            name: "sh".into(),
            alive,
            group,
            start_ticks: 5,
        }
    }

    /// Of this process.
    ///
    /// # Errors
    /// If there is none, or `/proc` cannot be read.
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        let line = fs::read(format!("/proc/{pid}/stat"))?;
        let line = String::from_utf8_lossy(&line);
        Self::parse(pid, &line).ok_or_else(|| {
            let what = format!(
                "failed to read /proc/{pid}/stat: found `{}`",
                line.trim_end()
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }

    /// Stands for those in a group that are hidden from this user.
    pub(crate) fn hidden(group: i32) -> Self {
        Self {
            pid: group,
            parent: 0,
            name: String::new(),
            alive: true,
            group,
            start_ticks: 0,
        }
    }

    fn parse(pid: i32, line: &str) -> Option<Self> {
        // The name may hold spaces and brackets of its own: it ends with the last bracket.
        let (head, fields) = line.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        // Field 3 is the first one after the name.
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3);
        Some(Self {
            pid,
            parent: field(4)?.parse().ok()?,
            name: name.to_owned(),
            alive: !matches!(*field(3)?, "Z" | "X" | "x"),
            group: field(5)?.parse().ok()?,
            start_ticks: field(22)?.parse().ok()?,
        })
    }
}

/// Whether the machine, or a limit of this process, had none left of what was needed: processes,
/// file descriptors or memory.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let rest = "7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3";
        let cases = [
            ("sleep", "S", true),
            ("a) Z (b", "R", true),
            ("", "D", true),
            (") ", "T", true),
            ("gone", "Z", false),
            ("gone", "X", false),
        ];
        for (name, state, alive) in cases {
            let expected = Status {
                pid: 42,
                parent: 7,
                name: name.into(),
                alive,
                group: 42,
                start_ticks: 987_654,
            };
            let line = format!("42 ({name}) {state} {rest}\n");
            assert_eq!(Status::parse(42, &line), Some(expected), "{line}");
        }
        for broken in ["", "42", "42 (sh", "42 (sh) S 7 42", "42 (sh) S 7 x 42"] {
            assert_eq!(Status::parse(42, broken), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_identified_and_in_a_living_group() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let identity = identify(pid).unwrap();
        assert_eq!(identity, identify(pid).unwrap());
        assert!(identity.start_ticks > 0);
        assert_eq!(identity.boot_id.len(), 36, "{}", identity.boot_id);
        assert!(group_lives(Status::of(pid).unwrap().group));
        assert!(!group_lives(i32::MAX));
        assert!(identify(i32::MAX).is_err());
    }
}
