//! Queues on RabbitMQ: ESI Leap's notifications, which are the feed for operators, and what other services send.
//!
//! What the messages are is a `Form`; all else is the same for both: `messages` is the kind of source with a
//! section of its own.
//! Queues are consumed as they are, each on a channel of its own, because one `multiple` ack covers
//! a channel. A queue that is missing or withheld is asked for again and again; a connection that
//! is lost is made again, here and not in the client library, so that it is always known and logged
//! what is being waited for. The broker keeps at most `prefetch` deliveries of a queue under way:
//! that is all the back-pressure there is. What cannot be kept for a while is returned to the queue, so that it does
//! not count as a delivery that failed with each connection that is lost meanwhile.

mod arrived;
mod check;
mod condition;
mod declare;
mod declared;
mod decode;
mod feed;
mod form;
mod inspect;
mod leave;
mod link;
pub mod messages;
pub mod notification;
pub mod options;
mod settings;
mod source;
mod tap;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

pub use decode::{decode, decoded};
pub use link::{Link, Unreachable};
pub use settings::{Amqp, DeclareQueues};
pub use source::BUS;
pub use tap::{Overheard, Tap, Untapped};

use super::{Asking, Interest, LARGEST_BATCH, Opening, Pending, Reply, Setup, Source};
use crate::core::outage::Outage;
use crate::journal::Placement;
use crate::telemetry::Teller;
use arrived::{Arrived, Delivery};
use condition::Condition;
use feed::{Feed, Whom};
use form::Form;

/// How long after a failure or a loss the next connection is tried; doubles up to the second figure,
/// as long as nothing is acknowledged and no connection lasts this long.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// How often it is looked whether there is something to ask for, while queues are waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked whether there is still a connection, if all queues are consumed over one. Their consumers
/// end with it, so this is for a client library that does not tell.
const LOOK_SELDOM: Duration = Duration::from_secs(60);

/// How long queues that are to be drained have to be silent, twice, before they count as empty.
const SILENCE: Duration = Duration::from_millis(200);

/// The AMQP queues as a source.
#[derive(Debug)]
pub struct AmqpSource {
    settings: Arc<Amqp>,
    form: Form,
    /// What the journal calls it.
    identity: String,
    interest: Interest,
    until_drained: bool,
    /// What has arrived and is not settled yet.
    arrived: Arrived,
    teller: Teller,
    link: Option<Link>,
    feeds: Vec<Feed>,
    /// Whether a limit on channels has ended a connection: then the queues do not share one any more,
    /// because a request for too much ends it for all queues.
    is_limited: bool,
    /// Attempts to connect that failed.
    failures: Outage,
    /// Connections that were lost before they were of use.
    losses: Outage,
    /// Whether the last loss was logged: then the next connection is, too.
    is_loss_logged: bool,
    connect_at: Instant,
    connected_at: Instant,
    backoff: Duration,
    /// Counts channels, so that a receipt is never taken for one of another channel.
    channels: u64,
}

impl Setup for Amqp {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(AmqpSource::new(self.clone(), Form::Notifications, opening))
    }

    /// A queue hands each of two consumers half of what happens on a node, in whatever order.
    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        let hosts: Vec<String> = self
            .broker
            .endpoints
            .iter()
            .map(|end| format!("{}:{}", end.host, end.port))
            .collect();
        format!("{} queues at {}", self.queues.len(), hosts.join(" or "))
    }

    fn ask<'a>(&'a self, asking: &'a Asking<'a>) -> Pending<'a, Option<Reply>> {
        Box::pin(async move { Some(inspect::ask(self, true, asking).await) })
    }
}

impl AmqpSource {
    /// A source that has not connected yet. One that is opened until it is drained fails at once where it
    /// would otherwise try again.
    #[must_use]
    fn new(settings: Amqp, form: Form, opening: Opening) -> Self {
        let Opening {
            identity,
            interest,
            teller,
            until_drained,
            ..
        } = opening;
        let source = Self {
            feeds: settings
                .queues
                .iter()
                .map(|queue| Feed::new(queue, form.on_missing()))
                .collect(),
            settings: Arc::new(settings),
            form,
            identity,
            interest,
            until_drained,
            arrived: Arrived::nothing(),
            teller,
            link: None,
            is_limited: false,
            failures: Outage::default(),
            losses: Outage::default(),
            is_loss_logged: true,
            connect_at: Instant::now(),
            connected_at: Instant::now(),
            backoff: BACKOFF.0,
            channels: 0,
        };
        source.tell(&Condition::Connecting);
        source
    }

    /// Tells how it is doing. What has a section of its own says which one it is.
    fn tell(&self, condition: &Condition) {
        let of = match self.form {
            Form::Notifications => None,
            Form::Messages(_) => Some(self.identity.as_str()),
        };
        self.teller.tell(condition.told(of));
    }

    /// Connects, trying as long as it takes.
    async fn connect(&mut self) -> Result<(), Unreachable> {
        loop {
            tokio::time::sleep_until(self.connect_at).await;
            match Link::open(&self.settings).await {
                Ok(link) => {
                    let after = self.failures.over(std::time::Instant::now());
                    if after.is_some() || self.is_loss_logged {
                        tracing::info!("connected to {}", link.name());
                    } else {
                        tracing::debug!("connected to {}", link.name());
                    }
                    self.link = Some(link);
                    self.connected_at = Instant::now();
                    return Ok(());
                }
                Err(unreachable) if self.until_drained => return Err(unreachable),
                Err(unreachable) => {
                    let delay = self.put_off();
                    let what = unreachable.to_string();
                    self.failures
                        .log_failure(&what, delay, std::time::Instant::now());
                }
            }
        }
    }

    /// Delays the next attempt to connect by this time, and the one after it for longer.
    fn put_off(&mut self) -> Duration {
        let delay = self.backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
        self.connect_at = Instant::now() + delay;
        delay
    }

    /// Begins to ask for the queues whose time it is.
    fn ask_for_missing(&mut self, link: &Link) {
        let now = Instant::now();
        // A limit leaves the shared connection to one queue.
        let mut is_shared = self.is_limited && self.feeds.iter().any(|feed| !feed.may_share());
        for feed in &mut self.feeds {
            if !feed.is_to_be_asked(now) {
                continue;
            }
            self.channels += 1;
            let shares = feed.may_share() && !is_shared;
            let whom = match (shares, self.is_limited) {
                (true, _) => Whom::Shared(link.clone()),
                (false, true) => Whom::Apart(None),
                (false, false) => Whom::Apart(Some(link.clone())),
            };
            feed.ask(whom, &self.settings, self.channels);
            is_shared |= shares && self.is_limited;
        }
    }

    /// Tells what is consumed and what is not, or not yet.
    fn tell_condition(&self) {
        let condition = Condition::Consuming {
            queues: self.queues(Feed::is_open),
            missing: self.queues(|feed| !feed.is_open()),
        };
        self.tell(&condition);
    }

    fn queues(&self, which: fn(&Feed) -> bool) -> Vec<String> {
        let feeds = self.feeds.iter().filter(|feed| which(feed));
        feeds.map(|feed| feed.queue().to_owned()).collect()
    }

    /// Forgets a connection that is gone. The next one waits as after a failure: where each is lost as
    /// soon as it is made, they would come as fast as the broker lets them.
    fn disconnected(&mut self, link: &Link) -> Result<(), Unreachable> {
        let shared = self.link.as_ref().is_some_and(|shared| shared.is(link));
        for feed in &mut self.feeds {
            self.is_limited |= feed.is_limited();
            if feed.link().is_some_and(|own| own.is(link)) || (shared && !feed.is_open()) {
                feed.close();
            }
        }
        if !shared {
            self.tell_condition();
            return Ok(());
        }
        self.link = None;
        self.tell(&Condition::Connecting);
        if self.connected_at.elapsed() >= BACKOFF.1 {
            self.recovered();
        }
        if self.until_drained && self.backoff > BACKOFF.0 {
            let why = "lost the connection again, before anything was acknowledged over it";
            return Err(Unreachable::Broker(vec![format!("{}: {why}", link.name())]));
        }
        let delay = self.put_off();
        let what = format!("lost the connection to {}", link.name());
        self.is_loss_logged = self
            .losses
            .log_failure(&what, delay, std::time::Instant::now());
        Ok(())
    }

    /// The connection does its work: the next failure is a new one.
    fn recovered(&mut self) {
        self.backoff = BACKOFF.0;
        self.losses.over(std::time::Instant::now());
    }

    /// A connection that is gone: the shared one, or that of one queue.
    fn gone(&self) -> Option<Link> {
        self.links().find(|link| !link.is_alive()).cloned()
    }

    /// Every connection that there is.
    fn links(&self) -> impl Iterator<Item = &Link> {
        self.feeds.iter().filter_map(Feed::link).chain(&self.link)
    }

    /// Whether none of the queues that are consumed has a message that is ready.
    async fn are_empty(&mut self) -> bool {
        for feed in &mut self.feeds {
            if feed.ready().await != Some(0) {
                return false;
            }
        }
        true
    }

    /// Waits until deliveries have arrived, or a feed has become another: then there may be none.
    async fn arrivals(&mut self) -> Vec<Delivery> {
        // One that always has more must not keep the others waiting.
        let share = (LARGEST_BATCH / self.feeds.len()).max(1);
        let (taken, changed) = std::future::poll_fn(|context| {
            let mut taken = Vec::new();
            let mut changed = false;
            for feed in &mut self.feeds {
                changed |= feed.poll(context, share, &mut taken);
            }
            if taken.is_empty() && !changed {
                // A caller that asks for more has settled the batch before.
                self.links().for_each(Link::renew_budget);
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
                why: feed.withheld()?,
            })
        })
    }
}
