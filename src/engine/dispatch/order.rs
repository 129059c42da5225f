//! A claimed run → what is to be done for it, or how its attempt ended before it began.

use std::sync::Arc;
use std::time::Duration;

use super::{Dispatch, Then};
use crate::actions::{Action, Order, Performed};
use crate::core::event::Event;
use crate::core::rules::{Rule, RuleSet, Step};
use crate::core::run::{Outcome, Transition};
use crate::engine::rulebook::InForce;
use crate::journal::{ClaimedRun, CountsAgainst, Journal};

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
    pub(super) fn order(&self, run: &ClaimedRun) -> Result<Ordered, NoOrder> {
        let InForce { rules, playbook } = self.rules.in_force();
        let (rule, event) = rule_and_event(&rules, run)?;
        let stand = run.stand.as_ref();
        let step = rule.chain.step(stand).cloned();
        let step = step.ok_or_else(|| NoOrder::without_step(run))?;
        let action = playbook.get(&step.name);
        let action = action.ok_or_else(|| NoOrder::without_step(run))?.clone();
        let results = stand.map(|stand| stand.results.clone());
        let event = event.with_steps(results.unwrap_or_default());
        let order = Order {
            run: run.id,
            attempt: run.attempt,
            rule,
            event: Arc::new(event),
            journal_name: self.journal.name().to_owned(),
            store: self.store.clone(),
        };
        Ok(Ordered {
            action,
            order,
            step,
        })
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
