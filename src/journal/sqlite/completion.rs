//! The event of a run that awaited its lease, now that it is complete.

use rusqlite::{Connection, params};

use super::announcements::note_end;
use super::fault::Fault;
use super::rows::Millis;
use super::transitions::{Standing, after, expect_one, expect_open, finish_event, standing};
use super::turns::give_turn;
use super::windows;
use crate::core::limits::limited;
use crate::core::run::Transition;
use crate::journal::{Completion, Start};

/// Writes the event of a run anew, which awaits its lease no longer: it is due, and has its place among the
/// runs of its key, which may be another one than before; unless a throttle puts it off or holds it back.
pub(super) fn complete(connection: &Connection, completion: &Completion) -> Result<(), Fault> {
    let Completion {
        owner,
        run,
        attempt,
        event: body,
        key,
        start,
        start_by,
        share,
        throttle,
        at,
    } = completion;
    let Standing {
        event,
        key: former,
        state: from,
        cancelling,
    } = standing(connection, *run)?;
    let (awaits, rule): (bool, String) = connection
        .prepare_cached("SELECT awaits_lease, rule FROM runs WHERE id = ?1")?
        .query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if !awaits {
        return Ok(());
    }
    let withdrawn = connection
        .prepare_cached(
            "DELETE FROM attempts WHERE run = ?1 AND number = ?2 AND owner = ?3 AND ended_at IS NULL",
        )?
        .execute(params![run, attempt, owner])?;
    expect_open(withdrawn, *run, *attempt)?;
    connection
        .prepare_cached("UPDATE events SET body = ?2, is_incomplete = 0 WHERE id = ?1")?
        .execute(params![event, body])?;
    let asked = match throttle {
        Some(throttled) if !cancelling => windows::ask(connection, &rule, throttled, start, *at)?,
        _ => None,
    };
    let start = asked.as_ref().map_or(start, |asked| &asked.start);
    let (transition, due_at, reason) = match start {
        _ if cancelling => (Transition::Cancel, None, None),
        Start::Now => (Transition::Interrupt, None, None),
        Start::At(due_at) => (Transition::Schedule, Some(Millis(*due_at)), None),
        Start::Never(reason) => (Transition::Cancel, None, Some(reason)),
    };
    let state = after(*run, from, transition)?;
    let changed = connection
        .prepare_cached(
            "UPDATE runs SET state = ?3, attempts = attempts - 1, awaits_lease = 0, key_space = ?4,
                 key = ?5, turn = 0, due_at = ?6, place = CASE WHEN ?6 IS NULL THEN place END,
                 start_by = ?7, share = ?8, finished_at = ?9, cancelling = NULL,
                 reason = COALESCE(?10, reason)
             WHERE id = ?1 AND state = ?2",
        )?
        .execute(params![
            run,
            from,
            state,
            key.space,
            key.text,
            due_at,
            start_by.map(Millis),
            share.as_deref().map(limited),
            state.is_final().then_some(Millis(*at)),
            reason
        ])?;
    expect_one(changed)?;
    if let Some(asked) = &asked {
        windows::note(connection, &rule, asked, *run)?;
    }
    // One that is held back has not begun, and so has no end to tell of.
    if cancelling {
        note_end(connection, *run, state, None, None, *at)?;
    }
    if state.is_final() {
        finish_event(connection, event, *at)?;
    }
    give_turn(connection, &former)?;
    give_turn(connection, key)?;
    Ok(())
}
