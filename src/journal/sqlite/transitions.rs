//! The steps of a run after its claim. [`State::after`] decides every change of a state.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::announcements::{note_end, note_made};
use super::fault::Fault;
use super::rows::{Millis, OutcomeColumns, key, millis, stand, time};
use super::store;
use super::turns::{give_turn, new_place, reopen_event};
use super::windows;
use crate::core::event::Key;
use crate::core::rules::Stand;
use crate::core::run::{State, Transition};
use crate::crash::{self, Point};
use crate::journal::{AttemptEnd, CountsAgainst, OpenAttempt, Owner, RetryFrom, RunId};

/// The attempts of other owners that have not ended.
pub(super) const OPEN: &str = "SELECT a.run, a.number, r.rule, a.started_at, a.handle, a.owner
     FROM attempts a INDEXED BY attempts_open JOIN runs r ON r.id = a.run
     WHERE a.ended_at IS NULL AND a.owner <> ?1 ORDER BY a.run";

/// Retries that would come later than their own delay from now; of either turn, so that the index
/// serves.
pub(super) const BRING_FORWARD: &str = "UPDATE runs SET due_at = ?1 + retry_in
     WHERE state = 'retryable' AND turn IN (0, 1) AND due_at > ?1 + retry_in";

/// Notes by what recovery finds what an attempt leaves behind.
pub(super) fn started(
    connection: &Connection,
    owner: Owner,
    run: RunId,
    attempt: u32,
    handle: &str,
) -> Result<(), Fault> {
    let changed = connection
        .prepare_cached(
            "UPDATE attempts SET handle = ?3
             WHERE run = ?1 AND number = ?2 AND owner = ?4 AND ended_at IS NULL",
        )?
        .execute(params![run, attempt, handle, owner])?;
    expect_open(changed, run, attempt)
}

/// Notes what is to be known of an attempt while it is under way: where the reason of its outcome will
/// be.
pub(super) fn remark(
    connection: &Connection,
    run: RunId,
    attempt: u32,
    remark: &str,
) -> Result<(), Fault> {
    let changed = connection
        .prepare_cached(
            "UPDATE attempts SET outcome_reason = ?3
             WHERE run = ?1 AND number = ?2 AND ended_at IS NULL",
        )?
        .execute(params![run, attempt, remark])?;
    expect_open(changed, run, attempt)
}

/// Closes an attempt and moves its run on. The end of an attempt that is on record already changes nothing.
pub(super) fn record(connection: &Connection, end: &AttemptEnd) -> Result<(), Fault> {
    let run = end.run;
    match found(connection, end)? {
        Found::Open => {}
        Found::Recorded => return Ok(()),
        Found::Lost => return Err(Fault::lost(run, end.attempt)),
    }
    let Standing {
        event,
        key,
        state: from,
        cancelling,
    } = standing(connection, run)?;
    let is_cancelled = cancelling && end.transition != Transition::Succeed;
    let transition = if is_cancelled {
        Transition::Cancel
    } else {
        end.transition
    };
    let state = after(run, from, transition)?;
    let ended_at = Millis(end.ended_at);
    let how = OutcomeColumns::of(&end.outcome);
    connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?3, duration = ?4, outcome = ?5, outcome_detail = ?6,
                 outcome_value = ?7, outcome_reason = ?8, output = ?9, output_dropped = ?10
             WHERE run = ?1 AND number = ?2",
        )?
        .execute(params![
            run,
            end.attempt,
            ended_at,
            millis(end.duration),
            how.outcome,
            how.detail,
            how.value,
            how.reason,
            end.output,
            end.output_dropped.cast_signed()
        ])?;
    let failed = matches!(transition, Transition::Fail | Transition::Discard)
        && end.counts_against == CountsAgainst::Retries;
    if end.counts_against == CountsAgainst::LeaseRetries {
        connection
            .prepare_cached("UPDATE events SET lease_failures = lease_failures + 1 WHERE id = ?1")?
            .execute([event])?;
    }
    let retry_in = (state == State::Retryable).then(|| end.retry_in.unwrap_or_default());
    let due_at = retry_in.map(|delay| Millis(after_delay(end.ended_at, delay)));
    let finished_at = state.is_final().then_some(ended_at);
    let changed = connection
        .prepare_cached(
            // A step that follows another one begins without failures.
            "UPDATE runs SET state = ?3, failures = CASE WHEN ?9 THEN 0 ELSE failures + ?4 END, due_at = ?5,
                 retry_in = ?6, finished_at = ?7, turn = ?8, stand = COALESCE(?10, stand), cancelling = NULL,
                 reason = CASE WHEN ?11 THEN reason END
             WHERE id = ?1 AND state = ?2",
        )?
        .execute(params![
            run,
            from,
            state,
            failed,
            due_at,
            retry_in.map(millis),
            finished_at,
            !state.is_final(),
            transition == Transition::Proceed,
            end.stand,
            is_cancelled
        ])?;
    expect_one(changed)?;
    if let Some(made) = &end.made {
        note_made(connection, run, event, made, end.ended_at)?;
    }
    if state.is_final() {
        // What the lease is refused for, now that it is shown, has not begun: nothing is announced then.
        if transition != Transition::Refuse || !awaits_lease(connection, run)? {
            let handled = end.stand.as_ref().and_then(Stand::handled);
            let handled = handled.filter(|_| !is_cancelled);
            note_end(
                connection,
                run,
                state,
                Some(end.attempt),
                handled.as_deref(),
                end.ended_at,
            )?;
        }
        finish_event(connection, event, end.ended_at)?;
    }
    // The attempt that repeats an interrupted one asks for the same.
    if end.transition != Transition::Interrupt {
        store::settle(connection, run)?;
    }
    give_turn(connection, &key)?;
    crash::point(Point::OutcomeUncommitted);
    Ok(())
}

fn awaits_lease(connection: &Connection, run: RunId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT awaits_lease FROM runs WHERE id = ?1")?
        .query_row([run], |row| row.get(0))
}

/// As long as nothing of the event is left to do.
pub(super) const FINISH_EVENT: &str = "UPDATE events SET finished_at = ?2 WHERE id = ?1
     AND NOT EXISTS (SELECT 1 FROM announcements WHERE event = ?1)
     AND NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1 AND finished_at IS NULL)";

/// Notes that an event is finished, if no run of it has anything left to do and nothing of them is to be announced.
pub(super) fn finish_event(
    connection: &Connection,
    event: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(FINISH_EVENT)?
        .execute(params![event, Millis(now)])
        .map(drop)
}

/// What the journal has of an attempt whose end is to be recorded.
enum Found {
    /// It is under way.
    Open,
    /// This end of it.
    Recorded,
    /// Another end of it, or nothing that is this owner's.
    Lost,
}

fn found(connection: &Connection, end: &AttemptEnd) -> rusqlite::Result<Found> {
    let how = OutcomeColumns::of(&end.outcome);
    let found = connection
        .prepare_cached(
            "SELECT ended_at IS NULL,
                 (ended_at, duration, outcome, output_dropped) = (?4, ?5, ?6, ?11)
                 AND outcome_detail IS ?7 AND outcome_value IS ?8 AND outcome_reason IS ?9
                 AND output IS ?10
             FROM attempts WHERE run = ?1 AND number = ?2 AND owner = ?3",
        )?
        .query_row(
            params![
                end.run,
                end.attempt,
                end.owner,
                Millis(end.ended_at),
                millis(end.duration),
                how.outcome,
                how.detail,
                how.value,
                how.reason,
                end.output,
                end.output_dropped.cast_signed()
            ],
            |row| Ok((row.get(0)?, row.get::<_, Option<bool>>(1)?)),
        )
        .optional()?;
    Ok(match found {
        Some((true, _)) => Found::Open,
        Some((false, Some(true))) => Found::Recorded,
        _ => Found::Lost,
    })
}

/// The end of time, if the sum is beyond it.
fn after_delay(at: Timestamp, delay: Duration) -> Timestamp {
    at.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

/// Makes runs due again for another round of attempts. A scheduled one starts now, behind all there are.
pub(super) fn retry(
    connection: &Connection,
    mut runs: Vec<RunId>,
    from: RetryFrom,
) -> Result<(), Fault> {
    runs.sort_unstable();
    runs.dedup();
    for run in runs {
        let Standing {
            event,
            key,
            state: former,
            ..
        } = standing(connection, run)?;
        let state = after(run, former, Transition::Retry)?;
        let place = match former {
            State::Scheduled => Some(new_place(connection)?),
            _ => None,
        };
        let at = connection
            .prepare_cached("SELECT stand FROM runs WHERE id = ?1")?
            .query_row([run], |row| stand(row, 0))?;
        // What has succeeded has no step that failed.
        let at = at.filter(|_| from == RetryFrom::FailedStep && former != State::Succeeded);
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, failures = 0, due_at = NULL, retry_in = NULL, finished_at = NULL,
                     reason = NULL, stand = ?4, start_by = NULL, place = COALESCE(?5, place)
                 WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run, former, state, at.map(Stand::retried), place])?;
        expect_one(changed)?;
        connection
            .prepare_cached("UPDATE events SET lease_failures = 0 WHERE id = ?1")?
            .execute([event])?;
        reopen_event(connection, event)?;
        give_turn(connection, &key)?;
    }
    Ok(())
}

/// The attempts of other owners than `owner` that have not ended.
pub(super) fn open_attempts(
    connection: &Connection,
    owner: Owner,
) -> Result<Vec<OpenAttempt>, Fault> {
    let attempt = |row: &Row<'_>| {
        Ok(OpenAttempt {
            run: row.get(0)?,
            attempt: row.get(1)?,
            owner: row.get(5)?,
            rule: row.get(2)?,
            started_at: time(row, 3)?,
            handle: row.get(4)?,
        })
    };
    let attempts = connection
        .prepare_cached(OPEN)?
        .query_map([owner], attempt)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(attempts)
}

/// Lets no retry wait longer than its own delay from `now`, and no window last longer than its length.
pub(super) fn clock_stepped(connection: &Connection, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached(BRING_FORWARD)?
        .execute([Millis(now)])?;
    windows::clock_stepped(connection, now)?;
    Ok(())
}

/// What is known of a run before it moves on.
pub(super) struct Standing {
    pub(super) event: i64,
    pub(super) key: Key,
    pub(super) state: State,
    /// Whether it is cancelled with the end of its attempt.
    pub(super) cancelling: bool,
}

pub(super) fn standing(connection: &Connection, run: RunId) -> Result<Standing, Fault> {
    let standing = |row: &Row<'_>| {
        Ok(Standing {
            event: row.get(0)?,
            state: row.get(1)?,
            key: key(row, 2)?,
            cancelling: row.get(4)?,
        })
    };
    connection
        .prepare_cached(
            "SELECT event, state, key_space, key, cancelling IS NOT NULL FROM runs WHERE id = ?1",
        )?
        .query_row([run], standing)
        .optional()?
        .ok_or_else(|| Fault::absent("run", run))
}

pub(super) fn after(run: RunId, from: State, transition: Transition) -> Result<State, Fault> {
    from.after(transition)
        .map_err(|source| Fault::illegal(run, source))
}

/// What changes an attempt that is under way changes none that has ended, or is of another owner.
pub(super) fn expect_open(changed: usize, run: RunId, attempt: u32) -> Result<(), Fault> {
    if changed == 0 {
        return Err(Fault::lost(run, attempt));
    }
    Ok(())
}

/// The state was read in the same transaction, so a row that is not there any more is damage.
pub(super) fn expect_one(changed: usize) -> rusqlite::Result<()> {
    if changed == 1 {
        Ok(())
    } else {
        Err(rusqlite::Error::StatementChangedRows(changed))
    }
}
