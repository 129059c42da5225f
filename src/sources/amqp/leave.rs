//! Stops consuming queues: for good, to renew the connection, or while their messages cannot be stored.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::Instant;

use super::feed::Feed;
use super::link::Refusal;
use super::{AmqpSource, Condition, Link};

impl AmqpSource {
    /// Gives back what is unacknowledged, as far as the queues stay without a consumer.
    pub(super) async fn pause(&mut self) {
        if !self.feeds.iter().any(Feed::is_open) {
            return;
        }
        // Over a connection of its own, because the answers cost channels.
        let broker = match Link::open(&self.settings).await {
            Ok(broker) => broker,
            Err(error) => {
                return tracing::debug!(
                    "keeping the received deliveries unacknowledged: \
                                                  {error}"
                );
            }
        };
        let name = |feed: &Feed| feed.is_open().then(|| feed.queue().to_owned());
        let consumed: Vec<Option<String>> = self.feeds.iter().map(name).collect();
        let mut stays = Vec::with_capacity(consumed.len());
        for queue in consumed {
            stays.push(match queue {
                Some(queue) => broker.outlives_consumers(&queue).await,
                None => true,
            });
        }
        broker.close().await;
        // A connection that can only be ended as a whole is needed by queues that go without it.
        let mut needed = Vec::new();
        for (feed, stays) in self.feeds.iter().zip(&stays) {
            needed.extend(feed.link().filter(|_| !stays).cloned());
        }
        for (feed, stays) in self.feeds.iter_mut().zip(stays) {
            let is_held = feed.link().is_some_and(|own| {
                !stays || (own.is_used_up() && needed.iter().any(|link| link.is(own)))
            });
            let queue = feed.queue().to_owned();
            if is_held {
                tracing::info!(
                    "keeping the deliveries of queue {queue} unacknowledged: it, or another queue \
                     over the same connection, may be deleted while it has no consumer"
                );
            } else if feed.is_open() {
                feed.leave().await;
                tracing::info!(
                    "returned the unacknowledged deliveries of queue {queue}; it is consumed again \
                     once the journal can be written"
                );
            }
        }
        if self.link.as_ref().is_some_and(Link::is_aborted) {
            let of_shared = |feed: &&mut Feed| feed.link().is_none_or(Link::is_aborted);
            self.feeds
                .iter_mut()
                .filter(of_shared)
                .for_each(Feed::close);
            self.link = None;
            self.tell(&Condition::Connecting);
            self.connect_at = Instant::now();
        } else {
            self.tell_condition();
        }
    }

    /// Ends the shared connection in good order, because its channel numbers run out. That takes a user who
    /// may have one connection only: else a question that may be refused has a connection of its own.
    pub(super) async fn renew(&mut self, link: &Link) {
        tracing::info!("renewing the connection to {}", link.name());
        self.leave().await;
        self.tell(&Condition::Connecting);
        self.connect_at = Instant::now();
    }

    /// Gives back what is unacknowledged, and ends all connections.
    pub(super) async fn leave(&mut self) {
        let leaving = self.feeds.iter_mut().map(Feed::leave);
        futures_util::future::join_all(leaving).await;
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }
}

impl Link {
    /// Whether a queue stays when it has no consumer any more, as far as the broker says. Each question
    /// costs a channel.
    ///
    /// AMQP has no method to ask for that. But the broker names the first difference if a client declares a queue
    /// otherwise than it is. What is asked for here it refuses in any case, so nothing is ever made.
    pub(super) async fn outlives_consumers(&self, queue: &str) -> bool {
        let (mut durable, mut auto_delete) = (true, true);
        for _ in 0..3 {
            let asking = self.answer(self.declare_impossible(queue, durable, auto_delete));
            let Err(Refusal::Other(text)) = asking.await else {
                return false;
            };
            match difference(&text) {
                Some("durable") => durable = false,
                Some("auto_delete") => auto_delete = false,
                // A queue that expires is deleted when it has had no consumer for this time.
                Some("x-expires") => return !auto_delete && text.ends_with("but current is none"),
                _ => return false,
            }
        }
        false
    }

    async fn declare_impossible(
        &self,
        queue: &str,
        durable: bool,
        auto_delete: bool,
    ) -> lapin::Result<()> {
        let options = QueueDeclareOptions {
            durable,
            auto_delete,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-expires".into(), AMQPValue::LongInt(-1));
        let channel = self.connection.create_channel().await?;
        let asking = channel.queue_declare(queue.into(), options, arguments);
        asking.await.map(drop)
    }
}

/// What a queue that is there has otherwise, in a broker's refusal to make it.
fn difference(refusal: &str) -> Option<&str> {
    let rest = refusal.strip_prefix("PRECONDITION_FAILED - inequivalent arg '")?;
    rest.split_once("' for queue").map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_in_a_refusal() {
        let refused = "PRECONDITION_FAILED - ";
        for (text, name) in [
            (
                "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current \
                 is 'false'",
                Some("auto_delete"),
            ),
            (
                "inequivalent arg 'durable' for queue ''auto_delete' for queue' in vhost '/': received \
                 'true' but current is 'false'",
                Some("durable"),
            ),
            (
                "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received the value '-1' of \
                 type 'signedint' but current is none",
                Some("x-expires"),
            ),
            (
                "invalid arg 'x-expires' for queue 'q' in vhost '/': {value_negative,-1}",
                None,
            ),
            ("inequivalent arg 'auto_delete'", None),
        ] {
            assert_eq!(difference(&format!("{refused}{text}")), name, "{text}");
            assert_eq!(difference(text), None);
        }
    }
}
