//! Runs for which somebody cannot be asked now: they wait, which counts against nothing and is logged once for all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::dispatch::order::NoOrder;
use crate::core::outage::{Notice, Outage};
use crate::core::retry::RetryPolicy;
use crate::core::run::{Outcome, Transition};
use crate::journal::{ClaimedRun, CountsAgainst};

/// How the attempt of a run ends that has to wait for this reason, as often as it takes.
pub(super) fn waits(run: &ClaimedRun, policy: RetryPolicy, why: String) -> NoOrder {
    // An outage never uses up retries, however long it lasts.
    let endless = RetryPolicy {
        retries: u32::MAX,
        ..policy
    };
    NoOrder {
        outcome: Outcome::NotStarted(why),
        transition: Transition::Fail,
        retry_in: endless.delay_after(run.attempt, fastrand::f64()),
        counts_against: CountsAgainst::Nothing,
    }
}

/// The outage during which nobody can be asked.
#[derive(Debug, Default)]
pub(super) struct Unasked(Mutex<Outage>);

impl Unasked {
    /// Notes that `what`, in a word, cannot be asked for before an attempt, which ended so. Returns whether that is
    /// to be logged for this run.
    pub(super) fn failed(&self, run: &ClaimedRun, none: &NoOrder, what: &str) -> bool {
        let why = none.outcome.to_string();
        match self.outage().failed(&why, Instant::now()) {
            Some(Notice::New) => true,
            Some(notice) => {
                tracing::warn!("cannot request {what}s: {why}{notice}");
                false
            }
            None => {
                tracing::debug!(run = run.id, "cannot request its {what}: {why}");
                false
            }
        }
    }

    /// Notes that it can.
    pub(super) fn over(&self, what: &str) {
        let told = format!("{what}s can be requested again");
        self.outage().log_end(&told, Instant::now());
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
