//! Claims due runs, keeps the machine from overload, performs, records.
//!
//! The second half of the journey. The journal decides what may run now (per key in order, one at
//! a time); dispatch decides how many run at once. The ends of attempts and what takes their places are one
//! question to the journal, and so one commit; however long that takes, no place is free before. The same question
//! tells which ends of runs are to become events, for rules that are for that.

mod announcing;
mod follow;
mod held;
pub(super) mod order;
mod prospects;
mod under_way;
mod unended;

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::enrich::{AT_ONCE, Enrichment};
use super::handle;
use super::recheck::Recheck;
use super::rulebook::Rulebook;
use crate::actions::{Action, Order, Performed};
use crate::core::outage::Outage;
use crate::core::run::Transition;
use crate::crash::{self, Point};
use crate::engine::clock::Clock;
use crate::engine::stop::Stop;
use crate::journal::{
    Claim, ClaimedRun, Journal, JournalError, Owner, Store, retry_while_unavailable,
};
use crate::sources::Enrich;
use crate::telemetry::watched;
use follow::{Then, tell, what_follows};
use held::Holding;
use order::{NoOrder, Ordered};
use under_way::{Attempted, Ended, UnderWay};
use unended::Unended;

/// How long to wait before a journal that is not available is asked again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How often the journal is asked which attempts are to be ended, while there is no place for others.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An attempt that is over sooner makes no commit for its handle: about as long as a few commits take. Until
/// then recovery finds what it left by its mark, as in the moment between a start and its record.
const SHORT: Duration = Duration::from_millis(20);

/// This many runs are cancelled at once that are of no rule.
const ORPHANS_AT_ONCE: usize = 64;

/// Performs the runs of a journal.
pub struct Dispatch<J> {
    /// Where runs wait.
    pub journal: J,
    /// The named values that actions use.
    pub store: Arc<dyn Store>,
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
    /// Every run is in a final state, waits for a delivery in quarantine, or is scheduled: retries are waited for.
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
            Transition::Claim
            | Transition::Proceed
            | Transition::Wake
            | Transition::Schedule
            | Transition::Retry
            | Transition::Refuse => {}
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
        let recheck = Recheck::new(this.enrich.clone(), this.rules.clone());
        let mut under_way = UnderWay::new(enrichment, recheck);
        let mut rules = this.rules.clone();
        let mut tally = Tally::default();
        let mut clock = Clock::start();
        let mut stepped = false;
        let mut outage = Outage::default();
        loop {
            let (stopping, forced) = (stop.intake.is_cancelled(), stop.work.is_cancelled());
            // Before the claim: what was accepted until then is seen by it.
            let last = drained.is_cancelled();
            if !stopping && clock.stepped() {
                tracing::warn!("system clock changed: rescheduling pending retries");
                stepped = true;
            }
            let round = async {
                if stepped && !stopping {
                    this.journal.clock_stepped(Timestamp::now()).await?;
                    stepped = false;
                }
                let wait = this
                    .move_on(owner, &mut under_way, &mut tally, stop)
                    .await?;
                let has_more = wait == Some(Duration::ZERO);
                let ends = under_way.is_over()
                    && (stopping || last && !has_more && this.is_over().await?);
                Ok::<_, JournalError>((wait, ends))
            };
            let wait = match watched("dispatch", round).await {
                Ok((_, true)) => return Ok(tally),
                Ok((wait, false)) => {
                    outage.log_end("runs can be started again", Instant::now());
                    wait
                }
                // On a forced stop it tries a last time; if that fails, recovery counts attempts as interrupted.
                Err(error) if forced || !error.is_temporary() => return Err(error.into()),
                Err(error) => {
                    tell_outage(&mut outage, &error);
                    Some(TRY_AGAIN)
                }
            };
            tokio::select! {
                ended = under_way.next_end(&this) => ended?,
                () = this.work.notified() => {}
                () = rules.replaced() => {}
                () = elapsed(wait) => {}
                () = clock.set() => {}
                () = drained.cancelled(), if !last => {}
                () = stop.intake.cancelled(), if !stopping => {}
                () = stop.work.cancelled(), if !forced => {}
            }
        }
    }

    /// Whether there is nothing to wait for, though nothing runs and nothing can be started now.
    async fn is_over(&self) -> Result<bool, JournalError> {
        match self.until {
            Until::NoRunIsDue => Ok(true),
            Until::EveryRunIsFinal => {
                let census = self.journal.census().await?;
                Ok(census.waiting() == census.held)
            }
        }
    }

    /// Records what has ended, and starts what is due and has a place, unless the service stops; answers how long
    /// to wait for what is due next.
    async fn move_on(
        self: &Arc<Self>,
        owner: Owner,
        under_way: &mut UnderWay,
        tally: &mut Tally,
        stop: &Stop,
    ) -> Result<Option<Duration>, JournalError> {
        let (mut places, mut awaiting, mut orphans) = (0, 0, 0);
        if stop.intake.is_cancelled() {
            under_way.give_up_prospects();
        } else {
            self.ask_again(under_way, stop);
            places = self.max_parallel.saturating_sub(under_way.attempts.len());
            awaiting = AT_ONCE.saturating_sub(under_way.completing.len());
            orphans = ORPHANS_AT_ONCE;
        }
        // They have asked for their places before.
        let begun = under_way.prospects.first(places);
        places -= begun.len();
        let rechecks = if places == 0 {
            0
        } else {
            under_way.room_for_rechecks()
        };
        if places + begun.len() + awaiting + under_way.ended.len() == 0 {
            // It is asked all the same which attempts are to be ended, but not each time something is accepted.
            let since = under_way.asked.elapsed();
            let wait = LOOK_AGAIN.saturating_sub(since);
            if under_way.is_over() || !wait.is_zero() {
                return Ok((!under_way.is_over()).then_some(wait));
            }
        }
        under_way.asked = Instant::now();
        // Names, limits and ends are of the same rules, whenever these are replaced.
        let rules = self.rules.current();
        self.announce_ends(&rules, under_way).await?;
        let claim = Claim {
            owner,
            rules: rules.names(),
            ended: under_way.ended.iter().map(|it| it.end.clone()).collect(),
            limit: places,
            awaiting,
            orphans,
            rechecked: rules.rechecked(),
            rechecks,
            begun,
            held: under_way.held.list(),
            limits: rules.limits(),
        };
        let begun = claim.begun.len();
        let claimed = self.journal.claim(claim, Timestamp::now()).await?;
        for (run, attempt) in claimed.lost {
            let lost = JournalError::Lost { run, attempt };
            tracing::warn!(run, attempt, "{lost}: its end is not recorded");
        }
        for ended in under_way.ended.drain(..) {
            crash::point(Point::OutcomeWritten);
            tally.count(ended.end.transition);
        }
        if claimed.runs.len() + claimed.orphans.len() > 0 {
            crash::point(Point::RunClaimed);
        }
        if !claimed.to_end.is_empty() {
            crash::point(Point::EndAsked);
        }
        for to_end in &claimed.to_end {
            under_way.held.end(to_end);
        }
        self.begin(begun, under_way, stop);
        let asked = under_way.asked;
        for run in claimed.runs {
            let holding = under_way.held.hold(&run, &stop.work);
            let (this, stop) = (self.clone(), stop.clone());
            if run.awaits_lease {
                let completing = this.complete(
                    run,
                    holding,
                    under_way.enrichment.clone(),
                    under_way.recheck.clone(),
                    stop,
                );
                under_way.completing.spawn(completing);
            } else if rules.rechecked().contains(&run.rule) {
                let rechecking = this.recheck(run, holding, under_way.recheck.clone(), asked, stop);
                under_way.rechecking.spawn(rechecking);
            } else {
                under_way.attempts.spawn(this.attempt(run, holding, stop));
            }
        }
        let is_next_at_once = !claimed.orphans.is_empty()
            || !claimed.announcements.is_empty()
            || !under_way.ended.is_empty();
        // They end with the next claim, at once.
        for run in claimed.orphans {
            let holding = under_way.held.hold(&run, &stop.work);
            let (performed, then) = NoOrder::without_rule(&run).into_performed();
            let ended = Ended::of(&run, holding, performed, then);
            under_way.ended.push(ended);
        }
        if !claimed.announcements.is_empty() {
            self.announce(claimed.announcements).await?;
        }
        if is_next_at_once {
            return Ok(Some(Duration::ZERO));
        }
        let fresh_for = under_way.prospects.fresh_for();
        Ok(claimed.wait.into_iter().chain(fresh_for).min())
    }

    /// Makes one attempt.
    async fn attempt(self: Arc<Self>, run: ClaimedRun, holding: Holding, stop: Stop) -> Attempted {
        let Ordered {
            action,
            order,
            step,
        } = match self.order(&run, &holding, &stop).await {
            Ok(ordered) => ordered,
            Err(none) => {
                let (performed, then) = none.into_performed();
                let ended = Ended::of(&run, holding, performed, then);
                return Attempted::Ended(Box::new(ended));
            }
        };
        let rule = Arc::clone(&order.rule);
        let mut performed = self
            .perform(&*action, run.owner, order, holding.stop().clone())
            .await;
        if let Some(remains) = performed.remains.take() {
            return Attempted::Unended(Box::new(Unended {
                run,
                holding,
                performed,
                rule,
                step,
                remains,
            }));
        }
        let then = what_follows(&run, &mut performed, &rule.chain, &step, &holding);
        Attempted::Ended(Box::new(Ended::of(&run, holding, performed, then)))
    }

    /// Performs an attempt, and records the handle by which recovery would find its remains, if it lasts; in any
    /// case that of what [goes on](Action::goes_on).
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
            let started = || self.journal.started(owner, run, attempt, handle.clone());
            let recorded = if action.goes_on() {
                retry_while_unavailable(&stop, started).await
            } else {
                tokio::time::sleep(SHORT).await;
                started().await
            };
            if let Err(error) = recorded {
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
        let mut performing = action.perform(order, started, stop.clone());
        if action.goes_on() {
            return tokio::join!(performing, noting).0;
        }
        tokio::select! {
            biased;
            performed = &mut performing => performed,
            () = noting => performing.await,
        }
    }
}

/// Comes back after this time; never, if there is none.
async fn elapsed(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => pending().await,
    }
}

/// The journal is asked again in the next round: the attempts that run must not be dropped for it.
fn tell_outage(outage: &mut Outage, error: &JournalError) {
    let error = error.to_string();
    if let Some(notice) = outage.failed(&error, Instant::now()) {
        tracing::error!("{error}; starting no runs, retrying every second{notice}");
    }
}

#[cfg(test)]
mod tests;
