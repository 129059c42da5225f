//! What can go wrong inside the journal, and what it means to the caller.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::core::run::IllegalTransition;
use crate::journal::{JournalError, RunId};
use crate::state::{SERVICE_MAKES_IT, file_system};

/// Why a statement, or a whole request, had no effect.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database said no. Shared, because one failed commit fails many requests.
    Database(Arc<rusqlite::Error>),
    /// The file that is open is not the one that is there.
    Displaced(Displaced),
    /// What was asked for cannot be done.
    Refused(JournalError),
}

/// A file that was opened is not under its name any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Displaced(pub(super) String);

impl fmt::Display for Displaced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Displaced {}

impl Displaced {
    /// Of a journal that cannot be opened again.
    pub(super) fn from_error(error: &impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Why nothing of a whole batch reached the disk.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    /// The database said no.
    Database(Arc<rusqlite::Error>),
    /// What it would have written would not be found.
    Displaced(Displaced),
}

impl From<rusqlite::Error> for Loss {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<Loss> for Fault {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Database(error) => Self::Database(error),
            Loss::Displaced(displaced) => Self::Displaced(displaced),
        }
    }
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

    /// The attempt is not the asker's to end.
    pub(super) fn lost(run: RunId, attempt: u32) -> Self {
        Self::Refused(JournalError::Lost { run, attempt })
    }

    /// The run's state does not allow the step.
    pub(super) fn illegal(run: RunId, source: IllegalTransition) -> Self {
        Self::Refused(JournalError::Illegal { run, source })
    }

    /// The fault as the asker sees it: `what` was tried, in the journal at `path`.
    pub(super) fn into_journal_error(self, what: &'static str, path: &Path) -> JournalError {
        match self {
            Self::Refused(error) => error,
            Self::Displaced(displaced) => JournalError::unavailable(what, path, displaced),
            Self::Database(error) => from_database(error, what, path),
        }
    }
}

/// What the database says of a disk, and what the kernel says.
#[derive(Debug, thiserror::Error)]
#[error("{error} ({refusal})")]
struct Refusal {
    error: Arc<rusqlite::Error>,
    refusal: String,
}

/// Full disks and busy files may pass; anything else needs somebody to look.
fn from_database(error: Arc<rusqlite::Error>, what: &'static str, path: &Path) -> JournalError {
    let of_disk = [
        ErrorCode::DiskFull,
        ErrorCode::SystemIoFailure,
        ErrorCode::CannotOpen,
        ErrorCode::ReadOnly,
    ];
    if error
        .sqlite_error_code()
        .is_some_and(|code| of_disk.contains(&code))
        && let Some(refusal) = path.parent().and_then(file_system::refusal_of_writes)
    {
        return JournalError::unavailable(what, path, Refusal { error, refusal });
    }
    let whole_path = path;
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
        ) => JournalError::unavailable(what, whole_path, error),
        Some(ErrorCode::NotADatabase) => JournalError::Unusable {
            message: format!("{path} is not a journal: {error}"),
            remedy: elsewhere(),
        },
        Some(ErrorCode::DatabaseCorrupt) => JournalError::Unusable {
            message: format!("the journal {path} is damaged: {error}"),
            remedy: "stop the service, check the disk, and repair a copy with `sqlite3 journal.sqlite .recover`, \
                     or move the file away to begin a new journal"
                .to_owned(),
        },
        _ => JournalError::Unusable {
            message: format!("failed to {what} in the journal {path}, which is not as this program left it: {error}"),
            remedy: "check whether another program changed the file; move it away to begin a new \
                     journal".to_owned(),
        },
    }
}

/// The remedy for a file that is somebody else's.
pub(super) fn elsewhere() -> String {
    "set `state_dir` to a folder of its own, or move the file away".to_owned()
}

/// The file is there, and nothing is in it.
pub(super) fn empty(path: &Path) -> JournalError {
    JournalError::Unusable {
        message: format!("{} is an empty file, not a journal", path.display()),
        remedy: format!(
            "{SERVICE_MAKES_IT}. If this was meant to be a copy, make it with `esi-event-actions journal \
             backup FILE`"
        ),
    }
}

/// The file is a database without a table: all there was is in the log that was not copied.
pub(super) fn without_log(path: &Path) -> JournalError {
    JournalError::Unusable {
        message: format!(
            "{0} holds nothing of a journal: it seems to be a copy without {0}-wal, which holds what was \
             written last",
            path.display()
        ),
        remedy:
            "copy a journal with `esi-event-actions journal backup FILE`, which works beside the \
                 running service; or stop the service before you copy the file"
                .to_owned(),
    }
}

/// A thread is gone, which only a defect of this program can bring about.
pub(super) fn worker_gone(role: &str, what: &'static str, path: &Path) -> JournalError {
    JournalError::Unusable {
        message: format!(
            "failed to {what} in the journal {}: its {role} has stopped",
            path.display()
        ),
        remedy: "start the service again, and report the panic that it logged".to_owned(),
    }
}
