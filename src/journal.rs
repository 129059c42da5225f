//! The durable store in the middle of the journey: what intake accepts, dispatch claims.
//!
//! Intake and dispatch meet only here. Every promise about loss, repeats and order is a promise of
//! [`Journal`], which is split by caller; [`sqlite`] is the implementation, known to the rest by its
//! [`JournalPart`], a row in the table of parts. The folder and its locks are the service's own
//! ([`state`](crate::state)).
//!
//! # What a journal promises
//!
//! - A call that returned `Ok` has survived a crash of the process and of the machine.
//! - A call that returned `Err` has changed nothing; but one that was `Unavailable` may have taken effect,
//!   whole. Asking it again, with the same time, is safe: what has been done is not done twice.
//! - A future that is dropped before it ends may still take effect, whole, never in part.
//! - Of one event (source and id) and one rule there is at most one run, as long as retention keeps
//!   the event. Its identity goes with it: a delivery that comes again after that is a new event.
//! - Of one key at most one run is `running`, and [`Work::claim`] hands out the runs of a key in
//!   the order in which they were accepted: a run that waits for its retry holds the later ones.
//! - A delivery in quarantine that is known to be about a key holds the runs of that key which were
//!   accepted after it, until it is released or deleted. What it is released to comes before them.
//! - What is to become an event is announced in the commit that makes it so, and handed out until it has been
//!   accepted, which is once ([`Work::announce`]). Its run's event is kept until then.
//! - A value of the store is changed once for each identity that asks for it ([`Store`]), and gone at the second.
//! - Keys, ids of events, rules and sources are kept, and looked for, as [`limited`](crate::core::limits::limited)
//!   makes them: without NUL, and at most 1 kB long.

mod announcements;
mod claim;
#[cfg(test)]
pub(crate) mod conformance;
mod error;
mod part;
mod planned;
mod records;
mod requests;
#[cfg(test)]
pub(crate) mod shelf;
pub mod sqlite;
mod store;
mod traits;

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::announcements::{Announced, Announcement, AnnouncementId, Content, RunEnd};
pub use self::claim::{Claim, Claimed, ClaimedRun, ToEnd};
pub use self::error::JournalError;
pub use self::part::{JournalPart, Opened};
pub use self::planned::{Cancels, PlannedRun, Start};
pub use self::records::{
    AttemptRecord, Batched, Census, Dropped, HourStats, KeyStats, Pruned, Quarantined, RuleStats,
    RunDetail, RunFilter, RunSummary, Size, SlowAttempt, SourceRecord, Stats,
};
pub use self::requests::{RequestId, Requests, Resolution, RetryAnswer, RetryRequest};
pub use self::store::{
    ChangeId, Changed, Store, StoreChange, StorePage, StoredValue, stored, with_values,
};
pub use self::traits::{Accept, Backup, Browse, Journal, Keep, Reply, Work};
use crate::core::event::{Key, MadeEvent};
use crate::core::outage::Outage;
use crate::core::rules::Stand;
use crate::core::run::{Outcome, Transition};
use crate::core::throttle::Throttled;

/// The number of a run: given by the journal, rising in the order of acceptance.
pub type RunId = i64;

/// The number of a quarantined delivery.
pub type QuarantineId = i64;

/// One event to be accepted with the runs that were planned for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Where the event comes from; together with `id` its identity. `bus`, for one.
    pub source: String,
    /// The event's id within its source.
    pub id: String,
    /// `esi_leap.lease.fulfill.end`, for one.
    pub event_type: String,
    /// The event as JSON text, as a script reads it on its standard input.
    pub body: String,
    /// Whether the event still lacks something. The stored event stays, unless it lacked something and this
    /// one does not.
    pub is_incomplete: bool,
    /// The runs to make; none if every rule refused the event.
    pub runs: Vec<PlannedRun>,
    /// The lease that the event is about, if it is about one.
    pub lease: Option<String>,
    /// The earlier runs that it makes pointless. Done once: with an event that is known by now, there is nothing
    /// to cancel.
    pub cancels: Vec<Cancels>,
    /// It tells of the end of a run, or comes of such an event: the ends of its own runs are not announced.
    pub after_end: bool,
}

/// A delivery that could not be decoded, or that a rule's filter could not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// Where it came from.
    pub source: String,
    /// The queue, for deliveries from the bus.
    pub origin: String,
    /// Why it is in quarantine.
    pub reason: String,
    /// What is kept of it: all, or the head of a very large one, secrets blanked.
    pub body: Vec<u8>,
    /// How long it was when it arrived, in bytes.
    pub size: u64,
    /// Whose later runs have to wait for it: the node, if the event could not be accepted and the node
    /// can be told all the same.
    pub key: Option<Key>,
}

/// What intake writes for one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Decoded and decided.
    Event(Acceptance),
    /// Kept whole, with the reason.
    Quarantine(QuarantineEntry),
    /// How far a source has been read by now.
    Progress(Progress),
}

/// What to note about the reading of a source that keeps a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The source.
    pub source: String,
    /// Where its cursor was when it was read. A batch with a new cursor is accepted if the cursor is there
    /// still, or at the new place already; else the answer is [`Moved`](JournalError::Moved).
    pub from: Option<Cursor>,
    /// The result of reading it.
    pub step: ProgressStep,
}

/// The result of reading a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressStep {
    /// All up to the cursor has been accepted.
    Read(Cursor),
    /// The same, and nothing is left to read now: a pass is complete.
    Passed(Cursor),
    /// It could not be read, in words.
    Failed(String),
    /// A service begins to take events from it.
    Opened,
}

/// How far a source has been read, in a text that means something to the source alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// The result of one [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The event was new, or known and matched by rules that had not matched it before.
    Runs {
        /// Those that are new, also if they have ended with that.
        runs: Vec<RunId>,
        /// The rules whose throttles held theirs back.
        held_back: Vec<String>,
    },
    /// The event was known, and so were all runs planned for it.
    Known,
    /// Quarantined under this number.
    Quarantined(QuarantineId),
    /// Progress has been noted.
    Noted,
}

impl Accepted {
    /// These runs are new, and no throttle held one back.
    #[must_use]
    pub fn made(runs: Vec<RunId>) -> Self {
        let held_back = Vec::new();
        Self::Runs { runs, held_back }
    }
}

/// What a journal looked like at some time: the same as before if nothing was written since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// Who performs attempts: one start of a service. An attempt is of the owner that claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub i64);

/// On how many hosts that share a journal a source runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On one at a time: it would take the same things twice, or move one cursor from two places.
    One,
    /// On any number of them: each of its events has the same identity wherever it is made.
    Any,
    /// On each of them: it tells of the host that it runs on.
    Every,
}

/// The event of a run that awaited its lease, now that this is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Whose the attempt is.
    pub owner: Owner,
    /// The run.
    pub run: RunId,
    /// The attempt that was claimed to complete the event.
    pub attempt: u32,
    /// The event as JSON text.
    pub event: String,
    /// What the run is ordered by, now that all of the event is known.
    pub key: Key,
    /// When it starts.
    pub start: Start,
    /// It is cancelled if it has not started by then.
    pub start_by: Option<Timestamp>,
    /// As [`PlannedRun::share`].
    pub share: Option<String>,
    /// As [`PlannedRun::throttle`].
    pub throttle: Option<Throttled>,
    /// When this is decided.
    pub at: Timestamp,
}

/// The end of an attempt, and what it means for its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Whose the attempt is.
    pub owner: Owner,
    /// The run.
    pub run: RunId,
    /// Which of its attempts.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub ended_at: Timestamp,
    /// How long it took, by a clock that never steps.
    pub duration: Duration,
    /// The end of the output: what a script wrote to standard output and standard error, for example.
    pub output: Vec<u8>,
    /// How many bytes were written before that and are not kept.
    pub output_dropped: u64,
    /// Succeed, Proceed, Fail, Discard, Interrupt, Cancel or Refuse. Of a run that is being cancelled anything but
    /// Succeed is Cancel.
    pub transition: Transition,
    /// How far the run has come by it, if it has several steps; `None` leaves that as it is.
    pub stand: Option<Stand>,
    /// What a failure counts against.
    pub counts_against: CountsAgainst,
    /// How long after `ended_at` the next attempt is due, for a failed one.
    pub retry_in: Option<Duration>,
    /// The event that it has made, which is announced with this end.
    pub made: Option<MadeEvent>,
}

/// Where the operator has a run of several steps begin again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryFrom {
    /// At the step that failed; a run that succeeded, at its first.
    #[default]
    FailedStep,
    /// At its first step, without the results of the others.
    Start,
}

/// Which limit a failed attempt counts against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountsAgainst {
    /// The run's `retries`: its action failed.
    #[default]
    Retries,
    /// The event's `lease_retries`: ESI Leap did not show its lease.
    LeaseRetries,
    /// None: the cloud could not be asked for the lease, or the machine had no resources for the action.
    Nothing,
}

/// An attempt that was under way when an earlier process died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Who left it.
    pub owner: Owner,
    /// The run.
    pub run: RunId,
    /// Which of its attempts.
    pub attempt: u32,
    /// The name of its rule.
    pub rule: String,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// The handle by which its action finds what it left behind, unless the crash came before that was recorded.
    pub handle: Option<String>,
}

type Answer<T> = Result<T, JournalError>;

/// How long to wait before a journal that is not available is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Repeats an operation until the journal is available. Once `stop` is cancelled it tries a last time and
/// returns that result. The reason is logged once, and again at growing intervals.
///
/// # Errors
/// Those of the operation; temporary ones only after `stop`.
pub async fn retry_while_unavailable<T, Trying: Future<Output = Answer<T>>>(
    stop: &CancellationToken,
    mut operation: impl FnMut() -> Trying,
) -> Answer<T> {
    let mut outage = Outage::default();
    loop {
        let last = stop.is_cancelled();
        match operation().await {
            Err(error) if error.is_temporary() && !last => {
                let error = error.to_string();
                if let Some(notice) = outage.failed(&error, Instant::now()) {
                    tracing::error!("{error}; retrying every second{notice}");
                }
                stop.run_until_cancelled(tokio::time::sleep(TRY_AGAIN))
                    .await;
            }
            answer => {
                if answer.is_ok()
                    && let Some(lasted) = outage.over(Instant::now())
                {
                    tracing::info!("the journal can be used again, after {lasted:.0?}");
                }
                return answer;
            }
        }
    }
}
