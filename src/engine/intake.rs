//! Decoded deliveries in, decisions on disk, batches settled.
//!
//! The first half of the journey, for any source and any journal. A batch of deliveries shares one commit, and is
//! settled after that is on disk, never before. While the journal cannot be
//! written, nothing is taken and nothing is settled: what was received goes back to the source, but for the
//! batch that is tried again and again. Once that is on disk, the source sends the rest, and what is known
//! already.

mod decide;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::enrich::complete_new;
use super::rulebook::Rulebook;
use crate::core::rules::{Given, RuleSet};
use crate::crash::{self, Point};
use crate::journal::{
    Accepted, Entry, Journal, JournalError, QuarantineId, retry_while_unavailable, stored,
};
use crate::sources::{Decoded, Enrich, Received, Source, SourceError};
use crate::telemetry::{metrics, watched};

pub use decide::Decision;
pub(in crate::engine) use decide::planned;

/// After this many refused commits of a batch, the source gives back what it holds meanwhile.
const REFUSALS: u32 = 2;

/// When intake is to stop, the batch that is under way has this time to come on disk and be settled: what is on disk and not
/// settled comes again, if its sender has no other way.
const LAST_BATCH: Duration = Duration::from_secs(1);

/// How it is called where its progress is watched.
const PART: &str = "intake";

/// Takes deliveries from a source into a journal.
pub struct Intake<J> {
    /// Where deliveries come from.
    pub source: Box<dyn Source>,
    /// Where decisions go.
    pub journal: J,
    /// Who decides.
    pub rules: Rulebook,
    /// Completes events that lack something.
    pub enrich: Arc<dyn Enrich>,
    /// Told when there are new runs, and when there may soon be.
    pub work: Arc<Notify>,
}

/// Why intake cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The source has given up.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The journal cannot be used, now or later.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl<J: Journal> Intake<J> {
    /// Takes deliveries until `stop` is cancelled or the source has no more.
    ///
    /// # Errors
    /// [`IntakeError`] when the source gives up, or the journal is beyond waiting.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), IntakeError> {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_BATCH).await;
        };
        let taken = tokio::select! {
            biased;
            taken = self.take(&stop) => taken,
            () = late => Ok(()),
        };
        self.source.close().await;
        match taken {
            // It was tried a last time. What was not accepted comes again.
            Err(IntakeError::Journal(error)) if stop.is_cancelled() && error.is_temporary() => {
                Ok(())
            }
            taken => taken,
        }
    }

    async fn take(&mut self, stop: &CancellationToken) -> Result<(), IntakeError> {
        loop {
            let receiving = stop.run_until_cancelled(self.source.receive());
            let Some(received) = receiving.await else {
                return Ok(());
            };
            let Received::Batch(batch) = received? else {
                return Ok(());
            };
            crash::point(Point::DeliveryReceived);
            // One commit, one set of rules.
            let rules = self.rules.current();
            let (source, enrich) = (self.source.name().to_owned(), &*self.enrich);
            // One time for all, and what the store has then.
            let now = Timestamp::now();
            let question = || {
                let asked = stored(&self.journal, rules.stored_names(), now);
                watched(PART, asked)
            };
            let values = retry_while_unavailable(stop, question).await?;
            let given = Given {
                now,
                stored: &values,
            };
            let decide = |decoded| decide(&rules, enrich, &source, decoded, &given);
            let entries = join_all(batch.decoded.into_iter().map(decide)).await;
            let mut entries: Vec<Entry> = entries.into_iter().flatten().collect();
            entries.extend(batch.progress.map(Entry::Progress));
            crash::point(Point::DeliveryDecoded);
            self.commit(entries, stop).await?;
            watched(PART, self.source.settle()).await;
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
        // One time for all tries: an answer may be lost after the commit.
        let now = Timestamp::now();
        let question = async || {
            let accepting = journal.accept(Arc::clone(&entries), now);
            // A claim that is asked for behind it may share its commit.
            self.work.notify_one();
            let answer = watched(PART, accepting).await;
            if answer.as_ref().is_err_and(JournalError::is_temporary)
                && refusals.fetch_add(1, Ordering::Relaxed) + 1 == REFUSALS
            {
                lasts.notify_one();
            }
            answer
        };
        let mut accepting = pin!(retry_while_unavailable(stop, question));
        let began = Instant::now();
        let accepted = tokio::select! {
            biased;
            accepted = &mut accepting => accepted,
            () = lasts.notified() => tokio::join!(accepting, self.source.give_back()).0,
        }?;
        metrics::accepted(began.elapsed());
        crash::point(Point::Accepted);
        for (entry, accepted) in entries.iter().zip(&accepted) {
            count(self.source.name(), accepted);
            tell((entry, accepted));
        }
        self.work.notify_one();
        Ok(())
    }
}

/// What to write down for a delivery: nothing, if its type concerns no rule any more.
async fn decide(
    rules: &RuleSet,
    enrich: &dyn Enrich,
    source: &str,
    decoded: Decoded,
    given: &Given<'_>,
) -> Vec<Entry> {
    let arrival = match decoded {
        Decoded::Event(arrival) => arrival,
        Decoded::Undecodable(entry) => return vec![Entry::Quarantine(entry)],
    };
    let Some(mut decision) = Decision::of(rules, arrival, given) else {
        return Vec::new();
    };
    complete_new(enrich, &mut decision, given).await;
    decision.into_entries(source)
}

/// Counts what was accepted.
fn count(source: &str, accepted: &Accepted) {
    let result = match accepted {
        Accepted::Runs { runs, .. } if runs.is_empty() => metrics::Received::Unmatched,
        Accepted::Runs { .. } => metrics::Received::Matched,
        Accepted::Known => metrics::Received::Known,
        Accepted::Quarantined(_) => metrics::Received::Quarantined,
        Accepted::Noted => return,
    };
    metrics::received(source, result);
}

/// Logs what was accepted, and counts what throttles held back of it.
pub(in crate::engine) fn tell((entry, accepted): (&Entry, &Accepted)) {
    if let Accepted::Runs { held_back, .. } = accepted {
        for rule in held_back {
            metrics::held_back(rule);
        }
    }
    match (entry, accepted) {
        (Entry::Event(event), Accepted::Runs { runs, .. }) if runs.is_empty() => {
            tracing::info!(event = %event.id, "{} matches no rule", event.event_type);
        }
        // The line of a run is that of its end.
        (Entry::Event(event), Accepted::Runs { runs, .. }) => {
            tracing::debug!(event = %event.id, ?runs, "{} accepted", event.event_type);
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
