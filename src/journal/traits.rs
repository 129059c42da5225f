//! The calls of a [`Journal`], split by caller. Every part can be a `dyn`; a shared journal is
//! a journal. See the [module above](super) for what it promises.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Acceptance, Accepted, Announced, Answer, AttemptEnd, Census, Claim, Claimed, Completion,
    Dropped, Entry, OpenAttempt, Owner, Placement, Pruned, QuarantineId, Quarantined, Requests,
    RetryFrom, RunDetail, RunFilter, RunId, RunSummary, Size, SourceRecord, Stats, Store, Version,
};
use crate::core::retention::Retention;
use crate::core::run::State;
use crate::core::throttle::{Throttled, Window};

/// An answer that is to be waited for.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// What intake writes.
pub trait Accept: Send + Sync + 'static {
    /// Writes a batch of deliveries and their runs in one transaction; answers in the same order. A
    /// batch is shared, so that asking again copies nothing.
    fn accept(&self, entries: Arc<[Entry]>, now: Timestamp) -> Reply<'_, Vec<Accepted>>;
}

/// What dispatch and recovery do with runs. Times that runs wait for are by the journal's clock: `now` is what
/// that shows, where the journal has none of its own.
pub trait Work: Send + Sync + 'static {
    /// Makes a service on `host` an owner of attempts. Each start is another owner.
    fn join(&self, host: String, now: Timestamp) -> Reply<'_, Owner>;

    /// Notes that an owner claims nothing any more. What it left open is for others to end.
    fn leave(&self, owner: Owner, now: Timestamp) -> Reply<'_, ()>;

    /// Whether `owner` has the duty of a source that is placed so. Only under it may the source be opened. An owner
    /// that does not have it asks again later; one that has it keeps it until it leaves.
    fn duty(&self, owner: Owner, source: String, placement: Placement) -> Reply<'_, bool>;

    /// Records the ends of attempts, wakes what has become due by `now` and claims runs: all of it in one commit.
    /// The runs that the owner has claimed before without hearing of it come first, so asking again answers
    /// the same.
    fn claim(&self, claim: Claim, now: Timestamp) -> Reply<'_, Claimed>;

    /// Records the handle by which recovery finds what an attempt leaves behind; the journal does not read it. Or
    /// answers [`Lost`](super::JournalError::Lost), as [`record`](Self::record) does.
    fn started(&self, owner: Owner, run: RunId, attempt: u32, handle: String) -> Reply<'_, ()>;

    /// Stores a remark about an attempt that is under way.
    fn remark(&self, run: RunId, attempt: u32, remark: String) -> Reply<'_, ()>;

    /// Replaces the event of a run, now that its lease is known. The run awaits it no longer and is due
    /// in its place among those of its key, as if its attempt had not been claimed. Changes nothing if it
    /// awaits nothing. Answers [`Lost`](super::JournalError::Lost) as [`record`](Self::record) does.
    fn complete(&self, completion: Completion) -> Reply<'_, ()>;

    /// Records the end of an attempt and moves its run on. An end that is on record already is recorded
    /// no second time. Answers [`Lost`](super::JournalError::Lost), and changes nothing, if the attempt has
    /// ended in another way or is not of this owner.
    fn record(&self, end: AttemptEnd) -> Reply<'_, ()>;

    /// The attempts that other owners left open.
    fn open_attempts(&self, owner: Owner) -> Reply<'_, Vec<OpenAttempt>>;

    /// Says which ends of runs are to become events: from now on those in these states, and no others, are announced
    /// in the commit that ends the run, whoever ends it.
    fn announce_ends(&self, ends: Vec<State>) -> Reply<'_, ()>;

    /// Accepts what announcements came to, as [`Accept::accept`] does it, and takes them out, in one transaction;
    /// answers in the same order. Of one that has gone nothing is accepted, and nothing answered.
    fn announce(
        &self,
        announced: Arc<[Announced]>,
        now: Timestamp,
    ) -> Reply<'_, Vec<Vec<Accepted>>>;

    /// After a step of the clock: no `retryable` run waits longer than its own delay from `now`.
    fn clock_stepped(&self, now: Timestamp) -> Reply<'_, ()>;

    /// A random name of this journal, made with it: marks the processes it started.
    fn name(&self) -> &str;
}

/// What commands show.
pub trait Browse: Send + Sync + 'static {
    /// Changes whenever any process has written: a cheap way to ask whether anything is new.
    fn version(&self) -> Reply<'_, Version>;

    /// Comes back when another process has written since this was called, which counts before it is first
    /// polled; it may come back without that, too. So who calls first and looks then misses nothing.
    fn changed(&self) -> Reply<'_, ()>;

    /// Counts what is there.
    fn census(&self) -> Reply<'_, Census>;

    /// Lists runs, newest first.
    fn runs(&self, filter: RunFilter) -> Reply<'_, Vec<RunSummary>>;

    /// One run with all that is known of it.
    fn run(&self, id: RunId) -> Reply<'_, RunDetail>;

    /// An event as JSON text by its id, of any source.
    fn event(&self, id: String) -> Reply<'_, Option<String>>;

    /// What became of runs since then, and what waits now.
    fn stats(&self, since: Timestamp) -> Reply<'_, Stats>;

    /// What is known of the reading of each source, in the order of their names.
    fn sources(&self) -> Reply<'_, Vec<SourceRecord>>;

    /// The window of the group in which a throttle counts a run of this rule, as it was last written: it may
    /// have ended. [`Throttled::decide`] says what would become of a run that is accepted now.
    fn window(&self, rule: String, throttled: Throttled) -> Reply<'_, Option<Window>>;

    /// Lists the newest quarantined deliveries, newest first.
    fn quarantined(&self, limit: usize) -> Reply<'_, Vec<Quarantined>>;

    /// One quarantined delivery.
    fn quarantined_one(&self, id: QuarantineId) -> Reply<'_, Quarantined>;
}

/// What operators and retention change.
pub trait Keep: Send + Sync + 'static {
    /// Makes finished or waiting runs due again, at this step, and scheduled ones now; all of them, or none and an
    /// error.
    fn retry(&self, runs: Vec<RunId>, from: RetryFrom) -> Reply<'_, ()>;

    /// Cancels runs for this reason; all of them, or none and an error. Answers of which the attempt under way has
    /// to be ended first: they are cancelled with its end, unless it succeeds before.
    fn cancel(&self, runs: Vec<RunId>, reason: String, now: Timestamp) -> Reply<'_, Vec<RunId>>;

    /// Takes a delivery out of quarantine and accepts what it was decoded to, in one transaction. Its
    /// runs come before those that waited for it.
    fn release(&self, id: QuarantineId, entry: Acceptance, now: Timestamp) -> Reply<'_, Accepted>;

    /// Deletes deliveries from quarantine, so that nothing waits for them any more; all of them, or
    /// none and an error.
    fn drop_quarantined(&self, ids: Vec<QuarantineId>) -> Reply<'_, Vec<Dropped>>;

    /// Deletes a limited number of what `retention` no longer keeps; answers what it deleted.
    fn prune(&self, retention: Retention, now: Timestamp) -> Reply<'_, Pruned>;
}

/// What is done with a journal as a whole.
pub trait Backup: Send + Sync + 'static {
    /// Copies all of it, as it is at one moment, into a new file that nobody but its owner may read; a service may
    /// go on writing meanwhile. Answers how large the copy is, in bytes. Answers
    /// [`Unusable`](super::JournalError::Unusable) if it cannot be written, or if there is something at `file`
    /// already, so this is not asked again. Nothing is left there if it fails.
    fn backup(&self, file: PathBuf) -> Reply<'_, u64>;

    /// Reads all of it. Answers what is damaged, or contradicts itself, in words; nothing if it is sound.
    fn check(&self) -> Reply<'_, Vec<String>>;

    /// How large it is.
    fn size(&self) -> Reply<'_, Size>;
}

/// A durable store of events, runs, attempts, quarantine and named values, for those who need all of it.
pub trait Journal: Accept + Work + Browse + Keep + Backup + Requests + Store {}

impl<J: Accept + Work + Browse + Keep + Backup + Requests + Store + ?Sized> Journal for J {}

impl<J: Accept + ?Sized> Accept for Arc<J> {
    fn accept(&self, entries: Arc<[Entry]>, now: Timestamp) -> Reply<'_, Vec<Accepted>> {
        (**self).accept(entries, now)
    }
}

impl<J: Work + ?Sized> Work for Arc<J> {
    fn join(&self, host: String, now: Timestamp) -> Reply<'_, Owner> {
        (**self).join(host, now)
    }

    fn leave(&self, owner: Owner, now: Timestamp) -> Reply<'_, ()> {
        (**self).leave(owner, now)
    }

    fn duty(&self, owner: Owner, source: String, placement: Placement) -> Reply<'_, bool> {
        (**self).duty(owner, source, placement)
    }

    fn claim(&self, claim: Claim, now: Timestamp) -> Reply<'_, Claimed> {
        (**self).claim(claim, now)
    }

    fn started(&self, owner: Owner, run: RunId, attempt: u32, handle: String) -> Reply<'_, ()> {
        (**self).started(owner, run, attempt, handle)
    }

    fn remark(&self, run: RunId, attempt: u32, remark: String) -> Reply<'_, ()> {
        (**self).remark(run, attempt, remark)
    }

    fn complete(&self, completion: Completion) -> Reply<'_, ()> {
        (**self).complete(completion)
    }

    fn record(&self, end: AttemptEnd) -> Reply<'_, ()> {
        (**self).record(end)
    }

    fn open_attempts(&self, owner: Owner) -> Reply<'_, Vec<OpenAttempt>> {
        (**self).open_attempts(owner)
    }

    fn announce_ends(&self, ends: Vec<State>) -> Reply<'_, ()> {
        (**self).announce_ends(ends)
    }

    fn announce(
        &self,
        announced: Arc<[Announced]>,
        now: Timestamp,
    ) -> Reply<'_, Vec<Vec<Accepted>>> {
        (**self).announce(announced, now)
    }

    fn clock_stepped(&self, now: Timestamp) -> Reply<'_, ()> {
        (**self).clock_stepped(now)
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

impl<J: Browse + ?Sized> Browse for Arc<J> {
    fn version(&self) -> Reply<'_, Version> {
        (**self).version()
    }

    fn changed(&self) -> Reply<'_, ()> {
        (**self).changed()
    }

    fn census(&self) -> Reply<'_, Census> {
        (**self).census()
    }

    fn runs(&self, filter: RunFilter) -> Reply<'_, Vec<RunSummary>> {
        (**self).runs(filter)
    }

    fn run(&self, id: RunId) -> Reply<'_, RunDetail> {
        (**self).run(id)
    }

    fn event(&self, id: String) -> Reply<'_, Option<String>> {
        (**self).event(id)
    }

    fn stats(&self, since: Timestamp) -> Reply<'_, Stats> {
        (**self).stats(since)
    }

    fn sources(&self) -> Reply<'_, Vec<SourceRecord>> {
        (**self).sources()
    }

    fn window(&self, rule: String, throttled: Throttled) -> Reply<'_, Option<Window>> {
        (**self).window(rule, throttled)
    }

    fn quarantined(&self, limit: usize) -> Reply<'_, Vec<Quarantined>> {
        (**self).quarantined(limit)
    }

    fn quarantined_one(&self, id: QuarantineId) -> Reply<'_, Quarantined> {
        (**self).quarantined_one(id)
    }
}

impl<J: Keep + ?Sized> Keep for Arc<J> {
    fn retry(&self, runs: Vec<RunId>, from: RetryFrom) -> Reply<'_, ()> {
        (**self).retry(runs, from)
    }

    fn cancel(&self, runs: Vec<RunId>, reason: String, now: Timestamp) -> Reply<'_, Vec<RunId>> {
        (**self).cancel(runs, reason, now)
    }

    fn release(&self, id: QuarantineId, entry: Acceptance, now: Timestamp) -> Reply<'_, Accepted> {
        (**self).release(id, entry, now)
    }

    fn drop_quarantined(&self, ids: Vec<QuarantineId>) -> Reply<'_, Vec<Dropped>> {
        (**self).drop_quarantined(ids)
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> Reply<'_, Pruned> {
        (**self).prune(retention, now)
    }
}

impl<J: Backup + ?Sized> Backup for Arc<J> {
    fn backup(&self, file: PathBuf) -> Reply<'_, u64> {
        (**self).backup(file)
    }

    fn check(&self) -> Reply<'_, Vec<String>> {
        (**self).check()
    }

    fn size(&self) -> Reply<'_, Size> {
        (**self).size()
    }
}
