//! What a claim wakes and hands out.

mod queries;

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::announcements;
use super::begin::begin;
use super::cancel::{expire, to_end};
use super::fault::Fault;
use super::rows::{Millis, key, sql_limit, stand, time};
use super::shares;
use super::transitions::{after, expect_one, record};
use super::turns::{give_turn, new_place};
use crate::core::event::Key;
use crate::core::run::{State, Transition};
use crate::journal::{Claim, Claimed, ClaimedRun, JournalError, Owner, RunId};

pub(super) use queries::{
    CLAIMED, CLAIMED_RUN, NEXT_DUE, NEXT_SCHEDULED, SCHEDULED, SHARING_RUN, TO_CLAIM, TO_WAKE,
};

/// The fewest retries, and scheduled runs, that one claim wakes, if so many are due.
const WAKE: usize = 64;

/// How many times one claim looks for others, because what it found is of rules that have a limit by now.
const ROUNDS: usize = 8;

/// What a run is claimed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// To be performed.
    Ready,
    /// To have ESI Leap asked about its lease first.
    Rechecked,
    /// To have its event completed.
    AwaitsLease,
}

impl Kind {
    /// To be taken from the end: what is of another kind than is noted is found before that is looked for.
    const ALL: [Self; 3] = [Self::AwaitsLease, Self::Rechecked, Self::Ready];

    /// That of a run, as the claim has it.
    fn of(claim: &Claim, run: &ClaimedRun) -> Self {
        if run.awaits_lease {
            Self::AwaitsLease
        } else if claim.rechecked.contains(&run.rule) {
            Self::Rechecked
        } else {
            Self::Ready
        }
    }
}

/// How many runs of each kind a claim has room for.
struct Room {
    ready: usize,
    rechecks: usize,
    awaiting: usize,
    orphans: usize,
}

impl Room {
    fn of(claim: &Claim) -> Self {
        Self {
            ready: claim.limit,
            rechecks: claim.rechecks,
            awaiting: claim.awaiting,
            orphans: claim.orphans,
        }
    }

    fn of_kind(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Ready => &mut self.ready,
            Kind::Rechecked => &mut self.rechecks,
            Kind::AwaitsLease => &mut self.awaiting,
        }
    }

    fn is_over(&self) -> bool {
        self.ready + self.rechecks + self.awaiting + self.orphans == 0
    }

    /// Takes room for a run, if there is any.
    fn take(&mut self, claim: &Claim, run: &ClaimedRun) -> bool {
        let room = if claim.rules.contains(&run.rule) {
            self.of_kind(Kind::of(claim, run))
        } else {
            &mut self.orphans
        };
        let is_left = *room > 0;
        *room = room.saturating_sub(1);
        is_left
    }
}

/// Records what has ended and what begins, wakes what has become due, and claims up to as many runs as asked for;
/// first those that the owner has claimed already without learning of it. One service holds the journal, so a run of a rule that the claim
/// does not name is of a rule that no service has. Such a run is claimed when it is found: if it stayed, each
/// claim would come across it.
///
/// Only so many runs are woken at a time that a claim costs the same with fifty thousand of them
/// due as with fifty; the ones that are left are the next ones to wake.
pub(super) fn claim(
    connection: &Connection,
    claim: &Claim,
    now: Timestamp,
) -> Result<Claimed, Fault> {
    let owner = claim.owner;
    let mut lost = Vec::new();
    for end in &claim.ended {
        match record(connection, end) {
            Err(Fault::Refused(JournalError::Lost { run, attempt })) => lost.push((run, attempt)),
            recorded => recorded?,
        }
    }
    for (run, attempt) in &claim.begun {
        begin(connection, owner, *run, *attempt, now)?;
    }
    let mut runs = Vec::new();
    let mut due: Vec<ClaimedRun> = Vec::new();
    let mut announcements = Vec::new();
    let mut is_more = false;
    if claim.limit + claim.rechecks + claim.awaiting > 0 {
        let most = (claim.limit + claim.rechecks + claim.awaiting).max(WAKE);
        wake(connection, most, now)?;
        wake_scheduled(connection, most, now)?;
        expire(connection, most, now)?;
        let mut room = Room::of(claim);
        runs = unheard_of(connection, claim, &mut room)?;
        let mut kinds = Kind::ALL.to_vec();
        while let Some(kind) = kinds.pop() {
            let most = *room.of_kind(kind) + room.orphans;
            let sorted = free(connection, claim, kind, most, now)?;
            is_more |= sorted.is_more;
            let mut found = sorted.runs;
            if kind == Kind::Ready {
                found.extend(sharing(connection, claim, most + room.rechecks, now)?);
                found.sort_unstable_by_key(|run| run.id);
            } else if sorted.has_moved {
                kinds.push(Kind::Ready);
            }
            for run in found {
                // Of those that share, the kinds are found together.
                let is_new = due.iter().all(|known| known.id != run.id);
                if is_new && *room.of_kind(Kind::of(claim, &run)) > 0 && room.take(claim, &run) {
                    due.push(run);
                }
            }
        }
        due.sort_unstable_by_key(|run| run.id);
        announcements = announcements::first(connection)?;
    }
    for run in &due {
        let state = after(run.id, State::Due, Transition::Claim)?;
        let changed = connection
            .prepare_cached(
                // What has started is not too old any more; to ask for its lease is no start.
                "UPDATE runs SET state = ?3, attempts = ?4, start_by = CASE WHEN ?5 THEN start_by END
                 WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![
                run.id,
                State::Due,
                state,
                run.attempt,
                Kind::of(claim, run) != Kind::Ready
            ])?;
        expect_one(changed)?;
        connection
            .prepare_cached(
                "INSERT INTO attempts (run, number, step, owner, started_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                run.id,
                run.attempt,
                run.stand.as_ref().and_then(|stand| stand.step.as_deref()),
                owner,
                Millis(now)
            ])?;
    }
    runs.append(&mut due);
    let next = |sql| -> rusqlite::Result<Option<Timestamp>> {
        connection
            .prepare_cached(sql)?
            .query_row([Millis(now)], |row| time(row, 0))
            .optional()
    };
    let next_due = next(NEXT_DUE)?.into_iter().chain(next(NEXT_SCHEDULED)?);
    let wait = next_due
        .min()
        .map(|due| Duration::try_from(now.duration_until(due)).unwrap_or_default());
    let wait = if is_more { Some(Duration::ZERO) } else { wait };
    let (runs, orphans) = runs
        .into_iter()
        .partition(|run| claim.rules.contains(&run.rule));
    Ok(Claimed {
        runs,
        orphans,
        lost,
        wait,
        to_end: to_end(connection, owner)?,
        announcements,
    })
}

/// What can be claimed of one kind.
struct Sorted {
    runs: Vec<ClaimedRun>,
    /// Others are of another kind from here on, or share.
    has_moved: bool,
    /// There may be more of these.
    is_more: bool,
}

/// Runs of this kind that share nothing. Those of a rule that has a limit by now share from here on; and those are of
/// another kind from here on of whose rule the claim says so.
fn free(
    connection: &Connection,
    claim: &Claim,
    kind: Kind,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Sorted> {
    let mut statement = connection.prepare_cached(TO_CLAIM)?;
    let mut most = limit;
    let mut round = 0;
    loop {
        round += 1;
        let values = params![
            kind == Kind::AwaitsLease,
            sql_limit(most),
            Millis(now),
            kind == Kind::Rechecked
        ];
        let found = statement
            .query_map(values, |row| claimed_run(row, claim.owner))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let is_limited = |run: &ClaimedRun| claim.limits.contains_key(&run.rule);
        let is_other = |run: &ClaimedRun| {
            !run.awaits_lease && (Kind::of(claim, run) != kind || is_limited(run))
        };
        let (others, runs): (Vec<_>, Vec<_>) = found.into_iter().partition(is_other);
        for run in &others {
            set_recheck(connection, run.id, claim.rechecked.contains(&run.rule))?;
            if is_limited(run) {
                shares::join(connection, run.id)?;
            }
        }
        if others.is_empty() || round == ROUNDS {
            return Ok(Sorted {
                has_moved: round > 1,
                is_more: !others.is_empty(),
                runs,
            });
        }
        most = limit.max(WAKE);
    }
}

fn set_recheck(connection: &Connection, run: RunId, recheck: bool) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE runs SET recheck = ?2 WHERE id = ?1")?
        .execute(params![run, recheck])
        .map(drop)
}

/// Runs that share, and may run now.
fn sharing(
    connection: &Connection,
    claim: &Claim,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Vec<ClaimedRun>> {
    let mut read = connection.prepare_cached(SHARING_RUN)?;
    let mut runs = Vec::new();
    for run in shares::claimable(connection, claim, limit)? {
        let run = read
            .query_row(params![run, Millis(now)], |row| {
                claimed_run(row, claim.owner)
            })
            .optional()?;
        runs.extend(run);
    }
    Ok(runs)
}

/// The runs that the owner has claimed and does not hold, up to as many of each kind as are asked for.
fn unheard_of(
    connection: &Connection,
    claim: &Claim,
    room: &mut Room,
) -> rusqlite::Result<Vec<ClaimedRun>> {
    let owner = claim.owner;
    let claimed: Vec<(RunId, u32)> = connection
        .prepare_cached(CLAIMED)?
        .query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut read = connection.prepare_cached(CLAIMED_RUN)?;
    let mut runs = Vec::new();
    for (run, _) in claimed
        .iter()
        .filter(|attempt| !claim.held.contains(attempt))
    {
        if room.is_over() {
            break;
        }
        let run = read.query_row([run], |row| claimed_run(row, owner))?;
        if room.take(claim, &run) {
            runs.push(run);
        }
    }
    Ok(runs)
}

fn wake(connection: &Connection, limit: usize, now: Timestamp) -> Result<(), Fault> {
    let woken: Vec<RunId> = connection
        .prepare_cached(TO_WAKE)?
        .query_map(params![Millis(now), sql_limit(limit)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in woken {
        let state = after(run, State::Retryable, Transition::Wake)?;
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, due_at = NULL, retry_in = NULL WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run, State::Retryable, state])?;
        expect_one(changed)?;
    }
    Ok(())
}

/// Gives scheduled runs whose time has come a place in the order of their keys, behind all there are.
fn wake_scheduled(connection: &Connection, limit: usize, now: Timestamp) -> Result<(), Fault> {
    let woken: Vec<(RunId, Key)> = connection
        .prepare_cached(SCHEDULED)?
        .query_map(params![Millis(now), sql_limit(limit)], |row| {
            Ok((row.get(0)?, key(row, 1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (run, key) in woken {
        let state = after(run, State::Scheduled, Transition::Wake)?;
        let place = new_place(connection)?;
        let changed = connection
            .prepare_cached(
                "UPDATE runs SET state = ?3, due_at = NULL, place = ?4 WHERE id = ?1 AND state = ?2",
            )?
            .execute(params![run, State::Scheduled, state, place])?;
        expect_one(changed)?;
        give_turn(connection, &key)?;
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
        stand: stand(row, 9)?,
        is_batch: row.get(10)?,
    })
}
