//! Deletes what retention no longer keeps, a little at a time: intake waits for the same writer.

use jiff::Timestamp;
use rusqlite::Connection;

use super::fault::Fault;
use super::owners;
use super::quarantine::drop_deliveries;
use super::reads::tally;
use super::requests;
use super::rows::{millis, sql_limit};
use super::store;
use super::windows;
use crate::core::retention::Retention;
use crate::crash::{self, Point};
use crate::journal::{Dropped, Pruned, QuarantineId};

/// The most rows of `events`, `quarantine` and the store that one step deletes.
pub(super) const STEP: usize = 200;

/// Deletes the `?2` events that finished first, as far as before `?1`; their runs and attempts go
/// with them. An event stays while a run of another one is still to tell of it: those are few for each such run.
pub(super) const EVENTS: &str = "DELETE FROM events WHERE id IN
     (SELECT id FROM events e WHERE finished_at < ?1 AND NOT EXISTS
          (SELECT 1 FROM runs r JOIN runs t ON t.id = r.told_by WHERE r.event = e.id AND t.finished_at IS NULL)
      ORDER BY finished_at LIMIT ?2)";

/// The first `?2` quarantined deliveries to arrive, as far as before `?1`.
pub(super) const QUARANTINE: &str =
    "SELECT id FROM quarantine WHERE arrived_at < ?1 ORDER BY arrived_at LIMIT ?2";

/// Deletes a step's worth; answers what is gone.
pub(super) fn prune(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> Result<Pruned, Fault> {
    let mut pruned = Pruned::default();
    prune_table(
        connection,
        "finished events",
        retention,
        now,
        &mut pruned,
        |before, limit, _| {
            Ok(connection
                .prepare_cached(EVENTS)?
                .execute((before, limit))?)
        },
    )?;
    prune_table(
        connection,
        "quarantined",
        retention,
        now,
        &mut pruned,
        |before, limit, dropped| {
            let ids: Vec<QuarantineId> = connection
                .prepare_cached(QUARANTINE)?
                .query_map((before, limit), |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let number = ids.len();
            let gone = drop_deliveries(connection, ids)?;
            dropped.extend(gone.into_iter().filter(|one| one.key.is_some()));
            Ok(number)
        },
    )?;
    let oldest = now.as_millisecond().saturating_sub(millis(retention.age));
    owners::forget(connection, oldest, STEP)?;
    requests::forget(connection, oldest, STEP)?;
    pruned.number += store::prune(connection, now, STEP - pruned.number)?;
    pruned.number += windows::forget(connection, now, STEP - pruned.number)?;
    Ok(pruned)
}

/// Deletes by `delete` what is older than `retention` allows, then what there is beyond its number.
fn prune_table(
    connection: &Connection,
    name: &str,
    retention: Retention,
    now: Timestamp,
    pruned: &mut Pruned,
    delete: impl Fn(i64, i64, &mut Vec<Dropped>) -> Result<usize, Fault>,
) -> Result<(), Fault> {
    let oldest = now.as_millisecond().saturating_sub(millis(retention.age));
    pruned.number += delete(oldest, sql_limit(STEP - pruned.number), &mut pruned.dropped)?;
    crash::point(Point::PruneHalfWay);
    let excess = tally(connection, name)?.saturating_sub(retention.number);
    let excess = usize::try_from(excess)
        .unwrap_or(usize::MAX)
        .min(STEP - pruned.number);
    if excess > 0 {
        pruned.number += delete(i64::MAX, sql_limit(excess), &mut pruned.dropped)?;
    }
    Ok(())
}
