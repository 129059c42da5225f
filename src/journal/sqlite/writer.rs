//! The one thread that talks to the database, and how it makes many requests share one commit.
//!
//! A commit waits for the disk; a request does not. So the writer takes everything that has queued
//! up during the last commit, works it off in one transaction, each request within a savepoint of
//! its own, commits, and only then answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::{self, Fault};
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
    /// Hands `connection`, of the database at `path`, over to a thread of its own.
    pub(super) fn start(connection: Connection, path: PathBuf) -> Result<Self, JournalError> {
        let (requests, inbox) = mpsc::unbounded_channel();
        let thread_path = path.clone();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || serve(&connection, inbox, &thread_path))
            .map_err(|error| JournalError::Unavailable {
                what: "start the writer",
                path: path.display().to_string(),
                source: Box::new(error),
            })?;
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
    fn answer(self: Box<Self>, lost: Option<&Arc<rusqlite::Error>>, path: &Path);
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
            Err(Fault::Refused(_)) => Performed::Refused,
            Err(Fault::Database(error)) => Performed::Failed(Arc::clone(error)),
        };
        self.result = Some(result);
        performed
    }

    fn answer(self: Box<Self>, lost: Option<&Arc<rusqlite::Error>>, path: &Path) {
        let result = match (self.result, lost) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(error)) => Err(Fault::Database(Arc::clone(error))),
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

/// Works off requests until every sender is gone.
fn serve(connection: &Connection, mut inbox: mpsc::UnboundedReceiver<Request>, path: &Path) {
    let mut batch = Vec::new();
    while inbox.blocking_recv_many(&mut batch, BATCH) > 0 {
        let lost = if batch.iter().any(|request| request.kind == Kind::Write) {
            in_one_transaction(connection, &mut batch).err()
        } else {
            for request in &mut batch {
                request.task.perform(connection);
            }
            None
        };
        for request in batch.drain(..) {
            request.task.answer(lost.as_ref(), path);
        }
    }
}

fn in_one_transaction(
    connection: &Connection,
    batch: &mut [Request],
) -> Result<(), Arc<rusqlite::Error>> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let done = perform_each(connection, batch).and_then(|()| {
        crash::point(Point::Committing);
        execute(connection, "COMMIT")
    });
    if done.is_ok() {
        crash::point(Point::Committed);
    }
    // Some errors end the transaction by themselves, others leave it open.
    if done.is_err()
        && !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "failed to roll back in the journal");
    }
    done
}

fn perform_each(
    connection: &Connection,
    batch: &mut [Request],
) -> Result<(), Arc<rusqlite::Error>> {
    for request in batch {
        execute(connection, "SAVEPOINT request")?;
        match request.task.perform(connection) {
            Performed::Done => {}
            Performed::Failed(error) if connection.is_autocommit() => return Err(error),
            Performed::Refused | Performed::Failed(_) => {
                execute(connection, "ROLLBACK TO request")?;
            }
        }
        execute(connection, "RELEASE request")?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Arc<rusqlite::Error>> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(drop)
        .map_err(Arc::new)
}
