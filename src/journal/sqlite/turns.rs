//! Which run of a key has the turn: only [`give_turn`] changes it, and a new run may have it from the beginning
//! ([`is_first_of`]).

use rusqlite::{Connection, OptionalExtension, params};

use crate::core::event::Key;
use crate::journal::RunId;

/// The run that has the turn of a key, and whether it keeps that whoever else may come before it: while an attempt of
/// it is under way, and once it has come to its second step.
pub(super) const HAS_TURN: &str = "SELECT id, state = 'running' OR stand IS NOT NULL FROM runs
     WHERE key_space = ?1 AND key = ?2 AND turn = 1";

/// The oldest unfinished run of a key, unless it has to wait for a delivery in quarantine.
pub(super) const FIRST: &str = "SELECT id FROM runs
     WHERE key_space = ?1 AND key = ?2 AND finished_at IS NULL AND state <> 'scheduled'
     AND COALESCE(place, id) < (SELECT COALESCE(min(place), 9223372036854775807)
                                FROM quarantine WHERE key_space = ?1 AND key = ?2)
     ORDER BY COALESCE(place, id), id LIMIT 1";

/// Gives the turn of `key` to whom it belongs: to the run that is running or between two steps, else to the oldest
/// unfinished one; to none while a delivery in quarantine comes before that one.
pub(super) fn give_turn(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    let holder = connection
        .prepare_cached(HAS_TURN)?
        .query_row([&key.space, &key.text], |row| {
            Ok((row.get::<_, RunId>(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((_, true)) = holder {
        return Ok(());
    }
    let holder = holder.map(|(id, _)| id);
    let first: Option<RunId> = connection
        .prepare_cached(FIRST)?
        .query_row([&key.space, &key.text], |row| row.get(0))
        .optional()?;
    if holder == first {
        return Ok(());
    }
    let mut set = connection.prepare_cached("UPDATE runs SET turn = ?2 WHERE id = ?1")?;
    if let Some(holder) = holder {
        set.execute(params![holder, 0])?;
    }
    if let Some(first) = first {
        set.execute(params![first, 1])?;
    }
    Ok(())
}

/// Whether nobody comes before a run of this key that is to be made behind all there are.
pub(super) const NOBODY: &str = "SELECT NOT EXISTS (SELECT 1 FROM runs
         WHERE key_space = ?1 AND key = ?2 AND finished_at IS NULL AND state <> 'scheduled')
     AND NOT EXISTS (SELECT 1 FROM quarantine WHERE key_space = ?1 AND key = ?2)";

/// Whether the next run of `key` has the turn from the beginning. It takes that from nobody, so there is
/// no need to [give](give_turn) it.
pub(super) fn is_first_of(connection: &Connection, key: &Key) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(NOBODY)?
        .query_row([&key.space, &key.text], |row| row.get(0))
}

/// A place behind all runs there are, before all that will be: the number that the next run would have
/// got.
pub(super) fn new_place(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'runs' RETURNING seq",
        )?
        .query_row([], |row| row.get(0))
}

/// Notes that a run of the event has something to do again.
pub(super) fn reopen_event(connection: &Connection, event: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE events SET finished_at = NULL WHERE id = ?1 AND finished_at IS NOT NULL",
        )?
        .execute([event])
        .map(drop)
}
