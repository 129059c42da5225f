//! A claimed run → what is to be done for it, or how its attempt ended before it began.
//!
//! A run may still await its lease: then the lease is asked for here, the rule is decided, and the
//! event is written anew, before anything is performed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Dispatch, Then};
use crate::actions::{Action, Order, Performed};
use crate::core::event::Event;
use crate::core::retry::{RetryPolicy, step_after};
use crate::core::rules::{Rule, Verdict};
use crate::core::run::{Outcome, Step};
use crate::crash::{self, Point};
use crate::engine::rulebook::InForce;
use crate::journal::{Blame, ClaimedRun, Journal, retry_while_unavailable};
use crate::sources::Incomplete;

/// How an attempt ended that performed nothing.
pub(super) struct NoOrder {
    pub(super) outcome: Outcome,
    pub(super) step: Step,
    pub(super) retry_in: Option<Duration>,
    pub(super) blame: Blame,
}

impl NoOrder {
    fn because(step: Step, why: String) -> Self {
        Self {
            outcome: Outcome::NotStarted(why),
            step,
            retry_in: None,
            blame: Blame::Run,
        }
    }

    /// As an attempt that took no time, and what follows for its run.
    pub(super) fn into_performed(self) -> (Performed, Then) {
        let performed = Performed {
            blame: self.blame,
            ..Performed::new(self.outcome, Duration::ZERO)
        };
        (performed, (self.step, self.retry_in))
    }

    fn interrupted() -> Self {
        Self {
            outcome: Outcome::Interrupted("the service stopped".into()),
            ..Self::because(Step::Interrupt, String::new())
        }
    }
}

impl<J: Journal> Dispatch<J> {
    /// What is to be done for a claimed run, and by which action.
    pub(super) async fn order(
        &self,
        run: &ClaimedRun,
        stop: &CancellationToken,
    ) -> Result<(Arc<dyn Action>, Order), NoOrder> {
        let InForce { rules, playbook } = self.rules.in_force();
        let rule = rules.in_force(&run.rule);
        let Some((rule, action)) = rule.zip(playbook.get(&run.rule)) else {
            let why = format!("no rule [{}] is in force any more", run.rule);
            return Err(NoOrder::because(Step::Cancel, why));
        };
        let event: Event = serde_json::from_str(&run.event).map_err(|error| {
            let why = format!("the journal's copy of the event is no event: {error}");
            NoOrder::because(Step::Discard, why)
        })?;
        let event = if run.awaits_lease {
            let completed = stop.run_until_cancelled(self.complete(run, rule, event, stop));
            completed.await.ok_or_else(NoOrder::interrupted)??
        } else {
            event
        };
        let order = Order {
            run: run.id,
            attempt: run.attempt,
            rule: rule.clone(),
            event: Arc::new(event),
            journal_name: self.journal.name().to_owned(),
        };
        Ok((action.clone(), order))
    }

    /// The event with its lease, if that can be shown now and the rule does not refuse it.
    async fn complete(
        &self,
        run: &ClaimedRun,
        rule: &Rule,
        event: Event,
        stop: &CancellationToken,
    ) -> Result<Event, NoOrder> {
        let completed = self.enrich.complete(event, run.attempt > 1).await;
        let event = completed.map_err(|none| self.without_lease(run, none))?;
        crash::point(Point::LateLeaseShown);
        match rule.verdict(&event) {
            Verdict::Run { .. } => {}
            Verdict::Refused(mismatch) => {
                let why = format!("the lease, now that it is shown, is refused: {mismatch}");
                return Err(NoOrder::because(Step::Refuse, why));
            }
            Verdict::Undecidable(why) => {
                let why = format!("the rule cannot be decided: {why}");
                return Err(NoOrder::because(Step::Discard, why));
            }
            Verdict::Disabled | Verdict::OtherType => {
                let why = format!(
                    "the rule [{}] is not for {} any more",
                    rule.name, event.event_type
                );
                return Err(NoOrder::because(Step::Cancel, why));
            }
        }
        // Only now: an event on record as complete is not decided again.
        let body = event.to_json();
        retry_while_unavailable(stop, || self.journal.complete(run.id, body.clone()))
            .await
            .map_err(|error| NoOrder {
                outcome: Outcome::Interrupted(error.to_string()),
                ..NoOrder::interrupted()
            })?;
        crash::point(Point::LeaseCompleted);
        Ok(event)
    }

    /// What follows for a run when there is no lease.
    fn without_lease(&self, run: &ClaimedRun, none: Incomplete) -> NoOrder {
        let policy = self.enrich.retry_policy();
        match none {
            Incomplete::Refused(why) => {
                let outcome = Outcome::NotStarted(why);
                let (step, retry_in) =
                    step_after(&outcome, run.lease_failures, policy, fastrand::f64());
                NoOrder {
                    outcome,
                    step,
                    retry_in,
                    blame: Blame::Lease,
                }
            }
            // However long that takes, it is no reason to give up.
            Incomplete::Unreachable(why) => {
                let endless = RetryPolicy {
                    retries: u32::MAX,
                    ..policy
                };
                NoOrder {
                    outcome: Outcome::NotStarted(why),
                    step: Step::Fail,
                    retry_in: endless.delay_after(run.attempt, fastrand::f64()),
                    blame: Blame::Nobody,
                }
            }
        }
    }
}
