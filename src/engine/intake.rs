//! Deliveries in, decisions on disk, receipts settled.
//!
//! The first half of the journey, for any source and any journal. A delivery is settled after its
//! decision is on disk, never before; a batch shares one commit. While the journal cannot be
//! written, nothing is taken and nothing is settled: what was received goes back to the source, but for the
//! batch that is tried again and again. Once that is on disk, the source sends the rest, and what is known
//! already.

mod decide;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::rulebook::Rulebook;
use crate::crash::{self, Point};
use crate::journal::{
    Accepted, Entry, Journal, JournalError, QuarantineId, retry_while_unavailable,
};
use crate::sources::{Received, Source};

pub use decide::{KEPT_IN_QUARANTINE, NOT_KEPT, decide, decide_event, wants_lease};

/// The most deliveries that share one commit.
const BATCH: usize = 1_000;

/// And the most bytes of theirs, written out: small bodies can become large ones when they are
/// decompressed. One delivery may have more.
const BATCH_BYTES: usize = 32 << 20;

/// A commit that was refused so often is not waited for with all that was received in hand.
const REFUSALS: u32 = 2;

/// Takes deliveries from a source into a journal.
#[derive(Debug)]
pub struct Intake<S, J> {
    /// Where deliveries come from.
    pub source: S,
    /// Where decisions go.
    pub journal: J,
    /// Who decides.
    pub rules: Rulebook,
    /// Told when there are new runs.
    pub work: Arc<Notify>,
}

/// Why intake cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError<E> {
    /// The source has given up.
    #[error(transparent)]
    Source(E),
    /// The journal cannot be used, now or later.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl<S: Source, J: Journal> Intake<S, J> {
    /// Takes deliveries until `stop` is cancelled or the source has no more.
    ///
    /// # Errors
    /// [`IntakeError`] when the source gives up, or the journal is beyond waiting.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), IntakeError<S::Error>> {
        let taken = stop.run_until_cancelled(self.take(&stop)).await;
        self.source.close().await;
        taken.unwrap_or(Ok(()))
    }

    async fn take(&mut self, stop: &CancellationToken) -> Result<(), IntakeError<S::Error>> {
        loop {
            let received = self
                .source
                .receive(BATCH)
                .await
                .map_err(IntakeError::Source)?;
            let (deliveries, progress) = match received {
                Received::Deliveries(deliveries) => (deliveries, None),
                Received::Read(deliveries, progress) => (deliveries, Some(progress)),
                Received::Drained => return Ok(()),
            };
            crash::point(Point::DeliveryReceived);
            let mut entries = Vec::with_capacity(deliveries.len());
            let mut receipts = Vec::with_capacity(deliveries.len());
            let mut bytes = 0;
            // One commit, one set of rules.
            let rules = self.rules.current();
            for delivery in deliveries {
                let source = self.source.name();
                let decided = decide(
                    &rules,
                    source,
                    &delivery.origin,
                    &delivery.labels,
                    &delivery.body,
                );
                bytes += decided.iter().map(size).sum::<usize>();
                entries.extend(decided);
                receipts.push(delivery.receipt);
                if bytes >= BATCH_BYTES {
                    bytes = 0;
                    self.commit(std::mem::take(&mut entries), stop).await?;
                    self.source.settle(std::mem::take(&mut receipts)).await;
                }
            }
            entries.extend(progress.map(Entry::Progress));
            crash::point(Point::DeliveryDecoded);
            self.commit(entries, stop).await?;
            self.source.settle(receipts).await;
            crash::point(Point::Settled);
        }
    }

    /// Writes these down, if there are any; as soon as the journal can be written.
    async fn commit(
        &mut self,
        entries: Vec<Entry>,
        stop: &CancellationToken,
    ) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let entries: Arc<[Entry]> = entries.into();
        let (journal, refusals, lasts) = (&self.journal, AtomicU32::new(0), Notify::new());
        let question = async || {
            let answer = journal.accept(Arc::clone(&entries), Timestamp::now()).await;
            if answer.as_ref().is_err_and(JournalError::is_temporary)
                && refusals.fetch_add(1, Ordering::Relaxed) + 1 == REFUSALS
            {
                lasts.notify_one();
            }
            answer
        };
        let mut accepting = pin!(retry_while_unavailable(stop, question));
        let accepted = tokio::select! {
            biased;
            accepted = &mut accepting => accepted,
            () = lasts.notified() => tokio::join!(accepting, self.source.give_back()).0,
        }?;
        crash::point(Point::Accepted);
        entries.iter().zip(&accepted).for_each(tell);
        self.work.notify_one();
        Ok(())
    }
}

/// How many bytes an entry holds, but for what is small in any case.
fn size(entry: &Entry) -> usize {
    match entry {
        Entry::Event(event) => event.body.len(),
        Entry::Quarantine(delivery) => delivery.body.len(),
        Entry::Progress(_) => 0,
    }
}

fn tell((entry, accepted): (&Entry, &Accepted)) {
    match (entry, accepted) {
        (Entry::Event(event), Accepted::Runs(runs)) if runs.is_empty() => {
            tracing::info!(event = %event.id, "{} matches no rule", event.event_type);
        }
        (Entry::Event(event), Accepted::Runs(runs)) => {
            tracing::info!(event = %event.id, ?runs, "{} accepted", event.event_type);
        }
        (Entry::Event(event), _) => {
            tracing::info!(event = %event.id, "{} is known already", event.event_type);
        }
        (Entry::Quarantine(delivery), Accepted::Quarantined(id)) => tracing::error!(
            quarantine = id, queue = %delivery.origin, size = delivery.size,
            "a delivery could not be decoded or decided and is in quarantine: {}{}", delivery.reason,
            delivery.key.as_ref().map(|key| hold(*id, &key.text)).unwrap_or_default()
        ),
        (Entry::Quarantine(delivery), _) => {
            tracing::info!(queue = %delivery.origin, "an undecodable delivery is known already");
        }
        (Entry::Progress(_), _) => {}
    }
}

/// What a delivery in quarantine means for its node, and the way out.
fn hold(id: QuarantineId, node: &str) -> String {
    format!(
        "; later runs of its node {node} wait for it: look at it with `esi-event-actions quarantine \
         show {id}`, then accept it with `quarantine retry {id}` or delete it with `quarantine drop {id}`"
    )
}

#[cfg(test)]
mod tests;
