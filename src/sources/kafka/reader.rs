//! One partition that is read: what was read of it and waits, what is asked next, and what hinders it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::client::{Cluster, Fetched, Partition, Trouble};
use super::memory::{Loss, Place, Span, Spot, Start};
use super::message::Message;
use crate::core::outage::Outage;
use crate::core::retry::RetryPolicy;

/// After a failure it is tried again in a second at first; the delay doubles, up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// The same where only somebody else can change it.
const LONGEST_DELAY_OF_UNREADABLE: Duration = Duration::from_secs(5 * 60);

/// How long until what answers at once with nothing is asked again: where what comes next is no message, brokers do so.
const PAUSE: Duration = Duration::from_secs(1);

/// How a partition is left behind that cannot be read.
const WAY_OUT: &str = "to go on behind them, have the broker delete them (kafka-delete-records)";

/// How long to wait after so many failures in a row.
pub(super) fn delay(failures: u32, longest: Duration) -> Duration {
    let policy = RetryPolicy {
        retries: u32::MAX,
        first_delay: Duration::from_secs(1),
    };
    let delay = policy.delay_after(failures.max(1), fastrand::f64());
    delay.map_or(longest, |delay| delay.min(longest))
}

/// Reads a partition.
pub(super) struct Reader {
    /// Tells answers to it from those to one that was here before.
    pub(super) number: u64,
    /// Where it is to go on, which may be ahead of what was handed over.
    position: i64,
    /// Which log it reads.
    log: u32,
    /// What was read and not handed over yet.
    pub(super) waiting: VecDeque<Message>,
    connection: Option<Arc<Partition>>,
    state: State,
    /// Whether no more than the next batch is asked for: several could not be read.
    one_batch: bool,
    /// Whether all there was has been read.
    pub(super) is_at_end: bool,
    /// Why it cannot be read.
    pub(super) trouble: Option<String>,
    outage: Outage,
}

/// Whether a partition can be asked.
#[derive(Clone, Copy, Debug)]
enum State {
    Free,
    /// From this time on.
    After(Instant),
    /// The same, if it is seen before that it is there: its connection is gone.
    AfterLook(Instant),
    /// Something was asked and is not answered yet.
    Asking,
}

/// What is asked of a partition.
pub(super) struct Question {
    pub(super) spot: Spot,
    pub(super) number: u64,
    cluster: Arc<Cluster>,
    connection: Option<Arc<Partition>>,
    offset: i64,
    bytes: i32,
    wait: Duration,
    start: Start,
}

/// What came of a question.
pub(super) struct Answer {
    pub(super) spot: Spot,
    pub(super) number: u64,
    connection: Option<Arc<Partition>>,
    outcome: Outcome,
}

enum Outcome {
    /// Messages, and whether they took no time.
    Fetched(Fetched, bool),
    /// The offset is out of range, and this is the range.
    Located(Span),
    Trouble(Trouble),
}

/// What is to be done besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Consequence {
    /// After which time partitions are to be looked for.
    pub(super) look: Option<Duration>,
    /// Where the partition is gone on with from now on.
    pub(super) place: Option<Place>,
}

impl Question {
    /// Asks it.
    pub(super) async fn ask(mut self) -> Answer {
        let outcome = match self.outcome().await {
            Ok(outcome) => outcome,
            Err(trouble) => {
                // Of a connection that failed nobody knows how it is; what cannot be read is no fault of it.
                if matches!(trouble, Trouble::Failed(_) | Trouble::Missing) {
                    self.connection = None;
                }
                Outcome::Trouble(trouble)
            }
        };
        Answer {
            spot: self.spot,
            number: self.number,
            connection: self.connection,
            outcome,
        }
    }

    async fn outcome(&mut self) -> Result<Outcome, Trouble> {
        let partition = match &self.connection {
            Some(partition) => Arc::clone(partition),
            None => Arc::new(self.cluster.partition(&self.spot).await?),
        };
        self.connection = Some(Arc::clone(&partition));
        let began = Instant::now();
        match partition.fetch(self.offset, self.bytes, self.wait).await {
            Ok(fetched) => {
                let is_quick = began.elapsed() < self.wait / 2;
                Ok(Outcome::Fetched(fetched, is_quick))
            }
            Err(Trouble::OutOfRange) => Ok(Outcome::Located(partition.span(self.start).await?)),
            Err(trouble) => Err(trouble),
        }
    }
}

impl Reader {
    /// Goes on from there.
    pub(super) fn new(number: u64, place: Place) -> Self {
        Self {
            number,
            position: place.next,
            log: place.log,
            waiting: VecDeque::new(),
            connection: None,
            state: State::Free,
            one_batch: false,
            is_at_end: false,
            trouble: None,
            outage: Outage::default(),
        }
    }

    /// Says that the partition is there.
    pub(super) fn seen(&mut self) {
        if let State::AfterLook(time) = self.state {
            self.state = State::After(time);
        }
    }

    /// What is to be asked now, if anything is.
    pub(super) fn question(
        &mut self,
        spot: &Spot,
        cluster: &Arc<Cluster>,
        (bytes, wait, start): (i32, Duration, Start),
    ) -> Option<Question> {
        let is_free = match self.state {
            State::Free => true,
            State::After(time) => time <= Instant::now(),
            State::AfterLook(_) | State::Asking => false,
        };
        if !is_free || !self.waiting.is_empty() {
            return None;
        }
        self.state = State::Asking;
        Some(Question {
            spot: spot.clone(),
            number: self.number,
            cluster: Arc::clone(cluster),
            connection: self.connection.clone(),
            offset: self.position,
            bytes: if self.one_batch { 1 } else { bytes },
            wait,
            start,
        })
    }

    /// When to ask again, if nothing is under way that tells.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::After(time) if self.waiting.is_empty() => Some(time),
            _ => None,
        }
    }

    /// Takes an answer; `place` is how far it was handed over, and `who` reads.
    pub(super) fn take(&mut self, answer: Answer, place: Place, who: &str) -> Consequence {
        self.state = State::Free;
        self.connection = answer.connection;
        let (topic, partition) = &answer.spot;
        let name = format!("{topic}:{partition}");
        match answer.outcome {
            Outcome::Fetched(fetched, is_quick) => {
                self.trouble = None;
                let words = format!("{who}: {name} can be read again");
                self.outage.log_end(&words, std::time::Instant::now());
                self.fetched(fetched, is_quick);
                let place = place.gone.then_some(Place {
                    gone: false,
                    ..place
                });
                Consequence { look: None, place }
            }
            Outcome::Located(span) => {
                let (place, loss) = place.after_loss(span);
                let (from, to) = (self.position, place.next);
                match loss {
                    Some(Loss::Removed) => tracing::warn!(
                        "{who}: the broker has removed messages of {name} before they were read: those from offset \
                         {from} to {to}; going on with offset {to}"
                    ),
                    Some(Loss::Shorter) => tracing::warn!(
                        "{who}: {name} ends at offset {}, but was read up to {from}: its log has lost its end, or the \
                         topic was made anew; going on with offset {to}, as with another log",
                        span.end
                    ),
                    // Another broker may lag behind.
                    None => self.state = State::After(Instant::now() + PAUSE),
                }
                self.position = place.next;
                self.log = place.log;
                Consequence {
                    look: None,
                    place: loss.map(|_| place),
                }
            }
            Outcome::Trouble(Trouble::Unreadable(_)) if !self.one_batch => {
                // Those before the one that cannot be read can.
                self.one_batch = true;
                Consequence::default()
            }
            Outcome::Trouble(trouble) => self.fail(trouble, &name, who),
        }
    }

    fn fetched(&mut self, Fetched { messages, end }: Fetched, is_quick: bool) {
        let next = messages.last().map(|last| last.offset.saturating_add(1));
        self.position = next.unwrap_or(self.position);
        self.is_at_end = next.is_none() || self.position >= end;
        if next.is_some() {
            self.one_batch = false;
        } else if is_quick {
            self.state = State::After(Instant::now() + PAUSE);
        }
        let log = self.log;
        self.waiting
            .extend(messages.into_iter().map(|it| Message { log, ..it }));
    }

    fn fail(&mut self, trouble: Trouble, name: &str, who: &str) -> Consequence {
        let (why, longest) = match trouble {
            Trouble::Unreadable(why) => {
                let offset = self.position;
                let why = format!(
                    "the messages of {name} from offset {offset} on cannot be read: {why}. {WAY_OUT}"
                );
                (why, LONGEST_DELAY_OF_UNREADABLE)
            }
            Trouble::Failed(why) => (format!("failed to read {name}: {why}"), LONGEST_DELAY),
            Trouble::Missing | Trouble::OutOfRange => (
                format!("failed to read {name}: it is not there"),
                LONGEST_DELAY,
            ),
        };
        let delay = delay(self.outage.failures() + 1, longest);
        let what = format!("{who}: {why}");
        self.outage
            .log_failure(&what, delay, std::time::Instant::now());
        self.trouble = Some(why);
        let time = Instant::now() + delay;
        let is_gone = self.connection.is_none();
        self.state = if is_gone {
            State::AfterLook(time)
        } else {
            State::After(time)
        };
        Consequence {
            look: is_gone.then_some(delay),
            place: None,
        }
    }
}
