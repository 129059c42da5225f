//! The journal in `SQLite`: one file, one writer, one commit for everything that waits.
//!
//! The database runs with a write-ahead log and `synchronous=FULL`: a commit that was answered
//! survives a power cut. All requests of a process, reads included, go through one
//! writer thread. Other processes may open the same file [`Access::Beside`] the service.
//!
//! Who may start is decided here and nowhere else: each key has one *turn*, which belongs to its
//! running run, else to its oldest unfinished one, unless a delivery in quarantine comes before that.
//! Only runs that have the turn can be claimed, and
//! small partial indexes hold just those. So a claim costs the same whatever number of runs is
//! finished, waits for its retry, or queues up behind one node.

mod accept;
mod backup;
mod fault;
mod file_system;
mod files;
mod folder;
mod lock;
mod note;
mod presence;
mod prune;
mod quarantine;
mod reads;
mod rows;
mod schema;
mod steps;
#[cfg(test)]
mod tests;
mod turns;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

pub use self::file_system::network_warning;
use self::presence::Presence;
use self::writer::{Kind, Session, Writer};
use super::{
    Acceptance, Accepted, Answer, AttemptEnd, Census, Claimed, Dropped, Entry, Journal,
    OpenAttempt, ProcessIdentity, Pruned, QuarantineId, Quarantined, RunDetail, RunFilter, RunId,
    RunSummary, SourceRecord,
};
use crate::core::retention::Retention;

/// In which part a process opens the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The one that accepts and performs: makes the journal if there is none, brings an older one
    /// up to date, and keeps other services out.
    Service,
    /// The same for a poller, which others are told of by this name: where one is at work already,
    /// another one has nothing to do.
    Poller,
    /// A command that looks at a journal or puts a run back, while a service may be running.
    Beside,
}

/// A journal in a state folder. The last handle to go waits until what was asked for is on disk.
#[derive(Clone, Debug)]
pub struct SqliteJournal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    writer: Writer,
    name: String,
}

impl SqliteJournal {
    /// Opens the journal in `folder`.
    ///
    /// Folder and files are closed to other users, unless the folder also holds other things: then
    /// only the files are.
    ///
    /// # Errors
    /// [`InUse`](super::JournalError::InUse) if another service has it, [`Unusable`](super::JournalError::Unusable) if there is
    /// none to open [`Access::Beside`] a service, if it belongs to another user, or if the file is
    /// damaged, of another program or of a newer version; [`Unavailable`](super::JournalError::Unavailable) for what may
    /// pass.
    pub fn open(folder: &Path, access: Access) -> Answer<Self> {
        let mut place = folder::prepare(folder, access)?;
        let connection = schema::open(&place, access)?;
        let name = schema::name(&connection, &place.database)?;
        let mut lock = place.lock.take();
        if let Some(lock) = &mut lock {
            lock.take_name(&name)?;
        }
        let presence = Presence::of(&place.database, lock)
            .map_err(|error| fault::failed("look at files", &place.database, error))?;
        let session = Session::new(connection, presence, place, access)?;
        let writer = Writer::start(session)?;
        Ok(Self {
            shared: Arc::new(Shared { writer, name }),
        })
    }

    /// Copies the whole journal, as it is at one moment, into a new file of the same name and owner that
    /// nobody else may read; a service may go on writing meanwhile. Answers how large the copy is, in
    /// bytes.
    ///
    /// # Errors
    /// [`Unusable`](super::JournalError::Unusable) if there is something at `file` already;
    /// [`Unavailable`](super::JournalError::Unavailable) if it cannot be written. Nothing is left there
    /// then.
    pub async fn backup(&self, file: PathBuf) -> Answer<u64> {
        let work = move |db: &_| backup::write(db, &file);
        self.writer().ask("back up", Kind::Read, work).await
    }

    fn writer(&self) -> &Writer {
        &self.shared.writer
    }
}

impl Journal for SqliteJournal {
    async fn accept(
        &self,
        entries: impl Into<Arc<[Entry]>> + Send,
        now: Timestamp,
    ) -> Answer<Vec<Accepted>> {
        let entries = entries.into();
        let work = move |db: &_| accept::accept(db, &entries, now);
        self.writer()
            .ask("accept deliveries", Kind::Write, work)
            .await
    }

    async fn claim(&self, limit: usize, now: Timestamp) -> Answer<Claimed> {
        self.writer()
            .ask("claim runs", Kind::Write, move |db| {
                steps::claim(db, limit, now)
            })
            .await
    }

    async fn started(&self, run: RunId, attempt: u32, process: ProcessIdentity) -> Answer<()> {
        let work = move |db: &_| steps::started(db, run, attempt, &process);
        self.writer()
            .ask("record a process", Kind::Write, work)
            .await
    }

    async fn remark(&self, run: RunId, attempt: u32, remark: String) -> Answer<()> {
        let work = move |db: &_| steps::remark(db, run, attempt, &remark);
        self.writer()
            .ask("note what is to be known of an attempt", Kind::Write, work)
            .await
    }

    async fn complete(&self, run: RunId, event: String) -> Answer<()> {
        let work = move |db: &_| steps::complete(db, run, &event);
        self.writer()
            .ask("complete an event", Kind::Write, work)
            .await
    }

    async fn record(&self, end: AttemptEnd) -> Answer<()> {
        self.writer()
            .ask("record an attempt", Kind::Write, move |db| {
                steps::record(db, &end)
            })
            .await
    }

    async fn open_attempts(&self) -> Answer<Vec<OpenAttempt>> {
        self.writer()
            .ask("read open attempts", Kind::Read, steps::open_attempts)
            .await
    }

    async fn clock_stepped(&self, now: Timestamp) -> Answer<()> {
        self.writer()
            .ask("bring retries forward", Kind::Write, move |db| {
                steps::clock_stepped(db, now)
            })
            .await
    }

    async fn retry(&self, runs: Vec<RunId>) -> Answer<()> {
        self.writer()
            .ask("retry runs", Kind::Write, move |db| steps::retry(db, runs))
            .await
    }

    async fn release(
        &self,
        id: QuarantineId,
        entry: Acceptance,
        now: Timestamp,
    ) -> Answer<Accepted> {
        let work = move |db: &_| accept::release(db, id, &entry, now);
        self.writer()
            .ask("release a quarantined delivery", Kind::Write, work)
            .await
    }

    async fn drop_quarantined(&self, ids: Vec<QuarantineId>) -> Answer<Vec<Dropped>> {
        self.writer()
            .ask("drop quarantined deliveries", Kind::Write, move |db| {
                quarantine::drop_deliveries(db, ids)
            })
            .await
    }

    async fn prune(&self, retention: Retention, now: Timestamp) -> Answer<Pruned> {
        self.writer()
            .ask("prune", Kind::Write, move |db| {
                prune::prune(db, retention, now)
            })
            .await
    }

    async fn census(&self) -> Answer<Census> {
        self.writer()
            .ask("count runs", Kind::Read, reads::census)
            .await
    }

    async fn runs(&self, filter: RunFilter) -> Answer<Vec<RunSummary>> {
        self.writer()
            .ask("list runs", Kind::Read, move |db| reads::runs(db, &filter))
            .await
    }

    async fn run(&self, id: RunId) -> Answer<RunDetail> {
        self.writer()
            .ask("read a run", Kind::Read, move |db| reads::run(db, id))
            .await
    }

    async fn event(&self, id: String) -> Answer<Option<String>> {
        self.writer()
            .ask("read an event", Kind::Read, move |db| reads::event(db, &id))
            .await
    }

    async fn sources(&self) -> Answer<Vec<SourceRecord>> {
        self.writer()
            .ask("read cursors", Kind::Read, reads::sources)
            .await
    }

    async fn quarantined(&self, limit: usize) -> Answer<Vec<Quarantined>> {
        self.writer()
            .ask("list the quarantine", Kind::Read, move |db| {
                quarantine::list(db, limit)
            })
            .await
    }

    async fn quarantined_one(&self, id: QuarantineId) -> Answer<Quarantined> {
        self.writer()
            .ask("read the quarantine", Kind::Read, move |db| {
                quarantine::one(db, id)
            })
            .await
    }

    fn name(&self) -> &str {
        &self.shared.name
    }
}
