//! What commands ask the service: decided by the rules in force, which are not always those of the file.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::release;
use super::rulebook::Rulebook;
use crate::crash::{self, Point};
use crate::journal::{Accepted, Journal, JournalError, Resolution, RetryAnswer, RetryRequest};
use crate::sources::Decoders;

/// How often the journal is looked at for requests.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How soon after an answer: who is told one often has the next request ready.
const LOOK_SOON: Duration = Duration::from_millis(100);

/// Answers whatever is asked in a journal by the rules in force, and tells `work` of it; until the journal
/// cannot be used, now or later, which those who take deliveries and perform runs end the service for.
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
            match self.answer_all().await {
                Ok(0) => tokio::time::sleep(LOOK_AGAIN).await,
                Ok(_) => tokio::time::sleep(LOOK_SOON).await,
                Err(error) if error.is_temporary() => {
                    tracing::debug!("{error}; answering commands later");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => {
                    tracing::error!("{error}; no command is answered any more");
                    return;
                }
            }
        }
    }

    /// Answers what is asked by now; how many requests that were.
    async fn answer_all(&self) -> Result<usize, JournalError> {
        let requests = self.journal.unanswered().await?;
        for request in &requests {
            self.answer(request).await?;
        }
        Ok(requests.len())
    }

    async fn answer(&self, request: &RetryRequest) -> Result<(), JournalError> {
        let resolution = match self.journal.quarantined_one(request.delivery).await {
            Ok(kept) => {
                match release::decide(&self.rules.current(), self.decoders, &kept.delivery) {
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
        self.work.notify_one();
        Ok(())
    }
}

fn tell(request: &RetryRequest, answer: Option<&RetryAnswer>) {
    let (quarantine, asked_by) = (request.delivery, request.asked_by.as_str());
    match answer {
        Some(RetryAnswer::Accepted(Accepted::Runs(runs))) => tracing::info!(
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
