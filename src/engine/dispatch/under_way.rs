//! What dispatch has claimed and not recorded: attempts, and runs whose events are being completed.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::held::{Held, Holding};
use super::unended::Unended;
use super::{Dispatch, tell};
use crate::core::run::Transition;
use crate::engine::enrich::Enrichment;
use crate::engine::stop::Stop;
use crate::journal::{ClaimedRun, Journal, JournalError};

/// What has come of an attempt.
pub(super) enum Attempted {
    /// It is over, and on record.
    Recorded(Transition),
    /// Something of it cannot be ended.
    Unended(Box<Unended>),
}

/// What dispatch has claimed and not recorded.
pub(super) struct UnderWay {
    /// Each takes a place.
    pub(super) attempts: JoinSet<Result<Attempted, JournalError>>,
    /// Runs whose events are being completed; how an attempt ended for which that failed.
    pub(super) completing: JoinSet<Result<Option<Transition>, JournalError>>,
    /// Runs of rules that no service has, which are cancelled.
    pub(super) orphans: JoinSet<Result<Transition, JournalError>>,
    /// What cannot be ended takes no place: nobody knows how long it will be.
    pub(super) unended: JoinSet<Result<Transition, JournalError>>,
    pub(super) held: Held,
    enrichment: Arc<Enrichment>,
}

impl UnderWay {
    pub(super) fn new(enrichment: Enrichment) -> Self {
        Self {
            attempts: JoinSet::new(),
            completing: JoinSet::new(),
            orphans: JoinSet::new(),
            unended: JoinSet::new(),
            held: Held::default(),
            enrichment: Arc::new(enrichment),
        }
    }

    /// What completes events.
    pub(super) fn enrichment(&self) -> Arc<Enrichment> {
        self.enrichment.clone()
    }

    /// Whether nothing is left that a stop waits for.
    pub(super) fn is_over(&self) -> bool {
        self.attempts.is_empty() && self.completing.is_empty() && self.orphans.is_empty()
    }
}

impl<J: Journal> Dispatch<J> {
    /// Completes the event of a run, which is due then. If that fails, the attempt has ended with that.
    pub(super) async fn complete(
        self: Arc<Self>,
        run: ClaimedRun,
        _holding: Holding,
        enrichment: Arc<Enrichment>,
        stop: Stop,
    ) -> Result<Option<Transition>, JournalError> {
        let completed = enrichment.complete(&self.journal, &run, &stop.intake).await;
        let is_told = enrichment.note(&run, completed.as_ref().err());
        let Err(none) = completed else {
            return Ok(None);
        };
        let (performed, then) = none.into_performed();
        if is_told {
            tell(&run, &performed, then);
        }
        self.record(&run, performed, then, &stop).await.map(Some)
    }
}
