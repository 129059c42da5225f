//! What has changed of runs since somebody last looked.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::find;
use crate::core::run::State;
use crate::journal::{Browse, JournalError, RunFilter, RunId, RunSummary, Version};

/// A run that stands elsewhere than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stood; `None` if it is new.
    pub before: Option<State>,
    /// As it is now.
    pub run: RunSummary,
}

/// What is known of the runs that `filter` lets through.
#[derive(Debug)]
pub struct Watch {
    filter: RunFilter,
    version: Option<Version>,
    /// The last run there was.
    last: RunId,
    /// Where those stand that have not finished, and how many attempts they have had.
    unfinished: BTreeMap<RunId, (State, u32)>,
}

impl Watch {
    /// Takes note of how things stand.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn begin(journal: &dyn Browse, filter: RunFilter) -> Result<Self, JournalError> {
        let newest = RunFilter {
            limit: 1,
            ..RunFilter::default()
        };
        let newest = journal.runs(newest).await?;
        let mut watch = Self {
            filter,
            version: None,
            last: newest.first().map_or(0, |run| run.id),
            unfinished: BTreeMap::new(),
        };
        watch.changes(journal).await?;
        Ok(watch)
    }

    /// What has changed since the last time, in order of the runs.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn changes(&mut self, journal: &dyn Browse) -> Result<Vec<Change>, JournalError> {
        let version = journal.version().await?;
        if self.version.as_ref() == Some(&version) {
            return Ok(Vec::new());
        }
        let unfinished = State::ALL.into_iter().filter(|state| !state.is_final());
        let asked = RunFilter {
            states: unfinished.collect(),
            ..self.filter.clone()
        };
        let mut now = journal.runs(asked).await?;
        let new = RunFilter {
            states: Vec::new(),
            after: Some(self.last),
            ..self.filter.clone()
        };
        now.extend(journal.runs(new).await?);
        let listed: BTreeSet<RunId> = now.iter().map(|run| run.id).collect();
        for run in self.unfinished.keys().filter(|run| !listed.contains(run)) {
            let run = find(journal, *run).await?;
            now.extend(run.map(|run| run.summary));
        }
        self.version = Some(version);
        Ok(self.differences(now))
    }

    /// What differs from what is known, which this is from now on.
    fn differences(&mut self, mut now: Vec<RunSummary>) -> Vec<Change> {
        now.sort_unstable_by_key(|run| run.id);
        now.dedup_by_key(|run| run.id);
        let (mut changes, asked) = (Vec::new(), &self.filter.states);
        let before = std::mem::take(&mut self.unfinished);
        for run in now {
            let known = before.get(&run.id);
            let stands = (run.state, run.attempts);
            if !run.state.is_final() {
                self.unfinished.insert(run.id, stands);
            }
            self.last = self.last.max(run.id);
            let is_asked = asked.is_empty() || asked.contains(&run.state);
            if known != Some(&stands) && is_asked {
                changes.push(Change {
                    before: known.map(|known| known.0),
                    run,
                });
            }
        }
        changes
    }
}
