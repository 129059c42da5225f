//! Why a call of a journal failed, and whether trying again may help.

use std::io;
use std::path::Path;

use super::RunId;
use crate::core::run::IllegalTransition;
use crate::core::store::StoreError;
use crate::state::{InUse, StateError};

/// Why a journal could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full, the file is busy, an I/O error: may go away by itself.
    #[error("failed to {what} in the journal {path}: {source}")]
    Unavailable {
        /// What was tried.
        what: &'static str,
        /// The journal's file.
        path: String,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is damaged, not ours, or of a newer version: somebody has to look.
    #[error("{message}")]
    Unusable {
        /// What is wrong with which file.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// The file system of the folder lacks what a journal needs: another folder has to be configured.
    #[error("{message}")]
    Unsuitable {
        /// What which file system lacks.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// Another service holds this journal.
    #[error(transparent)]
    InUse(#[from] InUse),
    /// Nothing has this number.
    #[error("there is no {what} {id} in the journal")]
    Absent {
        /// `run` or `quarantined delivery`.
        what: &'static str,
        /// The number asked for.
        id: i64,
    },
    /// An attempt has ended already, or is another owner's: nothing that is asked for it is done.
    #[error("attempt {attempt} of run {run} is not under way any more")]
    Lost {
        /// The run.
        run: RunId,
        /// Which of its attempts.
        attempt: u32,
    },
    /// The cursor of a source is not where it was when the source was read.
    #[error("{source_name} has been read by another service meanwhile")]
    Moved {
        /// The source.
        source_name: String,
    },
    /// A value is not stored, because of what it is or of what there is.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run was asked for a step that its state does not allow.
    #[error("run {run}: {source}")]
    Illegal {
        /// The run.
        run: RunId,
        /// The state and the step.
        source: IllegalTransition,
    },
}

impl JournalError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// `what` failed in the journal at `path`, and may be done later.
    pub(super) fn unavailable(
        what: &'static str,
        path: &Path,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            what,
            path: path.display().to_string(),
            source: source.into(),
        }
    }

    /// The same for what the system says: a refused access stays refused until somebody changes it; other I/O errors
    /// may pass.
    pub(super) fn failed(what: &'static str, path: &Path, error: io::Error) -> Self {
        let lasting = [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::NotADirectory,
            io::ErrorKind::IsADirectory,
            io::ErrorKind::AlreadyExists,
        ];
        if lasting.contains(&error.kind()) {
            return Self::Unusable {
                message: format!("failed to {what} in the journal {}: {error}", path.display()),
                remedy: "run this as the user of the service or as root, or set `state_dir` to a folder of this user"
                    .to_owned(),
            };
        }
        Self::unavailable(what, path, error)
    }
}

impl From<StateError> for JournalError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Failed { what, path, source } => Self::failed(what, &path, source),
            StateError::Unusable { message, remedy } => Self::Unusable { message, remedy },
            StateError::Unsuitable { message, remedy } => Self::Unsuitable { message, remedy },
            StateError::InUse(other) => Self::InUse(other),
        }
    }
}
