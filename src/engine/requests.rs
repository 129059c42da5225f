//! What commands write to the journal of the service. What they ask is decided by the rules in force, which are not
//! always those of the file.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::release;
use super::rulebook::Rulebook;
use crate::core::rules::Given;
use crate::crash::{self, Point};
use crate::journal::{
    Accepted, Journal, JournalError, Resolution, RetryAnswer, RetryRequest, stored,
};
use crate::sources::Decoders;

/// How long to wait before a journal that is not available is looked at again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Answers whatever is asked in a journal by the rules in force, and tells `work` of that and of whatever else
/// commands write there; until the journal cannot be used, now or later, which those who take deliveries and perform
/// runs end the service for.
pub async fn answer_requests<J: Journal>(
    journal: J,
    rules: Rulebook,
    decoders: Decoders,
    work: Arc<Notify>,
) {
    let answering = Answering {
        journal,
        rules,
        decoders,
        work,
    };
    answering.run().await;
}

struct Answering<J> {
    journal: J,
    rules: Rulebook,
    decoders: Decoders,
    work: Arc<Notify>,
}

impl<J: Journal> Answering<J> {
    async fn run(&self) {
        loop {
            match self.answer_and_wait().await {
                Ok(()) => {}
                Err(error) if error.is_temporary() => {
                    tracing::debug!("{error}; answering commands later");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                Err(error) => {
                    tracing::error!("{error}; no command is answered any more");
                    return;
                }
            }
        }
    }

    /// Answers what is asked by now, and waits until a command has written again.
    async fn answer_and_wait(&self) -> Result<(), JournalError> {
        let changed = self.journal.changed();
        for request in &self.journal.unanswered().await? {
            self.answer(request).await?;
        }
        // `runs retry` and `quarantine drop` ask for nothing.
        self.work.notify_one();
        changed.await
    }

    async fn answer(&self, request: &RetryRequest) -> Result<(), JournalError> {
        let resolution = match self.journal.quarantined_one(request.delivery).await {
            Ok(kept) => {
                let (rules, now) = (self.rules.current(), Timestamp::now());
                let values = stored(&self.journal, rules.stored_names(), now).await?;
                let given = Given {
                    now,
                    stored: &values,
                };
                match release::decide(&rules, self.decoders, &kept.delivery, &given) {
                    Ok(acceptance) => Resolution::Release(acceptance),
                    Err(why) => Resolution::Keep(why),
                }
            }
            // It has gone, which the journal answers by itself.
            Err(error @ JournalError::Absent { .. }) => Resolution::Keep(error.to_string()),
            Err(error) => return Err(error),
        };
        crash::point(Point::RequestDecided);
        let now = Timestamp::now();
        let answer = self.journal.answer(request.id, resolution, now).await?;
        crash::point(Point::RequestAnswered);
        tell(request, answer.as_ref());
        Ok(())
    }
}

fn tell(request: &RetryRequest, answer: Option<&RetryAnswer>) {
    let (quarantine, asked_by) = (request.delivery, request.asked_by.as_str());
    match answer {
        Some(RetryAnswer::Accepted(Accepted::Runs { runs, .. })) => tracing::info!(
            quarantine,
            asked_by,
            ?runs,
            "a delivery was decoded again, and its event is accepted"
        ),
        Some(RetryAnswer::Accepted(_)) => tracing::info!(
            quarantine,
            asked_by,
            "a delivery was decoded again, and its event is known already"
        ),
        Some(RetryAnswer::Stays(why)) => tracing::warn!(
            quarantine,
            asked_by,
            "a delivery was decoded again, and stays in quarantine: {why}"
        ),
        Some(RetryAnswer::Absent) | None => {}
    }
}

#[cfg(test)]
mod tests;
