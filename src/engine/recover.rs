//! After a crash: ends what was still running, records it as interrupted, and makes it due again.
//!
//! Before dispatch claims anything: what the service that died had under way must not go on beside its
//! repeat. What is left of an attempt is known to the [`Recovery`] of its kind of action. Of what cannot be
//! ended the attempt stays open, and is closed as soon as it has gone.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::handle::{of_kind, recovery_of};
use super::vigil::{Vigil, pause_after};
use crate::actions::{Living, Recovery};
use crate::core::outage::Outage;
use crate::core::run::{Outcome, Transition};
use crate::crash::{self, Point};
use crate::journal::{
    AttemptEnd, CountsAgainst, Journal, JournalError, OpenAttempt, Owner, RunId,
    retry_while_unavailable,
};

/// Why recovery failed.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be used, now or later.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What an earlier service left cannot be found, in words.
    #[error("{0}")]
    Leftovers(String),
}

/// Recovers, as `owner`, what an earlier service left behind, each kind of action by one of `recoveries`.
/// Answers of what something cannot be ended. Gives up on a journal that is not available only when `stop`
/// is cancelled.
///
/// # Errors
/// [`RecoverError`]; nothing may be claimed then.
pub async fn recover<J: Journal>(
    journal: &J,
    owner: Owner,
    recoveries: Vec<Box<dyn Recovery>>,
    stop: &CancellationToken,
) -> Result<Unended, RecoverError> {
    let now = Timestamp::now();
    retry_while_unavailable(stop, || journal.clock_stepped(now)).await?;
    let open = retry_while_unavailable(stop, || journal.open_attempts(owner)).await?;
    let mut unended = Unended {
        recoveries,
        open,
        vigils: BTreeMap::new(),
    };
    if unended.open.is_empty() {
        return Ok(unended);
    }
    tracing::warn!(
        attempts = unended.open.len(),
        "the previous process of the service ended while runs were under way; they will run again"
    );
    let living = unended.end().await?;
    crash::point(Point::LeftoversEnded);
    unended.note(journal, &living, stop).await?;
    Ok(unended)
}

/// Attempts of an earlier service of which something cannot be ended. An attempt that stays open holds
/// its key: nothing runs beside what lives on.
pub struct Unended {
    recoveries: Vec<Box<dyn Recovery>>,
    open: Vec<OpenAttempt>,
    vigils: BTreeMap<RunId, Vigil>,
}

impl fmt::Debug for Unended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.open).finish()
    }
}

impl Unended {
    /// Looks for what is left, the longer the rarer, and closes each attempt of which nothing is; then
    /// there is `work`. Comes back only if that fails.
    pub async fn outlive<J: Journal>(
        mut self,
        journal: &J,
        work: &Notify,
        stop: &CancellationToken,
    ) -> RecoverError {
        let begun = Instant::now();
        let mut outage = Outage::default();
        while !self.open.is_empty() {
            tokio::time::sleep(pause_after(begun.elapsed())).await;
            match self.end().await {
                Ok(living) => {
                    if let Err(error) = self.note(journal, &living, stop).await {
                        return error;
                    }
                    work.notify_one();
                }
                Err(error) => {
                    let error = error.to_string();
                    if let Some(notice) = outage.failed(&error, Instant::now()) {
                        tracing::error!("{error}{notice}");
                    }
                }
            }
        }
        pending().await
    }

    /// Has each kind of action end what is left of its attempts. Answers what lives on.
    async fn end(&mut self) -> Result<Vec<Living>, RecoverError> {
        let kinds: Vec<&str> = self.recoveries.iter().map(|one| one.kind()).collect();
        let mut living = Vec::new();
        for recovery in &mut self.recoveries {
            let open = of_kind(&self.open, recovery.kind(), &kinds);
            if !open.is_empty() {
                let left = recovery.end(open).await;
                living.extend(left.map_err(RecoverError::Leftovers)?);
            }
        }
        Ok(living)
    }

    /// Reports what is alive, and closes the attempts of which nothing is.
    async fn note<J: Journal>(
        &mut self,
        journal: &J,
        living: &[Living],
        stop: &CancellationToken,
    ) -> Result<(), RecoverError> {
        for attempt in self.open.clone() {
            let run = attempt.run;
            let vigil = self.vigils.entry(run);
            let vigil = vigil.or_insert_with(|| Vigil::of(run, attempt.attempt));
            let mut is_over = true;
            for of_run in living.iter().filter(|living| living.run == run) {
                is_over = false;
                vigil.report(journal, &of_run.left).await;
            }
            if !is_over {
                continue;
            }
            vigil.report_end();
            let why = recovery_of(&attempt, &self.recoveries)
                .map_or(UNDER_WAY, |recovery| recovery.interrupted());
            let end = interrupted(&attempt, why, Timestamp::now());
            match retry_while_unavailable(stop, || journal.record(end.clone())).await {
                Err(lost @ JournalError::Lost { .. }) => tracing::debug!("{lost}"),
                recorded => recorded?,
            }
            self.open.retain(|open| open.run != run);
            crash::point(Point::InterruptionRecorded);
        }
        Ok(())
    }
}

/// The detail recorded for an attempt whose kind of action is not known.
const UNDER_WAY: &str = "the service ended while it was under way";

fn interrupted(attempt: &OpenAttempt, why: &str, now: Timestamp) -> AttemptEnd {
    AttemptEnd {
        stand: None,
        made: None,
        owner: attempt.owner,
        run: attempt.run,
        attempt: attempt.attempt,
        outcome: Outcome::Interrupted(why.to_owned()),
        ended_at: now,
        duration: Duration::try_from(now.duration_since(attempt.started_at)).unwrap_or_default(),
        output: Vec::new(),
        output_dropped: 0,
        transition: Transition::Interrupt,
        counts_against: CountsAgainst::Nothing,
        retry_in: None,
    }
}

#[cfg(test)]
mod tests;
