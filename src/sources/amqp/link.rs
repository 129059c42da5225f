//! A connection to one of the broker's hosts, and the requests over it.
//!
//! The broker closes the channel of a request that fails; so each is
//! made on a channel of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer, ErrorKind};

use super::settings::{Amqp, DeclareQueues};
use crate::amqp::{Budget, close, connect};

/// The broker answers questions at once, or something is wrong with it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How many channels a question for one queue may cost, if it is also to be made.
const LOST_BY_QUESTION: u16 = 4;

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
    pub(super) connection: Arc<Connection>,
    /// How many channels may have been lost to refusals, whose numbers the client library never uses again.
    lost: Arc<AtomicU16>,
    budget: Budget,
}

impl Link {
    /// Tries the hosts in turn.
    ///
    /// # Errors
    /// [`Unreachable`] if none can be used.
    pub async fn open(settings: &Amqp) -> Result<Self, Unreachable> {
        let connected = connect(&settings.broker).await;
        let (name, connection, budget) = connected.map_err(Unreachable::Broker)?;
        Ok(Self {
            name,
            connection: Arc::new(connection),
            lost: Arc::default(),
            budget,
        })
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

    /// All deliveries that arrived are dealt with: as many bytes again may come.
    pub(super) fn renew_budget(&self) {
        self.budget.renew();
    }

    /// Whether the broker has more to send than may be held, so that no answer comes.
    pub(super) fn is_used_up(&self) -> bool {
        self.budget.is_used_up()
    }

    /// Ends the connection without a word. The broker puts back what is unacknowledged.
    pub(super) fn abort(&self) {
        self.budget.abort();
    }

    /// Whether it has been ended so.
    pub(super) fn is_aborted(&self) -> bool {
        self.budget.is_aborted()
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
    ) -> Result<Consuming, Refusal> {
        let consume = || self.answer(self.consume_existing(&queue, settings.prefetch));
        match consume().await {
            Err(Refusal::Missing) if settings.declare_queues != DeclareQueues::No => {
                self.answer(self.declare(&queue, &settings))
                    .await
                    .map_err(|refusal| {
                        Refusal::Other(format!("failed to declare it: {refusal}"))
                    })?;
                if settings.exchange.is_empty() {
                    tracing::info!("declared queue {queue}");
                } else {
                    tracing::info!(
                        "declared queue {queue} and bound it to exchange {}",
                        settings.exchange
                    );
                }
                consume().await
            }
            answer => answer,
        }
    }

    /// Consumes a queue over a connection of its own, which ends with the answer unless that is yes.
    ///
    /// The client library never uses the number of a channel again that the broker has closed. Over
    /// a connection that lasts, refusals would use up the numbers.
    ///
    /// A user who may have no further connection asks over the `shared` one, which wears out.
    ///
    /// # Errors
    /// Why it cannot be consumed now.
    pub(super) async fn consume_apart(
        queue: String,
        settings: Arc<Amqp>,
        shared: Option<Self>,
    ) -> Result<Consuming, Refusal> {
        tracing::debug!("checking queue {queue} over a separate connection");
        let link = match Self::open(&settings).await {
            Ok(link) => link,
            Err(error) => {
                let Some(shared) = shared.filter(|shared| !shared.is_worn()) else {
                    return Err(Refusal::NoConnection(error.to_string()));
                };
                tracing::debug!("{error}; using the existing connection");
                shared.lost.fetch_add(LOST_BY_QUESTION, Ordering::Relaxed);
                return shared.consume(queue, settings).await;
            }
        };
        let answer = link.clone().consume(queue, settings).await;
        if answer.is_err() {
            link.close().await;
        }
        answer
    }

    /// Whether the numbers of its channels run out: half of them may have been lost to refusals.
    pub(super) fn is_worn(&self) -> bool {
        let all = self.connection.configuration().channel_max();
        self.lost.load(Ordering::Relaxed) > (all / 2).max(LOST_BY_QUESTION)
    }

    async fn consume_existing(&self, queue: &str, prefetch: u16) -> lapin::Result<Consuming> {
        let channel = self.connection.create_channel().await?;
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
        let options = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(queue.into(), "".into(), options, FieldTable::default())
            .await?;
        Ok(Consuming {
            link: self.clone(),
            channel,
            consumer,
        })
    }

    /// Ends the connection in good order, unless the broker's answer would be behind more than may be held.
    pub async fn close(&self) {
        close(&self.connection, &self.budget).await;
    }

    /// Whether both are the same connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }

    pub(super) async fn answer<T>(
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

/// A queue that is consumed, on a channel of its own.
pub(super) struct Consuming {
    /// The connection that it is consumed over.
    pub(super) link: Link,
    pub(super) channel: Channel,
    pub(super) consumer: Consumer,
}

/// What the broker knows of a queue that is consumed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// How many messages are ready.
    pub(super) ready: u32,
    /// How many consumers there are, with ours.
    pub(super) consumers: u32,
}

/// Counts what is in a queue, on the channel that consumes it: if it is gone, so is its consumer.
pub(super) async fn count(channel: Channel, queue: String) -> Option<Tally> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asking = channel.queue_declare(queue.into(), options, FieldTable::default());
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, asking)
        .await
        .ok()?
        .ok()?;
    Some(Tally {
        ready: answer.message_count(),
        consumers: answer.consumer_count(),
    })
}

/// Gives back what is unacknowledged on this channel, and ends it.
///
/// Not by `nack`: a quorum queue without a delivery limit moves what is rejected to its end, behind younger
/// messages. What a channel leaves behind it puts back where it was, as a classic queue does in any case.
pub(super) async fn leave(channel: &Channel) -> lapin::Result<()> {
    channel.close(200, "stopping".into()).await
}

/// Why the broker did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the queue does not exist yet")]
    Missing,
    /// A limit on channels. The broker ends the whole connection over it.
    #[error("the broker allows no further channel: {0}")]
    Channels(String),
    /// There is no connection to ask over.
    #[error("it must be checked over a separate connection, which failed: {0}")]
    NoConnection(String),
    #[error("{0}")]
    Other(String),
}

/// How to raise a limit on channels.
const RAISE: &str = "`rabbitmqctl clear_user_limits` or `rabbitmqctl set_user_limits` (`max-channels`) \
                     raises the limit of a user, and `channel_max_per_node` in rabbitmq.conf that of a node";

impl From<&lapin::Error> for Refusal {
    fn from(error: &lapin::Error) -> Self {
        use AMQPSoftError::{ACCESSREFUSED, NOTFOUND, RESOURCELOCKED};

        let refused = match error.kind() {
            ErrorKind::ProtocolError(refused) => refused,
            ErrorKind::ChannelsLimitReached => {
                return Self::Channels(
                    "this connection has as many as `channel_max` in rabbitmq.conf lets it".into(),
                );
            }
            _ => return Self::Other(error.to_string()),
        };
        let text = refused.get_message();
        match refused.kind() {
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
                if text.as_str().contains("number of channels") =>
            {
                Self::Channels(format!("{RAISE} ({text})"))
            }
            AMQPErrorKind::Soft(NOTFOUND) => Self::Missing,
            AMQPErrorKind::Soft(ACCESSREFUSED) => Self::Other(format!(
                "the user lacks a permission; grant it with `rabbitmqctl set_permissions` ({text})"
            )),
            AMQPErrorKind::Soft(RESOURCELOCKED) => {
                Self::Other(format!("another connection uses it exclusively ({text})"))
            }
            _ => Self::Other(text.to_string()),
        }
    }
}
