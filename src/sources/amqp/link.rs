//! A connection to one of the broker's hosts, and what is asked over it.
//!
//! A question that the broker answers with an error costs the channel it was asked on; so each is
//! asked on a channel of its own.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection, Consumer, ErrorKind, ExchangeKind};

use super::dial::dial;
use crate::config::{Amqp, DeclareQueues};

/// The broker answers questions at once, or something is wrong with it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the queues cannot be consumed now.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unreachable {
    /// No host of the broker could be used. One reason for each, in words that name it.
    #[error("failed to connect to the broker: {}", .0.join("; "))]
    Broker(Vec<String>),
    /// A queue that there is could not be consumed.
    #[error("failed to consume queue {queue}: {why}")]
    Queue {
        /// Its name.
        queue: String,
        /// What the broker says.
        why: String,
    },
}

/// An open connection. Clones share it.
#[derive(Clone, Debug)]
pub struct Link {
    name: String,
    connection: Arc<Connection>,
}

impl Link {
    /// Tries the hosts in turn.
    ///
    /// # Errors
    /// [`Unreachable`] if none can be used.
    pub async fn open(settings: &Amqp) -> Result<Self, Unreachable> {
        let mut reasons = Vec::new();
        for endpoint in &settings.endpoints {
            let name = format!("{}:{}", endpoint.host, endpoint.port);
            match dial(settings, endpoint).await {
                Ok(connection) => {
                    for reason in &reasons {
                        tracing::warn!("failed to connect to {reason}");
                    }
                    return Ok(Self {
                        name,
                        connection: Arc::new(connection),
                    });
                }
                Err(why) => reasons.push(format!("{name}: {why}")),
            }
        }
        Err(Unreachable::Broker(reasons))
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can still be used, as far as is known.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.connection.status().connected()
    }

    /// Consumes a queue; makes it first, if that is wanted and it is missing. Dropping the future
    /// leaves nothing behind.
    ///
    /// # Errors
    /// Why it cannot be consumed now.
    pub(super) async fn consume(
        self,
        queue: String,
        settings: Arc<Amqp>,
    ) -> Result<Consumer, Refusal> {
        let consume = || self.answer(self.consume_existing(&queue, settings.prefetch));
        match consume().await {
            Err(Refusal::Missing) if settings.declare_queues != DeclareQueues::No => {
                self.answer(self.declare(&queue, &settings))
                    .await
                    .map_err(|refusal| Refusal::Other(format!("failed to make it: {refusal}")))?;
                tracing::info!(
                    "made queue {queue} and bound it to exchange {}",
                    settings.exchange
                );
                consume().await
            }
            answer => answer,
        }
    }

    async fn consume_existing(&self, queue: &str, prefetch: u16) -> lapin::Result<Consumer> {
        let channel = self.connection.create_channel().await?;
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
        let options = BasicConsumeOptions::default();
        channel
            .basic_consume(queue.into(), "".into(), options, FieldTable::default())
            .await
    }

    /// Makes a queue and its binding as oslo.messaging would; an exchange that exists stays as it is.
    async fn declare(&self, queue: &str, settings: &Amqp) -> lapin::Result<()> {
        let durable = settings.declare_queues != DeclareQueues::Transient;
        let exchange = settings.exchange.as_str();
        let declare_exchange = async |passive| {
            let options = ExchangeDeclareOptions {
                durable,
                passive,
                ..ExchangeDeclareOptions::default()
            };
            let channel = self.connection.create_channel().await?;
            let kind = ExchangeKind::Topic;
            channel
                .exchange_declare(exchange.into(), kind, options, FieldTable::default())
                .await?;
            Ok::<Channel, lapin::Error>(channel)
        };
        let channel = match declare_exchange(true).await {
            Ok(channel) => channel,
            Err(error) if Refusal::from(&error) == Refusal::Missing => {
                declare_exchange(false).await?
            }
            Err(error) => return Err(error),
        };
        let mut arguments = FieldTable::default();
        if settings.declare_queues == DeclareQueues::Quorum {
            let kind = AMQPValue::LongString(LongString::from("quorum"));
            arguments.insert("x-queue-type".into(), kind);
        }
        let options = QueueDeclareOptions {
            durable,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.into(), options, arguments)
            .await?;
        let options = QueueBindOptions::default();
        let none = FieldTable::default();
        let bound = channel
            .queue_bind(queue.into(), exchange.into(), queue.into(), options, none)
            .await;
        if bound.is_err() {
            // A queue to which nothing leads would be consumed for ever without a word.
            let options = QueueDeleteOptions {
                if_unused: true,
                if_empty: true,
                ..QueueDeleteOptions::default()
            };
            let channel = self.connection.create_channel().await?;
            channel.queue_delete(queue.into(), options).await?;
        }
        bound
    }

    /// Whether none of the queues has a message that is ready. One that is missing has none.
    pub async fn are_empty(&self, queues: &[String]) -> bool {
        for queue in queues {
            let asking = async {
                let channel = self.connection.create_channel().await?;
                let options = QueueDeclareOptions {
                    passive: true,
                    ..QueueDeclareOptions::default()
                };
                let answer = channel
                    .queue_declare(queue.as_str().into(), options, FieldTable::default())
                    .await?;
                channel.close(200, "asked".into()).await?;
                Ok(answer)
            };
            match self.answer(asking).await {
                Ok(answer) if answer.message_count() == 0 => {}
                Err(Refusal::Missing) => {}
                Ok(_) | Err(Refusal::Other(_)) => return false,
            }
        }
        true
    }

    /// Says goodbye, so that the broker need not find out.
    pub async fn close(&self) {
        let closing = self.connection.close(200, "stopping".into());
        match tokio::time::timeout(Duration::from_secs(2), closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("failed to close the connection in order: {error}"),
            Err(_) => tracing::debug!("the broker did not answer the closing of the connection"),
        }
    }

    async fn answer<T>(
        &self,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Refusal> {
        match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Refusal::from(&error)),
            Err(_) => Err(Refusal::Other(format!(
                "the broker did not answer within {ANSWER_TIMEOUT:?}"
            ))),
        }
    }
}

/// Why the broker did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no such queue yet; ESI Leap makes it with its first message")]
    Missing,
    #[error("{0}")]
    Other(String),
}

impl From<&lapin::Error> for Refusal {
    fn from(error: &lapin::Error) -> Self {
        use AMQPSoftError::{ACCESSREFUSED, NOTFOUND, RESOURCELOCKED};

        let ErrorKind::ProtocolError(refused) = error.kind() else {
            return Self::Other(error.to_string());
        };
        let text = refused.get_message();
        match refused.kind() {
            AMQPErrorKind::Soft(NOTFOUND) => Self::Missing,
            AMQPErrorKind::Soft(ACCESSREFUSED) => Self::Other(format!(
                "the user lacks a permission, which `rabbitmqctl set_permissions` gives ({text})"
            )),
            AMQPErrorKind::Soft(RESOURCELOCKED) => Self::Other(format!(
                "another connection has it for itself alone ({text})"
            )),
            _ => Self::Other(text.to_string()),
        }
    }
}
