//! A claimed run → what is to be done for it, or how its attempt ended before it began.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::held::Holding;
use super::{Dispatch, Then};
use crate::actions::{Action, Batch, Earlier, Order, Performed};
use crate::core::event::Event;
use crate::core::rules::{Rule, RuleSet, Step};
use crate::core::run::{Outcome, Transition};
use crate::engine::handle;
use crate::engine::rulebook::InForce;
use crate::engine::stop::Stop;
use crate::journal::{
    AttemptRecord, ClaimedRun, CountsAgainst, Journal, JournalError, retry_while_unavailable,
};

/// How an attempt ended that performed nothing.
pub(in crate::engine) struct NoOrder {
    pub(in crate::engine) outcome: Outcome,
    pub(in crate::engine) transition: Transition,
    pub(in crate::engine) retry_in: Option<Duration>,
    pub(in crate::engine) counts_against: CountsAgainst,
}

impl NoOrder {
    pub(super) fn without_rule(run: &ClaimedRun) -> Self {
        let why = format!("no rule [{}] is in force any more", run.rule);
        Self::because(Transition::Cancel, why)
    }

    fn without_step(run: &ClaimedRun) -> Self {
        let stand = run.stand.as_ref();
        let step = stand.and_then(|stand| stand.step.as_ref());
        let why = format!(
            "no step [{}] follows in the rule any more",
            step.unwrap_or(&run.rule)
        );
        Self::because(Transition::Cancel, why)
    }

    pub(in crate::engine) fn because(transition: Transition, why: String) -> Self {
        Self {
            outcome: Outcome::NotStarted(why),
            transition,
            retry_in: None,
            counts_against: CountsAgainst::Retries,
        }
    }

    /// As an attempt that took no time, and what follows for its run.
    pub(super) fn into_performed(self) -> (Performed, Then) {
        let performed = Performed {
            counts_against: self.counts_against,
            ..Performed::new(self.outcome, Duration::ZERO)
        };
        let then = Then {
            transition: self.transition,
            retry_in: self.retry_in,
            stand: None,
        };
        (performed, then)
    }

    fn unread(error: &JournalError) -> Self {
        Self {
            outcome: Outcome::Interrupted(error.to_string()),
            ..Self::interrupted()
        }
    }

    pub(in crate::engine) fn interrupted() -> Self {
        Self {
            outcome: Outcome::Interrupted("the service stopped".into()),
            ..Self::because(Transition::Interrupt, String::new())
        }
    }
}

/// An attempt to make.
pub(super) struct Ordered {
    /// What performs it.
    pub(super) action: Arc<dyn Action>,
    /// What it is told.
    pub(super) order: Order,
    /// The step that it performs.
    pub(super) step: Arc<Step>,
}

impl<J: Journal> Dispatch<J> {
    /// What is to be done for a claimed run, and by which action: that of the step at which it stands.
    pub(super) async fn order(
        &self,
        run: &ClaimedRun,
        holding: &Holding,
        stop: &Stop,
    ) -> Result<Ordered, NoOrder> {
        let InForce { rules, playbook } = self.rules.in_force();
        let (rule, event) = rule_and_event(&rules, run)?;
        let stand = run.stand.as_ref();
        let step = rule.chain.step(stand).cloned();
        let step = step.ok_or_else(|| NoOrder::without_step(run))?;
        let action = playbook.get(&step.name);
        let action = action.ok_or_else(|| NoOrder::without_step(run))?.clone();
        let results = stand.map(|stand| stand.results.clone()).unwrap_or_default();
        let event = event.with_steps(results.clone());
        let earlier = if action.goes_on() && run.attempt > 1 {
            let earlier = self.earlier(run, &step, action.kind(), holding.stop());
            earlier.await.map_err(|error| NoOrder::unread(&error))?
        } else {
            Vec::new()
        };
        let batch = if run.is_batch {
            self.batch(run, &results, holding.stop()).await?
        } else {
            Batch::default()
        };
        let order = Order {
            run: run.id,
            attempt: run.attempt,
            rule,
            event: Arc::new(event),
            batch,
            journal_name: self.journal.name().to_owned(),
            store: self.store.clone(),
            earlier,
            drains: stop.intake.clone(),
            cancelled: holding.cancelled().clone(),
        };
        Ok(Ordered {
            action,
            order,
            step,
        })
    }

    /// What a run is of besides its own event, with the results of earlier steps. It is read anew for each attempt.
    async fn batch(
        &self,
        run: &ClaimedRun,
        results: &Map<String, Value>,
        stop: &CancellationToken,
    ) -> Result<Batch, NoOrder> {
        let detail = retry_while_unavailable(stop, || self.journal.run(run.id)).await;
        let Some(batched) = detail.map_err(|error| NoOrder::unread(&error))?.batch else {
            return Ok(Batch::default());
        };
        let read = |(_, body): &(_, String)| {
            let event: Event = serde_json::from_str(body).ok()?;
            Some(event.with_steps(results.clone()))
        };
        let events: Arc<[Event]> = batched.others.iter().filter_map(read).collect();
        let known = 1 + u64::try_from(events.len()).unwrap_or(u64::MAX);
        Ok(Batch {
            events,
            others: batched.events.saturating_sub(known),
        })
    }

    /// The attempts of this step before the one that is claimed, newest first, with the handles of this kind of
    /// action.
    async fn earlier(
        &self,
        run: &ClaimedRun,
        step: &Step,
        kind: &str,
        stop: &CancellationToken,
    ) -> Result<Vec<Earlier>, JournalError> {
        let detail = retry_while_unavailable(stop, || self.journal.run(run.id)).await?;
        let is_earlier = |it: &AttemptRecord| {
            it.number < run.attempt && it.step.as_ref().unwrap_or(&run.rule) == &step.name
        };
        let earlier = detail.attempts.into_iter().rev().filter(is_earlier);
        let earlier = earlier.map(|it| {
            let handle = it.handle.as_deref().and_then(handle::parts);
            let own = handle.filter(|(of, _)| *of == kind);
            Earlier {
                attempt: it.number,
                started_at: it.started_at,
                ended_at: it.ended_at,
                handle: own.map(|(_, text)| text.to_owned()),
                outcome: it.outcome,
            }
        });
        Ok(earlier.collect())
    }
}

/// The rule of a claimed run as it is now, and its event.
pub(in crate::engine) fn rule_and_event(
    rules: &RuleSet,
    run: &ClaimedRun,
) -> Result<(Arc<Rule>, Event), NoOrder> {
    let rule = rules.in_force(&run.rule);
    let rule = rule.ok_or_else(|| NoOrder::without_rule(run))?;
    let event = serde_json::from_str(&run.event).map_err(|error| {
        let why = format!("the event in the journal is not valid: {error}");
        NoOrder::because(Transition::Discard, why)
    })?;
    Ok((Arc::clone(rule), event))
}
