//! What `runs` shows.

use crate::journal::{Browse, JournalError, RunFilter, RunSummary};

/// Runs in the order of their acceptance, the newest so many.
///
/// # Errors
/// Those of the journal.
pub async fn list(
    journal: &dyn Browse,
    filter: RunFilter,
) -> Result<Vec<RunSummary>, JournalError> {
    let mut runs = journal.runs(filter).await?;
    runs.reverse();
    Ok(runs)
}

/// Why a run stands where it does: what it has to wait for, why it was cancelled, or how its last attempt ended.
#[must_use]
pub fn standing(run: &RunSummary) -> String {
    match run.held_by {
        Some(id) => format!("waits for delivery {id} in quarantine"),
        None => run.reason.clone().unwrap_or_default(),
    }
}
