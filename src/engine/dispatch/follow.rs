//! What an attempt that has ended means for its run: another attempt, another step, or the end.

use std::time::Duration;

use super::held::Holding;
use crate::actions::Performed;
use crate::core::retry::{RetryPolicy, delay_of_shortage, transition_after};
use crate::core::rules::{Chain, Onward, Stand, Step};
use crate::core::run::{Outcome, Transition};
use crate::journal::{ClaimedRun, CountsAgainst};
use crate::telemetry::metrics;

/// What follows an attempt for its run.
pub(super) struct Then {
    pub(super) transition: Transition,
    /// How long after the attempt the next one is due, if it failed and there is a next one.
    pub(super) retry_in: Option<Duration>,
    /// How far the run has come, if it has several steps and this one is over.
    pub(super) stand: Option<Stand>,
}

/// What follows the attempt of a step of this chain. Of a run that is cancelled meanwhile only success counts.
pub(super) fn what_follows(
    run: &ClaimedRun,
    performed: &mut Performed,
    chain: &Chain,
    step: &Step,
    holding: &Holding,
) -> Then {
    let ended_because = holding.ended_because();
    if let Some(why) = ended_because.filter(|_| !performed.outcome.is_success()) {
        if matches!(performed.outcome, Outcome::Interrupted(_)) {
            performed.outcome = Outcome::Interrupted(why);
        }
        return Then {
            transition: Transition::Refuse,
            retry_in: None,
            stand: None,
        };
    }
    let chance = fastrand::f64();
    let outcome = &performed.outcome;
    let policy = if step.retries_after(outcome) {
        step.retry
    } else {
        RetryPolicy::default()
    };
    let then = match performed.counts_against {
        CountsAgainst::Nothing => (
            Transition::Fail,
            Some(delay_of_shortage(run.attempt, chance)),
        ),
        _ => transition_after(outcome, run.failures, policy, chance),
    };
    let (transition, retry_in) = performed.again.applied(then);
    if !matches!(transition, Transition::Succeed | Transition::Discard) {
        return Then {
            transition,
            retry_in,
            stand: None,
        };
    }
    let results = step.results_of(outcome, &performed.output);
    let Onward { transition, stand } = chain.after(step, run.stand.as_ref(), transition, results);
    Then {
        transition,
        retry_in: None,
        stand,
    }
}

/// Counts an attempt that has ended; logs how it did and what follows.
pub(super) fn tell(run: &ClaimedRun, performed: &Performed, then: &Then) {
    let Performed {
        outcome, duration, ..
    } = performed;
    metrics::attempted(&run.rule, outcome, *duration);
    let (id, rule, attempt) = (run.id, run.rule.as_str(), run.attempt);
    let stand = then.stand.as_ref();
    match (then.transition, then.retry_in) {
        (Transition::Succeed, _) => {
            tracing::info!(run = id, rule, attempt, "succeeded in {duration:.1?}");
        }
        (Transition::Proceed, _) => {
            let next = stand.and_then(|stand| stand.step.as_deref());
            let next = next.unwrap_or_default();
            if outcome.is_success() {
                tracing::info!(
                    run = id,
                    rule,
                    attempt,
                    "succeeded in {duration:.1?}; [{next}] follows"
                );
            } else {
                tracing::warn!(
                    run = id,
                    rule,
                    attempt,
                    "failed: {outcome}; [{next}] follows"
                );
            }
        }
        (Transition::Discard, _) if outcome.is_success() => {
            let failed = stand.and_then(|stand| stand.failed.as_deref());
            tracing::error!(
                run = id,
                rule,
                attempt,
                "succeeded, but [{}] had failed; given up, `esi-event-actions runs retry {id}` begins there again",
                failed.unwrap_or(rule)
            );
        }
        (Transition::Interrupt, _) => {
            tracing::warn!(run = id, rule, attempt, "{outcome}; the run stays due");
        }
        (Transition::Cancel, _) => tracing::warn!(run = id, rule, attempt, "cancelled: {outcome}"),
        (Transition::Refuse, _) => tracing::info!(run = id, rule, attempt, "cancelled: {outcome}"),
        (_, Some(delay)) => {
            tracing::warn!(
                run = id,
                rule,
                attempt,
                "failed: {outcome}; trying again in {delay:.1?}"
            );
        }
        (_, None) => tracing::error!(
            run = id,
            rule,
            attempt,
            "failed: {outcome}; given up, `esi-event-actions runs retry {id}` tries again"
        ),
    }
}
