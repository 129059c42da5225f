//! What became of runs in a span of time, and what waits: each counted by one pass over the rows.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::rows::{Millis, duration, time};
use crate::journal::{HourStats, KeyStats, RuleStats, SlowAttempt, Stats};

/// How many keys and attempts are named.
const MOST: u32 = 10;

/// Counts runs since then.
pub(super) fn read(connection: &Connection, since: Timestamp) -> Result<Stats, Fault> {
    Ok(Stats {
        rules: all(connection, RULES, [Millis(since)], rule)?,
        hours: all(connection, HOURS, [Millis(since)], hour)?,
        keys: all(connection, KEYS, [MOST], key)?,
        slowest: all(connection, SLOWEST, (Millis(since), MOST), slow)?,
    })
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const RULES: &str = "
    SELECT rule, sum(succeeded), sum(discarded), sum(cancelled), sum(unfinished), sum(attempts), sum(failed), sum(took)
    FROM (SELECT rule, state = 'succeeded' AS succeeded, state = 'discarded' AS discarded, state = 'cancelled' AS cancelled,
                 finished_at IS NULL AS unfinished, 0 AS attempts, 0 AS failed, 0 AS took
          FROM runs WHERE accepted_at >= ?1 OR finished_at IS NULL
          UNION ALL
          SELECT r.rule, 0, 0, 0, 0, 1, a.outcome <> 'succeeded', COALESCE(a.duration, 0)
          FROM attempts a JOIN runs r ON r.id = a.run WHERE a.started_at >= ?1 AND a.ended_at IS NOT NULL)
    GROUP BY rule ORDER BY rule";

fn rule(row: &Row<'_>) -> rusqlite::Result<RuleStats> {
    let number = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
    Ok(RuleStats {
        rule: row.get(0)?,
        succeeded: number(1)?,
        discarded: number(2)?,
        cancelled: number(3)?,
        unfinished: number(4)?,
        attempts: number(5)?,
        failed: number(6)?,
        took: duration(row.get(7)?),
    })
}

const HOURS: &str = "
    SELECT finished_at / 3600000 * 3600000 AS hour, count(*), sum(state <> 'succeeded')
    FROM runs WHERE finished_at >= ?1 GROUP BY hour ORDER BY hour";

fn hour(row: &Row<'_>) -> rusqlite::Result<HourStats> {
    Ok(HourStats {
        hour: time(row, 0)?,
        finished: row.get::<_, i64>(1)?.cast_unsigned(),
        not_succeeded: row.get::<_, i64>(2)?.cast_unsigned(),
    })
}

const KEYS: &str = "
    SELECT key, count(*) AS number, min(accepted_at) AS since FROM runs
    WHERE finished_at IS NULL AND state <> 'scheduled'
    GROUP BY key, key_space ORDER BY number DESC, since LIMIT ?1";

fn key(row: &Row<'_>) -> rusqlite::Result<KeyStats> {
    Ok(KeyStats {
        key: row.get(0)?,
        runs: row.get::<_, i64>(1)?.cast_unsigned(),
        since: time(row, 2)?,
    })
}

const SLOWEST: &str = "
    SELECT a.run, a.number, r.rule, r.key, a.duration FROM attempts a JOIN runs r ON r.id = a.run
    WHERE a.started_at >= ?1 AND a.duration IS NOT NULL ORDER BY a.duration DESC, a.run, a.number LIMIT ?2";

fn slow(row: &Row<'_>) -> rusqlite::Result<SlowAttempt> {
    Ok(SlowAttempt {
        run: row.get(0)?,
        attempt: row.get(1)?,
        rule: row.get(2)?,
        key: row.get(3)?,
        took: duration(row.get(4)?),
    })
}
