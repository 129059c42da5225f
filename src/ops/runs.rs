//! What `runs` shows and does.

use jiff::Timestamp;

use crate::core::event::{Event, tells_of_end};
use crate::core::rules::Stand;
use crate::core::run::State;
use crate::journal::{
    Batched, Browse, JournalError, Keep, RetryFrom, RunDetail, RunFilter, RunId, RunSummary,
};

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

/// The same, or `None` if there is no run of this number any more.
///
/// # Errors
/// Those of the journal.
pub async fn find(journal: &dyn Browse, id: RunId) -> Result<Option<RunDetail>, JournalError> {
    match journal.run(id).await {
        Err(JournalError::Absent { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// Makes runs due again at this step, all of them or none; answers how many.
///
/// # Errors
/// Those of the journal, also if there is no such run, or if it cannot be due again.
pub async fn retry(
    journal: &dyn Keep,
    mut ids: Vec<RunId>,
    from: RetryFrom,
) -> Result<usize, JournalError> {
    ids.sort_unstable();
    ids.dedup();
    let count = ids.len();
    journal.retry(ids, from).await?;
    Ok(count)
}

/// Of which events a run tells that is of several, in words.
#[must_use]
pub fn told_of(batch: &Batched) -> String {
    let Batched { events, others } = batch;
    let runs: Vec<String> = others.iter().map(|(run, _)| run.to_string()).collect();
    let named = 1 + others.len() as u64;
    match (others.len(), events.saturating_sub(named)) {
        (0, _) if *events <= 1 => "1 event, its own".to_owned(),
        (0, counted) => format!("{events} events: its own, and {counted} that are only counted"),
        (_, 0) => format!(
            "{events} events: its own, and those of the runs {}",
            runs.join(", ")
        ),
        (_, counted) => format!(
            "{events} events: its own, those of the runs {}, and {counted} that are only counted",
            runs.join(", ")
        ),
    }
}

/// Which run made the event of this one, and by what; `None` if a source sent it.
#[must_use]
pub fn maker(run: &RunDetail) -> Option<String> {
    let event: Event = serde_json::from_str(&run.event).ok()?;
    let made_by = event.made_by()?;
    Some(if tells_of_end(&event.event_type) {
        format!("the end of run {}", made_by.run)
    } else {
        format!("run {}, at depth {}", made_by.run, made_by.depth)
    })
}

/// At which step a run is that has several and is not at its first, or was when it ended; and which one failed.
#[must_use]
pub fn step(stand: &Stand, state: State) -> String {
    let step = stand.step.as_deref().unwrap_or("the first");
    let step = match state {
        State::Succeeded | State::Discarded | State::Cancelled => format!("ended with [{step}]"),
        _ => format!("is at [{step}]"),
    };
    match &stand.failed {
        Some(failed) => format!("{step}, after [{failed}] failed"),
        None => step,
    }
}

/// Cancels runs because the operator says so. Answers of which the attempt under way has to be ended first.
///
/// # Errors
/// Those of the journal.
pub async fn cancel(
    journal: &dyn Keep,
    runs: Vec<RunId>,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Vec<RunId>, JournalError> {
    let reason = reason.map_or_else(
        || "cancelled by the operator".to_owned(),
        |reason| format!("cancelled by the operator: {reason}"),
    );
    journal.cancel(runs, reason, now).await
}

/// Why a run stands where it does: what it has to wait for, why it was cancelled, or how its last attempt ended.
#[must_use]
pub fn standing(run: &RunSummary) -> String {
    match (run.held_by, run.due_at, &run.reason) {
        (Some(id), ..) => format!("waits for delivery {id} in quarantine"),
        (None, Some(due), _) if run.state == State::Scheduled => format!("starts at {due:.0}"),
        (None, _, reason) => reason.clone().unwrap_or_default(),
    }
}
