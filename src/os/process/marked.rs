//! Processes that carry variables in their environment, as they hand them on to all that they start.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::{Signal, geteuid, getpid};
use tokio::time::{Instant, sleep};

use super::look::look;
use super::{FORCE_LIMIT, Remaining, Status, may_be_ended, pauses, signal};

/// Names, in the environment of what a service starts, its journal.
pub(crate) const JOURNAL_VARIABLE: &str = "ESI_JOURNAL";

/// Names the run in a script's environment.
pub(crate) const RUN_VARIABLE: &str = "ESI_RUN_ID";

/// Names the attempt in a script's environment.
pub(crate) const ATTEMPT_VARIABLE: &str = "ESI_ATTEMPT";

/// Names, in the environment of a program that writes events, the source that it is run for.
pub(crate) const SOURCE_VARIABLE: &str = "ESI_SOURCE";

/// What processes are known by. A service may have them of whoever started it: they are not for what it starts.
pub(super) const MARKS: [&str; 4] = [
    JOURNAL_VARIABLE,
    RUN_VARIABLE,
    ATTEMPT_VARIABLE,
    SOURCE_VARIABLE,
];

/// What a process was started with in its environment.
pub(crate) struct Environment(Vec<u8>);

impl Environment {
    /// Of a process of this user; `None` if it is another one's, or has gone.
    pub(crate) fn of(process: &Status) -> Option<Self> {
        let folder = format!("/proc/{}", process.pid);
        if fs::metadata(&folder).ok()?.uid() != geteuid().as_raw() {
            return None;
        }
        fs::read(format!("{folder}/environ")).ok().map(Self)
    }

    /// The value of the variable of this name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut variables = self.0.split(|byte| *byte == 0);
        let value = variables
            .find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        str::from_utf8(value).ok()
    }
}

/// What came of processes that were to end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct MarkedEnd {
    /// How many were found.
    pub(crate) found: usize,
    /// Those that could not be ended.
    pub(crate) remaining: Vec<Remaining>,
}

/// Ends every process that has all of these variables, and the group of each leader that has them: asks (SIGTERM),
/// waits up to `grace`, forces (SIGKILL), and comes back when none of them lives, or after
/// [`FORCE_LIMIT`] more.
///
/// # Errors
/// If `/proc` cannot be read; some may be running then.
pub(crate) async fn end_marked(
    variables: &[(&str, &str)],
    grace: Duration,
) -> io::Result<MarkedEnd> {
    let forced_from = Instant::now() + grace;
    let given_up_from = forced_from + FORCE_LIMIT;
    let myself = Status::of(getpid().as_raw_pid())?;
    let (mut groups, mut found) = (BTreeSet::<i32>::new(), BTreeSet::new());
    let mut pauses = pauses();
    loop {
        let seen = look().await?;
        let others = || {
            let processes = seen.processes.iter();
            processes.filter(|process| may_be_ended(process, &myself))
        };
        let is_known = |process: &Status, found: &BTreeSet<(i32, u64)>| {
            found.contains(&(process.pid, process.start_ticks))
        };
        // A group's number is not given away while somebody is in it.
        groups.retain(|group| others().any(|one| one.group == *group && is_known(one, &found)));
        let marked: BTreeSet<i32> = others()
            .filter(|process| is_marked(process, variables))
            .map(|process| process.pid)
            .collect();
        let leaders = others().filter(|one| one.pid == one.group && marked.contains(&one.pid));
        groups.extend(leaders.map(|leader| leader.group));
        let living: Vec<&Status> = others()
            .filter(|one| marked.contains(&one.pid) || groups.contains(&one.group))
            .collect();
        let now = Instant::now();
        if living.is_empty() || now >= given_up_from {
            return Ok(MarkedEnd {
                found: found.len(),
                remaining: living.into_iter().map(Remaining::from).collect(),
            });
        }
        for process in living {
            let is_new = found.insert((process.pid, process.start_ticks));
            if now >= forced_from {
                signal(process, Signal::KILL);
            } else if is_new {
                signal(process, Signal::TERM);
                // One that was halted could not do as it is asked.
                signal(process, Signal::CONT);
            }
        }
        sleep(pauses.next().unwrap_or_default()).await;
    }
}

fn is_marked(process: &Status, variables: &[(&str, &str)]) -> bool {
    Environment::of(process).is_some_and(|environment| {
        let mut variables = variables.iter();
        variables.all(|(name, value)| environment.value(name) == Some(value))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Child, Command};

    use super::*;

    const MARK: &str = "ESI_TEST_OF_MARKS";

    /// A shell in a group of its own, with this value of the mark.
    fn shell(value: &str, script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env(MARK, value);
        command.process_group(0).spawn().expect("a shell")
    }

    #[tokio::test]
    async fn all_that_carry_the_mark_are_ended_and_nobody_else() {
        let value = format!("own {}", std::process::id());
        let mut asked = shell(&value, "exec sleep 1000");
        // Of a member with another environment, the leader says whose it is.
        let mut halted = shell(&value, "env -i sleep 1000 & kill -STOP $$; wait");
        let mut deaf = shell(&value, "trap '' TERM; sleep 1000; sleep 1000");
        let mut stranger = shell("another", "exec sleep 1000");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mark = [(MARK, value.as_str())];
        let ended = end_marked(&mark, Duration::from_millis(500)).await.unwrap();
        assert!(ended.found >= 5 && ended.remaining.is_empty(), "{ended:?}");
        assert_eq!(asked.wait().unwrap().signal(), Some(15));
        assert_eq!(halted.wait().unwrap().signal(), Some(15));
        assert_eq!(deaf.wait().unwrap().signal(), Some(9));
        assert!(stranger.try_wait().unwrap().is_none());
        let again = end_marked(&mark, Duration::ZERO).await.unwrap();
        assert_eq!(again, MarkedEnd::default());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
