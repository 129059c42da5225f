//! A run's way from claim to record. Every change of a state is [`State::after`].

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows::{Millis, OutcomeColumns, key, millis, sql_limit, time};
use super::turns::{give_turn, reopen_event};
use crate::core::event::Key;
use crate::core::run::{State, Step};
use crate::crash::{self, Point};
use crate::journal::{AttemptEnd, Blame, Claimed, ClaimedRun, OpenAttempt, RunId};

/// The fewest retries that one claim wakes, if so many are due.
const WAKE: usize = 64;

/// Retries whose time has come, longest due first.
pub(super) const TO_WAKE: &str =
    "SELECT id FROM runs WHERE turn = 1 AND state = 'retryable' AND due_at <= ?1
     ORDER BY due_at LIMIT ?2";

/// What can be claimed, in order of acceptance.
pub(super) const TO_CLAIM: &str =
    "SELECT r.id, r.attempts + 1, r.failures, r.rule, r.key_space, r.key, e.body, r.awaits_lease,
            e.lease_failures
     FROM runs r JOIN events e ON e.id = r.event
     WHERE r.turn = 1 AND r.state = 'due' ORDER BY r.id LIMIT ?1";

/// The first retry that has to wait.
pub(super) const NEXT_DUE: &str =
    "SELECT due_at FROM runs WHERE turn = 1 AND state = 'retryable' AND due_at > ?1
     ORDER BY due_at LIMIT 1";

/// The attempts that have not ended.
pub(super) const OPEN: &str = "SELECT a.run, a.number, r.rule, a.started_at, a.handle
     FROM attempts a JOIN runs r ON r.id = a.run WHERE a.ended_at IS NULL ORDER BY a.run";

/// Retries that would come later than their own delay from now; of either turn, so that the index
/// serves.
pub(super) const BRING_FORWARD: &str = "UPDATE runs SET due_at = ?1 + retry_in
     WHERE state = 'retryable' AND turn IN (0, 1) AND due_at > ?1 + retry_in";

/// Wakes what has become due, and claims up to `limit` runs.
///
/// Only so many retries are woken at a time that a claim costs the same with fifty thousand of them
/// due as with fifty; the ones that are left are the next ones to wake.
pub(super) fn claim(
    connection: &Connection,
    limit: usize,
    now: Timestamp,
) -> Result<Claimed, Fault> {
    let mut claimed = Claimed {
        runs: Vec::new(),
        next_due: None,
    };
    if limit > 0 {
        wake(connection, limit.max(WAKE), now)?;
        claimed.runs = connection
            .prepare_cached(TO_CLAIM)?
            .query_map([sql_limit(limit)], claimed_run)?
            .collect::<rusqlite::Result<_>>()?;
    }
    for run in &claimed.runs {
        let state = after(run.id, State::Due, Step::Claim)?;
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, attempts = ?4 WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run.id, State::Due, state, run.attempt])?;
        expect_one(changed)?;
        connection
            .prepare_cached("INSERT INTO attempts (run, number, started_at) VALUES (?1, ?2, ?3)")?
            .execute(params![run.id, run.attempt, Millis(now)])?;
    }
    claimed.next_due = connection
        .prepare_cached(NEXT_DUE)?
        .query_row([Millis(now)], |row| time(row, 0))
        .optional()?;
    Ok(claimed)
}

fn wake(connection: &Connection, limit: usize, now: Timestamp) -> Result<(), Fault> {
    let woken: Vec<RunId> = connection
        .prepare_cached(TO_WAKE)?
        .query_map(params![Millis(now), sql_limit(limit)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in woken {
        let state = after(run, State::Retryable, Step::Wake)?;
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, due_at = NULL, retry_in = NULL WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run, State::Retryable, state])?;
        expect_one(changed)?;
    }
    Ok(())
}

fn claimed_run(row: &Row<'_>) -> rusqlite::Result<ClaimedRun> {
    Ok(ClaimedRun {
        id: row.get(0)?,
        attempt: row.get(1)?,
        failures: row.get(2)?,
        rule: row.get(3)?,
        key: key(row, 4)?,
        event: row.get(6)?,
        awaits_lease: row.get(7)?,
        lease_failures: row.get(8)?,
    })
}

/// Notes by what recovery finds what an attempt leaves behind.
pub(super) fn started(
    connection: &Connection,
    run: RunId,
    attempt: u32,
    handle: &str,
) -> Result<(), Fault> {
    let changed = connection
        .prepare_cached(
            "UPDATE attempts SET handle = ?3 WHERE run = ?1 AND number = ?2 AND ended_at IS NULL",
        )?
        .execute(params![run, attempt, handle])?;
    if changed == 0 {
        Err(Fault::absent("open attempt of run", run))
    } else {
        Ok(())
    }
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
    if changed == 0 {
        return Err(Fault::absent("open attempt of run", run));
    }
    Ok(())
}

/// Writes the event of a run anew, which awaits its lease no longer.
pub(super) fn complete(connection: &Connection, run: RunId, body: &str) -> Result<(), Fault> {
    let (event, ..) = standing(connection, run)?;
    connection
        .prepare_cached("UPDATE events SET body = ?2 WHERE id = ?1")?
        .execute(params![event, body])?;
    connection
        .prepare_cached("UPDATE runs SET awaits_lease = 0 WHERE id = ?1")?
        .execute([run])?;
    Ok(())
}

/// Closes an attempt and moves its run on.
pub(super) fn record(connection: &Connection, end: &AttemptEnd) -> Result<(), Fault> {
    let run = end.run;
    let (event, key, from) = standing(connection, run)?;
    let state = after(run, from, end.step)?;
    let ended_at = Millis(end.ended_at);
    let how = OutcomeColumns::of(&end.outcome);
    let closed = connection
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?3, duration = ?4, outcome = ?5, outcome_detail = ?6,
                 outcome_value = ?7, outcome_reason = ?8, output = ?9, output_dropped = ?10
             WHERE run = ?1 AND number = ?2 AND ended_at IS NULL",
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
    if closed == 0 {
        return Err(Fault::absent("open attempt of run", run));
    }
    let failed = matches!(end.step, Step::Fail | Step::Discard) && end.blame == Blame::Run;
    if end.blame == Blame::Lease {
        connection
            .prepare_cached("UPDATE events SET lease_failures = lease_failures + 1 WHERE id = ?1")?
            .execute([event])?;
    }
    let retry_in = (state == State::Retryable).then(|| end.retry_in.unwrap_or_default());
    let due_at = retry_in.map(|delay| Millis(after_delay(end.ended_at, delay)));
    let finished_at = state.is_final().then_some(ended_at);
    let changed = connection
        .prepare_cached(
            "UPDATE runs SET state = ?3, failures = failures + ?4, due_at = ?5, retry_in = ?6,
                 finished_at = ?7, turn = ?8
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
            !state.is_final()
        ])?;
    expect_one(changed)?;
    if state.is_final() {
        connection
            .prepare_cached(
                "UPDATE events SET finished_at = ?2 WHERE id = ?1
                 AND NOT EXISTS (SELECT 1 FROM runs WHERE event = ?1 AND finished_at IS NULL)",
            )?
            .execute(params![event, ended_at])?;
    }
    give_turn(connection, &key)?;
    crash::point(Point::OutcomeUncommitted);
    Ok(())
}

/// The end of time, if the sum is beyond it.
fn after_delay(at: Timestamp, delay: Duration) -> Timestamp {
    at.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

/// Makes runs due again for another round of attempts.
pub(super) fn retry(connection: &Connection, mut runs: Vec<RunId>) -> Result<(), Fault> {
    runs.sort_unstable();
    runs.dedup();
    for run in runs {
        let (event, key, from) = standing(connection, run)?;
        let state = after(run, from, Step::Retry)?;
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, failures = 0, due_at = NULL, retry_in = NULL, finished_at = NULL
                 WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run, from, state])?;
        expect_one(changed)?;
        connection
            .prepare_cached("UPDATE events SET lease_failures = 0 WHERE id = ?1")?
            .execute([event])?;
        reopen_event(connection, event)?;
        give_turn(connection, &key)?;
    }
    Ok(())
}

/// The attempts that have not ended.
pub(super) fn open_attempts(connection: &Connection) -> Result<Vec<OpenAttempt>, Fault> {
    let attempt = |row: &Row<'_>| {
        Ok(OpenAttempt {
            run: row.get(0)?,
            attempt: row.get(1)?,
            rule: row.get(2)?,
            started_at: time(row, 3)?,
            handle: row.get(4)?,
        })
    };
    let attempts = connection
        .prepare_cached(OPEN)?
        .query_map([], attempt)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(attempts)
}

/// Lets no retry wait longer than its own delay from `now`.
pub(super) fn clock_stepped(connection: &Connection, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached(BRING_FORWARD)?
        .execute([Millis(now)])?;
    Ok(())
}

/// The event of a run, its key and its state.
fn standing(connection: &Connection, run: RunId) -> Result<(i64, Key, State), Fault> {
    connection
        .prepare_cached("SELECT event, state, key_space, key FROM runs WHERE id = ?1")?
        .query_row([run], |row| Ok((row.get(0)?, key(row, 2)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| Fault::absent("run", run))
}

fn after(run: RunId, from: State, step: Step) -> Result<State, Fault> {
    from.after(step)
        .map_err(|source| Fault::illegal(run, source))
}

/// The state was read in the same transaction, so a row that is not there any more is damage.
fn expect_one(changed: usize) -> rusqlite::Result<()> {
    if changed == 1 {
        Ok(())
    } else {
        Err(rusqlite::Error::StatementChangedRows(changed))
    }
}
