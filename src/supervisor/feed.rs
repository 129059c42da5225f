//! One feed: opened once it is this service's duty, and opened again after a failure, for as long as the service runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, SetOnce};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Fingerprints;
use crate::engine::intake::{Intake, IntakeError};
use crate::engine::rulebook::Rulebook;
use crate::journal::{
    Cursor, Entry, Journal, JournalError, Owner, Placement, Progress, ProgressStep,
    retry_while_unavailable,
};
use crate::sources::{Enrich, Source, SourceErrorKind};
use crate::telemetry::{Condition, Teller};

/// How long after a failure a feed is opened again; doubles up to the second value. A feed that ran for that long
/// before it failed starts with the first value again.
const OPEN_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5 * 60));

/// How often the duty of a feed is asked for that another service has.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Where events come from, as a supervisor needs it.
pub struct Feed {
    /// What the journal calls it.
    pub identity: String,
    /// What it is, for the log; nothing to say where it says that itself.
    pub summary: Option<String>,
    /// What its options say, to tell whether that has changed.
    pub said: Fingerprints,
    /// On how many of the hosts that share the journal it runs.
    pub placement: Placement,
    /// How it is opened.
    pub open: Open,
    /// By what it tells how it is doing, opened or not.
    pub teller: Teller,
}

/// How a feed is opened.
pub enum Open {
    /// It is open, and its failure is final.
    Once(Box<dyn Source>),
    /// With its cursor; its failure is final, because somebody waits for its end.
    UntilDrained(Opener),
    /// With its cursor, as often as it fails.
    Anew(Opener),
}

/// Opens a feed whose cursor is here, if it has one.
pub type Opener = Box<dyn Fn(Option<Cursor>) -> Box<dyn Source> + Send>;

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("identity", &self.identity)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

/// Keeps one feed running.
pub(super) struct Keeper<J> {
    pub(super) journal: J,
    pub(super) owner: Arc<SetOnce<Owner>>,
    pub(super) rules: Rulebook,
    pub(super) enrich: Arc<dyn Enrich>,
    pub(super) work: Arc<Notify>,
    /// Ends it.
    pub(super) stop: CancellationToken,
}

impl<J: Journal + Clone> Keeper<J> {
    /// Runs until it is told to stop, the feed is drained, or its failure is final.
    ///
    /// # Errors
    /// [`IntakeError`] if its failure is final, or the journal is beyond waiting.
    pub(super) async fn keep(&self, feed: Feed) -> Result<(), IntakeError> {
        let identity = feed.identity.as_str();
        // Nothing is lost by stopping here, whatever the journal would have answered.
        let waiting = self.await_duty(identity, feed.placement, &feed.teller);
        let Some(granted) = self.stop.run_until_cancelled(waiting).await else {
            return Ok(());
        };
        granted?;
        let (opener, is_final) = match feed.open {
            Open::Once(source) => return self.take(source).await,
            Open::UntilDrained(opener) => (opener, true),
            Open::Anew(opener) => (opener, false),
        };
        let mut delay = OPEN_AGAIN.0;
        loop {
            let opening = async {
                self.note(identity, ProgressStep::Opened).await?;
                self.cursor(identity).await
            };
            let Some(cursor) = self.stop.run_until_cancelled(opening).await else {
                return Ok(());
            };
            let began = Instant::now();
            let error = match self.take(opener(cursor?)).await {
                Err(IntakeError::Source(error)) => error,
                ended => return ended,
            };
            if error.kind == SourceErrorKind::Usage {
                return Err(error.into());
            }
            let noting = self.note(identity, ProgressStep::Failed(error.message.clone()));
            if let Some(noted) = self.stop.run_until_cancelled(noting).await {
                noted?;
            }
            if is_final {
                return Err(error.into());
            }
            if began.elapsed() >= OPEN_AGAIN.1 {
                delay = OPEN_AGAIN.0;
            }
            tracing::error!(
                "{identity}: {error}; {}; trying again in {delay:?}",
                error.hint
            );
            feed.teller.tell(Condition {
                has_failed: true,
                words: format!("{identity} has failed, trying again in {delay:?}: {error}"),
                ..Condition::default()
            });
            let waited = self
                .stop
                .run_until_cancelled(tokio::time::sleep(delay))
                .await;
            if waited.is_none() {
                return Ok(());
            }
            delay = (delay * 2).min(OPEN_AGAIN.1);
        }
    }

    /// Waits until the feed is this service's duty.
    async fn await_duty(
        &self,
        identity: &str,
        placement: Placement,
        teller: &Teller,
    ) -> Result<(), JournalError> {
        let owner = *self.owner.wait().await;
        let mut is_told = false;
        loop {
            let ask = || (self.journal).duty(owner, identity.to_owned(), placement);
            if retry_while_unavailable(&self.stop, ask).await? {
                return Ok(());
            }
            if !is_told {
                tracing::info!("{identity} is another service's duty: standing by");
                teller.tell(Condition {
                    is_ready: true,
                    words: format!("{identity} is another service's duty, standing by"),
                    ..Condition::default()
                });
                is_told = true;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    async fn take(&self, source: Box<dyn Source>) -> Result<(), IntakeError> {
        let intake = Intake {
            source,
            journal: self.journal.clone(),
            rules: self.rules.clone(),
            enrich: self.enrich.clone(),
            work: self.work.clone(),
        };
        intake.run(self.stop.clone()).await
    }

    /// Has the journal note how it goes with a feed, for those who look at it there.
    async fn note(&self, identity: &str, step: ProgressStep) -> Result<(), JournalError> {
        let progress = Progress {
            source: identity.to_owned(),
            from: None,
            step,
        };
        let entries: Arc<[Entry]> = [Entry::Progress(progress)].into();
        let now = Timestamp::now();
        let ask = || self.journal.accept(Arc::clone(&entries), now);
        retry_while_unavailable(&self.stop, ask).await.map(drop)
    }

    /// Where the cursor of a feed is, if it has one.
    async fn cursor(&self, identity: &str) -> Result<Option<Cursor>, JournalError> {
        let sources = retry_while_unavailable(&self.stop, || self.journal.sources()).await?;
        let record = sources.into_iter().find(|record| record.source == identity);
        Ok(record.and_then(|record| record.cursor))
    }
}
