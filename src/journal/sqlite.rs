//! The journal in `SQLite`: one file, one writer, one commit for everything that waits.
//!
//! The database runs with a write-ahead log and `synchronous=FULL`: a commit that was answered
//! survives a power cut. All writes of a process go through one writer thread; what a service shows of its journal
//! is read by another one (`reader`). Other processes may open the same file beside the service.
//!
//! Here are the files of the database alone: the folder that they lie in, and its locks, are the service's
//! ([`Folder`]).
//!
//! Which runs may start is decided here and nowhere else: each key has one *turn*, which belongs to its
//! running run, else to its oldest unfinished one, unless a delivery in quarantine comes before that.
//! Only runs that have the turn can be claimed, and
//! small partial indexes hold just those. So a claim costs the same whatever number of runs is
//! finished, waits for its retry, or queues up behind one node.

mod accept;
mod announce;
mod announcements;
mod backup;
mod begin;
mod belonging;
mod cancel;
mod changes;
mod claim;
mod completion;
mod fault;
mod inspection;
mod owners;
mod place;
mod presence;
mod prune;
mod quarantine;
mod reader;
mod reads;
mod requests;
mod rows;
mod schema;
mod shares;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod transitions;
mod turns;
mod windows;
mod worker;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use self::changes::Changes;
use self::fault::Fault;
use self::place::{DATABASE, with_suffix};
use self::presence::Presence;
use self::reader::Readable;
use self::worker::{Kind, Worker};
use self::writer::Session;
use super::{
    Accept, Acceptance, Accepted, Announced, Answer, AttemptEnd, Backup, Browse, Census, Claim,
    Claimed, Completion, Dropped, Entry, JournalError, JournalPart, Keep, OpenAttempt, Owner,
    Placement, Pruned, QuarantineId, Quarantined, Reply, RequestId, Requests, Resolution,
    RetryAnswer, RetryFrom, RetryRequest, RunDetail, RunFilter, RunId, RunSummary, Size,
    SourceRecord, Stats, Version, Work,
};
use crate::core::limits::limited;
use crate::core::retention::Retention;
use crate::core::run::State;
use crate::core::throttle::{Throttled, Window};
use crate::state::Folder;

/// What the table of parts says of it.
pub const PART: JournalPart = JournalPart {
    file: DATABASE,
    within: |folder| Ok(Arc::new(SqliteJournal::within(folder)?)),
};

/// A journal in a state folder. The last handle to go waits until what was asked for is on disk.
#[derive(Clone, Debug)]
pub struct SqliteJournal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Only a service has one. It goes first, since the last connection to go works in the log.
    reader: Option<Worker>,
    writer: Worker,
    readable: Option<Arc<Readable>>,
    folder: Arc<Folder>,
    /// The write-ahead log.
    log: PathBuf,
    name: String,
}

impl SqliteJournal {
    /// Opens the journal in `folder`, whose files are closed to other users.
    ///
    /// # Errors
    /// [`Unusable`](JournalError::Unusable) if a file belongs to another user, is damaged, of another program or of
    /// a newer version; [`Unsuitable`](JournalError::Unsuitable) if its file system lacks what a database needs;
    /// [`Unavailable`](JournalError::Unavailable) for what may pass.
    pub fn within(folder: &Arc<Folder>) -> Answer<Self> {
        let (folder, access) = (folder.clone(), folder.access());
        let place = place::prepare(&folder)?;
        let connection = schema::open(&place, access)?;
        let name = schema::name(&connection, &place.database)?;
        let presence = Presence::of(&place.database, folder.clone())
            .map_err(|error| JournalError::failed("look at files", &place.database, error))?;
        let path = place.database.clone();
        let log = with_suffix(&place.real, "-wal");
        let readable = access.serves().then(|| {
            let readable = Readable::of(&place).map(Arc::new);
            readable
                .map_err(|fault| fault.into_journal_error("open the database for reading", &path))
        });
        let readable = readable.transpose()?;
        let session = Session::new(connection, presence, place, access, readable.clone())?;
        let writer = Worker::start("writer", &path, |inbox| writer::serve(session, inbox))?;
        let reader = readable
            .clone()
            .map(|readable| {
                Worker::start("reader", &path, move |inbox| {
                    reader::serve(&readable, inbox);
                })
            })
            .transpose()?;
        Ok(Self {
            shared: Arc::new(Shared {
                reader,
                writer,
                readable,
                folder,
                log,
                name,
            }),
        })
    }

    /// Has the writer do `work`; `what` names it in errors.
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        kind: Kind,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Reply<'_, T> {
        Box::pin(self.shared.writer.ask(what, kind, work))
    }

    /// The same for what only looks, and waits for no commit.
    fn look<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Reply<'_, T> {
        let reader = self.shared.reader.as_ref();
        let reader = reader.unwrap_or(&self.shared.writer);
        Box::pin(reader.ask(what, Kind::Read, work))
    }
}

impl Accept for SqliteJournal {
    fn accept(&self, entries: Arc<[Entry]>, now: Timestamp) -> Reply<'_, Vec<Accepted>> {
        self.ask("accept deliveries", Kind::Write, move |db| {
            accept::accept(db, &entries, now)
        })
    }
}

impl Work for SqliteJournal {
    fn join(&self, host: String, now: Timestamp) -> Reply<'_, Owner> {
        self.ask("join as a service", Kind::Write, move |db| {
            owners::join(db, &host, now)
        })
    }

    fn leave(&self, owner: Owner, now: Timestamp) -> Reply<'_, ()> {
        self.ask("leave as a service", Kind::Write, move |db| {
            owners::leave(db, owner, now)
        })
    }

    fn duty(&self, owner: Owner, _source: String, _placement: Placement) -> Reply<'_, bool> {
        self.ask("ask for a duty", Kind::Read, move |db| {
            owners::is_joined(db, owner)
        })
    }

    fn claim(&self, claim: Claim, now: Timestamp) -> Reply<'_, Claimed> {
        let what = if claim.ended.is_empty() {
            "claim runs"
        } else {
            "record an attempt"
        };
        self.ask(what, Kind::Write, move |db| claim::claim(db, &claim, now))
    }

    fn started(&self, owner: Owner, run: RunId, attempt: u32, handle: String) -> Reply<'_, ()> {
        self.ask("record a handle", Kind::Write, move |db| {
            transitions::started(db, owner, run, attempt, &handle)
        })
    }

    fn remark(&self, run: RunId, attempt: u32, remark: String) -> Reply<'_, ()> {
        self.ask(
            "note what is to be known of an attempt",
            Kind::Write,
            move |db| transitions::remark(db, run, attempt, &remark),
        )
    }

    fn complete(&self, completion: Completion) -> Reply<'_, ()> {
        self.ask("complete an event", Kind::Write, move |db| {
            completion::complete(db, &completion)
        })
    }

    fn record(&self, end: AttemptEnd) -> Reply<'_, ()> {
        self.ask("record an attempt", Kind::Write, move |db| {
            transitions::record(db, &end)
        })
    }

    fn open_attempts(&self, owner: Owner) -> Reply<'_, Vec<OpenAttempt>> {
        self.ask("read open attempts", Kind::Read, move |db| {
            transitions::open_attempts(db, owner)
        })
    }

    fn announce_ends(&self, ends: Vec<State>) -> Reply<'_, ()> {
        self.ask("say what is announced", Kind::Write, move |db| {
            announcements::announce_ends(db, &ends)
        })
    }

    fn announce(
        &self,
        announced: Arc<[Announced]>,
        now: Timestamp,
    ) -> Reply<'_, Vec<Vec<Accepted>>> {
        self.ask("accept events of runs", Kind::Write, move |db| {
            announce::announce(db, &announced, now)
        })
    }

    fn clock_stepped(&self, now: Timestamp) -> Reply<'_, ()> {
        self.ask("bring retries forward", Kind::Write, move |db| {
            transitions::clock_stepped(db, now)
        })
    }

    fn name(&self) -> &str {
        &self.shared.name
    }
}

impl Browse for SqliteJournal {
    fn version(&self) -> Reply<'_, Version> {
        let readable = self.shared.readable.clone();
        self.look("look for changes", move |db| {
            reads::version(db, readable.map_or(0, |readable| readable.opened()))
        })
    }

    fn changed(&self) -> Reply<'_, ()> {
        let changes = Changes::of(self.shared.folder.real_path(), &self.shared.log);
        Box::pin(async {
            changes.next().await;
            Ok(())
        })
    }

    fn census(&self) -> Reply<'_, Census> {
        self.look("count runs", reads::census)
    }

    fn runs(&self, filter: RunFilter) -> Reply<'_, Vec<RunSummary>> {
        self.look("list runs", move |db| reads::runs(db, &filter))
    }

    fn run(&self, id: RunId) -> Reply<'_, RunDetail> {
        self.look("read a run", move |db| reads::run(db, id))
    }

    fn event(&self, id: String) -> Reply<'_, Option<String>> {
        self.look("read an event", move |db| reads::event(db, &id))
    }

    fn stats(&self, since: Timestamp) -> Reply<'_, Stats> {
        self.look("count what became of runs", move |db| {
            stats::read(db, since)
        })
    }

    fn sources(&self) -> Reply<'_, Vec<SourceRecord>> {
        self.look("read cursors", reads::sources)
    }

    fn window(&self, rule: String, throttled: Throttled) -> Reply<'_, Option<Window>> {
        self.look("read the window of a throttle", move |db| {
            windows::find(db, &limited(&rule), &throttled)
        })
    }

    fn quarantined(&self, limit: usize) -> Reply<'_, Vec<Quarantined>> {
        self.look("list the quarantine", move |db| quarantine::list(db, limit))
    }

    fn quarantined_one(&self, id: QuarantineId) -> Reply<'_, Quarantined> {
        self.look("read the quarantine", move |db| quarantine::one(db, id))
    }
}

impl Keep for SqliteJournal {
    fn retry(&self, runs: Vec<RunId>, from: RetryFrom) -> Reply<'_, ()> {
        self.ask("retry runs", Kind::Write, move |db| {
            transitions::retry(db, runs, from)
        })
    }

    fn cancel(&self, runs: Vec<RunId>, reason: String, now: Timestamp) -> Reply<'_, Vec<RunId>> {
        self.ask("cancel runs", Kind::Write, move |db| {
            cancel::cancel(db, runs, &reason, now)
        })
    }

    fn release(&self, id: QuarantineId, entry: Acceptance, now: Timestamp) -> Reply<'_, Accepted> {
        self.ask("release a quarantined delivery", Kind::Write, move |db| {
            accept::release(db, id, &entry, now)
        })
    }

    fn drop_quarantined(&self, ids: Vec<QuarantineId>) -> Reply<'_, Vec<Dropped>> {
        self.ask("drop quarantined deliveries", Kind::Write, move |db| {
            quarantine::drop_deliveries(db, ids)
        })
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> Reply<'_, Pruned> {
        self.ask("prune", Kind::Write, move |db| {
            prune::prune(db, retention, now)
        })
    }
}

impl Backup for SqliteJournal {
    fn backup(&self, file: PathBuf) -> Reply<'_, u64> {
        self.ask("back up", Kind::Read, move |db| backup::write(db, &file))
    }

    fn check(&self) -> Reply<'_, Vec<String>> {
        self.ask("read all of", Kind::Read, inspection::check)
    }

    fn size(&self) -> Reply<'_, Size> {
        let log = self.shared.log.clone();
        self.look("measure", move |db| inspection::size(db, &log))
    }
}

impl Requests for SqliteJournal {
    fn is_served(&self) -> Reply<'_, bool> {
        let held = self.shared.folder.is_held();
        Box::pin(std::future::ready(held.map_err(JournalError::from)))
    }

    fn request_retry(
        &self,
        delivery: QuarantineId,
        asked_by: String,
        now: Timestamp,
    ) -> Reply<'_, RequestId> {
        self.ask("ask the service", Kind::Write, move |db| {
            requests::request_retry(db, delivery, &asked_by, now)
        })
    }

    fn answer_to(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        self.look("read an answer", move |db| requests::answer_to(db, request))
    }

    fn withdraw(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        self.ask("withdraw a request", Kind::Write, move |db| {
            requests::withdraw(db, request)
        })
    }

    fn unanswered(&self) -> Reply<'_, Vec<RetryRequest>> {
        self.look("read requests", requests::unanswered)
    }

    fn answer(
        &self,
        request: RequestId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Reply<'_, Option<RetryAnswer>> {
        self.ask("answer a request", Kind::Write, move |db| {
            requests::answer(db, request, &resolution, now)
        })
    }
}
