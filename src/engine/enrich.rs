//! Completes events that lack something, before a run needs them.
//!
//! When an event is accepted, what it lacks is asked for if a rule may make a run of it. If that cannot be had
//! then, the event is accepted as it is, and its runs await the rest. Such a run is claimed to have its event
//! completed, which takes up no place of an action; then its rule is decided, and it is due like any other, in
//! its place among the runs of its key.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::dispatch::order::{NoOrder, rule_and_event};
use super::intake::{Decision, planned};
use super::rulebook::Rulebook;
use super::unasked::{Unasked, waits};
use crate::core::retry::transition_after;
use crate::core::rules::{Given, Rule, Verdict};
use crate::core::run::{Outcome, Transition};
use crate::crash::{self, Point};
use crate::journal::{
    ClaimedRun, Completion, CountsAgainst, JournalError, Start, Store, Work,
    retry_while_unavailable, stored,
};
use crate::sources::{Enrich, Incomplete};

/// This many events are completed at once. The `Enrich` may still ask for one after the other.
pub(super) const AT_ONCE: usize = 16;

/// Completes an event that is about to be accepted, if that may make a difference.
pub(super) async fn complete_new(enrich: &dyn Enrich, decision: &mut Decision, given: &Given<'_>) {
    let Some(event) = decision.to_complete().cloned() else {
        return;
    };
    let id = event.id.clone();
    match enrich.complete(event, false).await {
        Ok(event) => {
            crash::point(Point::LeaseShown);
            decision.complete(event, given);
        }
        Err(Incomplete::Refused(why)) => tracing::warn!(event = %id, "accepted as it is: {why}"),
        // A failure is logged once, not for each event.
        Err(Incomplete::Unreachable(why)) => {
            tracing::debug!(event = %id, "accepted as it is: {why}");
        }
    }
}

/// Completes the events of runs that await that.
pub(super) struct Enrichment {
    enrich: Arc<dyn Enrich>,
    rules: Rulebook,
    unasked: Unasked,
}

impl Enrichment {
    pub(super) fn new(enrich: Arc<dyn Enrich>, rules: Rulebook) -> Self {
        Self {
            enrich,
            rules,
            unasked: Unasked::default(),
        }
    }

    /// Completes the event of a claimed run, after which the run is due; or says how the attempt ended. A
    /// question is no work that a stop waits for.
    pub(super) async fn complete(
        &self,
        journal: &(impl Work + Store),
        run: &ClaimedRun,
        stop: &CancellationToken,
    ) -> Result<(), NoOrder> {
        let rules = self.rules.current();
        let (rule, event) = rule_and_event(&rules, run)?;
        let completing = self.enrich.complete(event, run.attempt > 1);
        let completed = stop.run_until_cancelled(completing).await;
        let completed = completed.ok_or_else(NoOrder::interrupted)?;
        let event = completed.map_err(|why| self.incomplete(run, why))?;
        crash::point(Point::LateLeaseShown);
        let unread = |error: JournalError| NoOrder {
            outcome: Outcome::Interrupted(error.to_string()),
            ..NoOrder::interrupted()
        };
        let now = Timestamp::now();
        let question = || stored(journal, rules.stored_names(), now);
        let values = retry_while_unavailable(stop, question);
        let values = values.await.map_err(unread)?;
        let given = Given {
            now,
            stored: &values,
        };
        let key = match rule.verdict(&event, &given) {
            Verdict::Run { key } => key,
            verdict => return Err(self.refused(&rule, &event.event_type, verdict)),
        };
        // Only now: an event on record as complete is not decided again.
        let at = Timestamp::now();
        let planned = planned(&rule, &event, key);
        let start = match planned.start {
            Start::At(start) if start <= at => Start::Now,
            start => start,
        };
        let completion = Completion {
            start,
            start_by: planned.start_by,
            share: planned.share,
            at,
            owner: run.owner,
            run: run.id,
            attempt: run.attempt,
            event: event.to_json(),
            throttle: planned.throttle,
            key: planned.key,
        };
        retry_while_unavailable(stop, || journal.complete(completion.clone()))
            .await
            .map_err(unread)?;
        crash::point(Point::LeaseCompleted);
        Ok(())
    }

    /// What follows for a run whose event cannot be completed.
    fn incomplete(&self, run: &ClaimedRun, why: Incomplete) -> NoOrder {
        let policy = self.enrich.retry_policy();
        match why {
            Incomplete::Refused(why) => {
                let outcome = Outcome::NotStarted(why);
                let (transition, retry_in) =
                    transition_after(&outcome, run.lease_failures, policy, fastrand::f64());
                NoOrder {
                    outcome,
                    transition,
                    retry_in,
                    counts_against: CountsAgainst::LeaseRetries,
                }
            }
            Incomplete::Unreachable(why) => waits(run, policy, why),
        }
    }

    /// Notes the result of an attempt to complete an event. Returns whether it is to be logged for this run.
    pub(super) fn note(&self, run: &ClaimedRun, none: Option<&NoOrder>) -> bool {
        match none {
            Some(none) if none.counts_against == CountsAgainst::Nothing => {
                self.unasked.failed(run, none, self.enrich.what())
            }
            Some(none) if none.transition == Transition::Interrupt => true,
            _ => {
                self.unasked.over(self.enrich.what());
                true
            }
        }
    }

    /// What follows for a run that its rule does not make any more, now that its event is complete.
    fn refused(&self, rule: &Rule, event_type: &str, verdict: Verdict) -> NoOrder {
        match verdict {
            Verdict::Refused(mismatch) => {
                let what = self.enrich.what();
                let why = format!("the {what} does not match filter_params: {mismatch}");
                NoOrder::because(Transition::Refuse, why)
            }
            Verdict::FilterError(why) => {
                let why = format!("the rule cannot be decided: {why}");
                NoOrder::because(Transition::Discard, why)
            }
            Verdict::Disabled | Verdict::OtherType | Verdict::Run { .. } => {
                let why = format!("the rule [{}] is not for {event_type} any more", rule.name);
                NoOrder::because(Transition::Cancel, why)
            }
        }
    }
}
