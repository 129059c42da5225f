//! What is cancelled without an attempt that says so: by an event, by the operator, or for its age.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::announcements::note_end;
use super::fault::Fault;
use super::rows::{Millis, sql_limit, time};
use super::transitions::{Standing, after, expect_one, finish_event, standing};
use super::turns::give_turn;
use crate::core::limits::limited;
use crate::core::run::{State, Transition};
use crate::crash::{self, Point};
use crate::journal::{Acceptance, Cancels, Owner, RunId, ToEnd};

/// The unfinished runs of a rule for events about a lease.
pub(super) const OF_LEASE: &str = "SELECT r.id FROM events e JOIN runs r ON r.event = e.id
     WHERE e.lease = ?1 AND e.finished_at IS NULL AND r.rule = ?2 AND r.finished_at IS NULL
     AND r.id < ?3";

/// The unfinished runs of a rule with a key, but for scheduled ones.
pub(super) const OF_KEY: &str = "SELECT id FROM runs
     WHERE key_space = ?1 AND key = ?2 AND finished_at IS NULL AND state <> 'scheduled' AND rule = ?3
     AND id < ?4";

/// The scheduled ones.
pub(super) const SCHEDULED_OF_KEY: &str =
    "SELECT id FROM runs WHERE key_space = ?1 AND key = ?2 AND state = 'scheduled' AND rule = ?3
     AND id < ?4";

/// What has waited for too long, the longest first. An attempt that completes an event is not ended for it.
pub(super) const EXPIRED: &str = "SELECT id, start_by FROM runs
     WHERE start_by < ?1 AND finished_at IS NULL AND state <> 'running' ORDER BY start_by LIMIT ?2";

/// The attempts of an owner that are to be ended.
pub(super) const TO_END: &str = "SELECT r.id, a.number, r.reason
     FROM runs r INDEXED BY runs_cancelling JOIN attempts a ON a.run = r.id AND a.ended_at IS NULL
     WHERE r.cancelling = 'now' AND a.owner = ?1 ORDER BY r.id";

/// Cancels what the operator asks for. Answers of which the attempt has to be ended first.
pub(super) fn cancel(
    connection: &Connection,
    mut runs: Vec<RunId>,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<RunId>, Fault> {
    runs.sort_unstable();
    runs.dedup();
    let mut to_end = Vec::new();
    for run in runs {
        if cancel_one(connection, run, reason, true, now)? == State::Running {
            to_end.push(run);
        }
    }
    Ok(to_end)
}

/// Cancels what an event makes pointless, which is about to be accepted: runs before its `place`, if it comes out of
/// quarantine, else all there are.
pub(super) fn cancel_by(
    connection: &Connection,
    event: &Acceptance,
    cancels: &Cancels,
    place: Option<i64>,
    now: Timestamp,
) -> Result<(), Fault> {
    let reason = format!("cancelled by {}, event {}", event.event_type, event.id);
    let (rule, key) = (limited(&cancels.rule), cancels.key.limited());
    let place = place.unwrap_or(i64::MAX);
    let find = |sql: &str, values: &[&dyn ToSql]| -> rusqlite::Result<Vec<RunId>> {
        let mut statement = connection.prepare_cached(sql)?;
        let found = statement.query_map(values, |row| row.get(0))?;
        found.collect()
    };
    let runs = if let Some(lease) = &event.lease {
        find(OF_LEASE, &[&limited(lease), &rule, &place])?
    } else {
        let of_key: [&dyn ToSql; 4] = [&key.space, &key.text, &rule, &place];
        let mut runs = find(OF_KEY, &of_key)?;
        runs.extend(find(SCHEDULED_OF_KEY, &of_key)?);
        runs
    };
    for run in runs {
        cancel_one(connection, run, &reason, cancels.running, now)?;
    }
    crash::point(Point::CancelledUncommitted);
    Ok(())
}

/// Cancels runs that were to start before `now` and have not; only so many at a time.
pub(super) fn expire(connection: &Connection, limit: usize, now: Timestamp) -> Result<(), Fault> {
    let expired: Vec<(RunId, Timestamp)> = connection
        .prepare_cached(EXPIRED)?
        .query_map(params![Millis(now), sql_limit(limit)], |row| {
            Ok((row.get(0)?, time(row, 1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (run, start_by) in expired {
        cancel_one(connection, run, &too_old(start_by), false, now)?;
    }
    Ok(())
}

/// Has the attempt of a run ended that is under way and was to start before `now`. Answers whether that is so.
pub(super) fn expire_one(
    connection: &Connection,
    run: RunId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let start_by = connection
        .prepare_cached("SELECT start_by FROM runs WHERE id = ?1 AND start_by < ?2")?
        .query_row(params![run, Millis(now)], |row| time(row, 0))
        .optional()?;
    if let Some(start_by) = start_by {
        cancel_one(connection, run, &too_old(start_by), true, now)?;
    }
    Ok(start_by.is_some())
}

fn too_old(start_by: Timestamp) -> String {
    format!("too old: by `max_age` it was to start by {start_by:.0}")
}

/// The attempts of an owner that are to be ended.
pub(super) fn to_end(connection: &Connection, owner: Owner) -> rusqlite::Result<Vec<ToEnd>> {
    let to_end = |row: &Row<'_>| {
        Ok(ToEnd {
            run: row.get(0)?,
            attempt: row.get(1)?,
            reason: row.get(2)?,
        })
    };
    connection
        .prepare_cached(TO_END)?
        .query_map([owner], to_end)?
        .collect()
}

/// Cancels a run; one that runs when its attempt ends, which is at once if `end_attempt`. Answers where it stood.
fn cancel_one(
    connection: &Connection,
    run: RunId,
    reason: &str,
    end_attempt: bool,
    now: Timestamp,
) -> Result<State, Fault> {
    let Standing {
        event, key, state, ..
    } = standing(connection, run)?;
    let cancelled = after(run, state, Transition::Cancel)?;
    if state == State::Running {
        let cancelling = if end_attempt { "now" } else { "after" };
        // The first reason stays, unless the attempt was not to be ended for it.
        connection
            .prepare_cached(
                "UPDATE runs SET cancelling = ?2, reason = ?3
                 WHERE id = ?1 AND (cancelling IS NULL OR (cancelling = 'after' AND ?2 = 'now'))",
            )?
            .execute(params![run, cancelling, reason])?;
        return Ok(state);
    }
    let changed = connection
        .prepare_cached(
            "UPDATE runs SET state = ?3, due_at = NULL, retry_in = NULL, turn = 0, finished_at = ?4,
                 reason = ?5
             WHERE id = ?1 AND state = ?2",
        )?
        .execute(params![run, state, cancelled, Millis(now), reason])?;
    expect_one(changed)?;
    note_end(connection, run, cancelled, None, None, now)?;
    finish_event(connection, event, now)?;
    give_turn(connection, &key)?;
    Ok(state)
}
