//! What `runs` shows and does.

use crate::journal::{Browse, JournalError, Keep, RunDetail, RunFilter, RunId, RunSummary};

/// The newest runs, as many as the filter allows, in the order of their acceptance.
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

/// A run with its attempts and its event.
///
/// # Errors
/// Those of the journal, also if there is no run of this number.
pub async fn show(journal: &dyn Browse, id: RunId) -> Result<RunDetail, JournalError> {
    journal.run(id).await
}

/// Makes runs due again, all of them or none; answers how many.
///
/// # Errors
/// Those of the journal, also if there is no such run, or if it cannot be due again.
pub async fn retry(journal: &dyn Keep, mut ids: Vec<RunId>) -> Result<usize, JournalError> {
    ids.sort_unstable();
    ids.dedup();
    let count = ids.len();
    journal.retry(ids).await?;
    Ok(count)
}

/// Why a run stands where it does: what it has to wait for, why it was cancelled, or how its last attempt ended.
#[must_use]
pub fn standing(run: &RunSummary) -> String {
    match run.held_by {
        Some(id) => format!("waits for delivery {id} in quarantine"),
        None => run.reason.clone().unwrap_or_default(),
    }
}
