//! The attempts that dispatch knows of. What else the journal has as claimed by this owner was claimed with an
//! answer that was lost, and the next claim hands it out again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::{ClaimedRun, RunId};

/// How many times each is held: an attempt that was claimed to complete its event may be claimed again to be
/// performed, before the one who completed it lets go.
type Attempts = BTreeMap<(RunId, u32), usize>;

/// The attempts between their claim and the record of their end.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<Mutex<Attempts>>);

impl Held {
    /// Holds an attempt for as long as what is answered lives.
    pub(super) fn hold(&self, run: &ClaimedRun) -> Holding {
        let attempt = (run.id, run.attempt);
        *self.lock().entry(attempt).or_default() += 1;
        Holding {
            held: self.clone(),
            attempt,
        }
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<(RunId, u32)> {
        self.lock().keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt that is held.
#[derive(Debug)]
pub(super) struct Holding {
    held: Held,
    attempt: (RunId, u32),
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(times) = held.get_mut(&self.attempt) {
            *times -= 1;
            if *times == 0 {
                held.remove(&self.attempt);
            }
        }
    }
}
