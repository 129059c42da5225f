//! Which runs of rules with a limit may be claimed: of each share at most so many run at once.
//!
//! However many wait, a claim looks at a bounded number of them: at the oldest, and then at one of each share,
//! of which only as many can be full as runs are under way.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::sql_limit;
use crate::journal::{Claim, RunId};

/// The oldest of all that share.
pub(super) const OLDEST: &str = "SELECT id, rule, share FROM runs
     WHERE turn = 1 AND state = 'due' AND share IS NOT NULL ORDER BY id LIMIT ?1";

/// The share after this one.
pub(super) const NEXT: &str = "SELECT rule, share FROM runs INDEXED BY runs_shares
     WHERE turn = 1 AND state = 'due' AND share IS NOT NULL AND (rule, share) > (?1, ?2)
     ORDER BY rule, share LIMIT 1";

/// The oldest of one share.
pub(super) const OF_SHARE: &str = "SELECT id FROM runs INDEXED BY runs_shares
     WHERE turn = 1 AND state = 'due' AND share IS NOT NULL AND rule = ?1 AND share = ?2
     ORDER BY id LIMIT ?3";

/// How many of a share run.
pub(super) const RUNNING: &str = "SELECT count(*) FROM runs WHERE state = 'running' AND share IS NOT NULL AND rule = ?1 AND share = ?2";

/// How many of the oldest are looked at besides those that are asked for.
const OLDEST_BESIDES: usize = 64;

/// A rule, and what its runs share.
type Share = (String, String);

/// How many more of each share may run.
struct Free<'a> {
    connection: &'a Connection,
    claim: &'a Claim,
    left: HashMap<Share, usize>,
}

impl Free<'_> {
    fn of(&mut self, share: &Share) -> rusqlite::Result<usize> {
        if let Some(left) = self.left.get(share) {
            return Ok(*left);
        }
        // Of what there is no room for, nothing is free.
        let has_room = self.claim.rechecks > 0 || !self.claim.rechecked.contains(&share.0);
        // A rule that has no limit any more has no limit.
        let most = self.claim.limits.get(&share.0);
        let left = match most {
            _ if !has_room => 0,
            None => usize::MAX,
            Some(most) => {
                let running: u32 = self
                    .connection
                    .prepare_cached(RUNNING)?
                    .query_row([&share.0, &share.1], |row| row.get(0))?;
                most.saturating_sub(running) as usize
            }
        };
        self.left.insert(share.clone(), left);
        Ok(left)
    }

    fn take(&mut self, share: &Share) {
        if let Some(left) = self.left.get_mut(share) {
            *left -= 1;
        }
    }
}

/// Up to `limit` runs that share and may run now.
pub(super) fn claimable(
    connection: &Connection,
    claim: &Claim,
    limit: usize,
) -> rusqlite::Result<BTreeSet<RunId>> {
    let mut chosen = BTreeSet::new();
    if limit == 0 {
        return Ok(chosen);
    }
    let mut free = Free {
        connection,
        claim,
        left: HashMap::new(),
    };
    let most = limit.saturating_add(OLDEST_BESIDES);
    let oldest: Vec<(RunId, Share)> = connection
        .prepare_cached(OLDEST)?
        .query_map([sql_limit(most)], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let are_all = oldest.len() < most;
    for (run, share) in oldest {
        if chosen.len() < limit && free.of(&share)? > 0 {
            free.take(&share);
            chosen.insert(run);
        }
    }
    if are_all {
        return Ok(chosen);
    }
    let mut last = Share::default();
    while chosen.len() < limit {
        let share = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let next: Option<Share> = connection
            .prepare_cached(NEXT)?
            .query_row([&last.0, &last.1], share)
            .optional()?;
        let Some(share) = next else { break };
        let left = free.of(&share)?.min(limit - chosen.len());
        if left > 0 {
            // Those that are chosen are the oldest.
            let of_share: Vec<RunId> = connection
                .prepare_cached(OF_SHARE)?
                .query_map(
                    params![share.0, share.1, sql_limit(left + chosen.len())],
                    |row| row.get(0),
                )?
                .collect::<rusqlite::Result<_>>()?;
            let new = of_share.into_iter().filter(|run| !chosen.contains(run));
            let new: Vec<RunId> = new.take(left).collect();
            for run in new {
                free.take(&share);
                chosen.insert(run);
            }
        }
        last = share;
    }
    Ok(chosen)
}

/// Lets a run share that was accepted before its rule had a limit.
pub(super) fn join(connection: &Connection, run: RunId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE runs SET share = '' WHERE id = ?1")?
        .execute([run])
        .map(drop)
}
