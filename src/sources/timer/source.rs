//! A timer as a `Source`: each firing is an event, and how far the timer has come is in the commit with it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::core::event::Event;
use crate::core::schedule::{Firing, Reached, Schedule};
use crate::journal::{Cursor, ProgressStep};
use crate::sources::{
    Arrival, Batch, Decoded, Opening, Pending, Received, Source, SourceError, SourceErrorKind,
};
use crate::telemetry::Condition;

/// How often the clock is read while waiting: it may be set meanwhile, or the machine may sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Fires at the times of a schedule.
#[derive(Debug)]
pub(super) struct TimerSource {
    schedule: Schedule,
    /// As it was opened, but with the cursor that is on disk by now.
    opening: Opening,
    /// The cursor that will be on disk once the batch under way is.
    handed_over: Option<Cursor>,
}

impl TimerSource {
    /// A timer that has come as far as its cursor says, if there is one.
    pub(super) fn new(schedule: Schedule, opening: Opening) -> Self {
        Self {
            schedule,
            opening,
            handed_over: None,
        }
    }

    /// What there is to put on disk at `now`; and if there is nothing, how long to wait for the next.
    fn due(&self, now: Timestamp) -> Result<Result<Batch, Duration>, SourceError> {
        let stored = match &self.opening.stored {
            Some(Cursor(text)) => {
                let stored = serde_json::from_str::<Reached>(text);
                Some(stored.map_err(|error| self.unreadable(&error))?)
            }
            None => None,
        };
        let reached = match stored.clone() {
            Some(stored) => self.schedule.take_back(stored, now),
            None => Reached::begun(now),
        };
        let fired = self.schedule.fire(&self.opening.name, &reached, now);
        // What was taken back because of the clock is noted, too: it is to be taken back once.
        if stored.as_ref() == Some(&fired.reached) {
            let next = self.schedule.next(&self.opening.name, &reached);
            self.tell(next);
            let wait = next.map(|next| Duration::try_from(next.duration_since(now)));
            let wait = wait.map_or(LOOK_AGAIN, Result::unwrap_or_default);
            return Ok(Err(wait.min(LOOK_AGAIN)));
        }
        if let Some(since) = fired.left_out {
            tracing::warn!(
                "timer {} did not fire at its times since {since}; of these {} (`missed`)",
                self.opening.name,
                match fired.firings.len() {
                    0 => "none fires now",
                    _ => "only the last fires now",
                }
            );
        }
        // Nobody asks for the events of a timer whose rules are switched off.
        let wanted = |firing: &&Firing| {
            self.opening
                .interest
                .wants(&self.opening.name, &firing.scheduled)
        };
        let event = |firing: &Firing| Decoded::Event(Arrival::whole(self.event(firing, now)));
        let decoded = fired.firings.iter().filter(wanted).map(event).collect();
        let to = serde_json::to_string(&fired.reached).expect("times and numbers serialize");
        let passed = ProgressStep::Passed(Cursor(to));
        Ok(Ok(self.opening.batch(decoded, Some(passed))))
    }

    /// Tells when it fires next.
    fn tell(&self, next: Option<Timestamp>) {
        let name = &self.opening.name;
        self.opening.teller.tell(Condition {
            is_ready: true,
            words: match next {
                Some(next) => format!("timer {name}: next at {next}"),
                None => format!("timer {name}: fires no more"),
            },
            ..Condition::default()
        });
    }

    fn event(&self, firing: &Firing, now: Timestamp) -> Event {
        let Firing { number, scheduled } = firing;
        let payload = json!({
            "i": number, "scheduled": scheduled.to_string(), "fired": now.to_string(),
        });
        // The same firing is the same event, whoever fires it.
        let id = format!("{}@{scheduled}", self.opening.name);
        Event::new(
            id,
            self.opening.name.clone(),
            scheduled.to_string(),
            None,
            payload,
        )
        .with_key(self.opening.name.as_str())
    }

    fn unreadable(&self, error: &serde_json::Error) -> SourceError {
        SourceError {
            kind: SourceErrorKind::Failed,
            message: format!(
                "the journal's memory of timer {} cannot be read: {error}",
                self.opening.name
            ),
            hint: "give the timer another name, and it begins anew",
        }
    }
}

impl Source for TimerSource {
    fn name(&self) -> &str {
        let Opening { identity, .. } = &self.opening;
        identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            loop {
                match self.due(Timestamp::now())? {
                    Ok(batch) => {
                        let progress = batch.progress.as_ref().map(|it| &it.step);
                        if let Some(ProgressStep::Passed(cursor)) = progress {
                            self.handed_over = Some(cursor.clone());
                        }
                        return Ok(Received::Batch(batch));
                    }
                    Err(_) if self.opening.until_drained => return Ok(Received::Drained),
                    Err(wait) => tokio::time::sleep(wait).await,
                }
            }
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        if let Some(cursor) = self.handed_over.take() {
            self.opening.stored = Some(cursor);
        }
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
