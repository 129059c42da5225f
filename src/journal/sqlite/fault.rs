//! What can go wrong inside the journal, and what it means to whoever asked.

use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::journal::{JournalError, RunId};
use crate::run::IllegalStep;

/// Why a statement, or a whole request, had no effect.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database said no. Shared, because one failed commit fails many requests.
    Database(Arc<rusqlite::Error>),
    /// What was asked for cannot be done.
    Refused(JournalError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// Nothing has this number.
    pub(super) fn absent(what: &'static str, id: i64) -> Self {
        Self::Refused(JournalError::Absent { what, id })
    }

    /// The run's state does not allow the step.
    pub(super) fn illegal(run: RunId, source: IllegalStep) -> Self {
        Self::Refused(JournalError::Illegal { run, source })
    }

    /// The fault as the asker sees it: `what` was tried, in the journal at `path`.
    pub(super) fn told(self, what: &'static str, path: &Path) -> JournalError {
        match self {
            Self::Refused(error) => error,
            Self::Database(error) => from_database(error, what, path),
        }
    }
}

/// Full disks and busy files may pass; anything else needs somebody to look.
fn from_database(error: Arc<rusqlite::Error>, what: &'static str, path: &Path) -> JournalError {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => JournalError::Unavailable { what, path: path.to_string(), source: Box::new(error) },
        Some(ErrorCode::NotADatabase) => JournalError::Unusable {
            message: format!("{path} is not a journal: {error}"),
            remedy: elsewhere(),
        },
        Some(ErrorCode::DatabaseCorrupt) => JournalError::Unusable {
            message: format!("the journal {path} is damaged: {error}"),
            remedy: "stop the service, check the disk, and mend a copy with `sqlite3 journal.sqlite .recover`, \
                     or move the file away to begin a new journal"
                .to_owned(),
        },
        _ => JournalError::Unusable {
            message: format!("failed to {what} in the journal {path}, which is not as this program left it: {error}"),
            remedy: "see whether another program changed the file; move it away to begin a new journal".to_owned(),
        },
    }
}

/// The remedy for a file that is somebody else's.
pub(super) fn elsewhere() -> String {
    "set `state_dir` to a folder of its own, or move the file away".to_owned()
}

/// A command was run before the service ever was.
pub(super) fn none_yet(path: &Path) -> JournalError {
    JournalError::Unusable {
        message: format!("there is no journal {} yet", path.display()),
        remedy:
            "see that `state_dir` is that of the service: its first `listen` or `poll` makes the \
                 journal"
                .to_owned(),
    }
}

/// The writer is gone, which only a defect of this program can bring about.
pub(super) fn writer_gone(what: &'static str, path: &Path) -> JournalError {
    JournalError::Unusable {
        message: format!(
            "failed to {what} in the journal {}: its writer has stopped",
            path.display()
        ),
        remedy: "start the service again, and report the panic that it logged".to_owned(),
    }
}
