//! Asks ESI Leap about the lease of an event just before a run begins, and decides whether it does.
//!
//! Such a run is claimed apart, and takes up no place of an action while it is asked. One that ESI Leap cannot be asked
//! about ends its attempt, which counts against nothing, and waits for the next one in its key's order. One that may
//! begin and finds no place is asked about again from time to time, so that no answer is old when there is one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::dispatch::order::{NoOrder, rule_and_event};
use super::rulebook::Rulebook;
use super::unasked::{Unasked, waits};
use crate::core::rules::Given;
use crate::core::run::{Outcome, Transition};
use crate::crash::{self, Point};
use crate::journal::{
    ClaimedRun, CountsAgainst, RunId, Store, Work, retry_while_unavailable, stored,
};
use crate::sources::{Enrich, NotNow};

/// This many runs are asked about, or wait for a place after that.
pub(super) const AT_ONCE: usize = 16;

/// An answer serves for this time while there is no place.
pub(super) const FRESH: Duration = Duration::from_secs(60);

/// A question that takes longer is on record.
const LONG: Duration = Duration::from_secs(1);

/// Asks about runs before they begin.
pub(super) struct Recheck {
    enrich: Arc<dyn Enrich>,
    rules: Rulebook,
    unasked: Unasked,
    /// Of the runs whose events were completed, since when their leases are known.
    completed: Mutex<HashMap<RunId, Instant>>,
}

impl Recheck {
    pub(super) fn new(enrich: Arc<dyn Enrich>, rules: Rulebook) -> Self {
        Self {
            enrich,
            rules,
            unasked: Unasked::default(),
            completed: Mutex::default(),
        }
    }

    /// Notes that the event of a run was completed by what was asked for since then. Its lease need not be asked for
    /// once more when the run begins at once.
    pub(super) fn note_completed(&self, run: RunId, since: Instant) {
        let mut completed = self.completed();
        completed.retain(|_, since| since.elapsed() < FRESH);
        completed.insert(run, since);
    }

    /// Comes back if a claimed run may begin; else says how its attempt ended. An answer serves that was asked for at
    /// `since` or later. A question is no work that a stop waits for.
    pub(super) async fn ask(
        &self,
        journal: &(impl Work + Store),
        run: &ClaimedRun,
        since: Instant,
        stop: &CancellationToken,
    ) -> Result<(), NoOrder> {
        let rules = self.rules.current();
        let (rule, event) = rule_and_event(&rules, run)?;
        // It has got further than that, or has another rule by now.
        let Some(recheck) = rule.recheck(run.stand.as_ref()) else {
            return Ok(());
        };
        let Some(lease) = event.lease() else {
            let why = "the event is about no lease, so ESI Leap cannot be asked (`recheck`)";
            return Err(NoOrder::because(Transition::Refuse, why.to_owned()));
        };
        let completed = self.completed().remove(&run.id);
        let completed = completed.filter(|since| since.elapsed() < FRESH);
        let since = completed.unwrap_or(since);
        let asking = async {
            let mut asking = self.enrich.now(&event, lease, since);
            tokio::select! {
                biased;
                answer = &mut asking => return answer,
                () = tokio::time::sleep(LONG) => {}
            }
            let remark = format!("asking ESI Leap for the lease {lease} (`recheck`)");
            let noting = journal.remark(run.id, run.attempt, remark);
            let (answer, noted) = tokio::join!(asking, noting);
            if let Err(error) = noted {
                tracing::debug!(
                    run = run.id,
                    "failed to note that ESI Leap is asked: {error}"
                );
            }
            answer
        };
        let answer = stop.run_until_cancelled(asking).await;
        let answer = answer.ok_or_else(NoOrder::interrupted)?;
        if !matches!(answer, Err(NotNow::Unknown(_))) {
            self.unasked.over(self.enrich.what());
        }
        let now = answer.map_err(|why| self.not_now(run, lease, why))?;
        crash::point(Point::LeaseRechecked);
        let at = Timestamp::now();
        let question = || stored(journal, rules.stored_names(), at);
        let values = retry_while_unavailable(stop, question).await;
        let values = values.map_err(|error| NoOrder {
            outcome: Outcome::Interrupted(error.to_string()),
            ..NoOrder::interrupted()
        })?;
        let given = Given {
            now: at,
            stored: &values,
        };
        match recheck.mismatch(&now, &given) {
            Ok(None) => Ok(()),
            Ok(Some(mismatch)) => {
                let why = format!("the lease does not match recheck: {mismatch}");
                Err(NoOrder::because(Transition::Refuse, why))
            }
            Err(why) => {
                let why = format!("`recheck` cannot be decided: {why}");
                Err(NoOrder::because(Transition::Discard, why))
            }
        }
    }

    /// What follows for a run of which it is not known what its lease is like.
    fn not_now(&self, run: &ClaimedRun, lease: &str, why: NotNow) -> NoOrder {
        match why {
            NotNow::Absent(said) => {
                let why = format!("ESI Leap has no lease {lease} (`recheck`): {said}");
                NoOrder::because(Transition::Refuse, why)
            }
            NotNow::Unknown(said) => {
                let why = format!("ESI Leap cannot be asked for the lease (`recheck`): {said}");
                waits(run, self.enrich.retry_policy(), why)
            }
        }
    }

    /// Notes how an attempt ended that does not begin. Returns whether that is to be logged for this run.
    pub(super) fn note(&self, run: &ClaimedRun, none: &NoOrder) -> bool {
        none.counts_against != CountsAgainst::Nothing
            || self.unasked.failed(run, none, self.enrich.what())
    }

    fn completed(&self) -> MutexGuard<'_, HashMap<RunId, Instant>> {
        self.completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
