//! Deliveries in: events with their runs, and the quarantine.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows::Millis;
use super::steps::give_turn;
use crate::crash::{self, Point};
use crate::journal::{
    Acceptance, Accepted, Entry, Progress, ProgressStep, QuarantineId, RunId, Undecided,
};

/// Writes a batch of deliveries.
pub(super) fn accept(
    connection: &Connection,
    entries: &[Entry],
    now: Timestamp,
) -> Result<Vec<Accepted>, Fault> {
    let accept = |entry: &Entry| match entry {
        Entry::Event(event) => accept_event(connection, event, now),
        Entry::Quarantine(delivery) => {
            quarantine(connection, delivery, now).map(Accepted::Quarantined)
        }
        Entry::Progress(progress) => note(connection, progress, now).map(|()| Accepted::Noted),
    };
    let accepted = entries.iter().map(accept).collect::<Result<_, _>>()?;
    crash::point(Point::AcceptedUncommitted);
    Ok(accepted)
}

/// Notes how far a source has been read, or that it could not be.
fn note(connection: &Connection, progress: &Progress, now: Timestamp) -> Result<(), Fault> {
    let (source, now) = (&progress.source, Millis(now));
    match &progress.step {
        ProgressStep::Read(cursor) => connection
            .prepare_cached(
                "INSERT INTO sources (source, position, memory) VALUES (?1, ?2, ?3)
                 ON CONFLICT (source) DO UPDATE SET position = ?2, memory = ?3",
            )?
            .execute(params![source, cursor.position, cursor.memory])?,
        ProgressStep::Passed(cursor) => connection
            .prepare_cached(
                "INSERT INTO sources (source, position, memory, passed_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (source) DO UPDATE
                 SET position = ?2, memory = ?3, passed_at = ?4, failures = 0",
            )?
            .execute(params![source, cursor.position, cursor.memory, now])?,
        ProgressStep::Failed(why) => connection
            .prepare_cached(
                "INSERT INTO sources (source, failed_at, failure, failures) VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (source) DO UPDATE
                 SET failed_at = ?2, failure = ?3, failures = failures + 1",
            )?
            .execute(params![source, now, why])?,
    };
    crash::point(Point::CursorMoved);
    Ok(())
}

/// Takes a delivery out of quarantine and accepts what it was decoded to.
pub(super) fn release(
    connection: &Connection,
    id: QuarantineId,
    event: &Acceptance,
    now: Timestamp,
) -> Result<Accepted, Fault> {
    let gone = connection
        .prepare_cached("DELETE FROM quarantine WHERE id = ?1")?
        .execute([id])?;
    if gone == 0 {
        return Err(Fault::absent("quarantined delivery", id));
    }
    accept_event(connection, event, now)
}

/// Of a known event only the runs that it has not got yet are new.
fn accept_event(
    connection: &Connection,
    event: &Acceptance,
    now: Timestamp,
) -> Result<Accepted, Fault> {
    let now = Millis(now);
    let finished_at = event.runs.is_empty().then_some(now);
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events (source, event_id, event_type, body, accepted_at, finished_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event_id, source) DO NOTHING RETURNING id",
        )?
        .query_row(params![event.source, event.id, event.event_type, event.body, now, finished_at], |row| row.get(0))
        .optional()?;
    let is_new = inserted.is_some();
    let number = match inserted {
        Some(number) => number,
        None => connection
            .prepare_cached("SELECT id FROM events WHERE event_id = ?1 AND source = ?2")?
            .query_row([&event.id, &event.source], |row| row.get::<_, i64>(0))?,
    };
    let mut runs = Vec::with_capacity(event.runs.len());
    for planned in &event.runs {
        let run: Option<RunId> = connection
            .prepare_cached(
                // Not by conflict: that would use a number up each time.
                "INSERT INTO runs (event, rule, key, state, accepted_at, awaits_lease)
                 SELECT ?1, ?2, ?3, 'due', ?4, ?5
                 WHERE NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1 AND rule = ?2) RETURNING id",
            )?
            .query_row(
                params![number, planned.rule, planned.key, now, planned.awaits_lease],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(run) = run {
            give_turn(connection, &planned.key)?;
            runs.push(run);
        }
    }
    if !is_new {
        if runs.is_empty() {
            return Ok(Accepted::Known);
        }
        reopen_event(connection, number)?;
    }
    Ok(Accepted::Runs(runs))
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

/// Keeps a delivery, unless exactly the same is kept already: an unsettled one comes again.
fn quarantine(
    connection: &Connection,
    delivery: &Undecided,
    now: Timestamp,
) -> Result<QuarantineId, Fault> {
    let Undecided {
        source,
        origin,
        reason,
        body,
        size,
    } = delivery;
    let (size, fingerprint) = (size.cast_signed(), fingerprint(body));
    let known = connection
        .prepare_cached(
            "SELECT id FROM quarantine
             WHERE fingerprint = ?1 AND size = ?2 AND source = ?3 AND origin = ?4 AND body = ?5",
        )?
        .query_row(params![fingerprint, size, source, origin, body], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = connection
        .prepare_cached(
            "INSERT INTO quarantine (source, origin, reason, size, arrived_at, fingerprint, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )?
        .query_row(
            params![source, origin, reason, size, Millis(now), fingerprint, body],
            |row| row.get(0),
        )?;
    Ok(id)
}

/// FNV-1a: it stays the same over releases of Rust, unlike the standard library's hasher. Bodies
/// that share it are told apart by comparing them.
fn fingerprint(body: &[u8]) -> i64 {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}
