//! The one thread that talks to the database, and how it makes many requests share one commit.
//!
//! A commit waits for the disk; a request does not. So the writer takes everything that has queued
//! up during the last commit, works it off in one transaction, each request within a savepoint of
//! its own, commits, and only then answers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl};
use tokio::sync::{mpsc, oneshot};

use super::fault::{self, Displaced, Fault, Loss, failed};
use super::folder::Place;
use super::presence::{Absence, Presence};
use super::{Access, schema};
use crate::crash::{self, Point};
use crate::journal::JournalError;

/// The most requests that share one commit, so that no answer waits for ever longer transactions.
const BATCH: usize = 256;

/// Whether a request needs a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes something.
    Write,
    /// It only looks.
    Read,
}

/// The sending end of the writer. Dropping it waits for the writer to finish what it was asked.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    requests: Option<mpsc::UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Hands an open journal over to a thread of its own.
    pub(super) fn start(session: Session) -> Result<Self, JournalError> {
        let (requests, inbox) = mpsc::unbounded_channel();
        let path = session.place.database.clone();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || serve(session, inbox))
            .map_err(|error| failed("start the writer", &path, error))?;
        Ok(Self {
            path,
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Has the writer do `work`; `what` names it in errors. Answers after the commit.
    pub(super) async fn ask<T, F>(
        &self,
        what: &'static str,
        kind: Kind,
        work: F,
    ) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let gone = || fault::writer_gone(what, &self.path);
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Asked {
            what,
            work: Some(work),
            result: None,
            reply,
        });
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Request { kind, task }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(journal = %self.path.display(), "the journal's writer panicked");
        }
    }
}

/// One thing to do.
struct Request {
    kind: Kind,
    task: Box<dyn Task>,
}

/// A request with its type hidden. A task that is dropped unanswered tells its asker so.
trait Task: Send {
    /// Does the work and keeps the result.
    fn perform(&mut self, connection: &Connection) -> Performed;
    /// Gives the result to the asker; or `lost`, if nothing of it reached the disk.
    fn answer(self: Box<Self>, lost: Option<&Loss>, path: &Path);
}

/// What [`Task::perform`] left behind in the database.
enum Performed {
    /// Its changes.
    Done,
    /// Perhaps a part of its changes: to be rolled back.
    Refused,
    /// The same; and the database may have given up the transaction for this reason.
    Failed(Arc<rusqlite::Error>),
}

struct Asked<T, F> {
    what: &'static str,
    work: Option<F>,
    result: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
}

impl<T, F> Task for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn perform(&mut self, connection: &Connection) -> Performed {
        let Some(work) = self.work.take() else {
            return Performed::Done;
        };
        let result = work(connection);
        let performed = match &result {
            Ok(_) => Performed::Done,
            Err(Fault::Refused(_) | Fault::Displaced(_)) => Performed::Refused,
            Err(Fault::Database(error)) => Performed::Failed(Arc::clone(error)),
        };
        self.result = Some(result);
        performed
    }

    fn answer(self: Box<Self>, lost: Option<&Loss>, path: &Path) {
        let result = match (self.result, lost) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(loss)) => Err(loss.clone().into()),
            (Some(done), None) => done,
            // Every task is performed unless the batch is lost; dropping the reply tells of the defect.
            (None, None) => return,
        };
        // Nobody listens any more if the asker was dropped; what was asked for has happened.
        drop(
            self.reply
                .send(result.map_err(|fault| fault.told(self.what, path))),
        );
    }
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Session {
    /// Nothing only if it could not be opened again.
    connection: Option<Connection>,
    presence: Presence,
    place: Place,
    access: Access,
}

impl Session {
    /// Of what was just opened at `place`.
    pub(super) fn new(
        connection: Connection,
        presence: Presence,
        place: Place,
        access: Access,
    ) -> Result<Self, JournalError> {
        let mut moved = 0;
        connection
            .file_control(Some(rusqlite::MAIN_DB), FileControl::HasMoved(&mut moved))
            .map_err(|error| Fault::from(error).told("open the database", &place.database))?;
        if moved != 0 || presence.identity() != place.identity {
            let exchanged = io::Error::other("it was replaced while it was being opened");
            return Err(failed("open the database", &place.database, exchanged));
        }
        Ok(Self {
            connection: Some(connection),
            presence,
            place,
            access,
        })
    }

    /// The connection.
    fn connection(&mut self) -> Result<&Connection, Loss> {
        if self.connection.is_none() {
            let opened = schema::connect(&self.place.database, &self.place.real, self.access);
            let opened = opened.map_err(|fault| match fault {
                Fault::Database(error) => Loss::Database(error),
                Fault::Displaced(displaced) => Loss::Displaced(displaced),
                Fault::Refused(error) => Loss::Displaced(Displaced::from_error(&error)),
            })?;
            // Reading opens the files beside it, too.
            opened.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
            self.connection = Some(opened);
            self.presence.note_beside();
            self.presence.note();
        }
        self.connection
            .as_ref()
            .ok_or_else(|| Loss::Displaced(Displaced::from_error(&"the journal is not open")))
    }

    /// The connection, if what is written over it now can be found later.
    fn writable(&mut self) -> Result<&Connection, Loss> {
        match self.presence.check() {
            Ok(()) => {}
            Err(Absence::Displaced(displaced)) => return Err(Loss::Displaced(displaced)),
            Err(Absence::Beside(displaced)) => self.open_again(displaced)?,
        }
        self.connection()
    }

    /// Opens the journal again, whose log or index was removed: what the open log holds goes into the
    /// database first.
    fn open_again(&mut self, displaced: Displaced) -> Result<(), Loss> {
        if let Some(connection) = &self.connection {
            let (frames, moved): (i64, i64) =
                connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                    Ok((row.get(1)?, row.get(2)?))
                })?;
            if frames != moved {
                return Err(Loss::Displaced(displaced));
            }
            tracing::warn!(
                "{displaced}; what it held is in the database, and the journal is opened again"
            );
        }
        self.connection = None;
        self.connection().map(drop)
    }

    fn in_one_transaction(&mut self, batch: &mut [Request]) -> Result<(), Loss> {
        let connection = self.writable()?;
        execute(connection, "BEGIN IMMEDIATE")?;
        let performed = perform_each(connection, batch);
        let done = performed.and_then(|()| {
            crash::point(Point::Committing);
            match self.presence.check() {
                Err(Absence::Displaced(displaced) | Absence::Beside(displaced)) => {
                    Err(Loss::Displaced(displaced))
                }
                Ok(()) => Ok(()),
            }
        });
        let connection = self.connection()?;
        let done = done.and_then(|()| execute(connection, "COMMIT"));
        // Some errors end the transaction by themselves, others leave it open.
        if done.is_err()
            && !connection.is_autocommit()
            && let Err(Loss::Database(error)) = execute(connection, "ROLLBACK")
        {
            tracing::error!(%error, "failed to roll back in the journal");
        }
        if done.is_ok() {
            self.presence.note();
            crash::point(Point::Committed);
        }
        done
    }

    /// Closes the journal. The log is worked in, unless it may be that of another database by now.
    fn close(mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(Absence::Displaced(displaced)) = self.presence.check()
        {
            tracing::error!("the journal is closed as it is: {displaced}");
            if self.presence.is_changed() {
                let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                drop(connection.set_db_config(leave, true));
            }
        }
    }

    /// Looks, without changing anything.
    fn read_each(&mut self, batch: &mut [Request]) -> Result<(), Loss> {
        let connection = self.connection()?;
        for request in batch {
            request.task.perform(connection);
        }
        Ok(())
    }
}

/// Works off requests until every sender is gone.
fn serve(mut session: Session, mut inbox: mpsc::UnboundedReceiver<Request>) {
    let mut batch = Vec::new();
    while inbox.blocking_recv_many(&mut batch, BATCH) > 0 {
        let done = if batch.iter().any(|request| request.kind == Kind::Write) {
            session.in_one_transaction(&mut batch)
        } else {
            session.read_each(&mut batch)
        };
        let lost = done.err();
        for request in batch.drain(..) {
            request.task.answer(lost.as_ref(), &session.place.database);
        }
    }
    session.close();
}

fn perform_each(connection: &Connection, batch: &mut [Request]) -> Result<(), Loss> {
    for request in batch {
        execute(connection, "SAVEPOINT request")?;
        match request.task.perform(connection) {
            Performed::Done => {}
            Performed::Failed(error) if connection.is_autocommit() => {
                return Err(Loss::Database(error));
            }
            Performed::Refused | Performed::Failed(_) => {
                execute(connection, "ROLLBACK TO request")?;
            }
        }
        execute(connection, "RELEASE request")?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Loss> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute([])?;
    Ok(())
}
