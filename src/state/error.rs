//! Why a state folder cannot be used.

use std::io;
use std::path::{Path, PathBuf};

/// Why a state folder, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refuses something; it may pass.
    #[error("failed to {what} ({}): {source}", path.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is of another user, or not what it should be: somebody has to look.
    #[error("{message}")]
    Unusable {
        /// What is wrong with which file or folder.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// The file system lacks what a service needs: another folder has to be configured.
    #[error("{message}")]
    Unsuitable {
        /// What which file system lacks.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// Another service has it.
    #[error(transparent)]
    InUse(#[from] InUse),
}

/// Another service holds the folder, or the journal that is in it.
#[derive(Debug, thiserror::Error)]
#[error("the journal in {folder} is in use by another service (process {pid}){}", elsewhere_words(*elsewhere))]
pub struct InUse {
    /// The state folder.
    pub folder: String,
    /// The process id that the other one left, or `unknown`.
    pub pid: String,
    /// Whether the other one is a poller.
    pub poller: bool,
    /// Whether the other one opened the journal in another folder: this is a copy, or it was moved.
    pub elsewhere: bool,
}

fn elsewhere_words(elsewhere: bool) -> &'static str {
    if elsewhere {
        ", which opened it, or the one that it is a copy of, in another folder"
    } else {
        ""
    }
}

/// What to do about a journal that is not there.
pub(crate) const SERVICE_MAKES_IT: &str = "check that `state_dir` is the one of the service: its first `listen` or `poll` makes the \
     journal";

impl StateError {
    /// The system refused to do `what` with `path`.
    pub(super) fn failed(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Failed { what, path, source }
    }

    /// A command was run before the service ever was.
    pub(crate) fn none_yet(journal: &Path) -> Self {
        Self::Unusable {
            message: format!("there is no journal {} yet", journal.display()),
            remedy: SERVICE_MAKES_IT.to_owned(),
        }
    }
}
