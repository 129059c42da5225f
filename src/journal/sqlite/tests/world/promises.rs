//! What must hold of every claim by what was there before it, whatever the list of runs expects.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::core::event::Key;
use crate::core::run::State;
use crate::journal::{ClaimedRun, RunId, RunSummary};

/// A claim hands out runs that have not ended, not before their time, each with a new attempt; no two with the same
/// key, nor one beside a run with its key that is under way.
pub(super) fn keep(
    before: &[RunSummary],
    keys: &BTreeMap<RunId, Key>,
    claimed: &[ClaimedRun],
    now: Timestamp,
) {
    let is_running = |run: &&RunSummary| run.state == State::Running;
    let running = before.iter().filter(is_running);
    let name = |key: &Key| (key.space.clone(), key.text.clone());
    let mut under_way: BTreeSet<_> = running.map(|run| name(&keys[&run.id])).collect();
    for run in claimed {
        assert!(
            under_way.insert(name(&run.key)),
            "two of a key at once: {run:?}"
        );
        let earlier = before.iter().find(|it| it.id == run.id);
        let earlier = earlier.expect("it was there before it was claimed");
        let may_start = match earlier.state {
            State::Due => true,
            State::Scheduled | State::Retryable => earlier.due_at.is_some_and(|due| due <= now),
            State::Running | State::Succeeded | State::Discarded | State::Cancelled => false,
        };
        assert!(may_start, "{earlier:?} does not start at {now}");
        assert_eq!(run.attempt, earlier.attempts + 1, "{earlier:?}");
    }
}
