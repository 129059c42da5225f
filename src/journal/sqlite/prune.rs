//! What retention no longer keeps goes, a little at a time: intake waits for the same writer.

use jiff::Timestamp;
use rusqlite::Connection;

use super::fault::Fault;
use super::reads::tally;
use super::rows::millis;
use super::steps::sql_limit;
use crate::crash::{self, Point};
use crate::journal::Retention;

/// The most rows of `events` and `quarantine` that one step deletes.
pub(super) const STEP: usize = 200;

/// Deletes the `?2` events that finished first, as far as before `?1`; their runs and attempts go
/// with them.
pub(super) const EVENTS: &str = "DELETE FROM events WHERE id IN
     (SELECT id FROM events WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)";

/// Deletes the `?2` quarantined deliveries that arrived first, as far as before `?1`.
pub(super) const QUARANTINE: &str = "DELETE FROM quarantine WHERE id IN
     (SELECT id FROM quarantine WHERE arrived_at < ?1 ORDER BY arrived_at LIMIT ?2)";

/// Deletes a step's worth; answers how much is gone.
pub(super) fn prune(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> Result<usize, Fault> {
    let oldest = now.as_millisecond().saturating_sub(millis(retention.age));
    let mut gone = 0;
    for (table, name) in [(EVENTS, "finished events"), (QUARANTINE, "quarantined")] {
        let mut delete = connection.prepare_cached(table)?;
        gone += delete.execute((oldest, sql_limit(STEP - gone)))?;
        crash::point(Point::PruneHalfWay);
        let excess = tally(connection, name)?.saturating_sub(retention.number);
        let excess = usize::try_from(excess)
            .unwrap_or(usize::MAX)
            .min(STEP - gone);
        if excess > 0 {
            gone += delete.execute((i64::MAX, sql_limit(excess)))?;
        }
    }
    Ok(gone)
}
