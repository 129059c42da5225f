//! Reaps orphans: processes that scripts leave become children of the service
//! when it is process 1 of a container, or a subreaper.
//!
//! An ended process keeps its number, and its place below the limit of processes, until its parent has
//! taken note of its end. Children of the service's own are waited for by those who started them, and
//! never touched here.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, child_subreaper, getpid, waitid};
use tokio::time::sleep;

use super::look::{Seen, look};

/// How often orphans are looked for.
const EVERY: Duration = Duration::from_secs(2);

/// The processes that are started here, until they have been waited for.
static OWN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Holds up looking at who is whose. A process is to be started and added while this is held.
pub(super) fn own_children() -> MutexGuard<'static, BTreeSet<i32>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes orphans away for as long as it is polled, if this process gets any.
pub(crate) async fn reap_orphans() {
    if !adopts() {
        return;
    }
    loop {
        sleep(EVERY).await;
        if has_zombies()
            && let Ok(seen) = look().await
        {
            let reaped = reap(&seen);
            tracing::debug!(reaped, "reaped ended processes that scripts had left");
        }
    }
}

fn adopts() -> bool {
    getpid() == Pid::INIT || child_subreaper().is_ok_and(|subreaper| subreaper.is_some())
}

/// Whether any child has ended and was not waited for, no matter which process started it.
fn has_zombies() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, options), Ok(Some(_)))
}

fn reap(seen: &Seen) -> usize {
    let own = own_children();
    let orphans = orphans(seen, getpid().as_raw_pid(), &own);
    let taken = orphans.filter(|pid| {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        Pid::from_raw(*pid).is_some_and(|pid| waitid(WaitId::Pid(pid), options).is_ok())
    });
    taken.count()
}

/// The ended children of this process that it has not started.
fn orphans(seen: &Seen, myself: i32, own: &BTreeSet<i32>) -> impl Iterator<Item = i32> {
    seen.processes
        .iter()
        .filter(move |process| process.parent == myself && !process.alive)
        .map(|process| process.pid)
        .filter(|pid| !own.contains(pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::Status;

    #[test]
    fn orphans_are_ended_children_that_were_not_started_here() {
        let process = |pid, parent, alive| Status {
            pid,
            parent,
            name: "sh".into(),
            alive,
            group: pid,
            start_ticks: 5,
        };
        let seen = Seen {
            processes: vec![
                process(2, 1, false),
                process(3, 1, true),
                process(4, 2, false),
                process(5, 1, false),
                process(6, 1, false),
            ],
            complete: true,
        };
        let found: Vec<i32> = orphans(&seen, 1, &BTreeSet::from([5, 9])).collect();
        assert_eq!(found, [2, 6]);
    }
}
