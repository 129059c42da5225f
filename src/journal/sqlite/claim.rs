//! What a claim wakes and hands out.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows::{Millis, key, sql_limit, time};
use super::steps::{after, expect_one};
use crate::core::run::{State, Step};
use crate::journal::{Claim, Claimed, ClaimedRun, Owner, RunId};

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

/// What an owner has claimed and not recorded. The index holds the open attempts of all: they are few.
pub(super) const CLAIMED: &str = "SELECT a.run, a.number FROM attempts a INDEXED BY attempts_open
     WHERE a.ended_at IS NULL AND a.owner = ?1 ORDER BY a.run";

/// One of these, in the columns of [`TO_CLAIM`].
pub(super) const CLAIMED_RUN: &str =
    "SELECT r.id, r.attempts, r.failures, r.rule, r.key_space, r.key, e.body, r.awaits_lease,
            e.lease_failures
     FROM runs r JOIN events e ON e.id = r.event WHERE r.id = ?1";

/// The first retry that has to wait.
pub(super) const NEXT_DUE: &str =
    "SELECT due_at FROM runs WHERE turn = 1 AND state = 'retryable' AND due_at > ?1
     ORDER BY due_at LIMIT 1";

/// Wakes what has become due, and claims up to as many runs as asked for; first those that the owner has
/// claimed already without learning of it.
///
/// Only so many retries are woken at a time that a claim costs the same with fifty thousand of them
/// due as with fifty; the ones that are left are the next ones to wake.
pub(super) fn claim(
    connection: &Connection,
    claim: &Claim,
    now: Timestamp,
) -> Result<Claimed, Fault> {
    let Claim { owner, limit, held } = claim;
    let mut runs = Vec::new();
    let mut due = Vec::new();
    if *limit > 0 {
        wake(connection, (*limit).max(WAKE), now)?;
        runs = unheard_of(connection, *owner, held, *limit)?;
        due = connection
            .prepare_cached(TO_CLAIM)?
            .query_map([sql_limit(limit - runs.len())], |row| {
                claimed_run(row, *owner)
            })?
            .collect::<rusqlite::Result<_>>()?;
    }
    for run in &due {
        let state = after(run.id, State::Due, Step::Claim)?;
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, attempts = ?4 WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run.id, State::Due, state, run.attempt])?;
        expect_one(changed)?;
        connection
            .prepare_cached(
                "INSERT INTO attempts (run, number, owner, started_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![run.id, run.attempt, owner, Millis(now)])?;
    }
    runs.append(&mut due);
    let next_due = connection
        .prepare_cached(NEXT_DUE)?
        .query_row([Millis(now)], |row| time(row, 0))
        .optional()?;
    let wait = next_due.map(|due| Duration::try_from(now.duration_until(due)).unwrap_or_default());
    Ok(Claimed { runs, wait })
}

/// Up to `limit` runs that the owner has claimed and does not hold.
fn unheard_of(
    connection: &Connection,
    owner: Owner,
    held: &[(RunId, u32)],
    limit: usize,
) -> rusqlite::Result<Vec<ClaimedRun>> {
    let claimed: Vec<(RunId, u32)> = connection
        .prepare_cached(CLAIMED)?
        .query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut read = connection.prepare_cached(CLAIMED_RUN)?;
    let unheard_of = claimed.iter().filter(|attempt| !held.contains(attempt));
    unheard_of
        .take(limit)
        .map(|(run, _)| read.query_row([run], |row| claimed_run(row, owner)))
        .collect()
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

fn claimed_run(row: &Row<'_>, owner: Owner) -> rusqlite::Result<ClaimedRun> {
    Ok(ClaimedRun {
        owner,
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
