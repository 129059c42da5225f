//! One queue: consumed, or waited for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::time::Instant;

use super::arrived::Receipt;
use super::form::Sent;
use super::link::{Consuming, Refusal, Tally, count, leave};
use super::settings::Amqp;
use super::{Delivery, Link};
use crate::core::outage::Outage;
use crate::telemetry::metrics;

/// The first and the longest interval at which a missing queue is checked again; it doubles in between.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How often the consumers of a queue are counted.
const COUNT_AGAIN: Duration = Duration::from_secs(300);

/// How long giving back may take: the broker does it by itself when the connection is gone.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A queue and, while there is one, its consumer.
pub(super) struct Feed {
    queue: String,
    /// What else there is to say of it as long as it does not exist.
    on_missing: &'static str,
    state: State,
    /// Why it is waited for, the last time that the broker was asked.
    refusal: Option<Refusal>,
    outage: Outage,
    ask_at: Instant,
    pause: Duration,
    /// Whether the connection that all queues share has been tried.
    tried_shared: bool,
    /// How many others consumed it when they were last counted.
    others: u32,
}

enum State {
    Waiting,
    /// The question is under way. Other queues are consumed meanwhile.
    Asking {
        channel: u64,
        question: Question<Result<Consuming, Refusal>>,
    },
    Open {
        channel: u64,
        consuming: Box<Consuming>,
        count_at: Pin<Box<tokio::time::Sleep>>,
        counting: Option<Question<Option<Tally>>>,
    },
}

/// The connection that a queue is asked for over.
pub(super) enum Whom {
    /// The one that queues share.
    Shared(Link),
    /// One of its own; if there can be none, the shared one, if that may be used.
    Apart(Option<Link>),
}

type Question<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Feed {
    pub(super) fn new(queue: &str, on_missing: &'static str) -> Self {
        Self {
            queue: queue.to_owned(),
            on_missing,
            state: State::Waiting,
            refusal: None,
            outage: Outage::default(),
            ask_at: Instant::now(),
            pause: ASK_AGAIN.0,
            tried_shared: false,
            others: 0,
        }
    }

    pub(super) fn queue(&self) -> &str {
        &self.queue
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking { .. })
    }

    /// Whether it is time to ask for it.
    pub(super) fn is_to_be_asked(&self, now: Instant) -> bool {
        self.is_waiting() && self.ask_at <= now
    }

    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// The connection that it is consumed over.
    pub(super) fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Open { consuming, .. } => Some(&consuming.link),
            _ => None,
        }
    }

    /// Whether it is consumed on the channel of this number.
    pub(super) fn is_on(&self, number: u64) -> bool {
        matches!(self.state, State::Open { channel, .. } if channel == number)
    }

    /// Why it is waited for, other than that the queue does not exist.
    pub(super) fn withheld(&self) -> Option<String> {
        match &self.refusal {
            None | Some(Refusal::Missing) => None,
            Some(refusal) => self.is_waiting().then(|| refusal.to_string()),
        }
    }

    /// Whether a limit on channels was the broker's last answer.
    pub(super) fn is_limited(&self) -> bool {
        matches!(self.refusal, Some(Refusal::Channels(_)))
    }

    /// Forgets a consumer whose connection is gone, or a question that was asked over it.
    pub(super) fn close(&mut self) {
        self.state = State::Waiting;
        self.tried_shared = false;
        self.soon();
    }

    /// Something has changed: it is asked for at once, and often at first.
    fn soon(&mut self) {
        self.ask_at = Instant::now();
        self.pause = ASK_AGAIN.0;
    }

    /// Whether the shared connection is to be asked; once for each, because a refusal costs it a channel.
    pub(super) fn may_share(&self) -> bool {
        !self.tried_shared
    }

    /// Begins to ask for it, on a channel that is to be known as number `channel`.
    pub(super) fn ask(&mut self, whom: Whom, settings: &Arc<Amqp>, channel: u64) {
        let (queue, settings) = (self.queue.clone(), settings.clone());
        let question: Question<_> = match whom {
            Whom::Shared(link) => {
                self.tried_shared = true;
                Box::pin(link.consume(queue, settings))
            }
            Whom::Apart(shared) => Box::pin(Link::consume_apart(queue, settings, shared)),
        };
        self.state = State::Asking { channel, question };
    }

    /// Gives back what is unacknowledged, and consumes no longer until it is asked for again. Where the
    /// broker's answer would be behind more than may be held, the whole connection ends.
    pub(super) async fn leave(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Waiting);
        self.close();
        let State::Open { consuming, .. } = state else {
            return;
        };
        if !consuming.link.is_alive() {
            return;
        }
        if consuming.link.is_used_up() {
            return consuming.link.abort();
        }
        let leaving = leave(&consuming.channel);
        match tokio::time::timeout(LEAVE_TIMEOUT, leaving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(
                "failed to cancel the consumer of queue {}: {error}",
                self.queue
            ),
            Err(_) => {
                tracing::debug!(
                    "the broker did not confirm that the consumer of queue {} is cancelled",
                    self.queue
                );
                consuming.link.abort();
            }
        }
    }

    /// How many messages are ready; `None` if the broker does not say.
    pub(super) async fn ready(&mut self) -> Option<u32> {
        let State::Open { consuming, .. } = &self.state else {
            return Some(0);
        };
        let counted = count(consuming.channel.clone(), self.queue.clone()).await;
        counted.map(|tally| tally.ready)
    }

    /// Goes on with what is under way, and adds to `taken` what has arrived, at most `share`.
    /// Answers whether it has become another: consumed, or waited for.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        share: usize,
        taken: &mut Vec<Delivery>,
    ) -> bool {
        match &mut self.state {
            State::Waiting => false,
            State::Asking { channel, question } => {
                let Poll::Ready(answer) = question.as_mut().poll(context) else {
                    return false;
                };
                let channel = *channel;
                match answer {
                    Ok(consuming) => {
                        match self.outage.over(std::time::Instant::now()) {
                            None => tracing::info!("consuming queue {}", self.queue),
                            Some(after) => tracing::info!(
                                "consuming queue {}, after waiting for {:?}",
                                self.queue,
                                Duration::from_secs(after.as_secs())
                            ),
                        }
                        self.refusal = None;
                        self.state = State::Open {
                            channel,
                            consuming: Box::new(consuming),
                            count_at: Box::pin(tokio::time::sleep(Duration::ZERO)),
                            counting: None,
                        };
                        self.take(context, share, taken);
                    }
                    Err(refusal) => self.wait(refusal),
                }
                true
            }
            State::Open { .. } => {
                self.watch(context);
                self.take(context, share, taken);
                !self.is_open()
            }
        }
    }

    fn wait(&mut self, refusal: Refusal) {
        let notice = (self.outage).failed(&refusal.to_string(), std::time::Instant::now());
        let changed = self.refusal.as_ref() != Some(&refusal);
        if changed || notice.is_some() {
            let lasting = notice.map_or_else(String::new, |notice| notice.to_string());
            let what_else = match &refusal {
                Refusal::Missing => self.on_missing,
                _ => "",
            };
            tracing::warn!(
                "waiting for queue {}: {refusal}{what_else}{lasting}",
                self.queue
            );
        }
        if changed {
            self.soon();
        }
        self.refusal = Some(refusal);
        self.state = State::Waiting;
        self.ask_at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(ASK_AGAIN.1);
    }

    /// Looks from time to time who else consumes the queue, and so takes messages away from us.
    fn watch(&mut self, context: &mut Context<'_>) {
        let State::Open {
            consuming,
            count_at,
            counting,
            ..
        } = &mut self.state
        else {
            return;
        };
        if counting.is_none() && count_at.as_mut().poll(context).is_ready() {
            let channel = consuming.channel.clone();
            *counting = Some(Box::pin(count(channel, self.queue.clone())));
        }
        let Some(question) = counting else {
            return;
        };
        let Poll::Ready(tally) = question.as_mut().poll(context) else {
            return;
        };
        *counting = None;
        count_at.as_mut().reset(Instant::now() + COUNT_AGAIN);
        // Registers with the timer, so that it wakes us.
        let _ = count_at.as_mut().poll(context);
        let Some(tally) = tally else {
            return;
        };
        metrics::counted(&self.queue, tally.ready, tally.consumers);
        let others = tally.consumers.saturating_sub(1);
        if others == self.others {
            return;
        }
        self.others = others;
        if others == 0 {
            tracing::info!("queue {} has no other consumer any more", self.queue);
            return;
        }
        tracing::warn!(
            "queue {} has {others} other consumer{}, and each message goes to one of them only: \
             give this service a queue of its own (`queues`); or it is an \
             earlier connection of this service that the broker has not closed yet, which it will \
             do soon",
            self.queue,
            if others == 1 { "" } else { "s" },
        );
    }

    /// Adds what has arrived. The end of the consumer is the end of being open.
    fn take(&mut self, context: &mut Context<'_>, share: usize, taken: &mut Vec<Delivery>) {
        let State::Open {
            channel, consuming, ..
        } = &mut self.state
        else {
            return;
        };
        for _ in 0..share {
            match Pin::new(&mut consuming.consumer).poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(delivery))) => taken.push(Delivery {
                    queue: self.queue.clone(),
                    sent: Sent {
                        exchange: delivery.exchange,
                        routing_key: delivery.routing_key,
                        properties: delivery.properties,
                    },
                    receipt: Receipt {
                        channel: *channel,
                        acker: delivery.acker,
                    },
                    body: delivery.data,
                }),
                Poll::Ready(Some(Err(error))) => {
                    tracing::warn!("queue {} can no longer be consumed: {error}", self.queue);
                    return self.lose();
                }
                // Without an error: the queue was deleted, or the consumer cancelled by the broker.
                Poll::Ready(None) => {
                    tracing::warn!("queue {} was deleted or its consumer cancelled", self.queue);
                    return self.lose();
                }
            }
        }
    }

    fn lose(&mut self) {
        self.state = State::Waiting;
        self.others = 0;
        self.soon();
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Feed")
            .field("queue", &self.queue)
            .field("open", &self.is_open())
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}
