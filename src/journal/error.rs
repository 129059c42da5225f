//! Why a call of a journal failed, and whether trying again may help.

use super::RunId;
use crate::core::run::IllegalTransition;
use crate::core::store::StoreError;

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
    #[error("the journal in {folder} is in use by another service (process {pid}){}", elsewhere_words(*elsewhere))]
    InUse {
        /// The state folder.
        folder: String,
        /// The process id that the other one left, or `unknown`.
        pid: String,
        /// Whether the other one is a poller.
        poller: bool,
        /// Whether the other one opened it under another path: this is a copy, or it was moved.
        elsewhere: bool,
    },
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
}

fn elsewhere_words(elsewhere: bool) -> &'static str {
    if elsewhere {
        ", which opened it, or the one that it is a copy of, in another folder"
    } else {
        ""
    }
}
