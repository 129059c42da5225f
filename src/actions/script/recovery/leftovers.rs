//! Processes that scripts of an earlier service have left.
//!
//! Two signs tell what is ours, and either is enough. The recorded leader, if its process id still
//! has the recorded time of start in the recorded boot, and with it its group. And the mark that
//! every script gets and hands on in its environment: this journal's name together with the numbers
//! of one of the interrupted runs and of its open attempt. What an earlier attempt of the same run has
//! left in the background was left on purpose. The mark finds children whose leader has gone, those that left
//! the group, and scripts that were started in the moment before the crash: such a leader stands for
//! its group too, whose others may have been given another environment, as `sudo` does it.
//!
//! Every signal goes to one process through a handle taken before it was looked at once more, so
//! that it cannot reach another one that has got the same process id meanwhile.
//!
//! A third sign proves nothing, so nobody is ended by it: to be in the group of a recorded leader that
//! has gone. It is waited for, since a child that has become another user has no other.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use rustix::process::{Signal, getpid};
use tokio::time::{Instant, sleep};

use crate::journal::RunId;
use crate::os::process::{
    ATTEMPT_VARIABLE, Environment, FORCE_LIMIT, JOURNAL_VARIABLE, ProcessIdentity, RUN_VARIABLE,
    Remaining, Status, boot_id, is_hidden, look, may_be_ended, pauses, signal,
};

/// An attempt of a script that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The run.
    pub(super) run: RunId,
    /// Which of its attempts.
    pub(super) number: u32,
    /// The script's own process, if that is on record.
    pub(super) leader: Option<ProcessIdentity>,
}

/// A process that an interrupted attempt had left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::actions::script) struct Leftover {
    /// The run it belonged to.
    pub(super) run: RunId,
    /// Its process id; that of its group, if it is hidden from this user.
    pub(super) pid: i32,
    /// The name of its program, cut by the kernel to 15 bytes; `None` if it is hidden.
    pub(super) name: Option<String>,
    /// How it ended.
    pub(super) ending: Ending,
}

impl From<&Leftover> for Remaining {
    fn from(leftover: &Leftover) -> Self {
        Self {
            pid: leftover.pid,
            name: leftover.name.clone(),
        }
    }
}

/// How a leftover ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::actions::script) enum Ending {
    /// It was asked to (SIGTERM), and did.
    Asked,
    /// It had to be forced (SIGKILL).
    Forced,
    /// It is still there: the kernel does not let it go, or does not let us signal it, or nothing
    /// proves that it is ours.
    Alive,
}

/// What the interrupted attempts have left running.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    journal_name: String,
    boot_id: String,
    open: Vec<Attempt>,
    /// Those of leaders with the mark.
    groups: BTreeMap<i32, RunId>,
    /// By process id and time of start.
    found: BTreeMap<(i32, u64), Leftover>,
}

/// One that lives.
struct Living {
    process: Status,
    run: RunId,
    /// It may be signalled.
    is_ours: bool,
}

impl Leftovers {
    /// Of the attempts in `open`, which are those of a service of this journal that is no more.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(super) fn of(journal_name: &str, open: Vec<Attempt>) -> io::Result<Self> {
        Ok(Self {
            journal_name: journal_name.to_owned(),
            boot_id: boot_id()?,
            open,
            groups: BTreeMap::new(),
            found: BTreeMap::new(),
        })
    }

    /// Ends them: asks, waits up to `grace`, forces, and comes back when nothing of it lives, or after
    /// [`FORCE_LIMIT`] more. Answers what it found.
    ///
    /// # Errors
    /// If `/proc` cannot be read; leftovers may be running then.
    pub(super) async fn end(&mut self, grace: Duration) -> io::Result<Vec<Leftover>> {
        let forced_from = Instant::now() + grace;
        let given_up_from = forced_from + FORCE_LIMIT;
        let mut pauses = pauses();
        loop {
            let now = Instant::now();
            let living = self.living().await?;
            let given_up = now >= given_up_from || !living.iter().any(|one| one.is_ours);
            for Living {
                process,
                run,
                is_ours,
            } in &living
            {
                let (leftover, new) = self.found(process, *run);
                if given_up {
                    leftover.ending = Ending::Alive;
                } else if *is_ours && now >= forced_from {
                    leftover.ending = Ending::Forced;
                    signal(process, Signal::KILL);
                } else if *is_ours && new {
                    signal(process, Signal::TERM);
                    // One that was halted could not do as it is asked.
                    signal(process, Signal::CONT);
                }
            }
            if given_up {
                return Ok(self.found.values().cloned().collect());
            }
            sleep(pauses.next().unwrap_or_default()).await;
        }
    }

    /// What still lives, of the attempts that are not closed. It is told to end once more: it may have
    /// become ours again.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(super) async fn remaining(&mut self) -> io::Result<Vec<Leftover>> {
        let living = self.living().await?;
        let remaining = living.iter().map(|one| {
            if one.is_ours {
                signal(&one.process, Signal::KILL);
            }
            let (leftover, _) = self.found(&one.process, one.run);
            leftover.ending = Ending::Alive;
            leftover.clone()
        });
        Ok(remaining.collect())
    }

    /// Nothing of the attempts of other runs than these is looked for any more.
    pub(super) fn keep(&mut self, runs: &[RunId]) {
        self.open.retain(|attempt| runs.contains(&attempt.run));
        self.groups.retain(|_, run| runs.contains(run));
    }

    fn found(&mut self, process: &Status, run: RunId) -> (&mut Leftover, bool) {
        let mut new = false;
        let found = self
            .found
            .entry((process.pid, process.start_ticks))
            .or_insert_with(|| {
                new = true;
                Leftover {
                    run,
                    pid: process.pid,
                    name: (process.start_ticks > 0).then(|| process.name.clone()),
                    ending: Ending::Asked,
                }
            });
        (found, new)
    }

    /// Every living process that is ours, or may be, with its run.
    async fn living(&mut self) -> io::Result<Vec<Living>> {
        let seen = look().await?;
        let processes = &seen.processes;
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
            .filter_map(|attempt| Some((self.group_of(attempt, processes)?, attempt.run)));
        groups.extend(recorded);
        let orphaned: BTreeMap<i32, &Attempt> = self
            .open
            .iter()
            .filter_map(|attempt| Some((self.orphaned_group(attempt, processes)?, attempt)))
            .collect();
        let mut living: Vec<Living> = processes
            .iter()
            .filter(|process| may_be_ended(process, &myself))
            .filter_map(|process| {
                let ours = groups.get(&process.group).or(marks.get(&process.pid));
                let run = ours.copied().or_else(|| {
                    let attempt = orphaned.get(&process.group)?;
                    let leader = attempt.leader.as_ref()?;
                    (process.start_ticks >= leader.start_ticks).then_some(attempt.run)
                })?;
                Some(Living {
                    process: process.clone(),
                    run,
                    is_ours: ours.is_some(),
                })
            })
            .collect();
        if !seen.complete {
            let hidden = orphaned.iter().filter(|(group, attempt)| {
                !living.iter().any(|one| one.run == attempt.run) && is_hidden(**group)
            });
            let hidden: Vec<Living> = hidden
                .map(|(group, attempt)| Living {
                    process: Status::hidden(*group),
                    run: attempt.run,
                    is_ours: false,
                })
                .collect();
            living.extend(hidden);
        }
        Ok(living)
    }

    /// The recorded leader's group, if the leader has gone: who is in it may be ours, which nothing
    /// proves. A child that has become another user shows no mark, and outlives a shell that was waiting
    /// for it.
    fn orphaned_group(&self, attempt: &Attempt, processes: &[Status]) -> Option<i32> {
        let leader = attempt.leader.as_ref()?;
        // The number is given to nobody else while anyone is in the group.
        let is_free = !processes.iter().any(|process| process.pid == leader.pid);
        (leader.pid > 1 && leader.boot_id == self.boot_id && is_free).then_some(leader.pid)
    }

    /// Whether this is one that was found before, and in that group: a group's number is not given
    /// away while somebody is in it.
    fn was_found_in(&self, group: i32, process: &Status) -> bool {
        process.group == group && self.found.contains_key(&(process.pid, process.start_ticks))
    }

    /// The group of the recorded leader, if it is still ours: the leader itself proves it, and so
    /// does anyone in it who was found before.
    fn group_of(&self, attempt: &Attempt, processes: &[Status]) -> Option<i32> {
        let leader = attempt.leader.as_ref()?;
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
        let environment = Environment::of(process)?;
        if environment.value(JOURNAL_VARIABLE)? != self.journal_name {
            return None;
        }
        let run: RunId = environment.value(RUN_VARIABLE)?.parse().ok()?;
        let attempt: u32 = environment.value(ATTEMPT_VARIABLE)?.parse().ok()?;
        self.open
            .iter()
            .any(|open| (open.run, open.number) == (run, attempt))
            .then_some(run)
    }
}

#[cfg(test)]
mod tests;
