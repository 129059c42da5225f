//! Listens to an exchange beside everybody else, for the command `tap`.
//!
//! The queue is its own: named by the broker, exclusive to the connection, and gone with it. So nobody's messages are
//! taken. What it holds is bounded at the broker, in case this process is stopped; messages are not acknowledged, since
//! nothing depends on them.

use futures_util::StreamExt as _;
use lapin::Consumer;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::decode::decoded;
use super::form::Sent;
use super::link::{Link, Refusal};
use super::settings::Amqp;
use super::{BUS, Unreachable};
use crate::sources::{Decoded, Interest};

/// The most messages that the broker holds for a tap that takes none; the oldest go first.
const MOST_MESSAGES: i32 = 10_000;

/// The most bytes of them.
const MOST_BYTES: i32 = 32 << 20;

/// Why an exchange cannot be listened to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untapped {
    /// No host of the broker could be used, or not any more.
    #[error("{0}")]
    Broker(String),
    /// There is no such exchange.
    #[error("there is no exchange `{0}` on the broker")]
    NoExchange(String),
    /// The broker refuses a queue, or its binding: why, in words.
    #[error("the broker refuses a queue to listen with: {0}")]
    Refused(String),
}

/// A queue of its own, bound to an exchange.
#[derive(Debug)]
pub struct Tap {
    link: Link,
    consumer: Consumer,
}

/// A message that was overheard.
#[derive(Clone, Debug)]
pub struct Overheard {
    sent: Sent,
    body: Vec<u8>,
}

impl Tap {
    /// Listens from now on to what is published to this exchange with one of these routing keys. Of an exchange of
    /// topics they are patterns.
    ///
    /// # Errors
    /// [`Untapped`].
    pub async fn open(amqp: &Amqp, exchange: &str, keys: &[String]) -> Result<Self, Untapped> {
        let link = Link::open(amqp).await;
        let link = link.map_err(|why: Unreachable| Untapped::Broker(why.to_string()))?;
        match link.answer(link.listen(exchange, keys)).await {
            Ok(consumer) => Ok(Self { link, consumer }),
            Err(refusal) => {
                link.close().await;
                Err(match refusal {
                    Refusal::Missing => Untapped::NoExchange(exchange.to_owned()),
                    refusal => Untapped::Refused(refusal.to_string()),
                })
            }
        }
    }

    /// The broker's host, as `HOST:PORT`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.link.name()
    }

    /// The next message. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Untapped::Broker`] once the connection is lost, or the queue.
    pub async fn next(&mut self) -> Result<Overheard, Untapped> {
        // Those before are out of our hands.
        self.link.renew_budget();
        let why = match self.consumer.next().await {
            Some(Ok(delivery)) => {
                return Ok(Overheard {
                    sent: Sent {
                        exchange: delivery.exchange,
                        routing_key: delivery.routing_key,
                        properties: delivery.properties,
                    },
                    body: delivery.data,
                });
            }
            Some(Err(error)) => format!(": {error}"),
            None => String::new(),
        };
        let host = self.link.name();
        let lost = format!("lost the connection to {host}, or the queue there{why}");
        Err(Untapped::Broker(lost))
    }

    /// Ends the connection, and with it the queue.
    pub async fn close(&self) {
        self.link.close().await;
    }
}

impl Link {
    async fn listen(&self, exchange: &str, keys: &[String]) -> lapin::Result<Consumer> {
        let channel = self.connection.create_channel().await?;
        let mut arguments = FieldTable::default();
        for (name, value) in [
            // Whatever the virtual host has as its default: only such a queue can be exclusive.
            ("x-queue-type", AMQPValue::LongString("classic".into())),
            ("x-max-length", AMQPValue::LongInt(MOST_MESSAGES)),
            ("x-max-length-bytes", AMQPValue::LongInt(MOST_BYTES)),
        ] {
            arguments.insert(name.into(), value);
        }
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel.queue_declare("".into(), options, arguments).await?;
        let queue = queue.name().clone();
        for key in keys {
            let (options, none) = (QueueBindOptions::default(), FieldTable::default());
            let key = key.as_str().into();
            channel
                .queue_bind(queue.clone(), exchange.into(), key, options, none)
                .await?;
        }
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        channel
            .basic_consume(queue, "".into(), options, FieldTable::default())
            .await
    }
}

impl Overheard {
    /// How many bytes its body has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// By what it was routed.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        self.sent.routing_key.as_str()
    }

    /// What it is to a service that consumes it from a queue.
    #[must_use]
    pub fn decoded(self) -> Option<Decoded> {
        let (labels, key) = (self.sent.labels(), self.sent.routing_key);
        decoded(&Interest::in_all(), BUS, key.as_str(), &labels, self.body)
    }

    #[cfg(test)]
    pub(crate) fn of_size(size: usize, routing_key: &str) -> Self {
        Self {
            sent: Sent {
                routing_key: routing_key.into(),
                ..Sent::default()
            },
            body: vec![b'x'; size],
        }
    }
}
