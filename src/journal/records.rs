//! What commands show of a journal: runs, attempts, the quarantine, sources, and counts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::{Cursor, QuarantineEntry, QuarantineId, RunId};
use crate::core::rules::Stand;
use crate::core::run::{Outcome, State};

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs in one of these states; all if empty.
    pub states: Vec<State>,
    /// Only runs of this rule.
    pub rule: Option<String>,
    /// Only runs with this key, whatever it means.
    pub key: Option<String>,
    /// Only runs of events about this lease.
    pub lease: Option<String>,
    /// Only runs of the event with this id.
    pub event: Option<String>,
    /// Only runs that were accepted then or later.
    pub since: Option<Timestamp>,
    /// Only runs that were accepted before.
    pub until: Option<Timestamp>,
    /// Only runs behind this one: then the oldest come first, else the newest.
    pub after: Option<RunId>,
    /// At most so many.
    pub limit: usize,
}

/// How large a journal is, and what is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// All that it takes on disk.
    pub bytes: u64,
    /// How much of that is free for what comes.
    pub free_bytes: u64,
    /// Events.
    pub events: u64,
    /// Runs of these.
    pub runs: u64,
    /// Attempts of these.
    pub attempts: u64,
    /// Deliveries in quarantine.
    pub quarantined: u64,
    /// When the oldest event was accepted.
    pub oldest_event: Option<Timestamp>,
}

/// What became of runs in a span of time, and what waits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Of each rule, by name.
    pub rules: Vec<RuleStats>,
    /// Of each hour in which a run finished.
    pub hours: Vec<HourStats>,
    /// The keys with the most runs that wait, or run.
    pub keys: Vec<KeyStats>,
    /// The attempts that took the longest.
    pub slowest: Vec<SlowAttempt>,
}

/// The runs of a rule that were accepted in the span, or have not finished, and the attempts that began in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleStats {
    /// The name of the rule.
    pub rule: String,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many were given up.
    pub discarded: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// How many have not finished.
    pub unfinished: u64,
    /// How many attempts have ended.
    pub attempts: u64,
    /// How many of them were no success.
    pub failed: u64,
    /// How long they took together.
    pub took: Duration,
}

/// The runs that finished in an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourStats {
    /// When it began, by UTC.
    pub hour: Timestamp,
    /// How many finished.
    pub finished: u64,
    /// How many of these were discarded or cancelled.
    pub not_succeeded: u64,
}

/// The unfinished runs of a key, but for those that are scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStats {
    /// The text of the key.
    pub key: String,
    /// How many there are.
    pub runs: u64,
    /// When the oldest was accepted.
    pub since: Timestamp,
}

/// An attempt that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowAttempt {
    /// Its run.
    pub run: RunId,
    /// Which attempt of that.
    pub attempt: u32,
    /// The name of the rule.
    pub rule: String,
    /// The text of the run's key.
    pub key: String,
    /// How long it took.
    pub took: Duration,
}

/// One line of the table of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Where it stands.
    pub state: State,
    /// The name of its rule.
    pub rule: String,
    /// The text of the key that it is ordered by.
    pub key: String,
    /// The type of its event.
    pub event_type: String,
    /// The id of its event.
    pub event_id: String,
    /// How many attempts were started.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it is due, if it is `scheduled`, or the next attempt, if it is `retryable`.
    pub due_at: Option<Timestamp>,
    /// When it came to its final state.
    pub finished_at: Option<Timestamp>,
    /// Why it stands there, in words: why it was cancelled, or else the outcome of the last attempt, or what is
    /// to be known of it while it runs.
    pub reason: Option<String>,
    /// The delivery in quarantine that it has to wait for, because that came before it.
    pub held_by: Option<QuarantineId>,
}

/// A run with all its attempts and its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDetail {
    /// The line of the table.
    pub summary: RunSummary,
    /// The event as JSON text.
    pub event: String,
    /// Where the event came from.
    pub source: String,
    /// How far it has come, if it has several steps and is not at its first.
    pub stand: Option<Stand>,
    /// It is cancelled if it has not started by then.
    pub start_by: Option<Timestamp>,
    /// What else it tells of, if it is of all events of a window.
    pub batch: Option<Batched>,
    /// In order.
    pub attempts: Vec<AttemptRecord>,
}

/// The events of which one run tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batched {
    /// How many there were, with its own.
    pub events: u64,
    /// Those that are here besides its own, in order of acceptance, each with the number of its own run, and as JSON
    /// text: at most [`BATCH_EVENTS`](crate::core::throttle::BATCH_EVENTS), with its own, of
    /// [`BATCH_BYTES`](crate::core::throttle::BATCH_BYTES).
    pub others: Vec<(RunId, String)>,
}

/// One attempt as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Counted from 1.
    pub number: u32,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// What is to be known of it while it runs, if there is anything.
    pub remark: Option<String>,
    /// The last of what was written.
    pub output: Vec<u8>,
    /// How many bytes before that are not kept.
    pub output_dropped: u64,
    /// The step that it performed, if it was not the first.
    pub step: Option<String>,
    /// By what recovery finds what it leaves behind, if there is anything.
    pub handle: Option<String>,
}

/// A quarantined delivery as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub id: QuarantineId,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// The delivery and the reason.
    pub delivery: QuarantineEntry,
    /// How many runs of its key came after it, and so wait for it.
    pub waiting: u64,
}

/// What became of a delivery that was deleted from quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its number.
    pub id: QuarantineId,
    /// What it was about, if that could be told: the text of its key.
    pub key: Option<String>,
    /// How many runs waited for it and need not wait any more.
    pub freed: u64,
    /// How many waited for it and have to wait for another one now.
    pub waiting: u64,
}

/// What follows from it, to be written behind "deleted"; nothing if no run could wait for it.
impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(key) = &self.key else {
            return Ok(());
        };
        let freed = self.freed;
        write!(
            formatter,
            "; runs of node {key} that waited for it and go on: {freed}"
        )?;
        match self.waiting {
            0 => Ok(()),
            waiting => write!(formatter, "; that wait for another delivery: {waiting}"),
        }
    }
}

/// What a step of pruning has deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many events, deliveries and windows of throttles; 0 when there was nothing to do.
    pub number: usize,
    /// The deliveries among them that runs could wait for.
    pub dropped: Vec<Dropped>,
}

/// What is known of the reading of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRecord {
    /// The source.
    pub source: String,
    /// When a service last began to take events from it.
    pub opened_at: Option<Timestamp>,
    /// How far it has been read; `None` if it never could be, or keeps no cursor.
    pub cursor: Option<Cursor>,
    /// When it was last read to its end.
    pub passed_at: Option<Timestamp>,
    /// When it last could not be read, and why.
    pub failure: Option<(Timestamp, String)>,
    /// How often in a row it could not be read.
    pub failures: u32,
}

/// How many runs stand in each state, and how many deliveries in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Runs by state; a state without runs is absent.
    pub runs: BTreeMap<&'static str, u64>,
    /// Deliveries in quarantine.
    pub quarantined: u64,
    /// Unfinished runs that wait for one of them.
    pub held: u64,
    /// When the first one of the runs that have not finished, and are not scheduled, was accepted.
    pub waiting_since: Option<Timestamp>,
}

impl Census {
    /// How many runs are not in a final state, and have their time.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let scheduled = self.runs.get(State::Scheduled.as_str());
        self.unfinished() - scheduled.copied().unwrap_or(0)
    }

    /// How many runs are not in a final state.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        let count = |state: State| self.runs.get(state.as_str()).copied().unwrap_or(0);
        State::ALL
            .into_iter()
            .filter(|state| !state.is_final())
            .map(count)
            .sum()
    }
}
