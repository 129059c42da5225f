//! The beginning of an attempt that was claimed to ask ESI Leap first.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::cancel::expire_one;
use super::fault::Fault;
use crate::journal::{Owner, RunId};

/// An attempt that ESI Leap was asked about begins. If its run is pointless or too old by now, it is to be ended
/// instead.
pub(super) fn begin(
    connection: &Connection,
    owner: Owner,
    run: RunId,
    attempt: u32,
    now: Timestamp,
) -> Result<(), Fault> {
    let is_open = connection
        .prepare_cached(
            // What is said of it while it is under way was about the question.
            "UPDATE attempts SET outcome_reason = NULL
             WHERE run = ?1 AND number = ?2 AND owner = ?3 AND ended_at IS NULL",
        )?
        .execute(params![run, attempt, owner])?;
    // Of one that is not, its end will tell.
    if is_open == 0 {
        return Ok(());
    }
    if expire_one(connection, run, now)? {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE runs SET start_by = NULL, cancelling = CASE WHEN cancelling IS NOT NULL THEN 'now' END
             WHERE id = ?1",
        )?
        .execute([run])?;
    Ok(())
}
