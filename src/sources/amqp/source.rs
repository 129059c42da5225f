//! The queues as a `Source`: what has arrived is handed over decoded, and acknowledged once it is on disk.

use std::time::Duration;

use futures_util::FutureExt;
use lapin::Acker;
use lapin::options::BasicAckOptions;

use super::feed::Feed;
use super::{AmqpSource, LOOK_AGAIN, LOOK_SELDOM, Link, SILENCE, Unreachable};
use crate::sources::{Batch, Pending, Received, Source, SourceError, SourceErrorKind};

/// The kind of the bus, and its name: there is one.
pub const BUS: &str = "bus";

impl From<Unreachable> for SourceError {
    fn from(unreachable: Unreachable) -> Self {
        Self {
            kind: SourceErrorKind::Temporary,
            message: unreachable.to_string(),
            hint: "without --until-idle the service would go on trying",
        }
    }
}

impl Source for AmqpSource {
    fn name(&self) -> &str {
        &self.identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            loop {
                if let Some(batch) = self.next_batch() {
                    return Ok(Received::Batch(batch));
                }
                if !self.wait_for_arrivals().await? {
                    return Ok(Received::Drained);
                }
            }
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        Box::pin(self.acknowledge_all())
    }

    fn give_back(&mut self) -> Pending<'_, ()> {
        Box::pin(self.pause())
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(self.leave())
    }
}

impl AmqpSource {
    fn next_batch(&mut self) -> Option<Batch> {
        self.arrived
            .next_batch(&self.identity, &self.form, &self.interest)
    }

    /// Waits until something has arrived. Answers whether something has, rather than that the queues are
    /// empty.
    async fn wait_for_arrivals(&mut self) -> Result<bool, Unreachable> {
        let mut silences = 0;
        loop {
            let Some(link) = self.link.clone() else {
                self.connect().await?;
                continue;
            };
            if let Some(gone) = self.gone() {
                // What has arrived may be all there is of it, if the broker kept it in memory only.
                let rest = self.arrivals().now_or_never().unwrap_or_default();
                if !rest.is_empty() {
                    self.arrived.add(rest);
                    return Ok(true);
                }
                self.disconnected(&gone)?;
                continue;
            }
            if self.until_drained
                && let Some(unreachable) = self.withheld()
            {
                return Err(unreachable);
            }
            if link.is_worn() {
                self.renew(&link).await;
                continue;
            }
            self.ask_for_missing(&link);
            match tokio::time::timeout(self.rest(), self.arrivals()).await {
                Ok(deliveries) if deliveries.is_empty() => silences = 0,
                Ok(deliveries) => {
                    self.arrived.add(deliveries);
                    return Ok(true);
                }
                Err(_) if self.until_drained && !self.feeds.iter().any(Feed::is_asking) => {
                    silences = if self.are_empty().await {
                        silences + 1
                    } else {
                        0
                    };
                    if silences == 2 {
                        return Ok(false);
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// How long nothing is looked at while nothing arrives. The end of a connection is an arrival for the
    /// queues that are consumed over it.
    fn rest(&self) -> Duration {
        if self.until_drained {
            SILENCE
        } else if self.feeds.iter().all(Feed::is_open) {
            LOOK_SELDOM
        } else {
            LOOK_AGAIN
        }
    }

    async fn acknowledge_all(&mut self) {
        for (channel, acker) in self.arrived.settle() {
            let Some(feed) = self.feeds.iter().find(|feed| feed.is_on(channel)) else {
                tracing::info!(
                    "a channel ended before its deliveries were acknowledged; the broker will \
                     redeliver them"
                );
                continue;
            };
            match acknowledge(&acker, feed.link()).await {
                Some(Ok(true)) => self.recovered(),
                Some(Ok(false)) => tracing::info!(
                    "a channel ended before its deliveries were acknowledged; the broker will \
                     redeliver them"
                ),
                Some(Err(error)) => tracing::info!(
                    "failed to acknowledge deliveries, the broker will redeliver them: {error}"
                ),
                None => tracing::info!(
                    "the connection ended while deliveries were acknowledged; the broker will \
                     redeliver them"
                ),
            }
        }
    }
}

/// Acknowledges deliveries, waiting no longer than there is a connection: an acknowledgement that
/// begins while the connection ends may never be answered by the client library.
async fn acknowledge(acker: &Acker, link: Option<&Link>) -> Option<lapin::Result<bool>> {
    let mut acknowledging = std::pin::pin!(acker.ack(BasicAckOptions { multiple: true }));
    loop {
        if let Ok(answer) = tokio::time::timeout(LOOK_AGAIN, &mut acknowledging).await {
            return Some(answer);
        }
        if !link.is_some_and(Link::is_alive) {
            return None;
        }
    }
}
