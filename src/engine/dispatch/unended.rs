//! An attempt of which something cannot be ended: it is over, and on record, when that has gone.

use std::sync::Arc;
use std::time::Instant;

use super::held::Holding;
use super::{Dispatch, next_step, tell};
use crate::actions::{Performed, Remains};
use crate::core::retry::RetryPolicy;
use crate::core::run::Transition;
use crate::engine::stop::Stop;
use crate::engine::vigil::{Vigil, pause_after};
use crate::journal::{ClaimedRun, Journal, JournalError};

/// Such an attempt.
pub(super) struct Unended {
    pub(super) run: ClaimedRun,
    pub(super) holding: Holding,
    pub(super) performed: Performed,
    pub(super) policy: RetryPolicy,
    pub(super) remains: Box<dyn Remains>,
}

impl<J: Journal> Dispatch<J> {
    /// Waits for the end of what remains, and records that of the attempt. Dropped before, it leaves the
    /// attempt open, for recovery to take up.
    pub(super) async fn outlive(
        self: Arc<Self>,
        left: Unended,
        stop: Stop,
    ) -> Result<Transition, JournalError> {
        let Unended {
            run,
            holding: _holding,
            mut performed,
            policy,
            mut remains,
        } = left;
        let begun = Instant::now();
        let mut vigil = Vigil::of(run.id, run.attempt);
        while let Some(left) = remains.left().await {
            vigil.report(&self.journal, &left).await;
            tokio::time::sleep(pause_after(begun.elapsed())).await;
        }
        vigil.report_end();
        performed.duration += begun.elapsed();
        let then = next_step(&run, &performed, policy);
        tell(&run, &performed, then);
        self.record(&run, performed, then, &stop).await
    }
}
