//! Threads that talk to the database, and the requests they take.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::{self, Fault, Loss};
use crate::journal::JournalError;

/// Whether a request needs a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes something.
    Write,
    /// It only looks.
    Read,
}

/// What comes in for a worker.
pub(super) type Inbox = mpsc::UnboundedReceiver<Request>;

/// A thread that is asked for things. Dropping this waits until it has done what it was asked.
#[derive(Debug)]
pub(super) struct Worker {
    role: &'static str,
    path: PathBuf,
    requests: Option<mpsc::UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// The writer, or what else it is called, of the journal at `path`.
    pub(super) fn start(
        role: &'static str,
        path: &Path,
        work: impl FnOnce(Inbox) + Send + 'static,
    ) -> Result<Self, JournalError> {
        let (requests, inbox) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name(format!("journal {role}"))
            .spawn(move || work(inbox))
            .map_err(|error| JournalError::failed("start a thread", path, error))?;
        Ok(Self {
            role,
            path: path.to_owned(),
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Has the thread do `work`; `what` names it in errors. It is asked before the answer is waited for, so
    /// in the order of the calls. What writes is answered after the commit.
    pub(super) fn ask<T, F>(
        &self,
        what: &'static str,
        kind: Kind,
        work: F,
    ) -> impl Future<Output = Result<T, JournalError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Asked {
            what,
            work: Some(work),
            result: None,
            reply,
        });
        // If nobody takes it, it is dropped, and so there is no answer.
        if let Some(requests) = &self.requests {
            drop(requests.send(Request { kind, task }));
        }
        async move {
            let gone = |_| fault::worker_gone(self.role, what, &self.path);
            answer.await.map_err(gone)?
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(journal = %self.path.display(), "the journal's {} panicked", self.role);
        }
    }
}

/// One thing to do.
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) task: Box<dyn Task>,
}

/// A request with its type hidden. A task that is dropped unanswered tells its asker so.
pub(super) trait Task: Send {
    /// Does the work and keeps the result.
    fn perform(&mut self, connection: &Connection) -> Performed;
    /// Gives the result to the asker; or `lost`, if nothing of it reached the disk.
    fn answer(self: Box<Self>, lost: Option<&Loss>, path: &Path);
}

/// What [`Task::perform`] left behind in the database.
pub(super) enum Performed {
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
        // If the caller was dropped, the answer is discarded; the request has taken effect.
        drop(
            self.reply
                .send(result.map_err(|fault| fault.into_journal_error(self.what, path))),
        );
    }
}
