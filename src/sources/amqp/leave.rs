//! Stops consuming queues: for good, to renew the connection, or while their messages cannot be stored.

use tokio::time::Instant;

use super::declared::EXPIRES;
use super::feed::Feed;
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
                Some(queue) => {
                    let declared = broker.declared(&queue, &[EXPIRES]).await;
                    declared.is_ok_and(|declared| declared.outlives_consumers())
                }
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
