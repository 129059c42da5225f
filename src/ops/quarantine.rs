//! What `quarantine` shows and does.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Actor;
use crate::core::rules::{Given, RuleSet};
use crate::engine::release;
use crate::journal::{
    Accepted, Dropped, Journal, JournalError, QuarantineId, Quarantined, RetryAnswer, stored,
};
use crate::sources::Decoders;

/// How long a service is waited for that looks for requests each second.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often a command looks for the answer.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What came of decoding a delivery again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// Its event is accepted, with these runs, or was known.
    Accepted(Accepted),
    /// It stays in quarantine, for this reason.
    Stays(String),
}

/// The newest `limit` deliveries, in the order of their arrival.
///
/// # Errors
/// Those of the journal.
pub async fn list(journal: &dyn Journal, limit: usize) -> Result<Vec<Quarantined>, JournalError> {
    let mut deliveries = journal.quarantined(limit).await?;
    deliveries.reverse();
    Ok(deliveries)
}

/// A delivery with its body.
///
/// # Errors
/// Those of the journal, also if there is no delivery of this number.
pub async fn show(journal: &dyn Journal, id: QuarantineId) -> Result<Quarantined, JournalError> {
    journal.quarantined_one(id).await
}

/// Deletes deliveries, all of them or none, so that nothing waits for them any more.
///
/// # Errors
/// Those of the journal, also if one of them is not there.
pub async fn delete(
    journal: &dyn Journal,
    ids: Vec<QuarantineId>,
) -> Result<Vec<Dropped>, JournalError> {
    journal.drop_quarantined(ids).await
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum RetryError {
    /// The journal cannot be used, or has no such delivery.
    Journal(JournalError),
    /// The service that holds the journal has not answered within this time. The delivery is as it was.
    Unanswered(Duration),
}

impl From<JournalError> for RetryError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// Decodes deliveries again, and accepts their events.
pub struct Retry<'a> {
    /// Where they are in quarantine.
    pub journal: &'a dyn Journal,
    /// The rules that decide if no service holds the journal.
    pub rules: &'a Arc<RuleSet>,
    /// Finds what decodes deliveries.
    pub decoders: Decoders,
    /// Who wants it.
    pub actor: &'a Actor,
    /// How long the service is waited for.
    pub patience: Duration,
}

impl Retry<'_> {
    /// Has the service decide that holds the journal, by the rules that are in force there: by others, it
    /// might make runs that the service knows no rule for. Decides here if no service holds the journal, or none does any more.
    ///
    /// # Errors
    /// [`RetryError`] if nothing came of it.
    pub async fn one(&self, id: QuarantineId) -> Result<Retried, RetryError> {
        let journal = self.journal;
        if !journal.is_served().await? {
            return self.alone(id).await;
        }
        let asked_by = self.actor.to_string();
        let request = journal.request_retry(id, asked_by, Timestamp::now());
        let request = request.await?;
        let began = Instant::now();
        let answer = loop {
            if let Some(answer) = journal.answer_to(request).await? {
                break answer;
            }
            let is_served = journal.is_served().await?;
            if is_served && began.elapsed() < self.patience {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            match journal.withdraw(request).await? {
                Some(answer) => break answer,
                None if is_served => return Err(RetryError::Unanswered(self.patience)),
                None => return self.alone(id).await,
            }
        };
        match answer {
            RetryAnswer::Accepted(accepted) => Ok(Retried::Accepted(accepted)),
            RetryAnswer::Stays(why) => Ok(Retried::Stays(why)),
            // As the journal says it: a number is given once.
            RetryAnswer::Absent => self.alone(id).await,
        }
    }

    async fn alone(&self, id: QuarantineId) -> Result<Retried, RetryError> {
        let delivery = self.journal.quarantined_one(id).await?.delivery;
        let now = Timestamp::now();
        let values = stored(self.journal, self.rules.stored_names(), now).await?;
        let given = Given {
            now,
            stored: &values,
        };
        let acceptance = match release::decide(self.rules, self.decoders, &delivery, &given) {
            Ok(acceptance) => acceptance,
            Err(why) => return Ok(Retried::Stays(why)),
        };
        let accepted = self.journal.release(id, acceptance, now);
        Ok(Retried::Accepted(accepted.await?))
    }
}

#[cfg(test)]
mod tests;
