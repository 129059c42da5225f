//! Deliveries in: events with their runs, and what cannot be decided.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::cancel::cancel_by;
use super::fault::Fault;
use super::quarantine::{quarantine, take_out};
use super::rows::Millis;
use super::transitions::finish_event;
use super::turns::{give_turn, is_first_of, reopen_event};
use super::windows;
use crate::core::limits::limited;
use crate::core::run::State;
use crate::crash::{self, Point};
use crate::journal::{
    Acceptance, Accepted, Cursor, Entry, JournalError, PlannedRun, Progress, ProgressStep,
    QuarantineId, RunId, Start,
};

/// Writes a batch of deliveries.
pub(super) fn accept(
    connection: &Connection,
    entries: &[Entry],
    now: Timestamp,
) -> Result<Vec<Accepted>, Fault> {
    let mut ended = Ended::default();
    let accept = |entry: &Entry| match entry {
        Entry::Event(event) => accept_event(connection, event, None, now, &mut ended),
        Entry::Quarantine(delivery) => {
            quarantine(connection, delivery, now).map(Accepted::Quarantined)
        }
        Entry::Progress(progress) => note(connection, progress, now).map(|()| Accepted::Noted),
    };
    let accepted = entries.iter().map(accept).collect::<Result<_, _>>()?;
    ended.note(connection)?;
    // That a source is opened is no acceptance.
    let opened =
        |entry: &Entry| matches!(entry, Entry::Progress(it) if it.step == ProgressStep::Opened);
    if !entries.iter().all(opened) {
        crash::point(Point::AcceptedUncommitted);
    }
    Ok(accepted)
}

/// What ends with its acceptance. It is counted here, once a batch: a trigger would be paid for by each insertion.
#[derive(Default)]
struct Ended {
    events: i64,
    cancelled: i64,
}

impl Ended {
    fn note(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut add =
            connection.prepare_cached("UPDATE tally SET number = number + ?2 WHERE name = ?1")?;
        let numbers = [
            ("finished events", self.events),
            (State::Cancelled.as_str(), self.cancelled),
        ];
        for (name, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
            add.execute(params![name, number])?;
        }
        Ok(())
    }
}

/// Notes how far a source has been read, or that it could not be.
fn note(connection: &Connection, progress: &Progress, now: Timestamp) -> Result<(), Fault> {
    let (source, now) = (limited(&progress.source), Millis(now));
    match &progress.step {
        ProgressStep::Read(cursor) => {
            move_cursor(connection, progress, cursor)?;
        }
        ProgressStep::Passed(cursor) => {
            move_cursor(connection, progress, cursor)?;
            connection
                .prepare_cached(
                    "UPDATE sources SET passed_at = ?2, failures = 0 WHERE source = ?1",
                )?
                .execute(params![source, now])?;
        }
        ProgressStep::Opened => {
            connection
                .prepare_cached(
                    "INSERT INTO sources (source, opened_at) VALUES (?1, ?2)
                     ON CONFLICT (source) DO UPDATE SET opened_at = ?2",
                )?
                .execute(params![source, now])?;
            return Ok(());
        }
        // Asked again with the same time, it is the same failure.
        ProgressStep::Failed(why) => {
            connection
                .prepare_cached(
                    "INSERT INTO sources (source, failed_at, failure, failures) VALUES (?1, ?2, ?3, 1)
                     ON CONFLICT (source) DO UPDATE
                     SET failed_at = ?2, failure = ?3,
                         failures = failures + (failed_at IS NOT ?2 OR failure IS NOT ?3)",
                )?
                .execute(params![source, now, why])?;
        }
    }
    crash::point(Point::CursorMoved);
    Ok(())
}

/// Moves the cursor of a source to `to`, unless it is elsewhere than it was when the source was read.
fn move_cursor(connection: &Connection, progress: &Progress, to: &Cursor) -> Result<(), Fault> {
    let source = limited(&progress.source);
    let stored: Option<Cursor> = connection
        .prepare_cached("SELECT cursor FROM sources WHERE source = ?1")?
        .query_row([&source], |row| row.get(0))
        .optional()?
        .flatten();
    if stored.as_ref() == Some(to) {
        return Ok(());
    }
    if stored != progress.from {
        return Err(Fault::from(JournalError::Moved {
            source_name: source.into_owned(),
        }));
    }
    connection
        .prepare_cached(
            "INSERT INTO sources (source, cursor) VALUES (?1, ?2)
             ON CONFLICT (source) DO UPDATE SET cursor = ?2",
        )?
        .execute(params![source, to])?;
    Ok(())
}

/// Of a known event only the runs that it has not got yet are new. They come last, unless they have a
/// `place` in their order.
fn accept_event(
    connection: &Connection,
    event: &Acceptance,
    place: Option<i64>,
    now: Timestamp,
    ended: &mut Ended,
) -> Result<Accepted, Fault> {
    let ends_at_once = |run: &PlannedRun| matches!(run.start, Start::Never(_));
    let finished_at = event.runs.iter().all(ends_at_once).then_some(Millis(now));
    let (number, is_new) = keep_event(connection, event, finished_at, now)?;
    ended.events += i64::from(is_new && finished_at.is_some());
    for cancels in event.cancels.iter().filter(|_| is_new) {
        cancel_by(connection, event, cancels, place, now)?;
    }
    let mut runs = Vec::with_capacity(event.runs.len());
    let (mut has_to_do, mut held_back) = (false, Vec::new());
    for planned in &event.runs {
        // Looked up, because a conflict would use a number up each time. And what comes again counts nothing.
        let may_be_known = !is_new || !runs.is_empty();
        if may_be_known && has_run(connection, number, &limited(&planned.rule))? {
            continue;
        }
        let (run, state) = make_run(connection, number, planned, place, now)?;
        runs.push(run);
        // Without its throttle it would not have ended here.
        if state == State::Cancelled && !ends_at_once(planned) {
            held_back.push(planned.rule.clone());
        }
        has_to_do |= !state.is_final();
        ended.cancelled += i64::from(state == State::Cancelled);
    }
    if !is_new && runs.is_empty() {
        return Ok(Accepted::Known);
    }
    if !is_new && has_to_do {
        reopen_event(connection, number)?;
    }
    // Throttles have held back all that it was kept for.
    if is_new && !has_to_do && finished_at.is_none() {
        finish_event(connection, number, now)?;
    }
    Ok(Accepted::Runs { runs, held_back })
}

/// Keeps an event, unless it is known; the fuller body stays. Answers its number, and whether it is new.
fn keep_event(
    connection: &Connection,
    event: &Acceptance,
    finished_at: Option<Millis>,
    now: Timestamp,
) -> Result<(i64, bool), Fault> {
    let (source, id) = (limited(&event.source), limited(&event.id));
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events
                 (source, event_id, event_type, body, accepted_at, finished_at, is_incomplete, lease, after_end)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (event_id, source) DO NOTHING",
        )?
        .execute(params![
            source,
            id,
            event.event_type,
            event.body,
            Millis(now),
            finished_at,
            event.is_incomplete,
            event.lease.as_deref().map(limited),
            event.after_end
        ])?;
    if inserted > 0 {
        return Ok((connection.last_insert_rowid(), true));
    }
    let number = connection
        .prepare_cached("SELECT id FROM events WHERE event_id = ?1 AND source = ?2")?
        .query_row([&id, &source], |row| row.get(0))?;
    if !event.is_incomplete {
        connection
            .prepare_cached(
                "UPDATE events SET body = ?2, is_incomplete = 0 WHERE id = ?1 AND is_incomplete = 1",
            )?
            .execute(params![number, event.body])?;
    }
    Ok((number, false))
}

/// Makes a run of an event that has none of the rule, unless its throttle holds that back: then it is on record as
/// `cancelled`. Answers its number and state.
fn make_run(
    connection: &Connection,
    event: i64,
    planned: &PlannedRun,
    place: Option<i64>,
    now: Timestamp,
) -> Result<(RunId, State), Fault> {
    let (rule, key) = (limited(&planned.rule), planned.key.limited());
    let asked = match &planned.throttle {
        Some(throttled) => windows::ask(connection, &rule, throttled, &planned.start, now)?,
        None => None,
    };
    let start = asked.as_ref().map_or(&planned.start, |asked| &asked.start);
    let (state, due_at, reason) = match start {
        Start::At(due) if *due > now => (State::Scheduled, Some(Millis(*due)), None),
        Start::Now | Start::At(_) => (State::Due, None, None),
        Start::Never(reason) => (State::Cancelled, None, Some(reason)),
    };
    let place = place.filter(|_| state == State::Due);
    // The last one gets the turn only if nobody is before it, and takes it from nobody.
    let is_last = place.is_none() && state == State::Due;
    let turn = is_last && is_first_of(connection, &key)?;
    connection
        .prepare_cached(
            "INSERT INTO runs
                 (event, rule, key_space, key, state, turn, accepted_at, awaits_lease, place, due_at,
                  finished_at, reason, start_by, share)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            event,
            rule,
            key.space,
            key.text,
            state,
            turn,
            Millis(now),
            planned.awaits_lease,
            place,
            due_at,
            state.is_final().then_some(Millis(now)),
            reason,
            planned.start_by.map(Millis),
            planned.share.as_deref().map(limited)
        ])?;
    let run = connection.last_insert_rowid();
    if let Some(asked) = &asked {
        windows::note(connection, &rule, asked, run)?;
    }
    if !is_last {
        give_turn(connection, &key)?;
    }
    Ok((run, state))
}

fn has_run(connection: &Connection, event: i64, rule: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE event = ?1 AND rule = ?2)")?
        .query_row(params![event, rule], |row| row.get(0))
}

/// Takes a delivery out of quarantine and accepts what it was decoded to, in the delivery's place.
pub(super) fn release(
    connection: &Connection,
    id: QuarantineId,
    event: &Acceptance,
    now: Timestamp,
) -> Result<Accepted, Fault> {
    let held = take_out(connection, id)?;
    let place = held.as_ref().map(|(_, place)| *place);
    let mut ended = Ended::default();
    let accepted = accept_event(connection, event, place, now, &mut ended)?;
    ended.note(connection)?;
    if let Some((key, _)) = held {
        give_turn(connection, &key)?;
    }
    Ok(accepted)
}
