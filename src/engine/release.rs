//! A delivery in quarantine → the event that it holds, and the runs that rules make of it. Pure.

use std::sync::Arc;

use super::intake::Decision;
use crate::core::rules::{Given, RuleSet};
use crate::journal::{Acceptance, QuarantineEntry};
use crate::sources::{Arrival, Decoders, Interest, KEPT_IN_QUARANTINE, NOT_KEPT};

/// What is to be accepted for a delivery.
///
/// # Errors
/// Why it has to stay in quarantine, in words.
pub fn decide(
    rules: &Arc<RuleSet>,
    decoders: Decoders,
    delivery: &QuarantineEntry,
    given: &Given<'_>,
) -> Result<Acceptance, String> {
    let arrival = decode(delivery, decoders, &Interest::of(rules.clone()))?;
    let decision = arrival.and_then(|arrival| Decision::of(rules, arrival, given));
    let decision = decision.ok_or("no rule is for its type of event")?;
    match decision.undecidable() {
        Some(undecidable) => Err(undecidable.to_owned()),
        None => Ok(decision.into_acceptance(&delivery.source)),
    }
}

/// The event that a delivery holds; nothing, if nobody wants its type.
///
/// # Errors
/// Why that cannot be told, in words.
pub fn decode(
    delivery: &QuarantineEntry,
    decoders: Decoders,
    interest: &Interest,
) -> Result<Option<Arrival>, String> {
    if let Some(why) = incomplete(delivery) {
        return Err(why);
    }
    let source = &delivery.source;
    let decode = decoders(source)
        .ok_or_else(|| format!("no source of this program is called `{source}`"))?;
    decode(&delivery.body, interest)
}

/// Why what is kept of a delivery is not all of it.
fn incomplete(delivery: &QuarantineEntry) -> Option<String> {
    let (kept, size) = (delivery.body.len(), delivery.size);
    // Blanking may have changed the length of a small one, but never brings a large one near this.
    if size > KEPT_IN_QUARANTINE as u64 {
        return Some(format!("only {kept} of its {size} bytes are kept"));
    }
    delivery.body.starts_with(NOT_KEPT.as_bytes()).then(|| {
        format!(
            "its {size} compressed bytes were not kept, because secrets in them could not be blanked"
        )
    })
}
