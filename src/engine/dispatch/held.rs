//! The attempts that dispatch knows of, and how each is ended. What else the journal has as claimed by this owner was
//! claimed with an answer that was lost, and the next claim hands it out again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::journal::{ClaimedRun, RunId, ToEnd};

/// An attempt: its run and its number.
type Attempt = (RunId, u32);

/// What is known of an attempt that is held.
#[derive(Debug, Default)]
struct Known {
    /// How many times: an attempt that was claimed to complete its event may be claimed again to be performed,
    /// before the one who completed it lets go.
    times: usize,
    /// Ends them.
    stops: Vec<CancellationToken>,
    /// Cancelled before that, if its run is.
    cancelled: CancellationToken,
    /// Why it is ended, if its run is cancelled.
    why: Option<String>,
}

/// The attempts between their claim and the record of their end.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<Mutex<BTreeMap<Attempt, Known>>>);

impl Held {
    /// Holds an attempt for as long as what is answered lives. It is ended when `stop` is.
    pub(super) fn hold(&self, run: &ClaimedRun, stop: &CancellationToken) -> Holding {
        let attempt = (run.id, run.attempt);
        let stop = stop.child_token();
        let mut held = self.lock();
        let known = held.entry(attempt).or_default();
        known.times += 1;
        known.stops.push(stop.clone());
        let cancelled = known.cancelled.clone();
        drop(held);
        Holding {
            held: self.clone(),
            attempt,
            stop,
            cancelled,
        }
    }

    /// Has an attempt ended, because its run is cancelled.
    pub(super) fn end(&self, to_end: &ToEnd) {
        let mut held = self.lock();
        let Some(known) = held.get_mut(&(to_end.run, to_end.attempt)) else {
            return;
        };
        if known.why.is_none() {
            tracing::info!(
                run = to_end.run,
                attempt = to_end.attempt,
                "ending the attempt: {}",
                to_end.reason
            );
            known.why = Some(to_end.reason.clone());
        }
        known.cancelled.cancel();
        known.stops.iter().for_each(CancellationToken::cancel);
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<Attempt> {
        self.lock().keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Attempt, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt that is held.
#[derive(Debug)]
pub(super) struct Holding {
    held: Held,
    attempt: Attempt,
    stop: CancellationToken,
    cancelled: CancellationToken,
}

impl Holding {
    /// Cancelled when the attempt is to be ended.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Cancelled before that, if the run is cancelled.
    pub(super) fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Why it is ended, if its run is cancelled.
    pub(super) fn ended_because(&self) -> Option<String> {
        let held = self.held.lock();
        held.get(&self.attempt).and_then(|known| known.why.clone())
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(known) = held.get_mut(&self.attempt) {
            known.times -= 1;
            if known.times == 0 {
                held.remove(&self.attempt);
            }
        }
    }
}
