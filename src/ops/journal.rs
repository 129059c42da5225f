//! What `journal` does.

use std::path::PathBuf;

use crate::journal::{Backup, JournalError, Size};

/// Copies the journal into a new file, and answers how large that is, in bytes.
///
/// # Errors
/// Those of the journal, also if there is something at `file` already.
pub async fn backup(journal: &dyn Backup, file: PathBuf) -> Result<u64, JournalError> {
    journal.backup(file).await
}

/// Reads all of the journal, and answers what is damaged; nothing if it is sound.
///
/// # Errors
/// Those of the journal.
pub async fn check(journal: &dyn Backup) -> Result<Vec<String>, JournalError> {
    journal.check().await
}

/// How large the journal is.
///
/// # Errors
/// Those of the journal.
pub async fn size(journal: &dyn Backup) -> Result<Size, JournalError> {
    journal.size().await
}
