//! After a crash: what was running is ended, put on record as interrupted, and due again.
//!
//! Before dispatch claims anything: a script of the service that died must not run beside its
//! repeat. Of what cannot be ended the attempt stays open, and is closed as soon as it has gone.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::core::outage::Outage;
use crate::core::run::{Outcome, Step};
use crate::crash::{self, Point};
use crate::journal::{
    AttemptEnd, Blame, Journal, JournalError, OpenAttempt, RunId, retry_while_unavailable,
};
use crate::os::process::{Ending, Leftover, Leftovers, Remaining, Vigil, pause_after};

/// How long a script that is left may take to end when it is asked to, until it is forced.
const GRACE: Duration = Duration::from_secs(5);

/// Why nothing can be said of what was left.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be used, now or later.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The processes cannot be looked through.
    #[error("failed to look for processes that an earlier service left: {0}")]
    Leftovers(#[source] io::Error),
}

/// Recovers what an earlier service left behind. Answers of what something cannot be ended.
/// Gives up on a journal that is not available only when `stop` is cancelled.
///
/// # Errors
/// [`RecoverError`]; nothing may be claimed then.
pub async fn recover<J: Journal>(
    journal: &J,
    stop: &CancellationToken,
) -> Result<Unended, RecoverError> {
    let now = Timestamp::now();
    retry_while_unavailable(stop, || journal.clock_stepped(now)).await?;
    let open = retry_while_unavailable(stop, || journal.open_attempts()).await?;
    if open.is_empty() {
        return Ok(Unended::default());
    }
    tracing::warn!(
        attempts = open.len(),
        "the service before this one ended while scripts ran; they will run again"
    );
    let leftovers = Leftovers::of(journal.name(), open);
    let mut leftovers = leftovers.map_err(RecoverError::Leftovers)?;
    let found = leftovers
        .end(GRACE)
        .await
        .map_err(RecoverError::Leftovers)?;
    crash::point(Point::LeftoversEnded);
    for leftover in &found {
        let (run, pid, name) = (leftover.run, leftover.pid, leftover.name.as_deref());
        match leftover.ending {
            Ending::Asked => tracing::warn!(run, pid, name, "ended a process that was left of it"),
            Ending::Forced => {
                tracing::warn!(run, pid, name, "killed a process that was left of it");
            }
            Ending::Alive => {}
        }
    }
    let alive: Vec<Leftover> = found
        .into_iter()
        .filter(|leftover| leftover.ending == Ending::Alive)
        .collect();
    let mut unended = Unended {
        leftovers,
        vigils: BTreeMap::new(),
    };
    unended.note(journal, &alive, stop).await?;
    Ok(unended)
}

/// Attempts of an earlier service of which something cannot be ended. An attempt that stays open holds
/// its key: nothing runs beside what lives on.
#[derive(Debug, Default)]
pub struct Unended {
    leftovers: Leftovers,
    vigils: BTreeMap<RunId, Vigil>,
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
        while !self.leftovers.open().is_empty() {
            tokio::time::sleep(pause_after(begun.elapsed())).await;
            match self.leftovers.remaining().await {
                Ok(alive) => {
                    if let Err(error) = self.note(journal, &alive, stop).await {
                        return error;
                    }
                    work.notify_one();
                }
                Err(error) => {
                    let error = RecoverError::Leftovers(error).to_string();
                    if let Some(notice) = outage.failed(&error, Instant::now()) {
                        tracing::error!("{error}{notice}");
                    }
                }
            }
        }
        pending().await
    }

    /// Tells of what is alive, and closes the attempts of which nothing is.
    async fn note<J: Journal>(
        &mut self,
        journal: &J,
        alive: &[Leftover],
        stop: &CancellationToken,
    ) -> Result<(), RecoverError> {
        for attempt in self.leftovers.open().to_vec() {
            let run = attempt.run;
            let remaining: Vec<Remaining> = alive
                .iter()
                .filter(|leftover| leftover.run == run)
                .map(Remaining::from)
                .collect();
            let vigil = self.vigils.entry(run);
            let vigil = vigil.or_insert_with(|| Vigil::of(run, attempt.attempt));
            if !remaining.is_empty() {
                vigil.tell(journal, &remaining).await;
                continue;
            }
            vigil.tell_end();
            let end = interrupted(&attempt, Timestamp::now());
            retry_while_unavailable(stop, || journal.record(end.clone())).await?;
            self.leftovers.close(run);
            crash::point(Point::InterruptionRecorded);
        }
        Ok(())
    }
}

fn interrupted(attempt: &OpenAttempt, now: Timestamp) -> AttemptEnd {
    AttemptEnd {
        run: attempt.run,
        attempt: attempt.attempt,
        outcome: Outcome::Interrupted("the service ended while the script ran".into()),
        ended_at: now,
        duration: Duration::try_from(now.duration_since(attempt.started_at)).unwrap_or_default(),
        output: Vec::new(),
        output_dropped: 0,
        step: Step::Interrupt,
        blame: Blame::Nobody,
        retry_in: None,
    }
}
