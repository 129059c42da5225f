//! Deliveries in, decisions on disk, receipts settled.
//!
//! The first half of the journey, for any source and any journal. A delivery is settled after its
//! decision is on disk, never before; a batch shares one commit. While the journal cannot be
//! written, nothing is taken and nothing is settled: the broker keeps what comes.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::journal::{
    Acceptance, Accepted, Entry, Journal, JournalError, PlannedRun, Undecided, insist,
};
use crate::notification::{Envelope, Undecodable, without_context};
use crate::rules::{RuleSet, Verdict};
use crate::sources::{Received, Source};

/// The most deliveries that share one commit.
const BATCH: usize = 1_000;

/// Of a quarantined delivery so many bytes are kept. ESI Leap's messages are about 2 kB.
pub const KEPT_IN_QUARANTINE: usize = 64 * 1024;

/// Takes deliveries from a source into a journal.
#[derive(Debug)]
pub struct Intake<S, J> {
    /// Where deliveries come from.
    pub source: S,
    /// Where decisions go.
    pub journal: J,
    /// Who decides.
    pub rules: Arc<RuleSet>,
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
            let Received::Deliveries(deliveries) = received else {
                return Ok(());
            };
            let mut entries = Vec::with_capacity(deliveries.len());
            let mut receipts = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let source = self.source.name();
                entries.extend(decide(
                    &self.rules,
                    source,
                    &delivery.origin,
                    &delivery.body,
                ));
                receipts.push(delivery.receipt);
            }
            if !entries.is_empty() {
                let entries: Arc<[Entry]> = entries.into();
                let question = || self.journal.accept(Arc::clone(&entries), Timestamp::now());
                let accepted = insist(stop, question).await?;
                entries.iter().zip(&accepted).for_each(tell);
                self.work.notify_one();
            }
            self.source.settle(receipts).await;
        }
    }
}

/// What to write down for one delivery: nothing, if its type concerns no rule; the event with the
/// runs to make, none if every rule refuses it; the delivery itself, if it cannot be decoded or a
/// rule cannot be decided.
#[must_use]
pub fn decide(rules: &RuleSet, source: &str, origin: &str, body: &[u8]) -> Vec<Entry> {
    let quarantine = |reason: String| {
        let kept = &body[..body.len().min(KEPT_IN_QUARANTINE)];
        Entry::Quarantine(Undecided {
            source: source.to_owned(),
            origin: origin.to_owned(),
            reason,
            body: without_context(kept),
            size: body.len() as u64,
        })
    };
    match decide_event(rules, source, body) {
        Ok(None) => Vec::new(),
        Ok(Some((acceptance, undecidable))) => {
            // A rule that cannot be decided holds up no other one. Released from quarantine, the
            // event makes the runs that are still missing and no other.
            let mut entries = vec![Entry::Event(acceptance)];
            entries.extend(undecidable.map(quarantine));
            entries
        }
        Err(undecodable) => vec![quarantine(undecodable.to_string())],
    }
}

/// The event that a body holds with the runs to make for it, and which rule could not be decided;
/// nothing, if its type concerns no rule.
///
/// # Errors
/// [`Undecodable`] if the body holds no event.
pub fn decide_event(
    rules: &RuleSet,
    source: &str,
    body: &[u8],
) -> Result<Option<(Acceptance, Option<String>)>, Undecodable> {
    let envelope = Envelope::open(body)?;
    let notification = envelope.notification()?;
    if rules.concerned(&notification.event_type).is_empty() {
        tracing::debug!(event = %notification.message_id, "no rule is for {}", notification.event_type);
        return Ok(None);
    }
    let event = notification.into_event()?;
    let mut runs = Vec::new();
    let mut undecidable = None;
    for (rule, verdict) in rules.plan(&event) {
        match verdict {
            Verdict::Run { key } => runs.push(PlannedRun {
                rule: rule.name.clone(),
                key,
            }),
            Verdict::Undecidable(why) => {
                undecidable.get_or_insert(format!("rule [{}] cannot be decided: {why}", rule.name));
            }
            Verdict::Refused(mismatch) => tracing::info!(
                event = %event.id, rule = %rule.name,
                "refused: {mismatch}"
            ),
            Verdict::Disabled | Verdict::OtherType => {}
        }
    }
    let acceptance = Acceptance {
        source: source.to_owned(),
        body: event.to_json(),
        id: event.id,
        event_type: event.event_type,
        runs,
    };
    Ok(Some((acceptance, undecidable)))
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
        (Entry::Quarantine(delivery), Accepted::Quarantined(id)) => tracing::warn!(
            quarantine = id, queue = %delivery.origin, size = delivery.size,
            "a delivery could not be decoded and is in quarantine: {}", delivery.reason
        ),
        (Entry::Quarantine(delivery), _) => {
            tracing::info!(queue = %delivery.origin, "an undecodable delivery is known already");
        }
    }
}

#[cfg(test)]
mod tests;
