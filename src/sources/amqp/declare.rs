//! Makes a queue that is missing, and its bindings.

use lapin::options::{
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, ExchangeKind};

use super::link::{Link, Refusal};
use super::settings::{Amqp, DeclareQueues};

impl Link {
    /// Makes a queue and its binding as oslo.messaging would; an exchange that exists stays as it is. Without
    /// an exchange it is not bound: it gets what is published to its name.
    pub(super) async fn declare(&self, queue: &str, settings: &Amqp) -> lapin::Result<()> {
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
        let channel = if exchange.is_empty() {
            self.connection.create_channel().await?
        } else {
            match declare_exchange(true).await {
                Ok(channel) => channel,
                Err(error) if Refusal::from(&error) == Refusal::Missing => {
                    declare_exchange(false).await?
                }
                Err(error) => return Err(error),
            }
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
        if exchange.is_empty() {
            return Ok(());
        }
        let bound = bind(&channel, queue, settings).await;
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
}

/// Binds a queue that was just made, by all its routing keys.
async fn bind(channel: &Channel, queue: &str, settings: &Amqp) -> lapin::Result<()> {
    let exchange = settings.exchange.as_str();
    let own = [queue.to_owned()];
    let keys = if settings.bindings.is_empty() {
        &own
    } else {
        settings.bindings.as_slice()
    };
    for key in keys {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel
            .queue_bind(
                queue.into(),
                exchange.into(),
                key.as_str().into(),
                options,
                none,
            )
            .await?;
    }
    Ok(())
}
