//! `recheck`: what a lease has to be like just before an attempt. Pure: who asks ESI Leap hands the lease over.

use serde_json::Value;

use super::filter::Filter;
use super::finding::Mismatch;
use super::given::Given;
use super::{Rule, Stand};
use crate::core::event::Event;

/// What ESI Leap is asked about the lease of an event before a run begins.
#[derive(Clone, Debug)]
pub struct Recheck {
    /// What the lease has to look like; all must hold.
    pub filters: Vec<Filter>,
    /// The same as it was written, for people.
    pub written: Value,
}

impl Recheck {
    /// Whether the lease is as it has to be, which is in an event in the place of what that said: `None` if so,
    /// else why not.
    ///
    /// # Errors
    /// A pattern that cannot be decided, in words.
    pub fn mismatch(&self, event: &Event, given: &Given<'_>) -> Result<Option<Mismatch>, String> {
        for filter in &self.filters {
            if let Some(mismatch) = filter.mismatch(event, given)? {
                return Ok(Some(mismatch));
            }
        }
        Ok(None)
    }
}

impl Rule {
    /// What ESI Leap is asked before the next attempt of a run that stands here. A run that has got beyond its first
    /// step is not given up halfway for what its lease has become.
    #[must_use]
    pub fn recheck(&self, stand: Option<&Stand>) -> Option<&Recheck> {
        let step = self.chain.step(stand)?;
        let is_first = step.name == self.name;
        self.when.recheck.as_ref().filter(|_| is_first)
    }
}
