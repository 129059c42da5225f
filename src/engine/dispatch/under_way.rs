//! What dispatch has claimed and not recorded: attempts, runs whose events are being completed or about which ESI Leap
//! is asked, and the ends of all of them.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};

use super::held::{Held, Holding};
use super::prospects::{Prospects, Rechecked};
use super::unended::Unended;
use super::{Dispatch, Then, tell};
use crate::actions::Performed;
use crate::core::run::State;
use crate::crash::{self, Point};
use crate::engine::enrich::Enrichment;
use crate::engine::recheck::{self, Recheck};
use crate::engine::stop::Stop;
use crate::journal::{AttemptEnd, ClaimedRun, Journal};

/// What has come of an attempt.
pub(super) enum Attempted {
    /// It is over.
    Ended(Box<Ended>),
    /// Something of it cannot be ended.
    Unended(Box<Unended>),
}

/// An attempt that is over, and not on record.
pub(super) struct Ended {
    pub(super) end: AttemptEnd,
    _holding: Holding,
}

impl Ended {
    /// Ends the attempt of `run` here and now, and logs it.
    pub(super) fn of(run: &ClaimedRun, holding: Holding, performed: Performed, then: Then) -> Self {
        tell(run, &performed, &then);
        Self::untold(run, holding, performed, then)
    }

    pub(super) fn untold(
        run: &ClaimedRun,
        holding: Holding,
        performed: Performed,
        then: Then,
    ) -> Self {
        crash::point(Point::ProcessEnded);
        let Then {
            transition,
            retry_in,
            stand,
        } = then;
        let end = AttemptEnd {
            owner: run.owner,
            run: run.id,
            attempt: run.attempt,
            outcome: performed.outcome,
            ended_at: Timestamp::now(),
            duration: performed.duration,
            output: performed.output,
            output_dropped: performed.output_dropped,
            transition,
            stand,
            retry_in,
            counts_against: performed.counts_against,
            made: performed.made,
        };
        Self {
            end,
            _holding: holding,
        }
    }
}

/// What dispatch has claimed and not recorded.
pub(super) struct UnderWay {
    /// Each takes a place.
    pub(super) attempts: JoinSet<Attempted>,
    /// Runs whose events are being completed; how an attempt ended for which that failed.
    pub(super) completing: JoinSet<Option<Ended>>,
    /// Runs about which ESI Leap is asked.
    pub(super) rechecking: JoinSet<Rechecked>,
    /// Runs about which it has been asked, and which wait for places.
    pub(super) prospects: Prospects,
    /// What cannot be ended takes no place: nobody knows how long it will be.
    unended: JoinSet<Ended>,
    /// What is to be recorded.
    pub(super) ended: Vec<Ended>,
    pub(super) held: Held,
    /// When the journal was last asked.
    pub(super) asked: Instant,
    /// Which ends of runs the journal announces, as far as it has been told.
    pub(super) told_ends: Option<Vec<State>>,
    pub(super) enrichment: Arc<Enrichment>,
    pub(super) recheck: Arc<Recheck>,
}

impl UnderWay {
    pub(super) fn new(enrichment: Enrichment, recheck: Recheck) -> Self {
        Self {
            attempts: JoinSet::new(),
            completing: JoinSet::new(),
            rechecking: JoinSet::new(),
            prospects: Prospects::default(),
            unended: JoinSet::new(),
            ended: Vec::new(),
            held: Held::default(),
            asked: Instant::now(),
            told_ends: None,
            enrichment: Arc::new(enrichment),
            recheck: Arc::new(recheck),
        }
    }

    /// About how many more runs ESI Leap may be asked.
    pub(super) fn room_for_rechecks(&self) -> usize {
        let asked = self.rechecking.len() + self.prospects.len();
        recheck::AT_ONCE.saturating_sub(asked)
    }

    /// Whether nothing is left that a stop waits for.
    pub(super) fn is_over(&self) -> bool {
        let asking = self.completing.len() + self.rechecking.len() + self.prospects.len();
        self.attempts.is_empty() && asking == 0 && self.ended.is_empty()
    }

    /// Waits until something is over, and takes what else is over by then. Never comes back if nothing is under
    /// way; may be dropped any time.
    ///
    /// # Errors
    /// If an attempt panicked.
    pub(super) async fn next_end<J: Journal>(
        &mut self,
        dispatch: &Arc<Dispatch<J>>,
    ) -> Result<(), JoinError> {
        tokio::select! {
            Some(attempted) = self.attempts.join_next() => self.take(attempted?, dispatch),
            Some(completed) = self.completing.join_next() => self.ended.extend(completed?),
            Some(rechecked) = self.rechecking.join_next() => match rechecked? {
                Rechecked::Prospect(prospect) => self.prospects.add(*prospect),
                Rechecked::Ended(ended) => self.ended.push(*ended),
            },
            Some(ended) = self.unended.join_next() => self.ended.push(ended?),
            else => std::future::pending().await,
        }
        while let Some(attempted) = self.attempts.try_join_next() {
            self.take(attempted?, dispatch);
        }
        Ok(())
    }

    fn take<J: Journal>(&mut self, attempted: Attempted, dispatch: &Arc<Dispatch<J>>) {
        match attempted {
            Attempted::Ended(ended) => self.ended.push(*ended),
            Attempted::Unended(left) => {
                self.unended.spawn(dispatch.clone().outlive(*left));
            }
        }
    }
}

impl<J: Journal> Dispatch<J> {
    /// Completes the event of a run, which is due then. If that fails, the attempt has ended with that.
    pub(super) async fn complete(
        self: Arc<Self>,
        run: ClaimedRun,
        holding: Holding,
        enrichment: Arc<Enrichment>,
        recheck: Arc<Recheck>,
        stop: Stop,
    ) -> Option<Ended> {
        let since = Instant::now();
        let completed = enrichment.complete(&self.journal, &run, &stop.intake).await;
        let is_told = enrichment.note(&run, completed.as_ref().err());
        if completed.is_ok() {
            recheck.note_completed(run.id, since);
        }
        let (performed, then) = completed.err()?.into_performed();
        Some(if is_told {
            Ended::of(&run, holding, performed, then)
        } else {
            Ended::untold(&run, holding, performed, then)
        })
    }
}
