//! The history as a source: passes, batches, and what follows a failure.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::options::History;
use super::window::{Continuity, Start, Window};
use super::{Beginning, Client, HistoryError, Leases, source_name};
use crate::core::outage::Outage;
use crate::core::retry::RetryPolicy;
use crate::crash::{self, Point};
use crate::journal::{Cursor, Progress, ProgressStep};
use crate::sources::history::record::{Record, Row};
use crate::sources::{
    Batch, Decoded, Interest, LARGEST_BATCH, Opening, Pending, Received, Source, SourceError,
};
use crate::telemetry::{Condition, Teller};

/// Events of a batch are about this many leases at most. All of those may be shown before its commit, and a
/// long history is not to be asked for in vain when the process ends in the middle.
const LEASES_IN_BATCH: usize = 16;

/// A pass that lasts logs so often how much of it is left.
const TELL_LEFT: Duration = Duration::from_secs(5);

/// No failure delays the next pass for longer than this, unless passes are further apart anyway.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// The event history as a source.
pub struct HistorySource<C> {
    client: Arc<C>,
    leases: Arc<Leases<C>>,
    interest: Interest,
    cloud: String,
    overlap: i64,
    /// How long after the beginning of a pass the next one begins; `None` for a single one.
    every: Option<Duration>,
    teller: Teller,
    /// How to begin, until that has been done.
    beginning: Option<Beginning>,
    /// What is on disk, as a cursor too, and what will be when the batch under way is.
    window: Window,
    stored: Option<Cursor>,
    handed_over: Option<Window>,
    /// The identity of events; other than the cloud's, once it has had another history.
    name: String,
    phase: Phase,
    /// When it was last logged how much of a pass is left.
    told_left: Instant,
    outage: Outage,
}

enum Phase {
    /// The next pass begins at this time.
    Waiting(Instant),
    /// New rows of this pass, in order.
    Reading { began: Instant, rows: VecDeque<Row> },
    /// The only pass is over.
    Over(Result<(), HistoryError>),
}

impl<C: Client> HistorySource<C> {
    /// A source that has not read yet. What it is opened as is the cloud: with that, events have their
    /// identity.
    pub fn new(
        client: C,
        settings: &History,
        opening: Opening,
        beginning: Beginning,
        every: Option<Duration>,
    ) -> Self {
        let client = Arc::new(client);
        Self {
            leases: Arc::new(Leases::new(client.clone(), settings.lease_retry)),
            client,
            interest: opening.interest,
            overlap: settings.overlap,
            every,
            teller: opening.teller,
            beginning: Some(beginning),
            window: Window::default(),
            handed_over: None,
            stored: opening.stored,
            name: opening.identity,
            cloud: opening.name,
            phase: Phase::Waiting(Instant::now()),
            told_left: Instant::now(),
            outage: Outage::default(),
        }
    }

    /// Who shows leases, for those that could not be shown when their events were read.
    #[must_use]
    pub fn leases(&self) -> Arc<Leases<C>> {
        self.leases.clone()
    }

    /// Begins a pass by asking for its rows. Answers what there is to note if they cannot be had.
    async fn begin_pass(&mut self) -> Result<Option<Batch>, HistoryError> {
        self.leases.forget();
        self.tell(format!("reading the event history of {}", self.cloud));
        let began = Instant::now();
        match self.read().await {
            Ok(rows) => {
                crash::point(Point::ListAnswered);
                self.leases.cloud_reached();
                self.phase = Phase::Reading { began, rows };
                self.told_left = began;
                Ok(None)
            }
            Err(error) => {
                self.leases.cloud_failed(error.to_string());
                if let HistoryError::Begun { .. } = error {
                    return Err(error);
                }
                Ok(Some(self.fail(began, error)))
            }
        }
    }

    /// Asks for the rows of a pass, in order of id.
    async fn read(&mut self) -> Result<VecDeque<Row>, HistoryError> {
        let rows = match self.beginning.clone() {
            Some(Beginning::Anew {
                start,
                former,
                force,
            }) => self.begin(start, former.as_ref(), force).await?,
            Some(Beginning::Cursor(window)) => self.ask_since(window).await?,
            None => self.ask_since(self.window.clone()).await?,
        };
        Ok(rows.into())
    }

    /// Starts from scratch: all rows have to be read once.
    async fn begin(
        &mut self,
        start: Start,
        former: Option<&Window>,
        force: bool,
    ) -> Result<Vec<Row>, HistoryError> {
        let rows = self.ask(0).await?;
        let mut generation = former.map_or(1, Window::generation);
        if let Some(former) = former {
            match former.recheck_with_all_rows(rows.clone(), self.overlap) {
                // Its ids begin again, and must not be taken for those that were.
                Err(_) => generation += 1,
                Ok(_) if force => {}
                Ok(_) => {
                    return Err(HistoryError::Begun {
                        cloud: self.cloud.clone(),
                        position: former.position(),
                    });
                }
            }
        }
        let window = Window::begin(start, &rows, self.overlap, generation);
        let newest = rows.iter().map(|row| row.id).max().unwrap_or(0);
        let (cloud, position) = (&self.cloud, window.position());
        if newest < position {
            tracing::warn!(
                "the event history of {cloud} ends at id {newest}, before {position}, where \
                 reading starts: is that the right id, and the right cloud?"
            );
        }
        tracing::info!("starting to read the event history of {cloud} after id {position}");
        let new = match window.continuity(rows) {
            Continuity::Continues(rows) => rows,
            Continuity::NoOverlap | Continuity::DifferentHistory(_) => Vec::new(),
        };
        self.settle_on(window);
        Ok(new)
    }

    fn settle_on(&mut self, window: Window) {
        if window.generation() > 1 {
            self.name = format!("{}#{}", source_name(&self.cloud), window.generation());
        }
        self.window = window;
        self.beginning = None;
    }

    /// The rows that are new since `window`.
    async fn ask_since(&mut self, window: Window) -> Result<Vec<Row>, HistoryError> {
        let rows = self.ask(window.floor()).await?;
        if let Continuity::Continues(rows) = window.continuity(rows) {
            self.settle_on(window);
            return Ok(rows);
        }
        let rows = self.ask(0).await?;
        let (window, rows) =
            window
                .recheck_with_all_rows(rows, self.overlap)
                .map_err(|newest| HistoryError::Other {
                    cloud: self.cloud.clone(),
                    newest,
                    position: window.position(),
                })?;
        tracing::warn!(
            "the history of {} lacks the events that were read before, but has later ones: \
             continuing after id {}",
            self.cloud,
            window.position()
        );
        self.settle_on(window);
        Ok(rows)
    }

    async fn ask(&self, after: i64) -> Result<Vec<Row>, HistoryError> {
        let answer = self.client.events(after).await;
        answer.map_err(|error| HistoryError::Client(error.to_string()))
    }

    fn progress(&self, step: ProgressStep) -> Progress {
        Progress {
            source: source_name(&self.cloud),
            from: self.stored.clone(),
            step,
        }
    }

    /// The next rows that share a commit, with the cursor that they lead to.
    fn hand_over(&mut self) -> Batch {
        let Phase::Reading { rows, .. } = &mut self.phase else {
            unreachable!("a batch is handed over while a pass is read");
        };
        if self.told_left.elapsed() >= TELL_LEFT {
            self.told_left = Instant::now();
            tracing::info!(
                "reading the event history of {}: {} events are left",
                self.cloud,
                rows.len()
            );
        }
        let mut leases = HashSet::new();
        let mut decoded = Vec::new();
        let mut number = 0;
        for row in rows.iter().take(LARGEST_BATCH) {
            if self.interest.wants(&row.event_type, &row.id) {
                leases.extend(row.lease());
                if leases.len() > LEASES_IN_BATCH {
                    break;
                }
                let (row, lease) = (row.clone(), None);
                decoded.push(Decoded::Event(Record { row, lease }.into_arrival()));
            }
            number += 1;
        }
        let of_batch: Vec<Row> = rows.drain(..number).collect();
        let mut window = self.window.clone();
        window.advance(&of_batch, self.overlap);
        let progress = self.progress(ProgressStep::Read(window.cursor()));
        self.handed_over = Some(window);
        Batch {
            decoded,
            progress: Some(progress),
        }
    }

    /// What there is to note when all rows of a pass are on disk: that it is complete, unless leases could
    /// not be asked for.
    fn end(&mut self, began: Instant) -> Batch {
        if let Some(why) = self.leases.failure() {
            return self.fail(began, HistoryError::Client(why));
        }
        let cursor = self.window.cursor();
        let position = self.window.position();
        // A first pass may end with a cursor though it had no rows.
        self.handed_over = Some(self.window.clone());
        self.tell(format!("read {} up to event {position}", self.cloud));
        self.over(began, Ok(()));
        self.note(ProgressStep::Passed(cursor))
    }

    fn note(&self, step: ProgressStep) -> Batch {
        Batch {
            decoded: Vec::new(),
            progress: Some(self.progress(step)),
        }
    }

    /// What there is to note when the history cannot be read.
    fn fail(&mut self, began: Instant, error: HistoryError) -> Batch {
        let why = error.to_string();
        self.tell(format!("failed to read {}: {why}", self.cloud));
        self.over(began, Err(error));
        if let Phase::Waiting(next) = &self.phase {
            let wait = next.saturating_duration_since(Instant::now());
            self.outage
                .log_failure(&why, wait, std::time::Instant::now());
        }
        self.note(ProgressStep::Failed(why))
    }

    /// What follows a pass that began then and came to this.
    fn over(&mut self, began: Instant, came_to: Result<(), HistoryError>) {
        self.leases.pass_over();
        let Some(every) = self.every else {
            self.phase = Phase::Over(came_to);
            return;
        };
        let now = Instant::now();
        self.phase = Phase::Waiting(if came_to.is_ok() {
            self.outage.log_end(
                "the event history can be read again",
                std::time::Instant::now(),
            );
            (began + every).max(now)
        } else {
            let backoff = RetryPolicy {
                retries: u32::MAX,
                first_delay: every,
            };
            let delay = backoff.delay_after(self.outage.failures() + 1, fastrand::f64());
            // Never sooner than when all is well.
            now + delay
                .unwrap_or(every)
                .clamp(every, LONGEST_BACKOFF.max(every))
        });
    }

    fn tell(&self, words: String) {
        self.teller.tell(Condition {
            is_ready: self.beginning.is_none(),
            words,
            ..Condition::default()
        });
    }
}

impl<C: Client> Source for HistorySource<C> {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            loop {
                let batch = match &self.phase {
                    Phase::Waiting(until) => {
                        tokio::time::sleep_until(*until).await;
                        match self.begin_pass().await? {
                            None => continue,
                            Some(failed) => failed,
                        }
                    }
                    Phase::Reading { began, rows } if rows.is_empty() => self.end(*began),
                    Phase::Reading { .. } => self.hand_over(),
                    Phase::Over(came_to) => {
                        let came_to = came_to.clone();
                        return Ok(came_to.map(|()| Received::Drained)?);
                    }
                };
                return Ok(Received::Batch(batch));
            }
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        if let Some(window) = self.handed_over.take() {
            self.stored = Some(window.cursor());
            self.window = window;
        }
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        self.leases.close();
        Box::pin(std::future::ready(()))
    }
}
