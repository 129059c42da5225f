//! The history as a source: passes, batches, and what follows a failure.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use super::leases::Reach;
use super::options::History;
use super::window::{Judgement, Start, Window};
use super::{Beginning, Client, ClientError, Condition, HistoryError, Leases, source_name};
use crate::core::outage::Outage;
use crate::core::retry::RetryPolicy;
use crate::crash::{self, Point};
use crate::history::{Record, Row};
use crate::journal::{Progress, ProgressStep};
use crate::notification::Labels;
use crate::sources::{Delivery, Received, Source};

/// The most rows that share one commit.
const ROWS_IN_BATCH: usize = 1_000;

/// The most leases that are shown before a commit, so that a long history is not asked for in vain
/// when the process ends in the middle.
const LEASES_IN_BATCH: usize = 16;

/// No failure delays the next pass for longer than this, unless passes are further apart anyway.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// Which rows need their lease shown.
pub type Wants = Box<dyn Fn(&Row) -> bool + Send + Sync>;

/// The event history as a source.
pub struct HistorySource<C> {
    client: Arc<C>,
    leases: Arc<Leases<C>>,
    reach: watch::Sender<Reach>,
    wants: Wants,
    cloud: String,
    overlap: i64,
    /// How long after the beginning of a pass the next one begins; `None` for a single one.
    every: Option<Duration>,
    condition: watch::Sender<Condition>,
    /// How to begin, until that has been done.
    beginning: Option<Beginning>,
    /// What is on disk, and what will be when the batch under way is.
    window: Window,
    accepted: Option<Window>,
    /// The identity of events; other than the cloud's, once it has had another history.
    name: String,
    phase: Phase,
    outage: Outage,
}

enum Phase {
    /// The next pass begins at this time.
    Waiting(Instant),
    /// New rows of this pass, in order; and why leases could not be asked for.
    Reading {
        began: Instant,
        rows: VecDeque<Row>,
        failure: Option<String>,
    },
    /// The only pass is over.
    Over(Result<(), HistoryError>),
}

impl<C: Client> HistorySource<C> {
    /// A source that has not read yet. Events have their identity from `cloud`.
    pub fn new(
        client: C,
        settings: &History,
        wants: Wants,
        cloud: &str,
        beginning: Beginning,
        every: Option<Duration>,
    ) -> Self {
        let client = Arc::new(client);
        let (reach, reached) = watch::channel(Reach::default());
        Self {
            leases: Arc::new(Leases::new(client.clone(), settings.lease_retry, reached)),
            reach,
            client,
            wants,
            overlap: settings.overlap,
            every,
            condition: watch::Sender::default(),
            beginning: Some(beginning),
            window: Window::default(),
            accepted: None,
            name: source_name(cloud),
            cloud: cloud.to_owned(),
            phase: Phase::Waiting(Instant::now()),
            outage: Outage::default(),
        }
    }

    /// Tells what the source is about, now and at every change.
    #[must_use]
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// Who shows leases, for those that could not be shown when their events were read.
    #[must_use]
    pub fn leases(&self) -> Arc<Leases<C>> {
        self.leases.clone()
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

    /// Begins anew: everything there is has to be looked at once.
    async fn begin(
        &mut self,
        start: Start,
        former: Option<&Window>,
        force: bool,
    ) -> Result<Vec<Row>, HistoryError> {
        let rows = self.ask(0).await?;
        let mut generation = former.map_or(1, Window::generation);
        if let Some(former) = former {
            match former.reconsider(rows.clone(), self.overlap) {
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
        if newest < window.position() {
            tracing::warn!(
                "the event history of {} ends at id {newest}, before {}, which it is to be read \
                 from: is that the right id, and the right cloud?",
                self.cloud,
                window.position()
            );
        }
        tracing::info!(
            "beginning with the event history of {} behind id {}",
            self.cloud,
            window.position()
        );
        let new = match window.judge(rows) {
            Judgement::Goes(rows) => rows,
            Judgement::Doubtful | Judgement::Other(_) => Vec::new(),
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
        if let Judgement::Goes(rows) = window.judge(rows) {
            self.settle_on(window);
            return Ok(rows);
        }
        let rows = self.ask(0).await?;
        let (window, rows) =
            window
                .reconsider(rows, self.overlap)
                .map_err(|newest| HistoryError::Other {
                    cloud: self.cloud.clone(),
                    newest,
                    position: window.position(),
                })?;
        tracing::warn!(
            "events of {} that were seen before were not shown this time, but later ones are there: \
             going on behind id {}",
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

    /// The next rows that share a commit, with the leases that are wanted for them.
    async fn batch(&self, rows: &VecDeque<Row>) -> (Vec<Record>, Option<String>) {
        let mut wanted = HashSet::new();
        let mut of_batch = Vec::new();
        for row in rows.iter().take(ROWS_IN_BATCH) {
            let lease = row.lease().filter(|_| (self.wants)(row));
            wanted.extend(lease);
            if wanted.len() > LEASES_IN_BATCH {
                break;
            }
            of_batch.push((row, lease));
        }
        let record = async |(row, uuid): (&Row, Option<&str>)| {
            let mut lease = None;
            let mut failure = None;
            if let Some(uuid) = uuid {
                match self.leases.show(uuid, false).await {
                    Ok(shown) => {
                        crash::point(Point::LeaseShown);
                        lease = Some(shown);
                    }
                    Err(error) => {
                        tracing::warn!(event = row.id, lease = uuid, "no lease is shown: {error}");
                        if let ClientError::Failed(why) = error {
                            failure = Some(why);
                        }
                    }
                }
            }
            let row = row.clone();
            (Record { row, lease }, failure)
        };
        let records = join_all(of_batch.into_iter().map(record)).await;
        let mut failure = None;
        let records = records.into_iter().map(|(record, failed)| {
            failure = failure.take().or(failed);
            record
        });
        (records.collect(), failure)
    }

    fn progress(&self, step: ProgressStep) -> Progress {
        Progress {
            source: source_name(&self.cloud),
            step,
        }
    }

    /// The deliveries of a batch, with the cursor that they lead to.
    fn hand_on(&mut self, records: &[Record], failed: Option<String>) -> Received<()> {
        let Phase::Reading {
            began,
            rows,
            failure,
        } = &mut self.phase
        else {
            unreachable!("a batch is handed on while a pass is read");
        };
        let of_batch: Vec<Row> = rows.drain(..records.len()).collect();
        *failure = failure.take().or(failed);
        let (began, complete) = (*began, rows.is_empty() && failure.is_none());
        let mut window = self.window.clone();
        window.advance(&of_batch, self.overlap);
        let cursor = window.cursor();
        self.accepted = Some(window);
        let step = if complete {
            self.tell(format!(
                "read {} up to event {}",
                self.cloud, cursor.position
            ));
            self.over(began, Ok(()));
            ProgressStep::Passed(cursor)
        } else {
            ProgressStep::Read(cursor)
        };
        let deliveries = records.iter().map(|record| Delivery {
            origin: String::new(),
            labels: Labels::default(),
            body: serde_json::to_vec(record).expect("rows and leases always serialize"),
            receipt: (),
        });
        Received::Read(deliveries.collect(), self.progress(step))
    }

    /// What there is to note when the history cannot be read.
    fn fail(&mut self, began: Instant, error: HistoryError) -> Received<()> {
        let why = error.to_string();
        self.tell(format!("failed to read {}: {why}", self.cloud));
        self.over(began, Err(error));
        if let Phase::Waiting(next) = &self.phase {
            let wait = next.saturating_duration_since(Instant::now());
            self.outage
                .log_failure(&why, wait, std::time::Instant::now());
        }
        Received::Read(Vec::new(), self.progress(ProgressStep::Failed(why)))
    }

    /// What follows a pass that began then and came to this.
    fn over(&mut self, began: Instant, came_to: Result<(), HistoryError>) {
        let Some(every) = self.every else {
            self.phase = Phase::Over(came_to);
            return;
        };
        let now = Instant::now();
        self.phase = Phase::Waiting(if came_to.is_ok() {
            self.outage
                .log_end("the event history is read again", std::time::Instant::now());
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
        self.condition.send_modify(|condition| {
            condition.has_read |= self.beginning.is_none();
            condition.words = words;
        });
    }
}

impl<C: Client> Source for HistorySource<C> {
    type Receipt = ();
    type Error = HistoryError;

    fn name(&self) -> &str {
        &self.name
    }

    async fn receive(&mut self, _: usize) -> Result<Received<()>, HistoryError> {
        loop {
            match &self.phase {
                Phase::Waiting(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.leases.forget();
                    self.tell(format!("reading the event history of {}", self.cloud));
                    let began = Instant::now();
                    self.reach.send_replace(Reach::Unknown);
                    match self.read().await {
                        Ok(rows) => {
                            crash::point(Point::ListAnswered);
                            self.reach.send_replace(Reach::Reached);
                            self.phase = Phase::Reading {
                                began,
                                rows,
                                failure: None,
                            };
                        }
                        Err(error) => {
                            self.reach.send_replace(Reach::Failed(error.to_string()));
                            if let HistoryError::Begun { .. } = error {
                                return Err(error);
                            }
                            return Ok(self.fail(began, error));
                        }
                    }
                }
                Phase::Reading {
                    began,
                    rows,
                    failure: Some(why),
                } if rows.is_empty() => {
                    let (began, why) = (*began, why.clone());
                    return Ok(self.fail(began, HistoryError::Client(why)));
                }
                Phase::Reading { rows, .. } => {
                    let (records, failed) = self.batch(rows).await;
                    return Ok(self.hand_on(&records, failed));
                }
                Phase::Over(came_to) => return came_to.clone().map(|()| Received::Drained),
            }
        }
    }

    async fn settle(&mut self, _: Vec<()>) {
        if let Some(window) = self.accepted.take() {
            self.window = window;
        }
    }

    async fn close(&mut self) {}
}
