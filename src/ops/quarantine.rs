//! What `quarantine` shows and does.

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::rules::RuleSet;
use crate::engine::release;
use crate::journal::{Accepted, Journal, JournalError, QuarantineId, Quarantined};
use crate::sources::Decoders;

/// What came of decoding a delivery again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// Its event is accepted, with these runs, or was known.
    Accepted(Accepted),
    /// It stays in quarantine, for this reason.
    Stays(String),
}

/// Deliveries in the order of their arrival, the newest so many.
///
/// # Errors
/// Those of the journal.
pub async fn list(journal: &dyn Journal, limit: usize) -> Result<Vec<Quarantined>, JournalError> {
    let mut deliveries = journal.quarantined(limit).await?;
    deliveries.reverse();
    Ok(deliveries)
}

/// Decodes a delivery again, and accepts its event by these rules.
///
/// # Errors
/// Those of the journal.
pub async fn retry(
    journal: &dyn Journal,
    rules: &Arc<RuleSet>,
    decoders: Decoders,
    id: QuarantineId,
) -> Result<Retried, JournalError> {
    let delivery = journal.quarantined_one(id).await?.delivery;
    let acceptance = match release::decide(rules, decoders, &delivery) {
        Ok(acceptance) => acceptance,
        Err(why) => return Ok(Retried::Stays(why)),
    };
    let accepted = journal.release(id, acceptance, Timestamp::now()).await?;
    Ok(Retried::Accepted(accepted))
}

#[cfg(test)]
mod tests;
