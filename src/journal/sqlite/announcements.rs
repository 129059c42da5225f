//! What is to become an event, from the commit that makes it so until it is handed out.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::fault::Fault;
use super::rows::{Millis, key, outcome, sql_limit, time};
use crate::core::event::MadeEvent;
use crate::core::run::State;
use crate::journal::{Announcement, Content, RunEnd, RunId};

/// At most so many are handed out at once.
pub(super) const AT_ONCE: usize = 64;

/// So much of an attempt's output is handed out with the end of its run, in bytes: the last of it.
const OUTPUT_TAIL: usize = 4 * 1024;

/// The first that there are.
pub(super) const FIRST: &str =
    "SELECT announcements.id, announcements.run, r.rule, r.key_space, r.key, e.lease, e.body, at,
            announcements.state, announcements.reason, made,
            a.outcome, a.outcome_detail, a.outcome_value, a.outcome_reason, a.output
     FROM announcements JOIN runs r ON r.id = announcements.run
     JOIN events e ON e.id = announcements.event
     LEFT JOIN attempts a ON a.run = announcements.run AND a.number = announcements.attempt
     ORDER BY announcements.id LIMIT ?1";

/// Notes that run `?1` has ended in the state `?2`, if that is to be announced, which is looked at first: mostly it is
/// not. Of a run whose event came of an end nothing is.
pub(super) const NOTE_END: &str =
    "INSERT INTO announcements (run, event, attempt, state, reason, at)
     SELECT r.id, r.event, ?3, ?2, COALESCE(?4, r.reason), ?5
     FROM announced_ends CROSS JOIN runs r CROSS JOIN events e
     WHERE announced_ends.state = ?2 AND r.id = ?1 AND e.id = r.event AND e.after_end = 0";

/// From now on ends of runs in these states, and in no other, are announced.
pub(super) fn announce_ends(connection: &Connection, ends: &[State]) -> Result<(), Fault> {
    let known: Vec<State> = connection
        .prepare_cached("SELECT state FROM announced_ends")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for gone in known.iter().filter(|state| !ends.contains(state)) {
        connection
            .prepare_cached("DELETE FROM announced_ends WHERE state = ?1")?
            .execute([gone])?;
    }
    for new in ends.iter().filter(|state| !known.contains(state)) {
        connection
            .prepare_cached("INSERT INTO announced_ends (state) VALUES (?1)")?
            .execute([new])?;
    }
    Ok(())
}

/// Notes, if it is to be announced, that a run has ended by this attempt, or by none; `reason` says why, if neither the
/// attempt nor the run does. The run is in that state already.
pub(super) fn note_end(
    connection: &Connection,
    run: RunId,
    state: State,
    attempt: Option<u32>,
    reason: Option<&str>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(NOTE_END)?
        .execute(params![run, state, attempt, reason, Millis(at)])
        .map(drop)
}

/// Notes what an attempt of a run of this event has made.
pub(super) fn note_made(
    connection: &Connection,
    run: RunId,
    event: i64,
    made: &MadeEvent,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let made = serde_json::to_string(made)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached("INSERT INTO announcements (run, event, made, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![run, event, made, Millis(at)])
        .map(drop)
}

/// The first that are there, in order.
pub(super) fn first(connection: &Connection) -> rusqlite::Result<Vec<Announcement>> {
    connection
        .prepare_cached(FIRST)?
        .query_map([sql_limit(AT_ONCE)], announcement)?
        .collect()
}

fn announcement(row: &Row<'_>) -> rusqlite::Result<Announcement> {
    let content = if let Some(state) = row.get(8)? {
        let mut output: Vec<u8> = row.get::<_, Option<_>>(15)?.unwrap_or_default();
        output.drain(..output.len().saturating_sub(OUTPUT_TAIL));
        Content::End(RunEnd {
            state,
            reason: row.get(9)?,
            outcome: outcome(row, 11)?,
            output,
        })
    } else {
        let made = row.get_ref(10)?.as_str()?;
        let malformed = |error: serde_json::Error| {
            let text = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(10, text, error.into())
        };
        Content::Made(serde_json::from_str(made).map_err(malformed)?)
    };
    Ok(Announcement {
        id: row.get(0)?,
        run: row.get(1)?,
        rule: row.get(2)?,
        key: key(row, 3)?,
        lease: row.get(5)?,
        event: row.get(6)?,
        at: time(row, 7)?,
        content,
    })
}
