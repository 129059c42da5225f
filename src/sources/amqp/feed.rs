//! One queue: consumed, or waited for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use lapin::Consumer;

use super::link::Refusal;
use super::{Delivery, Link, Receipt};
use crate::config::Amqp;

/// A queue and, while there is one, its consumer.
pub(super) struct Feed {
    queue: String,
    state: State,
    /// Why it is waited for, the last time that the broker was asked: told once, not every time.
    refusal: Option<Refusal>,
}

enum State {
    Waiting,
    /// The question is under way. Other queues are consumed meanwhile.
    Asking {
        channel: u64,
        question: Pin<Box<dyn Future<Output = Result<Consumer, Refusal>> + Send>>,
    },
    Open {
        channel: u64,
        consumer: Consumer,
    },
}

impl Feed {
    pub(super) fn new(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            state: State::Waiting,
            refusal: None,
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

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Why it is waited for, other than that there is no such queue.
    pub(super) fn withheld(&self) -> Option<&str> {
        match &self.refusal {
            Some(Refusal::Other(why)) if self.is_waiting() => Some(why),
            _ => None,
        }
    }

    pub(super) fn close(&mut self) {
        self.state = State::Waiting;
        self.refusal = None;
    }

    /// Begins to ask for it, on a channel that is to be known as number `channel`.
    pub(super) fn ask(&mut self, link: &Link, settings: &Arc<Amqp>, channel: u64) {
        let question = link.clone().consume(self.queue.clone(), settings.clone());
        self.state = State::Asking {
            channel,
            question: Box::pin(question),
        };
    }

    /// Goes on with what is under way, and adds to `taken` what has arrived, at most `share`.
    /// Answers whether it has become another: consumed, or waited for.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        share: usize,
        taken: &mut Vec<Delivery<Receipt>>,
    ) -> bool {
        match &mut self.state {
            State::Waiting => false,
            State::Asking { channel, question } => {
                let Poll::Ready(answer) = question.as_mut().poll(context) else {
                    return false;
                };
                let channel = *channel;
                match answer {
                    Ok(consumer) => {
                        tracing::info!("consuming queue {}", self.queue);
                        self.refusal = None;
                        self.state = State::Open { channel, consumer };
                        self.take(context, share, taken);
                    }
                    Err(refusal) => self.wait(refusal),
                }
                true
            }
            State::Open { .. } => {
                self.take(context, share, taken);
                !self.is_open()
            }
        }
    }

    fn wait(&mut self, refusal: Refusal) {
        if self.refusal.as_ref() != Some(&refusal) {
            tracing::warn!("waiting for queue {}: {refusal}", self.queue);
        }
        self.refusal = Some(refusal);
        self.state = State::Waiting;
    }

    /// Adds what has arrived. The end of the consumer is the end of being open.
    fn take(
        &mut self,
        context: &mut Context<'_>,
        share: usize,
        taken: &mut Vec<Delivery<Receipt>>,
    ) {
        let State::Open { channel, consumer } = &mut self.state else {
            return;
        };
        for _ in 0..share {
            match Pin::new(&mut *consumer).poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(delivery))) => taken.push(Delivery {
                    origin: self.queue.clone(),
                    receipt: Receipt {
                        channel: *channel,
                        acker: delivery.acker,
                    },
                    body: delivery.data,
                }),
                Poll::Ready(Some(Err(error))) => {
                    tracing::warn!("queue {} can be consumed no longer: {error}", self.queue);
                    self.state = State::Waiting;
                    return;
                }
                // Without an error: the queue was deleted, or the consumer cancelled by the broker.
                Poll::Ready(None) => {
                    tracing::warn!("queue {} was deleted or its consumer cancelled", self.queue);
                    self.state = State::Waiting;
                    return;
                }
            }
        }
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
