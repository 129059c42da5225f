//! Processes that cannot be ended: how they are told of, and how often they are looked for.
//!
//! A script may become another user (`sudo`, or any program with the set-user-ID bit), whom the service
//! may not signal; or the kernel may hold a process back. While it lives, nothing of its key may start.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Leftover, Status};
use crate::core::outage::{Notice, Outage};
use crate::journal::{Journal, RunId};

/// A process that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pid: i32,
    /// `None` if it is hidden from this user, and only known by its group.
    name: Option<String>,
}

impl Remaining {
    /// One of this group, or several.
    pub(super) fn unknown(group: i32) -> Self {
        Self {
            pid: group,
            name: None,
        }
    }
}

impl From<&Status> for Remaining {
    fn from(process: &Status) -> Self {
        Self {
            pid: process.pid,
            name: Some(process.name.clone()),
        }
    }
}

impl From<&Leftover> for Remaining {
    fn from(leftover: &Leftover) -> Self {
        Self {
            pid: leftover.pid,
            name: leftover.name.clone(),
        }
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "process {} ({name})", self.pid),
            None => write!(formatter, "a process of group {}", self.pid),
        }
    }
}

/// How long until the next look for what has lasted so long already: the longer, the rarer.
pub(crate) fn pause_after(lasted: Duration) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(30);
    (lasted / 4).clamp(SHORTEST, LONGEST)
}

/// Tells of what remains of one attempt: in the log, and beside the attempt in the journal.
#[derive(Debug)]
pub(crate) struct Vigil {
    run: RunId,
    attempt: u32,
    outage: Outage,
}

impl Vigil {
    pub(crate) fn of(run: RunId, attempt: u32) -> Self {
        Self {
            run,
            attempt,
            outage: Outage::default(),
        }
    }

    /// These are there: told at once, and then at growing intervals.
    pub(crate) async fn tell<J: Journal>(&mut self, journal: &J, remaining: &[Remaining]) {
        let Self { run, attempt, .. } = *self;
        let told = told(remaining);
        let Some(notice) = self.outage.failed(&told, Instant::now()) else {
            return;
        };
        tracing::error!(run, attempt, "{told}{notice}");
        if notice != Notice::New {
            return;
        }
        if let Err(error) = journal.remark(run, attempt, told).await {
            tracing::warn!(run, attempt, "failed to record that: {error}");
        }
    }

    /// Nothing is there any more.
    pub(crate) fn tell_end(&mut self) {
        let Self { run, attempt, .. } = *self;
        if let Some(lasted) = self.outage.over(Instant::now()) {
            tracing::info!(
                run,
                attempt,
                "what could not be ended has ended, after {lasted:.0?}"
            );
        }
    }
}

/// What is to be known of processes that cannot be ended.
fn told(remaining: &[Remaining]) -> String {
    /// So many are named.
    const NAMED: usize = 5;
    let named = remaining.iter().take(NAMED);
    let mut names: Vec<String> = named.map(Remaining::to_string).collect();
    if let Some(more @ 1..) = remaining.len().checked_sub(NAMED) {
        names.push(format!("{more} more"));
    }
    let them = if remaining.len() == 1 { "it" } else { "them" };
    format!(
        "the service cannot end {}: no run with the same key starts before that is over; wait, or end \
         {them} as root",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remaining(pid: i32, name: &str) -> Remaining {
        Remaining {
            pid,
            name: Some(name.into()),
        }
    }

    #[test]
    fn what_cannot_be_ended_is_named_but_not_without_end() {
        let many: Vec<Remaining> = (1..=7).map(|pid| remaining(pid, "sh")).collect();
        let cases = [
            (
                &[remaining(7, "ipmitool")][..],
                "cannot end process 7 (ipmitool): ",
                "or end it as root",
            ),
            (
                &[remaining(7, "a"), Remaining::unknown(9)],
                "cannot end process 7 (a), a process of group 9: ",
                "or end them as root",
            ),
            (&many[..5], "process 5 (sh): ", "or end them as root"),
            (&many, "process 5 (sh), 2 more: ", "or end them as root"),
        ];
        for (remaining, names, remedy) in cases {
            let told = told(remaining);
            assert!(told.contains(names) && told.ends_with(remedy), "{told}");
        }
    }

    #[test]
    fn what_lasts_is_looked_for_more_and_more_rarely() {
        let cases = [(0, 250), (1, 250), (4, 1000), (100, 25_000), (1000, 30_000)];
        for (seconds, millis) in cases {
            let pause = pause_after(Duration::from_secs(seconds));
            assert_eq!(pause, Duration::from_millis(millis), "{seconds}");
        }
    }
}
