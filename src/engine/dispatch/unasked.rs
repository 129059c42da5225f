//! Leases that cannot be asked for just now, told once for all the runs that wait for theirs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::order::NoOrder;
use crate::core::outage::{Notice, Outage};
use crate::core::run::Step;
use crate::journal::{Blame, ClaimedRun};

/// That leases cannot be asked for just now: one line tells it for all the runs that wait for theirs.
#[derive(Clone, Debug, Default)]
pub(super) struct Unasked(Arc<Mutex<Outage>>);

impl Unasked {
    /// Notes what came of looking for what is to be done. Answers whether the attempt is to be told.
    pub(super) fn note(&self, run: &ClaimedRun, none: Option<&NoOrder>) -> bool {
        let mut outage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match none {
            Some(none) if none.blame == Blame::Nobody => {
                let why = none.outcome.to_string();
                match outage.failed(&why, Instant::now()) {
                    Some(Notice::New) => true,
                    Some(notice) => {
                        tracing::warn!("leases cannot be asked for: {why}{notice}");
                        false
                    }
                    None => {
                        tracing::debug!(run = run.id, "its lease cannot be asked for: {why}");
                        false
                    }
                }
            }
            Some(none) if none.step == Step::Interrupt => true,
            _ => {
                if run.awaits_lease {
                    outage.log_end("leases can be asked for again", Instant::now());
                }
                true
            }
        }
    }
}
