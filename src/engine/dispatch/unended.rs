//! An attempt of which something cannot be ended: it is over when that has gone.

use std::sync::Arc;
use std::time::Instant;

use super::held::Holding;
use super::under_way::Ended;
use super::{Dispatch, what_follows};
use crate::actions::{Performed, Remains};
use crate::core::rules::{Rule, Step};
use crate::engine::vigil::{Vigil, pause_after};
use crate::journal::{ClaimedRun, Journal};

/// Such an attempt.
pub(super) struct Unended {
    pub(super) run: ClaimedRun,
    pub(super) holding: Holding,
    pub(super) performed: Performed,
    pub(super) rule: Arc<Rule>,
    pub(super) step: Arc<Step>,
    pub(super) remains: Box<dyn Remains>,
}

impl<J: Journal> Dispatch<J> {
    /// Waits for the end of what remains, which is that of the attempt. Dropped before, it leaves the attempt
    /// open, for recovery to take up.
    pub(super) async fn outlive(self: Arc<Self>, left: Unended) -> Ended {
        let Unended {
            run,
            holding,
            mut performed,
            rule,
            step,
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
        let then = what_follows(&run, &mut performed, &rule.chain, &step, &holding);
        Ended::of(&run, holding, performed, then)
    }
}
