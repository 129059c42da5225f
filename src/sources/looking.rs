//! Sources that look at something again and again and tell what has changed. What they remember of it is their
//! cursor, in the commit with the events that come of it: so a restart tells nothing twice, and tells what
//! changed while nobody looked.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Batch, Decoded, Opening, Pending, Received, Source, SourceError, SourceErrorKind};
use crate::journal::{Cursor, ProgressStep};
use crate::telemetry::Condition;

/// What a source does each time that it looks.
pub(super) trait Look: Send {
    /// What it remembers; its default before it has ever looked.
    type Memory: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    /// Looks once, and compares with what is remembered. Dropping the future loses nothing, and what came of it may
    /// be thrown away: then it looks again with the same memory.
    fn look<'a>(
        &'a mut self,
        memory: &'a Self::Memory,
        opening: &'a Opening,
    ) -> Pending<'a, Looked<Self::Memory>>;

    /// Comes back when there is something to look at before its time. Dropping the future loses nothing.
    fn told(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// What came of looking.
pub(super) struct Looked<M> {
    /// What there is to tell, in order.
    pub(super) decoded: Vec<Decoded>,
    /// What is to be remembered from now on.
    pub(super) memory: M,
    /// What could not be looked at, in words.
    pub(super) failure: Option<String>,
    /// How it stands, for `systemctl status`.
    pub(super) words: String,
}

/// Looks at equal distances.
pub(super) struct Looking<L> {
    look: L,
    every: Duration,
    /// As it was opened, but with the cursor that is on disk by now.
    opening: Opening,
    /// The cursor that will be on disk once the batch under way is.
    handed_over: Option<Cursor>,
    next: Instant,
    /// The failure that was told and is not over.
    failure: Option<String>,
    has_looked: bool,
}

impl<L: Look> Looking<L> {
    /// Looks for the first time at once.
    pub(super) fn new(look: L, every: Duration, opening: Opening) -> Self {
        Self {
            look,
            every,
            opening,
            handed_over: None,
            next: Instant::now(),
            failure: None,
            has_looked: false,
        }
    }

    fn memory(&self) -> Result<Option<L::Memory>, SourceError> {
        let Some(Cursor(text)) = &self.opening.stored else {
            return Ok(None);
        };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|error| SourceError {
                kind: SourceErrorKind::Failed,
                message: format!(
                    "the journal's memory of {} cannot be read: {error}",
                    self.opening.identity
                ),
                hint: "give the source another name, and it begins anew",
            })
    }

    /// Looks once; gives what is to be put on disk, if anything is.
    async fn once(&mut self) -> Result<Option<Batch>, SourceError> {
        let memory = self.memory()?;
        let known = memory.clone().unwrap_or_default();
        let looked = self.look.look(&known, &self.opening).await;
        let identity = &self.opening.identity;
        self.opening.teller.tell(Condition {
            is_ready: true,
            words: format!("{identity}: {}", looked.words),
            ..Condition::default()
        });
        if let Some(why) = &looked.failure
            && self.failure.as_ref() != Some(why)
        {
            tracing::warn!("{identity}: {why}");
            self.failure = Some(why.clone());
            let failed = ProgressStep::Failed(why.clone());
            return Ok(Some(self.opening.batch(Vec::new(), Some(failed))));
        }
        let is_over = looked.failure.is_none() && self.failure.take().is_some();
        if is_over {
            tracing::info!("{identity}: what failed is over");
        }
        self.next = Instant::now() + self.every;
        self.has_looked = true;
        if looked.decoded.is_empty() && !is_over && memory.as_ref() == Some(&looked.memory) {
            return Ok(None);
        }
        let to = serde_json::to_string(&looked.memory).expect("text and numbers serialize");
        let to = Cursor(to);
        self.handed_over = Some(to.clone());
        // As long as something cannot be looked at, this is not the end of that failure.
        let step = match looked.failure {
            Some(_) => ProgressStep::Read(to),
            None => ProgressStep::Passed(to),
        };
        Ok(Some(self.opening.batch(looked.decoded, Some(step))))
    }
}

impl<L: Look> Source for Looking<L> {
    fn name(&self) -> &str {
        let Opening { identity, .. } = &self.opening;
        identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            loop {
                if self.has_looked && self.opening.until_drained {
                    return Ok(Received::Drained);
                }
                tokio::select! {
                    () = tokio::time::sleep_until(self.next) => {}
                    () = self.look.told() => {}
                }
                if let Some(batch) = self.once().await? {
                    return Ok(Received::Batch(batch));
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

#[cfg(test)]
mod tests;
