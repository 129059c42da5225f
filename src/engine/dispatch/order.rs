//! A claimed run → what is to be done for it, or how its attempt ended before it began.

use std::sync::Arc;
use std::time::Duration;

use super::{Dispatch, Then};
use crate::actions::{Action, Order, Performed};
use crate::core::event::Event;
use crate::core::rules::{Rule, RuleSet};
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
        (performed, (self.transition, self.retry_in))
    }

    pub(in crate::engine) fn interrupted() -> Self {
        Self {
            outcome: Outcome::Interrupted("the service stopped".into()),
            ..Self::because(Transition::Interrupt, String::new())
        }
    }
}

impl<J: Journal> Dispatch<J> {
    /// What is to be done for a claimed run, and by which action.
    pub(super) fn order(&self, run: &ClaimedRun) -> Result<(Arc<dyn Action>, Order), NoOrder> {
        let InForce { rules, playbook } = self.rules.in_force();
        let (rule, event) = rule_and_event(&rules, run)?;
        let action = playbook
            .get(&run.rule)
            .ok_or_else(|| NoOrder::without_rule(run))?;
        let order = Order {
            run: run.id,
            attempt: run.attempt,
            rule,
            event: Arc::new(event),
            journal_name: self.journal.name().to_owned(),
        };
        Ok((action.clone(), order))
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
