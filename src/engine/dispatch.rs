//! Claims due runs, keeps the machine from overload, performs, records.
//!
//! The second half of the journey. The journal decides what may run now (per key in order, one at
//! a time); dispatch decides how many run at once. The end of an attempt is recorded before its
//! place is free again, however long the journal takes.

mod held;
pub(super) mod order;
mod under_way;
mod unended;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::enrich::{AT_ONCE, Enrichment};
use super::handle;
use super::rulebook::Rulebook;
use crate::actions::{Action, Order, Performed};
use crate::core::outage::Outage;
use crate::core::retry::{RetryPolicy, delay_of_shortage, step_after};
use crate::core::run::Transition;
use crate::crash::{self, Point};
use crate::engine::clock::Clock;
use crate::engine::stop::Stop;
use crate::journal::{
    AttemptEnd, Claim, ClaimedRun, CountsAgainst, Journal, JournalError, Owner,
    retry_while_unavailable,
};
use crate::sources::Enrich;
use held::Holding;
use under_way::{Attempted, UnderWay};
use unended::Unended;

/// How often dispatch reads the journal without being woken: the commands `runs retry`, `quarantine
/// retry` and `quarantine drop` write to it from another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// This many runs are cancelled at once that are of no rule.
const ORPHANS_AT_ONCE: usize = 64;

/// Performs the runs of a journal.
pub struct Dispatch<J> {
    /// Where runs wait.
    pub journal: J,
    /// Completes events that could not be completed when they were accepted.
    pub enrich: Arc<dyn Enrich>,
    /// The rules in force, and what they do.
    pub rules: Rulebook,
    /// How many attempts run at once.
    pub max_parallel: usize,
    /// Notified when there may be something to do.
    pub work: Arc<Notify>,
    /// When dispatch ends, once no more runs come.
    pub until: Until,
}

/// What dispatch waits for before it ends, once no more runs come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Every run is in a final state, or waits for a delivery in quarantine: retries are waited for.
    EveryRunIsFinal,
    /// No run can be started now: retries are left to the next pass or start.
    NoRunIsDue,
}

/// Why dispatch cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The journal cannot be used, now or later.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An attempt's task panicked: a defect of this program.
    #[error("an attempt was not carried to its end: {0}")]
    Defect(#[from] JoinError),
}

/// What dispatch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Attempts that failed and are made again.
    pub failed: u64,
    /// Runs given up after their last attempt, or because their rule is gone.
    pub given_up: u64,
    /// Attempts that a stop interrupted.
    pub interrupted: u64,
}

impl Tally {
    fn count(&mut self, transition: Transition) {
        match transition {
            Transition::Succeed => self.succeeded += 1,
            Transition::Fail => self.failed += 1,
            Transition::Discard | Transition::Cancel => self.given_up += 1,
            Transition::Interrupt => self.interrupted += 1,
            Transition::Claim | Transition::Wake | Transition::Retry | Transition::Refuse => {}
        }
    }
}

impl<J: Journal> Dispatch<J> {
    /// Performs runs as `owner` until `stop.intake` is cancelled and those that run have ended; or, once
    /// `drained` is cancelled, for as long as [`Dispatch::until`] says. What cannot be ended is not
    /// waited for: its attempt stays open, for recovery to take up.
    ///
    /// # Errors
    /// [`DispatchError`] when the journal fails for good, or an attempt panicked.
    pub async fn run(
        self,
        owner: Owner,
        stop: &Stop,
        drained: &CancellationToken,
    ) -> Result<Tally, DispatchError> {
        let this = Arc::new(self);
        let enrichment = Enrichment::new(this.enrich.clone(), this.rules.clone());
        let mut under_way = UnderWay::new(enrichment);
        let mut tally = Tally::default();
        let mut clock = Clock::start();
        let mut stepped = false;
        let mut outage = Outage::default();
        loop {
            let mut wait = LOOK_AGAIN;
            if stop.intake.is_cancelled() {
                if under_way.is_over() {
                    return Ok(tally);
                }
            } else {
                if clock.stepped() {
                    tracing::warn!("system clock changed: rescheduling pending retries");
                    stepped = true;
                }
                if stepped {
                    let told = this.journal.clock_stepped(Timestamp::now()).await;
                    stepped = unless_temporary(told, &mut outage)?.is_none();
                }
                // Before the claim: what was accepted until then is seen by it.
                let last = drained.is_cancelled();
                let next = this
                    .start_due(owner, &mut under_way, &mut outage, stop)
                    .await?;
                let idle = last && under_way.is_over() && next.is_some();
                if idle && this.is_over(&mut outage).await? {
                    return Ok(tally);
                }
                wait = next.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN);
            }
            tokio::select! {
                Some(ended) = under_way.attempts.join_next() => match ended?? {
                    Attempted::Recorded(transition) => tally.count(transition),
                    Attempted::Unended(left) => {
                        under_way.unended.spawn(this.clone().outlive(*left, stop.clone()));
                    }
                },
                Some(ended) = under_way.completing.join_next() => {
                    if let Some(transition) = ended?? {
                        tally.count(transition);
                    }
                }
                Some(ended) = under_way.orphans.join_next() => tally.count(ended??),
                Some(ended) = under_way.unended.join_next() => tally.count(ended??),
                () = this.work.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.intake.cancelled(), if !stop.intake.is_cancelled() => {}
            }
        }
    }

    /// Whether there is nothing to wait for, though nothing runs and nothing can be started now.
    async fn is_over(&self, outage: &mut Outage) -> Result<bool, JournalError> {
        match self.until {
            Until::NoRunIsDue => Ok(true),
            Until::EveryRunIsFinal => {
                let census = unless_temporary(self.journal.census().await, outage)?;
                Ok(census.is_some_and(|census| census.unfinished() == census.held))
            }
        }
    }

    /// Starts what is due and has a place; answers how long to wait for the next, unless the journal
    /// could not be asked.
    async fn start_due(
        self: &Arc<Self>,
        owner: Owner,
        under_way: &mut UnderWay,
        outage: &mut Outage,
        stop: &Stop,
    ) -> Result<Option<Duration>, JournalError> {
        let places = self.max_parallel.saturating_sub(under_way.attempts.len());
        let awaiting = AT_ONCE.saturating_sub(under_way.completing.len());
        if places + awaiting == 0 {
            return Ok(Some(LOOK_AGAIN));
        }
        let claim = Claim {
            owner,
            rules: self.rules.current().names(),
            ended: Vec::new(),
            limit: places,
            awaiting,
            orphans: ORPHANS_AT_ONCE.saturating_sub(under_way.orphans.len()),
            held: under_way.held.list(),
        };
        let claimed = self.journal.claim(claim, Timestamp::now()).await;
        let Some(claimed) = unless_temporary(claimed, outage)? else {
            return Ok(None);
        };
        if claimed.runs.len() + claimed.orphans.len() > 0 {
            crash::point(Point::RunClaimed);
        }
        for run in claimed.runs {
            let holding = under_way.held.hold(&run);
            let (this, stop) = (self.clone(), stop.clone());
            if run.awaits_lease {
                let completing = this.complete(run, holding, under_way.enrichment(), stop);
                under_way.completing.spawn(completing);
            } else {
                under_way.attempts.spawn(this.attempt(run, holding, stop));
            }
        }
        self.cancel_each(claimed.orphans, under_way, stop);
        Ok(Some(claimed.wait.unwrap_or(LOOK_AGAIN)))
    }

    /// Makes one attempt and records its end, if it has one.
    async fn attempt(
        self: Arc<Self>,
        run: ClaimedRun,
        holding: Holding,
        stop: Stop,
    ) -> Result<Attempted, JournalError> {
        let (action, order) = match self.order(&run) {
            Ok(order) => order,
            Err(none) => {
                let transition = self.end(&run, none, &stop).await?;
                return Ok(Attempted::Recorded(transition));
            }
        };
        let policy = order.rule.retry;
        let mut performed = self
            .perform(&*action, run.owner, order, stop.work.child_token())
            .await;
        if let Some(remains) = performed.remains.take() {
            return Ok(Attempted::Unended(Box::new(Unended {
                run,
                holding,
                performed,
                policy,
                remains,
            })));
        }
        let then = next_step(&run, &performed, policy);
        tell(&run, &performed, then);
        let transition = self.record(&run, performed, then, &stop).await?;
        Ok(Attempted::Recorded(transition))
    }

    /// Records the end of an attempt.
    async fn record(
        &self,
        run: &ClaimedRun,
        performed: Performed,
        (transition, retry_in): Then,
        stop: &Stop,
    ) -> Result<Transition, JournalError> {
        crash::point(Point::ProcessEnded);
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
            retry_in,
            counts_against: performed.counts_against,
        };
        // On a forced stop it tries a last time; if that fails, recovery counts the attempt as interrupted.
        match retry_while_unavailable(&stop.work, || self.journal.record(end.clone())).await {
            Err(lost @ JournalError::Lost { .. }) => {
                tracing::warn!(
                    run = run.id,
                    attempt = run.attempt,
                    "{lost}: its end is not recorded"
                );
            }
            recorded => recorded?,
        }
        crash::point(Point::OutcomeWritten);
        Ok(transition)
    }

    /// Performs an attempt, and records the handle by which recovery would find its remains.
    async fn perform(
        &self,
        action: &dyn Action,
        owner: Owner,
        order: Order,
        stop: CancellationToken,
    ) -> Performed {
        let (run, attempt) = (order.run, order.attempt);
        let (started, told) = oneshot::channel::<String>();
        let noting = async {
            let Ok(text) = told.await else { return };
            let handle = handle::handle(action.kind(), &text);
            if let Err(error) = self.journal.started(owner, run, attempt, handle).await {
                if matches!(error, JournalError::Lost { .. }) {
                    stop.cancel();
                }
                tracing::warn!(
                    run,
                    attempt,
                    "failed to record how recovery can find this attempt after a crash: {error}"
                );
            }
            crash::point(Point::ProcessRecorded);
        };
        tokio::join!(action.perform(order, started, stop.clone()), noting).0
    }
}

/// What follows for a run, and how long after.
type Then = (Transition, Option<Duration>);

fn next_step(run: &ClaimedRun, performed: &Performed, policy: RetryPolicy) -> Then {
    let chance = fastrand::f64();
    let then = match performed.counts_against {
        CountsAgainst::Nothing => (
            Transition::Fail,
            Some(delay_of_shortage(run.attempt, chance)),
        ),
        _ => step_after(&performed.outcome, run.failures, policy, chance),
    };
    performed.again.applied(then)
}

/// The answer of a journal, if it is available just now. It is asked again in the next round: the
/// attempts that run must not be dropped for it.
fn unless_temporary<T>(
    answer: Result<T, JournalError>,
    outage: &mut Outage,
) -> Result<Option<T>, JournalError> {
    match answer {
        Ok(answer) => {
            outage.log_end("runs can be started again", Instant::now());
            Ok(Some(answer))
        }
        Err(error) if error.is_temporary() => {
            let error = error.to_string();
            if let Some(notice) = outage.failed(&error, Instant::now()) {
                tracing::error!("{error}; starting no runs, retrying every second{notice}");
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn tell(run: &ClaimedRun, performed: &Performed, (transition, retry_in): Then) {
    let Performed {
        outcome, duration, ..
    } = performed;
    let (id, rule, attempt) = (run.id, run.rule.as_str(), run.attempt);
    match (transition, retry_in) {
        (Transition::Succeed, _) => {
            tracing::info!(run = id, rule, attempt, "succeeded in {duration:.1?}");
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

#[cfg(test)]
mod tests;
