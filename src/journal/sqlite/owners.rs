//! The owners of attempts: one row for each start of a service.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows::{Millis, sql_limit};
use crate::journal::Owner;

/// Owners that left before `?1`, and before the oldest run that is kept was accepted: no attempt of theirs is kept.
pub(super) const GONE: &str = "DELETE FROM owners WHERE id IN
     (SELECT id FROM owners
      WHERE left_at < min(?1, COALESCE((SELECT accepted_at FROM runs WHERE id = (SELECT min(id) FROM runs)), ?1))
      LIMIT ?2)";

/// Gives a service its owner. The lock keeps other services out, so the earlier ones are gone.
pub(super) fn join(connection: &Connection, host: &str, now: Timestamp) -> Result<Owner, Fault> {
    connection
        .prepare_cached("UPDATE owners SET left_at = ?1 WHERE left_at IS NULL")?
        .execute([Millis(now)])?;
    let owner = connection
        .prepare_cached("INSERT INTO owners (host, joined_at) VALUES (?1, ?2) RETURNING id")?
        .query_row(params![host, Millis(now)], |row| row.get(0))?;
    Ok(owner)
}

/// Notes that an owner claims nothing any more.
pub(super) fn leave(connection: &Connection, owner: Owner, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached("UPDATE owners SET left_at = ?2 WHERE id = ?1 AND left_at IS NULL")?
        .execute(params![owner, Millis(now)])?;
    Ok(())
}

/// Whether an owner has joined and not left. No other service is there, so it has every duty.
pub(super) fn is_joined(connection: &Connection, owner: Owner) -> Result<bool, Fault> {
    let joined = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM owners WHERE id = ?1 AND left_at IS NULL)")?
        .query_row([owner], |row| row.get(0))?;
    Ok(joined)
}

/// Forgets up to `limit` owners that left before `before`, in milliseconds.
pub(super) fn forget(connection: &Connection, before: i64, limit: usize) -> Result<(), Fault> {
    connection
        .prepare_cached(GONE)?
        .execute((before, sql_limit(limit)))?;
    Ok(())
}
