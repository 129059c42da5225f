//! The feed for operators: ESI Leap's notification queues on RabbitMQ.
//!
//! Queues are consumed as they are, each on a channel of its own, because one `multiple` ack covers
//! a channel. A queue that is missing or withheld is asked for again and again; a connection that
//! is lost is made anew, here and not in the client library, so that it is always known and told
//! what is being waited for. The broker keeps at most `prefetch` deliveries of a queue under way:
//! that is all the back-pressure there is, and all there needs to be.

mod dial;
mod feed;
mod link;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use lapin::Acker;
use lapin::options::BasicAckOptions;
use tokio::sync::watch;
use tokio::time::Instant;

pub use dial::{password_file, prepare};
pub use link::{Link, Unreachable};

use super::{self as sources, Delivery, Received, Source};
use crate::config::Amqp;
use feed::Feed;

/// How long after a failure or a loss the next connection is tried; doubles up to the second figure,
/// as long as nothing is acknowledged and no connection lasts so long.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// How often a queue that is missing is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long queues that are to be drained have to be silent, twice, before they count as empty.
const SILENCE: Duration = Duration::from_millis(200);

/// What the source is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// There is no connection yet, or none any more.
    #[default]
    Connecting,
    /// Connected, and consuming the queues that can be consumed.
    Consuming {
        /// The queues that are consumed; none, if all are waited for.
        queues: Vec<String>,
        /// Those that are waited for.
        missing: Vec<String>,
    },
}

impl sources::Condition for Condition {
    fn is_ready(&self) -> bool {
        matches!(self, Self::Consuming { queues, .. } if !queues.is_empty())
    }

    fn in_words(&self) -> String {
        let Self::Consuming { queues, missing } = self else {
            return "connecting to the broker".to_owned();
        };
        let mut parts = Vec::new();
        if !queues.is_empty() {
            parts.push(format!("consuming {}", queues.join(", ")));
        }
        if !missing.is_empty() {
            parts.push(format!("waiting for {}", missing.join(", ")));
        }
        parts.join("; ")
    }
}

/// The AMQP queues as a source.
#[derive(Debug)]
pub struct AmqpSource {
    settings: Arc<Amqp>,
    until_drained: bool,
    condition: watch::Sender<Condition>,
    link: Option<Link>,
    feeds: Vec<Feed>,
    ask_again_at: Instant,
    connect_at: Instant,
    connected_at: Instant,
    backoff: Duration,
    /// Counts channels, so that a receipt is never taken for one of another channel.
    channels: u64,
}

/// What settles a delivery: its own acker, which knows when its channel is gone.
#[derive(Debug)]
pub struct Receipt {
    channel: u64,
    acker: Acker,
}

impl AmqpSource {
    /// A source that has not connected yet. With `until_drained` it ends when nothing is waiting,
    /// and fails at once where it would otherwise try again.
    #[must_use]
    pub fn new(settings: Amqp, until_drained: bool) -> Self {
        Self {
            feeds: settings
                .queues
                .iter()
                .map(|queue| Feed::new(queue))
                .collect(),
            settings: Arc::new(settings),
            until_drained,
            condition: watch::Sender::default(),
            link: None,
            ask_again_at: Instant::now(),
            connect_at: Instant::now(),
            connected_at: Instant::now(),
            backoff: BACKOFF.0,
            channels: 0,
        }
    }

    /// Tells what the source is about, now and at every change.
    #[must_use]
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// Connects, trying as long as it takes.
    async fn connect(&mut self) -> Result<(), Unreachable> {
        loop {
            tokio::time::sleep_until(self.connect_at).await;
            match Link::open(&self.settings).await {
                Ok(link) => {
                    tracing::info!("connected to {}", link.name());
                    self.link = Some(link);
                    self.connected_at = Instant::now();
                    self.ask_again_at = self.connected_at;
                    return Ok(());
                }
                Err(unreachable) if self.until_drained => return Err(unreachable),
                Err(unreachable) => {
                    let delay = self.put_off();
                    tracing::warn!("{unreachable}; trying again in {delay:.1?}");
                }
            }
        }
    }

    /// Puts the next attempt to connect off for so long, and the one after it for longer.
    fn put_off(&mut self) -> Duration {
        let delay = self.backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
        self.connect_at = Instant::now() + delay;
        delay
    }

    /// Begins to ask for the queues that are waited for.
    fn ask_for_missing(&mut self, link: &Link) {
        for feed in self.feeds.iter_mut().filter(|feed| feed.is_waiting()) {
            self.channels += 1;
            feed.ask(link, &self.settings, self.channels);
        }
        self.ask_again_at = Instant::now() + ASK_AGAIN;
    }

    /// Tells what is consumed and what is not, or not yet.
    fn tell_condition(&self) {
        let condition = Condition::Consuming {
            queues: self.queues(Feed::is_open),
            missing: self.queues(|feed| !feed.is_open()),
        };
        self.condition.send_if_modified(|now| {
            let changed = *now != condition;
            *now = condition;
            changed
        });
    }

    fn queues(&self, which: fn(&Feed) -> bool) -> Vec<String> {
        let feeds = self.feeds.iter().filter(|feed| which(feed));
        feeds.map(|feed| feed.queue().to_owned()).collect()
    }

    /// Forgets a connection that is gone. The next one waits as after a failure: where each is lost as
    /// soon as it is made, they would come as fast as the broker lets them.
    fn disconnected(&mut self, link: &Link) -> Result<(), Unreachable> {
        self.link = None;
        self.feeds.iter_mut().for_each(Feed::close);
        self.condition.send_replace(Condition::Connecting);
        if self.connected_at.elapsed() >= BACKOFF.1 {
            self.backoff = BACKOFF.0;
        }
        if self.until_drained && self.backoff > BACKOFF.0 {
            let why = "lost the connection again, before anything was acknowledged over it";
            return Err(Unreachable::Broker(vec![format!("{}: {why}", link.name())]));
        }
        let delay = self.put_off();
        tracing::warn!(
            "lost the connection to {}; trying again in {delay:.1?}",
            link.name()
        );
        Ok(())
    }

    /// Waits until deliveries have arrived, or a feed has become another: then there may be none.
    async fn arrivals(&mut self, limit: usize) -> Vec<Delivery<Receipt>> {
        // One that always has more must not keep the others waiting.
        let share = (limit / self.feeds.len()).max(1);
        let (taken, changed) = std::future::poll_fn(|context| {
            let mut taken = Vec::new();
            let mut changed = false;
            for feed in &mut self.feeds {
                changed |= feed.poll(context, share, &mut taken);
            }
            if taken.is_empty() && !changed {
                Poll::Pending
            } else {
                Poll::Ready((taken, changed))
            }
        })
        .await;
        if changed {
            self.tell_condition();
        }
        taken
    }

    /// The first queue that there is and that cannot be consumed.
    fn withheld(&self) -> Option<Unreachable> {
        self.feeds.iter().find_map(|feed| {
            Some(Unreachable::Queue {
                queue: feed.queue().to_owned(),
                why: feed.withheld()?.to_owned(),
            })
        })
    }
}

/// Acknowledges deliveries, waiting no longer than there is a connection: an acknowledgement that
/// begins while the connection ends may never be answered by the client library.
async fn acknowledge(acker: &Acker, link: Option<&Link>) -> Option<lapin::Result<bool>> {
    let mut acknowledging = std::pin::pin!(acker.ack(BasicAckOptions { multiple: true }));
    loop {
        if let Ok(answer) = tokio::time::timeout(ASK_AGAIN, &mut acknowledging).await {
            return Some(answer);
        }
        if !link.is_some_and(Link::is_alive) {
            return None;
        }
    }
}

impl Source for AmqpSource {
    type Receipt = Receipt;
    type Error = Unreachable;

    fn name(&self) -> &'static str {
        "bus"
    }

    async fn receive(&mut self, limit: usize) -> Result<Received<Receipt>, Unreachable> {
        let mut silences = 0;
        loop {
            let Some(link) = self.link.clone() else {
                self.connect().await?;
                continue;
            };
            if !link.is_alive() {
                // What has arrived may be all there is of it, if the broker kept it in memory only.
                let rest = self.arrivals(limit).now_or_never().unwrap_or_default();
                if !rest.is_empty() {
                    return Ok(Received::Deliveries(rest));
                }
                self.disconnected(&link)?;
                continue;
            }
            if self.until_drained
                && let Some(unreachable) = self.withheld()
            {
                return Err(unreachable);
            }
            if self.ask_again_at <= Instant::now() {
                self.ask_for_missing(&link);
            }
            let wait = if self.until_drained {
                SILENCE
            } else {
                ASK_AGAIN
            };
            match tokio::time::timeout(wait, self.arrivals(limit)).await {
                Ok(deliveries) if deliveries.is_empty() => silences = 0,
                Ok(deliveries) => return Ok(Received::Deliveries(deliveries)),
                Err(_) if self.until_drained && !self.feeds.iter().any(Feed::is_asking) => {
                    silences = if link.are_empty(&self.queues(Feed::is_open)).await {
                        silences + 1
                    } else {
                        0
                    };
                    if silences == 2 {
                        return Ok(Received::Drained);
                    }
                }
                Err(_) => {}
            }
        }
    }

    async fn settle(&mut self, receipts: Vec<Receipt>) {
        // The last receipt of a channel covers those before it: a channel's deliveries are received
        // in their order, and settled only after all of them are on disk.
        let mut settled = Vec::new();
        for Receipt { channel, acker } in receipts.into_iter().rev() {
            if settled.contains(&channel) {
                continue;
            }
            settled.push(channel);
            match acknowledge(&acker, self.link.as_ref()).await {
                Some(Ok(true)) => self.backoff = BACKOFF.0,
                Some(Ok(false)) => tracing::info!(
                    "a channel ended before its deliveries were acknowledged; they will come again"
                ),
                Some(Err(error)) => tracing::info!(
                    "failed to acknowledge deliveries, they will come again: {error}"
                ),
                None => tracing::info!(
                    "the connection ended while deliveries were acknowledged; they will come again"
                ),
            }
        }
    }

    async fn close(&mut self) {
        self.feeds.iter_mut().for_each(Feed::close);
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }
}
