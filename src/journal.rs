//! The durable store in the middle of the journey: what intake accepts, dispatch claims.
//!
//! Intake and dispatch meet only here. Every promise about loss, repeats and order is a promise of
//! this trait; [`sqlite`] is the implementation.
//!
//! # What a journal promises
//!
//! - A call that returned `Ok` has survived a crash of the process and of the machine.
//! - A call that returned `Err` has changed nothing.
//! - A future that is dropped before it ends may still take effect, whole, never in part.
//! - Of one event (source and id) and one rule there is at most one run, as long as retention keeps
//!   the event. Its identity goes with it: a delivery that comes again after that is a new event.
//! - Of one key at most one run is `running`, and [`Journal::claim`] hands out the runs of a key in
//!   the order in which they were accepted: a run that waits for its retry holds the later ones.

mod error;
pub mod sqlite;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use self::error::JournalError;
use crate::run::{Outcome, State, Step};

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
    /// The runs to make; none if every rule refused the event.
    pub runs: Vec<PlannedRun>,
}

/// A run that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// The name of the rule: its section in the configuration.
    pub rule: String,
    /// What the run is ordered by: runs with the same key never overlap.
    pub key: String,
}

/// A delivery that could not be decoded, or not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Where it came from.
    pub source: String,
    /// The queue, for deliveries from the bus.
    pub origin: String,
    /// Why it could not be decoded.
    pub reason: String,
    /// What is kept of it: all, or the head of a very large one, secrets blanked.
    pub body: Vec<u8>,
    /// How long it was when it arrived, in bytes.
    pub size: u64,
}

/// What intake writes for one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Decoded and decided.
    Event(Acceptance),
    /// Kept whole, with the reason.
    Quarantine(Undecided),
}

/// What came of one [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The event was new, or known and matched by rules that had not matched it before.
    Runs(Vec<RunId>),
    /// The event was known, and so were all runs planned for it.
    Known,
    /// Quarantined under this number.
    Quarantined(QuarantineId),
}

/// A run whose next attempt dispatch is to perform now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedRun {
    /// The run.
    pub id: RunId,
    /// The number of this attempt, counted from 1, interrupted ones included.
    pub attempt: u32,
    /// How many attempts failed since the run was accepted, or last retried by the operator.
    pub failures: u32,
    /// The name of its rule.
    pub rule: String,
    /// What it is ordered by.
    pub key: String,
    /// The event as JSON text.
    pub event: String,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// At most as many runs as asked for, in order of acceptance; `running` from now on.
    pub runs: Vec<ClaimedRun>,
    /// When the first `retryable` run that nothing else holds back is due.
    pub next_due: Option<Timestamp>,
}

/// Which process performs an attempt, so that recovery never ends a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The process, and its process group.
    pub pid: i32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id`, because ticks begin anew at each boot.
    pub boot_id: String,
}

/// The end of an attempt, and what it means for its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
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
    /// The last of what the script wrote to standard output and standard error.
    pub output: Vec<u8>,
    /// How many bytes were written before that and are not kept.
    pub output_dropped: u64,
    /// Succeed, Fail, Discard, Interrupt or Cancel.
    pub step: Step,
    /// How long after `ended_at` the next attempt is due, for a failed one.
    pub retry_in: Option<Duration>,
}

/// An attempt that was under way when an earlier process died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAttempt {
    /// The run.
    pub run: RunId,
    /// Which of its attempts.
    pub attempt: u32,
    /// The name of its rule.
    pub rule: String,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// Its process, unless the crash came before it was recorded.
    pub process: Option<ProcessIdentity>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs in one of these states; all if empty.
    pub states: Vec<State>,
    /// Only runs of this rule.
    pub rule: Option<String>,
    /// Only runs with this key.
    pub key: Option<String>,
    /// The newest so many.
    pub limit: usize,
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
    /// What it is ordered by.
    pub key: String,
    /// The type of its event.
    pub event_type: String,
    /// The id of its event.
    pub event_id: String,
    /// How many attempts were started.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When the next attempt is due, if it is `retryable`.
    pub due_at: Option<Timestamp>,
    /// When it came to its final state.
    pub finished_at: Option<Timestamp>,
    /// Why it stands there, in words: the outcome of the last attempt.
    pub reason: Option<String>,
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
    /// In order.
    pub attempts: Vec<AttemptRecord>,
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
    /// The last of what the script wrote.
    pub output: Vec<u8>,
    /// How many bytes before that are not kept.
    pub output_dropped: u64,
}

/// A quarantined delivery as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub id: QuarantineId,
    /// When it arrived.
    pub arrived_at: Timestamp,
    /// The delivery and the reason.
    pub delivery: Undecided,
}

/// How long finished things are kept. Unfinished runs and their events stay in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Events that have had nothing left to do for longer than this go, and their identity with
    /// them; and deliveries that have been in quarantine for longer.
    pub age: Duration,
    /// Of finished events the newest so many stay; of quarantined deliveries too.
    pub number: u64,
}

/// How many runs stand in each state, and how many deliveries in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Runs by state; a state without runs is absent.
    pub runs: BTreeMap<&'static str, u64>,
    /// Deliveries in quarantine.
    pub quarantined: u64,
}

impl Census {
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

type Answer<T> = Result<T, JournalError>;

/// A durable store of events, runs, attempts and quarantine. See the [module](self) for what it
/// promises. Handles are cheap to clone and share one writer.
pub trait Journal: Clone + Send + Sync + 'static {
    /// Writes a batch of deliveries and their runs in one transaction; answers in the same order. A
    /// batch may be shared, so that asking again copies nothing.
    fn accept(
        &self,
        entries: impl Into<Arc<[Entry]>> + Send,
        now: Timestamp,
    ) -> impl Future<Output = Answer<Vec<Accepted>>> + Send;

    /// Wakes what has become due by `now` and claims up to `limit` runs.
    fn claim(&self, limit: usize, now: Timestamp) -> impl Future<Output = Answer<Claimed>> + Send;

    /// Records which process performs an attempt.
    fn started(
        &self,
        run: RunId,
        attempt: u32,
        process: ProcessIdentity,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// Records the end of an attempt and moves its run on.
    fn record(&self, end: AttemptEnd) -> impl Future<Output = Answer<()>> + Send;

    /// The attempts that an earlier process left open.
    fn open_attempts(&self) -> impl Future<Output = Answer<Vec<OpenAttempt>>> + Send;

    /// After a step of the clock: no `retryable` run waits longer than its own delay from `now`.
    fn clock_stepped(&self, now: Timestamp) -> impl Future<Output = Answer<()>> + Send;

    /// Makes finished or waiting runs due again; all of them, or none and an error.
    fn retry(&self, runs: Vec<RunId>) -> impl Future<Output = Answer<()>> + Send;

    /// Takes a delivery out of quarantine and accepts what it was decoded to, in one transaction.
    fn release(
        &self,
        id: QuarantineId,
        entry: Acceptance,
        now: Timestamp,
    ) -> impl Future<Output = Answer<Accepted>> + Send;

    /// Deletes a small step's worth of what `retention` no longer keeps; answers how much is gone,
    /// 0 when there was nothing to do.
    fn prune(
        &self,
        retention: Retention,
        now: Timestamp,
    ) -> impl Future<Output = Answer<usize>> + Send;

    /// Counts what is there.
    fn census(&self) -> impl Future<Output = Answer<Census>> + Send;

    /// Lists runs, newest first.
    fn runs(&self, filter: RunFilter) -> impl Future<Output = Answer<Vec<RunSummary>>> + Send;

    /// One run with all that is known of it.
    fn run(&self, id: RunId) -> impl Future<Output = Answer<RunDetail>> + Send;

    /// An event as JSON text by its id, of whatever source.
    fn event(&self, id: String) -> impl Future<Output = Answer<Option<String>>> + Send;

    /// Lists the newest quarantined deliveries, newest first.
    fn quarantined(&self, limit: usize) -> impl Future<Output = Answer<Vec<Quarantined>>> + Send;

    /// One quarantined delivery.
    fn quarantined_one(&self, id: QuarantineId)
    -> impl Future<Output = Answer<Quarantined>> + Send;

    /// A random name of this journal, made with it: marks the processes it started.
    fn name(&self) -> &str;
}

/// How long to wait before a journal that is not available is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Asks a journal until it is available. Once `stop` is cancelled it asks a last time and answers
/// whatever comes of it.
///
/// # Errors
/// Those of the question; temporary ones only after `stop`.
pub async fn insist<T, Asking: Future<Output = Answer<T>>>(
    stop: &CancellationToken,
    mut question: impl FnMut() -> Asking,
) -> Answer<T> {
    loop {
        let last = stop.is_cancelled();
        match question().await {
            Err(error) if error.is_temporary() && !last => {
                tracing::error!("{error}; waiting until this is mended");
                stop.run_until_cancelled(tokio::time::sleep(TRY_AGAIN))
                    .await;
            }
            answer => return answer,
        }
    }
}
