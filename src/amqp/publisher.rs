//! Publishes messages one at a time, each confirmed by the broker, over a connection that is kept while it is used.
//!
//! Each message has a channel of its own: the broker ends the channel of one that it does not take, and with it
//! whatever else is under way there.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError, Weak};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::protocol::basic::AMQPProperties;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Confirmation, Connection, ErrorKind, ExchangeKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::{Broker, Budget, close, connect};

/// So long after its last message a connection is closed.
const IDLE: Duration = Duration::from_secs(60);

/// AMQP's number for a message that the broker keeps on disk, if its queue does.
const PERSISTENT: u8 = 2;

/// Those of this process, to be closed at its end.
static PUBLISHERS: SyncMutex<Vec<Weak<Publisher>>> = SyncMutex::new(Vec::new());

/// A message of JSON, and where it goes.
#[derive(Clone, Debug)]
pub struct Message {
    /// The exchange; empty for the default one, which leads to the queue of the routing key's name.
    pub exchange: ShortString,
    /// By what the exchange chooses queues.
    pub routing_key: ShortString,
    /// JSON.
    pub body: Vec<u8>,
    /// The same for every copy of the message.
    pub id: ShortString,
}

/// Why it is not certain that a message is in a queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// No host of the broker could be used. One reason for each, in words that name it.
    #[error("failed to connect to the broker: {}", .0.join("; "))]
    Unreachable(Vec<String>),
    /// No queue is bound for it.
    #[error("the broker has no queue for it ({0}): bind one to this exchange for this routing key")]
    Unroutable(String),
    /// A queue refused it, or could not store it.
    #[error("the broker refuses it: a queue that it leads to is full, or could not store it")]
    Refused,
    /// The broker does not take it: there is no such exchange, or the user may not publish to it.
    #[error("the broker rejects it: {0}")]
    Rejected(String),
    /// The channel or the connection ended before there was an answer.
    #[error("the broker has not confirmed it: {0}")]
    Unconfirmed(String),
}

/// Publishes to one broker.
#[derive(Debug)]
pub struct Publisher {
    broker: Broker,
    live: Mutex<Option<Arc<Live>>>,
}

/// An open connection.
#[derive(Debug)]
struct Live {
    connection: Connection,
    budget: Budget,
    used_at: SyncMutex<Instant>,
}

impl Publisher {
    /// One that connects when it first publishes.
    #[must_use]
    pub fn new(broker: Broker) -> Arc<Self> {
        let publisher = Arc::new(Self {
            broker,
            live: Mutex::default(),
        });
        let mut all = PUBLISHERS.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&publisher));
        publisher
    }

    /// Publishes a message, and comes back when the broker has it in a queue. If this is dropped before, it may have
    /// it there or not.
    ///
    /// # Errors
    /// [`Unpublished`].
    pub async fn publish(self: &Arc<Self>, message: Message) -> Result<(), Unpublished> {
        let (live, channel) = self.channel().await?;
        let sent = send(&channel, message).await;
        live.touch();
        // Its end changes nothing of what is known of the message.
        tokio::spawn(async move { channel.close(200, "done".into()).await });
        sent
    }

    /// Whether there is an exchange of this name. The one without a name there always is.
    ///
    /// # Errors
    /// [`Unpublished`], which means the question then.
    pub async fn has_exchange(self: &Arc<Self>, exchange: &str) -> Result<bool, Unpublished> {
        let (_, channel) = self.channel().await?;
        if exchange.is_empty() {
            return Ok(true);
        }
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        // Of one that is there, the kind is not looked at.
        let (kind, none) = (ExchangeKind::Topic, FieldTable::default());
        let asking = channel.exchange_declare(exchange.into(), kind, options, none);
        match asking.await {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(no_answer(&error)),
        }
    }

    /// Closes the connection, if there is one; the next message makes another.
    pub async fn disconnect(&self) {
        let live = self.live.lock().await.take();
        if let Some(live) = live {
            close(&live.connection, &live.budget).await;
        }
    }

    /// A channel for one message, over the connection that there is, or else a new one.
    async fn channel(self: &Arc<Self>) -> Result<(Arc<Live>, Channel), Unpublished> {
        let mut kept = self.live.lock().await;
        if let Some(live) = kept.as_ref() {
            // Nothing that arrived is held.
            live.budget.renew();
            live.touch();
            if let Ok(channel) = open_channel(live).await {
                return Ok((live.clone(), channel));
            }
            // It is lost, or the broker has ended so many channels that it has no further number.
            let live = kept.take();
            tokio::spawn(async move {
                if let Some(live) = live {
                    close(&live.connection, &live.budget).await;
                }
            });
        }
        let connected = connect(&self.broker).await;
        let (_, connection, budget) = connected.map_err(Unpublished::Unreachable)?;
        let live = Arc::new(Live {
            connection,
            budget,
            used_at: SyncMutex::new(Instant::now()),
        });
        *kept = Some(live.clone());
        drop(kept);
        tokio::spawn(Arc::clone(self).close_when_idle(Arc::downgrade(&live)));
        let channel = open_channel(&live).await;
        let channel = channel.map_err(|error| no_answer(&error))?;
        Ok((live, channel))
    }

    /// Ends with this connection.
    async fn close_when_idle(self: Arc<Self>, live: Weak<Live>) {
        loop {
            let Some(idle_for) = live.upgrade().map(|live| live.idle_for()) else {
                return;
            };
            let left = IDLE.saturating_sub(idle_for);
            if !left.is_zero() {
                sleep(left).await;
                continue;
            }
            let mut kept = self.live.lock().await;
            let is_idle = |live: &mut Arc<Live>| live.idle_for() >= IDLE;
            let Some(live) = kept.take_if(is_idle) else {
                return;
            };
            drop(kept);
            close(&live.connection, &live.budget).await;
            return;
        }
    }
}

impl Live {
    fn touch(&self) {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle_for(&self) -> Duration {
        let used_at = self.used_at.lock().unwrap_or_else(PoisonError::into_inner);
        used_at.elapsed()
    }
}

/// Closes the connections of all publishers, at the end of the service.
pub async fn close_publishers() {
    let all = std::mem::take(&mut *PUBLISHERS.lock().unwrap_or_else(PoisonError::into_inner));
    let all = all.iter().filter_map(Weak::upgrade);
    futures_util::future::join_all(all.map(async |it| it.disconnect().await)).await;
}

async fn open_channel(live: &Live) -> lapin::Result<Channel> {
    let channel = live.connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(why)
        if matches!(why.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)))
}

/// What it means that there is an error and no confirmation. Over a message alone, the broker ends its channel.
fn no_answer(error: &lapin::Error) -> Unpublished {
    match error.kind() {
        ErrorKind::ProtocolError(why) if matches!(why.kind(), AMQPErrorKind::Soft(_)) => {
            Unpublished::Rejected(why.get_message().to_string())
        }
        _ => Unpublished::Unconfirmed(error.to_string()),
    }
}

async fn send(channel: &Channel, message: Message) -> Result<(), Unpublished> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = AMQPProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_app_id("esi-event-actions".into())
        .with_message_id(message.id);
    let confirm = channel
        .basic_publish(
            message.exchange,
            message.routing_key,
            options,
            &message.body,
            properties,
        )
        .await;
    let confirm = confirm.map_err(|error| no_answer(&error))?;
    match confirm.await.map_err(|error| no_answer(&error))? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
            let (code, text) = (returned.reply_code, returned.reply_text.to_string());
            Err(Unpublished::Unroutable(format!("{code} {text}")))
        }
        Confirmation::Nack(None) => Err(Unpublished::Refused),
        Confirmation::NotRequested => {
            Err(Unpublished::Unconfirmed("it was not asked to".to_owned()))
        }
    }
}
