//! What `journal` does.

use std::path::PathBuf;

use crate::journal::{Backup, JournalError};

/// Copies the journal into a new file, and answers how large that is, in bytes.
///
/// # Errors
/// Those of the journal, also if there is something at `file` already.
pub async fn backup(journal: &dyn Backup, file: PathBuf) -> Result<u64, JournalError> {
    journal.backup(file).await
}
