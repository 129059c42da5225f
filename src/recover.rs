//! After a crash: what was running is ended, put on record as interrupted, and due again.
//!
//! Before dispatch claims anything: a script of the service that died must not run beside its
//! repeat.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::actions::process::{Ending, Leftover, end_leftovers};
use crate::crash::{self, Point};
use crate::journal::{
    AttemptEnd, Blame, Journal, JournalError, OpenAttempt, retry_while_unavailable,
};
use crate::run::{Outcome, Step};

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

/// Recovers what an earlier service left behind. Gives up on a journal that is not available only
/// when `stop` is cancelled.
///
/// # Errors
/// [`RecoverError`]; nothing may be claimed then.
pub async fn recover<J: Journal>(
    journal: &J,
    stop: &CancellationToken,
) -> Result<(), RecoverError> {
    let now = Timestamp::now();
    retry_while_unavailable(stop, || journal.clock_stepped(now)).await?;
    let open = retry_while_unavailable(stop, || journal.open_attempts()).await?;
    if open.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        attempts = open.len(),
        "the service before this one ended while scripts ran; they will run again"
    );
    let leftovers = end_leftovers(journal.name(), &open, GRACE)
        .await
        .map_err(RecoverError::Leftovers)?;
    crash::point(Point::LeftoversEnded);
    for Leftover {
        run,
        pid,
        name,
        ending,
    } in &leftovers
    {
        match ending {
            Ending::Asked => tracing::warn!(run, pid, name, "ended a process that was left of it"),
            Ending::Forced => {
                tracing::warn!(run, pid, name, "killed a process that was left of it");
            }
            Ending::Alive => tracing::error!(
                run,
                pid,
                name,
                "failed to end a process that was left of it: its node waits until you have ended \
                 it and started the service again"
            ),
        }
    }
    for attempt in open {
        let alive = |left: &Leftover| left.run == attempt.run && left.ending == Ending::Alive;
        // An attempt that stays open holds its key: nothing runs beside what cannot be ended.
        if !leftovers.iter().any(alive) {
            let end = interrupted(&attempt, Timestamp::now());
            retry_while_unavailable(stop, || journal.record(end.clone())).await?;
            crash::point(Point::InterruptionRecorded);
        }
    }
    Ok(())
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
