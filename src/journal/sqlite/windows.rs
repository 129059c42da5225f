//! The windows of throttles: what is asked of them, and written, in the commit that makes a run.
//!
//! [`Throttled::decide`] decides. A row that is of another throttle, because the rule's has changed, or whose window
//! has ended is as good as none; `prune` deletes those that have ended.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows::{Millis, sql_limit, time};
use crate::core::event::Key;
use crate::core::throttle::{BATCH_EVENTS, Decision, Kind, Throttle, Throttled, Window};
use crate::crash::{self, Point};
use crate::journal::{RunId, Start};

/// The window of a group.
pub(super) const WINDOW: &str =
    "SELECT w.began_at, w.ends_at, w.events, w.run, COALESCE(r.state = 'scheduled', 0)
     FROM windows w LEFT JOIN runs r ON r.id = w.run
     WHERE w.rule = ?1 AND w.group_space = ?2 AND w.group_text = ?3 AND w.throttle = ?4";

/// Windows that have ended.
pub(super) const ENDED: &str = "SELECT rule, group_space, group_text FROM windows WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2";

/// Runs that wait for the end of a window that begins later than now.
pub(super) const BRING_RUNS_FORWARD: &str =
    "UPDATE runs SET due_at = ?1 + w.ends_at - w.began_at FROM windows w
     WHERE w.ends_at > ?1 AND w.began_at > ?1
     AND runs.id = w.run AND runs.state = 'scheduled' AND runs.due_at = w.ends_at";

/// Those windows.
pub(super) const BRING_FORWARD: &str =
    "UPDATE windows SET began_at = ?1, ends_at = ?1 + ends_at - began_at
     WHERE ends_at > ?1 AND began_at > ?1";

/// What a throttle makes of a run.
pub(super) struct Asked {
    /// When the run starts.
    pub(super) start: Start,
    /// The group, its window as it was and as it is now, if its event has a group.
    grouped: Option<(Key, Option<Window>, Window)>,
    throttle: Throttle,
}

/// Asks the throttle of a rule about a run that is to start then; nothing, if that never starts.
pub(super) fn ask(
    connection: &Connection,
    rule: &str,
    throttled: &Throttled,
    start: &Start,
    now: Timestamp,
) -> Result<Option<Asked>, Fault> {
    if matches!(start, Start::Never(_)) {
        return Ok(None);
    }
    let known = find(connection, rule, throttled)?;
    let (decision, window) = throttled.decide(known, now);
    let due = match start {
        Start::At(due) => Some(*due),
        Start::Now | Start::Never(_) => None,
    };
    let start = match decision.not_before(due) {
        Decision::Start => start.clone(),
        Decision::StartAt(due) => Start::At(due),
        Decision::HoldBack(reason) => Start::Never(reason),
    };
    let group = throttled.group.clone();
    Ok(Some(Asked {
        start,
        grouped: group.map(|group| (group, known, window)),
        throttle: throttled.throttle,
    }))
}

/// Writes the window down after that, now that the number of the run is known.
pub(super) fn note(
    connection: &Connection,
    rule: &str,
    asked: &Asked,
    run: RunId,
) -> Result<(), Fault> {
    let Some((group, known, window)) = &asked.grouped else {
        return Ok(());
    };
    let is_let_through = !matches!(asked.start, Start::Never(_));
    connection
        .prepare_cached(
            "INSERT INTO windows (rule, group_space, group_text, throttle, began_at, ends_at, events, run)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (rule, group_space, group_text) DO UPDATE
             SET throttle = ?4, began_at = ?5, ends_at = ?6, events = ?7, run = ?8",
        )?
        .execute(params![
            rule,
            group.space,
            group.text,
            asked.throttle.to_string(),
            Millis(window.began_at),
            Millis(window.ends_at),
            window.events.cast_signed(),
            if is_let_through { Some(run) } else { window.run }
        ])?;
    // A clock that was set back has moved the window: the run for which it stands comes at its end.
    if let Some(known) = known.filter(|known| known.ends_at != window.ends_at && window.run_waits) {
        connection
            .prepare_cached(
                "UPDATE runs SET due_at = ?2 WHERE id = ?1 AND state = 'scheduled' AND due_at = ?3",
            )?
            .execute(params![
                window.run,
                Millis(window.ends_at),
                Millis(known.ends_at)
            ])?;
    }
    if asked.throttle.kind == Kind::Batch {
        note_batch(connection, window, run)?;
    }
    crash::point(Point::WindowWritten);
    Ok(())
}

/// Notes with the run of a window that it tells of one event more, and with the run of that event who tells of it.
fn note_batch(connection: &Connection, window: &Window, run: RunId) -> Result<(), Fault> {
    let teller = window.run.filter(|_| window.events > 1).unwrap_or(run);
    connection
        .prepare_cached("UPDATE runs SET batched = ?2 WHERE id = ?1")?
        .execute(params![teller, window.events.cast_signed()])?;
    if teller != run && window.events <= BATCH_EVENTS {
        connection
            .prepare_cached("UPDATE runs SET told_by = ?2 WHERE id = ?1")?
            .execute([run, teller])?;
    }
    Ok(())
}

/// The window of a group as it was last written; none if that was for another throttle.
pub(super) fn find(
    connection: &Connection,
    rule: &str,
    throttled: &Throttled,
) -> Result<Option<Window>, Fault> {
    let Some(group) = &throttled.group else {
        return Ok(None);
    };
    let throttle = throttled.throttle.to_string();
    let found = connection
        .prepare_cached(WINDOW)?
        .query_row(params![rule, group.space, group.text, throttle], window)
        .optional()?;
    Ok(found)
}

fn window(row: &Row<'_>) -> rusqlite::Result<Window> {
    Ok(Window {
        began_at: time(row, 0)?,
        ends_at: time(row, 1)?,
        events: row.get::<_, i64>(2)?.cast_unsigned(),
        run: row.get(3)?,
        run_waits: row.get(4)?,
    })
}

/// Lets no window last longer than its own length from `now`, and no run wait longer for its end.
pub(super) fn clock_stepped(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    for sql in [BRING_RUNS_FORWARD, BRING_FORWARD] {
        connection.prepare_cached(sql)?.execute([Millis(now)])?;
    }
    Ok(())
}

/// Deletes up to so many windows that have ended; answers how many.
pub(super) fn forget(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<usize, Fault> {
    let ended: Vec<(String, String, String)> = connection
        .prepare_cached(ENDED)?
        .query_map(params![Millis(now), sql_limit(limit)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut delete = connection.prepare_cached(
        "DELETE FROM windows WHERE rule = ?1 AND group_space = ?2 AND group_text = ?3",
    )?;
    for (rule, space, text) in &ended {
        delete.execute([rule, space, text])?;
    }
    Ok(ended.len())
}
