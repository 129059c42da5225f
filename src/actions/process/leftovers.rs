//! After a crash: ends what an earlier service left running, before its runs are due again.
//!
//! Two signs tell what is ours, and either is enough. The recorded leader, if its process id still
//! has the recorded time of start in the recorded boot, and with it its group. And the mark that
//! every script gets and hands on in its environment: this journal's name together with the number
//! of one of the interrupted runs. The mark finds children whose leader has gone, those that left
//! the group, and scripts that were started in the moment before the crash: such a leader stands for
//! its group too, whose others may have been given another environment, as `sudo` does it.
//!
//! Every signal goes to one process through a handle taken before it was looked at once more, so
//! that it cannot reach another one that has got the same process id meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, geteuid, getpid, kill_process, pidfd_open, pidfd_send_signal,
};
use tokio::time::{Instant, sleep};

use super::{FORCE_LIMIT, JOURNAL_VARIABLE, RUN_VARIABLE, Status, all, boot_id, pauses};
use crate::journal::{OpenAttempt, RunId};

/// A process that an interrupted attempt had left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The run it belonged to.
    pub run: RunId,
    /// Its process id.
    pub pid: i32,
    /// The name of its program, cut by the kernel to 15 bytes.
    pub name: String,
    /// How it ended.
    pub ending: Ending,
}

/// How a leftover ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to (SIGTERM), and did.
    Asked,
    /// It had to be forced (SIGKILL).
    Forced,
    /// It is still there: the kernel does not let it go, or does not let us signal it.
    Alive,
}

/// Ends whatever the attempts in `open` have left running: asks, waits up to `grace`, forces, and
/// comes back when nothing of it lives, or after [`FORCE_LIMIT`] more. Answers what it found.
///
/// # Errors
/// If `/proc` cannot be read; leftovers may be running then.
pub async fn end_leftovers(
    journal_name: &str,
    open: &[OpenAttempt],
    grace: Duration,
) -> io::Result<Vec<Leftover>> {
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let mut search = Search {
        mark: format!("{JOURNAL_VARIABLE}={journal_name}"),
        boot_id: boot_id()?,
        open,
        groups: BTreeMap::new(),
        found: BTreeMap::new(),
    };
    let forced_from = Instant::now() + grace;
    let given_up_from = forced_from + FORCE_LIMIT;
    let mut pauses = pauses();
    loop {
        let now = Instant::now();
        let living = search.living()?;
        if living.is_empty() {
            break;
        }
        for (process, run) in living {
            let new = !search
                .found
                .contains_key(&(process.pid, process.start_ticks));
            let leftover = search.found(&process, run);
            if now >= given_up_from {
                leftover.ending = Ending::Alive;
            } else if now >= forced_from {
                leftover.ending = Ending::Forced;
                signal(&process, Signal::KILL);
            } else if new {
                signal(&process, Signal::TERM);
                // One that was halted could not do as it is asked.
                signal(&process, Signal::CONT);
            }
        }
        if now >= given_up_from {
            break;
        }
        sleep(pauses.next().unwrap_or_default()).await;
    }
    Ok(search.found.into_values().collect())
}

struct Search<'a> {
    mark: String,
    boot_id: String,
    open: &'a [OpenAttempt],
    /// Those of leaders with the mark.
    groups: BTreeMap<i32, RunId>,
    /// By process id and time of start.
    found: BTreeMap<(i32, u64), Leftover>,
}

impl Search<'_> {
    fn found(&mut self, process: &Status, run: RunId) -> &mut Leftover {
        self.found
            .entry((process.pid, process.start_ticks))
            .or_insert_with(|| Leftover {
                run,
                pid: process.pid,
                name: process.name.clone(),
                ending: Ending::Asked,
            })
    }

    /// Every living process that is ours, with its run.
    fn living(&mut self) -> io::Result<Vec<(Status, RunId)>> {
        let processes = all()?;
        let myself = Status::of(getpid().as_raw_pid())?;
        let marks: BTreeMap<i32, RunId> = processes
            .iter()
            .filter(|process| may_be_ended(process, &myself))
            .filter_map(|process| Some((process.pid, self.marked(process)?)))
            .collect();
        let inhabited = |group: i32| processes.iter().any(|one| self.was_found_in(group, one));
        let mut groups = self.groups.clone();
        groups.retain(|group, _| inhabited(*group));
        let leaders = processes.iter().filter(|one| one.pid == one.group);
        groups.extend(leaders.filter_map(|one| Some((one.group, *marks.get(&one.pid)?))));
        self.groups.clone_from(&groups);
        let recorded = self
            .open
            .iter()
            .filter_map(|attempt| Some((self.group_of(attempt, &processes)?, attempt.run)));
        groups.extend(recorded);
        Ok(processes
            .into_iter()
            .filter(|process| may_be_ended(process, &myself))
            .filter_map(|process| {
                let run = groups.get(&process.group).or(marks.get(&process.pid));
                run.copied().map(|run| (process, run))
            })
            .collect())
    }

    /// Whether this is one that was found before, and in that group: a group's number is not given
    /// away while somebody is in it.
    fn was_found_in(&self, group: i32, process: &Status) -> bool {
        process.group == group && self.found.contains_key(&(process.pid, process.start_ticks))
    }

    /// The group of the recorded leader, if it is still ours: the leader itself proves it, and so
    /// does anyone in it who was found before.
    fn group_of(&self, attempt: &OpenAttempt, processes: &[Status]) -> Option<i32> {
        let leader = attempt.process.as_ref()?;
        let is_ours = |process: &Status| {
            process.group == leader.pid
                && (process.pid, process.start_ticks) == (leader.pid, leader.start_ticks)
                || self.was_found_in(leader.pid, process)
        };
        // A group number below 2 stands for kernel threads, init, or groups outside a container.
        (leader.pid > 1 && leader.boot_id == self.boot_id && processes.iter().any(is_ours))
            .then_some(leader.pid)
    }

    /// The run whose mark the process carries.
    fn marked(&self, process: &Status) -> Option<RunId> {
        let folder = format!("/proc/{}", process.pid);
        if fs::metadata(&folder).ok()?.uid() != geteuid().as_raw() {
            return None;
        }
        let environment = fs::read(format!("{folder}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        if !variables
            .clone()
            .any(|variable| variable == self.mark.as_bytes())
        {
            return None;
        }
        let run = variables.find_map(|variable| {
            variable
                .strip_prefix(RUN_VARIABLE.as_bytes())?
                .strip_prefix(b"=")
        })?;
        let run: RunId = str::from_utf8(run).ok()?.parse().ok()?;
        self.open
            .iter()
            .any(|attempt| attempt.run == run)
            .then_some(run)
    }
}

/// Whatever the signs say: never the init process, never this process or its own group.
fn may_be_ended(process: &Status, myself: &Status) -> bool {
    process.alive && process.pid > 1 && process.pid != myself.pid && process.group != myself.group
}

/// Signals this process and no other. What cannot be signalled is found alive in the next round.
fn signal(process: &Status, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    let handle = pidfd_open(pid, PidfdFlags::empty());
    let still = Status::of(process.pid).is_ok_and(|now| now.start_ticks == process.start_ticks);
    if !still {
        return;
    }
    let sent = match handle {
        Ok(handle) => pidfd_send_signal(handle, signal),
        // A kernel, or a sandbox, without such handles.
        Err(Errno::NOSYS | Errno::PERM) => kill_process(pid, signal),
        Err(error) => Err(error),
    };
    if let Err(error) = sent
        && error != Errno::SRCH
    {
        tracing::warn!(
            pid = process.pid,
            "failed to signal a leftover process: {error}"
        );
    }
}

#[cfg(test)]
mod tests;
