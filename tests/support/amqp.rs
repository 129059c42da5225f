//! The publishing side of the bus, as oslo.messaging behaves: what ESI Leap declares and sends.

use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind, PublisherConfirm,
};

/// A server that accepts and never speaks would hold lapin for ever.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How ESI Leap's options make oslo.messaging declare exchange and queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declaration {
    /// The defaults: both are gone when the broker restarts.
    Transient,
    /// `amqp_durable_queues=true`
    Durable,
    /// `amqp_auto_delete=true`: the queue goes with its last consumer.
    AutoDelete,
    /// `amqp_durable_queues=true amqp_auto_delete=true`
    DurableAutoDelete,
    /// `rabbit_quorum_queue=true`
    Quorum,
    /// `rabbit_ha_queues=true`: transient, with an `x-ha-policy` that RabbitMQ has long ignored.
    HaPolicy,
    /// Durable, with an `x-expires`: the queue goes when it has had no consumer for an hour.
    Expiring,
}

impl Declaration {
    /// Every way.
    pub(crate) const ALL: [Self; 7] = [
        Self::Transient,
        Self::Durable,
        Self::AutoDelete,
        Self::DurableAutoDelete,
        Self::Quorum,
        Self::HaPolicy,
        Self::Expiring,
    ];

    /// Whether queue and exchange survive a restart of the broker.
    pub(crate) fn is_durable(self) -> bool {
        matches!(
            self,
            Self::Durable | Self::DurableAutoDelete | Self::Quorum | Self::Expiring
        )
    }

    /// Whether the queue goes with its last consumer, and the exchange with its last queue.
    pub(crate) fn is_auto_delete(self) -> bool {
        matches!(self, Self::AutoDelete | Self::DurableAutoDelete)
    }

    fn arguments(self) -> FieldTable {
        let mut arguments = FieldTable::default();
        let (name, value) = match self {
            Self::Expiring => {
                arguments.insert("x-expires".into(), AMQPValue::LongInt(3_600_000));
                return arguments;
            }
            Self::Quorum => ("x-queue-type", "quorum"),
            Self::HaPolicy => ("x-ha-policy", "all"),
            Self::Transient | Self::Durable | Self::AutoDelete | Self::DurableAutoDelete => {
                return arguments;
            }
        };
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        arguments
    }
}

/// A name for an exchange or a queue that no other test has, of this process or another.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}.{}.{:016x}", std::process::id(), fastrand::u64(..))
}

/// Connects, within a time limit.
///
/// # Errors
/// Why not, without the address, which holds the password.
pub(crate) async fn try_connect(url: &str) -> Result<Connection, String> {
    let properties = ConnectionProperties::default().with_connection_name("scenarios".into());
    match tokio::time::timeout(CONNECT_LIMIT, Connection::connect(url, properties)).await {
        Ok(connection) => connection.map_err(|why| why.to_string()),
        Err(_) => Err(format!("no greeting within {CONNECT_LIMIT:?}")),
    }
}

/// Connects.
///
/// # Panics
/// If that fails.
pub(crate) async fn connect(url: &str) -> Connection {
    try_connect(url)
        .await
        .unwrap_or_else(|why| panic!("failed to connect to the broker: {why}"))
}

/// Declares, sends, counts and removes. All calls panic on failure, unless their names begin with
/// `try`.
pub(crate) struct Publisher {
    connection: Connection,
    channel: Channel,
}

impl Publisher {
    /// Connects, with confirms on.
    pub(crate) async fn connect(url: &str) -> Self {
        let connection = connect(url).await;
        let channel = connection.create_channel().await.expect("a channel opens");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("the broker confirms");
        Self {
            connection,
            channel,
        }
    }

    /// Declares a topic exchange and a queue, and binds them by the queue's name, as oslo.messaging
    /// does before it first sends.
    pub(crate) async fn declare(&self, exchange: &str, queue: &str, declaration: Declaration) {
        let exchange_options = ExchangeDeclareOptions {
            durable: declaration.is_durable(),
            // A quorum queue cannot be auto-deleted, nor is its exchange.
            auto_delete: declaration.is_auto_delete(),
            ..ExchangeDeclareOptions::default()
        };
        self.channel
            .exchange_declare(
                exchange.into(),
                ExchangeKind::Topic,
                exchange_options,
                FieldTable::default(),
            )
            .await
            .unwrap_or_else(|why| panic!("failed to declare the exchange {exchange}: {why}"));
        let queue_options = QueueDeclareOptions {
            durable: declaration.is_durable(),
            auto_delete: declaration.is_auto_delete(),
            ..QueueDeclareOptions::default()
        };
        self.channel
            .queue_declare(queue.into(), queue_options, declaration.arguments())
            .await
            .unwrap_or_else(|why| panic!("failed to declare the queue {queue}: {why}"));
        self.channel
            .queue_bind(
                queue.into(),
                exchange.into(),
                queue.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap_or_else(|why| panic!("failed to bind the queue {queue}: {why}"));
    }

    /// Sends one message as oslo.messaging does, and waits until the broker has it in a queue.
    pub(crate) async fn publish(&self, exchange: &str, routing_key: &str, body: impl AsRef<[u8]>) {
        self.try_publish(exchange, routing_key, body)
            .await
            .unwrap_or_else(|why| panic!("{why}"));
    }

    /// Sends one message as kombu sends a compressed one.
    pub(crate) async fn publish_compressed(
        &self,
        exchange: &str,
        routing_key: &str,
        compression: &str,
        body: &[u8],
    ) {
        let mut headers = FieldTable::default();
        headers.insert(
            "compression".into(),
            AMQPValue::LongString(compression.into()),
        );
        let properties = oslo_properties().with_headers(headers);
        self.publish_with(exchange, routing_key, body, properties)
            .await;
    }

    /// Sends one message with these properties, and waits until the broker has it in a queue.
    pub(crate) async fn publish_with(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: AMQPProperties,
    ) {
        let confirm = self
            .send_with(exchange, routing_key, body, properties)
            .await;
        let confirm = confirm.unwrap_or_else(|why| panic!("{why}"));
        arrived(confirm, routing_key)
            .await
            .unwrap_or_else(|why| panic!("{why}"));
    }

    /// Like [`Publisher::publish`], for brokers that are stopped meanwhile.
    ///
    /// # Errors
    /// If it is not sure that the broker has the message in a queue.
    pub(crate) async fn try_publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: impl AsRef<[u8]>,
    ) -> Result<(), String> {
        let confirm = self.send(exchange, routing_key, body.as_ref()).await?;
        arrived(confirm, routing_key).await
    }

    /// Sends many messages in their order, and waits for all of them together.
    pub(crate) async fn publish_all<B: AsRef<[u8]>>(
        &self,
        exchange: &str,
        routing_key: &str,
        bodies: impl IntoIterator<Item = B>,
    ) {
        let mut confirms = Vec::new();
        for body in bodies {
            let confirm = self.send(exchange, routing_key, body.as_ref()).await;
            confirms.push(confirm.unwrap_or_else(|why| panic!("{why}")));
        }
        for confirm in confirms {
            arrived(confirm, routing_key)
                .await
                .unwrap_or_else(|why| panic!("{why}"));
        }
    }

    /// How many messages are ready in the queue: those held by a consumer are not counted. `None`
    /// if the queue does not exist.
    pub(crate) async fn message_count(&self, queue: &str) -> Option<u32> {
        self.counts(queue).await.map(|(messages, _)| messages)
    }

    /// The same, and how many consumers the queue has.
    pub(crate) async fn counts(&self, queue: &str) -> Option<(u32, u32)> {
        // Of its own, because a queue that is missing costs the channel.
        let channel = self
            .connection
            .create_channel()
            .await
            .expect("a channel opens");
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        match channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
        {
            Ok(found) => {
                channel
                    .close(200, "counted".into())
                    .await
                    .expect("the channel closes");
                Some((found.message_count(), found.consumer_count()))
            }
            Err(why) => {
                let missing = matches!(why.kind(), lapin::ErrorKind::ProtocolError(error) if error.get_id() == 404);
                assert!(missing, "failed to look at the queue {queue}: {why}");
                None
            }
        }
    }

    /// Takes one message out of the queue, if there is one: its properties and its body.
    pub(crate) async fn take(&self, queue: &str) -> Option<(AMQPProperties, Vec<u8>)> {
        let options = BasicGetOptions { no_ack: true };
        let taken = self.channel.basic_get(queue.into(), options).await;
        let message = taken.expect("the queue is there")?.delivery;
        Some((message.properties, message.data))
    }

    /// Declares a queue that refuses whatever is published to it by its name.
    pub(crate) async fn declare_full(&self, queue: &str) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(0));
        let overflow = AMQPValue::LongString("reject-publish".into());
        arguments.insert("x-overflow".into(), overflow);
        let options = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        self.channel
            .queue_declare(queue.into(), options, arguments)
            .await
            .unwrap_or_else(|why| panic!("failed to declare the queue {queue}: {why}"));
    }

    /// Empties the queue of what is ready; answers how much that was.
    pub(crate) async fn purge(&self, queue: &str) -> u32 {
        self.channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await
            .expect("the queue is there")
    }

    /// Deletes the queue with all that is in it, under its consumers if there are any.
    pub(crate) async fn delete(&self, queue: &str) {
        self.channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
            .expect("the queue can be deleted");
    }

    async fn send(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
    ) -> Result<PublisherConfirm, String> {
        self.send_with(exchange, routing_key, body, oslo_properties())
            .await
    }

    async fn send_with(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: AMQPProperties,
    ) -> Result<PublisherConfirm, String> {
        // oslo.messaging does not say mandatory. No consumer can see it; a test that mistypes a
        // name can.
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        self.channel
            .basic_publish(
                exchange.into(),
                routing_key.into(),
                options,
                body,
                properties,
            )
            .await
            .map_err(|why| format!("failed to send to {routing_key}: {why}"))
    }
}

async fn arrived(confirm: PublisherConfirm, routing_key: &str) -> Result<(), String> {
    match confirm.await {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
            Err(format!("no queue is bound for {routing_key}"))
        }
        Ok(Confirmation::Nack(None) | Confirmation::NotRequested) => Err(format!(
            "the broker did not take a message for {routing_key}"
        )),
        Err(why) => Err(format!("failed to send to {routing_key}: {why}")),
    }
}

/// The properties of every notification, and no others.
fn oslo_properties() -> AMQPProperties {
    AMQPProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_headers(FieldTable::default())
        .with_delivery_mode(2)
        .with_priority(0)
}
