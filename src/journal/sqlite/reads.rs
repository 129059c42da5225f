//! What commands show: runs, attempts, events, and counts.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::fault::Fault;
use super::quarantine::held;
use super::rows::{Millis, duration, optional_time, outcome, sql_limit, stand, time};
use crate::core::limits::limited;
use crate::core::run::State;
use crate::core::throttle::BATCH_BYTES;
use crate::journal::{
    AttemptRecord, Batched, Census, RunDetail, RunFilter, RunId, RunSummary, SourceRecord, Version,
};

/// The columns that [`summary`] and [`run`] read. An unfinished run waits for the first delivery in
/// quarantine that has a place before it.
const SUMMARY: &str =
    "SELECT r.id, r.state, r.rule, r.key, e.event_type, e.event_id, r.attempts, r.accepted_at,
            r.due_at, r.finished_at, a.outcome, a.outcome_detail, a.outcome_value, a.outcome_reason,
            e.body, e.source, r.reason,
            CASE WHEN r.finished_at IS NULL AND r.state <> 'scheduled' THEN
                (SELECT id FROM quarantine
                 WHERE key_space = r.key_space AND key = r.key AND place < COALESCE(r.place, r.id) ORDER BY place LIMIT 1)
            END,
            r.stand, r.start_by, r.batched
     FROM runs r JOIN events e ON e.id = r.event
     LEFT JOIN attempts a ON a.run = r.id AND a.number = r.attempts";

fn summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    let state: State = row.get(1)?;
    let outcome = outcome(row, 10)?;
    let handled = match (&outcome, state) {
        (Some(outcome), State::Discarded) if outcome.is_success() => stand(row, 18)?,
        _ => None,
    };
    Ok(RunSummary {
        id: row.get(0)?,
        state,
        rule: row.get(2)?,
        key: row.get(3)?,
        event_type: row.get(4)?,
        event_id: row.get(5)?,
        attempts: row.get(6)?,
        accepted_at: time(row, 7)?,
        due_at: optional_time(row, 8)?,
        finished_at: optional_time(row, 9)?,
        reason: match (row.get(16)?, outcome) {
            (Some(reason), _) => Some(reason),
            (None, Some(outcome)) => {
                let handled = handled.and_then(|stand| stand.handled());
                Some(handled.unwrap_or_else(|| outcome.to_string()))
            }
            (None, None) => row.get(13)?,
        },
        held_by: row.get(17)?,
    })
}

/// The runs that `filter` lets through: the newest, or those behind one of them.
pub(super) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<RunSummary>, Fault> {
    let text = |text: &Option<String>| text.as_deref().map(|text| limited(text).into_owned());
    let states: Vec<_> = filter
        .states
        .iter()
        .map(|state| format!("'{state}'"))
        .collect();
    let states = if states.is_empty() {
        String::new()
    } else {
        format!("AND r.state IN ({})", states.join(", "))
    };
    let order = if filter.after.is_some() {
        "ASC"
    } else {
        "DESC"
    };
    let sql = format!(
        "{SUMMARY} WHERE (?1 IS NULL OR r.rule = ?1) AND (?2 IS NULL OR r.key = ?2)
             AND (?3 IS NULL OR e.lease = ?3) AND (?4 IS NULL OR e.event_id = ?4)
             AND (?5 IS NULL OR r.accepted_at >= ?5) AND (?6 IS NULL OR r.accepted_at < ?6)
             AND r.id > ?7 {states}
         ORDER BY r.id {order} LIMIT ?8"
    );
    let values = params![
        text(&filter.rule),
        text(&filter.key),
        text(&filter.lease),
        text(&filter.event),
        filter.since.map(Millis),
        filter.until.map(Millis),
        filter.after.unwrap_or_default(),
        sql_limit(filter.limit)
    ];
    let runs = connection
        .prepare(&sql)?
        .query_map(values, summary)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(runs)
}

/// What is known of each source.
pub(super) fn sources(connection: &Connection) -> Result<Vec<SourceRecord>, Fault> {
    let source = |row: &Row<'_>| {
        Ok(SourceRecord {
            source: row.get(0)?,
            cursor: row.get(1)?,
            passed_at: optional_time(row, 2)?,
            failure: optional_time(row, 3)?.zip(row.get(4)?),
            failures: row.get(5)?,
            opened_at: optional_time(row, 6)?,
        })
    };
    let sources = connection
        .prepare_cached(
            "SELECT source, cursor, passed_at, failed_at, failure, failures, opened_at
             FROM sources ORDER BY source",
        )?
        .query_map([], source)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(sources)
}

/// One run with its event and its attempts.
pub(super) fn run(connection: &Connection, id: RunId) -> Result<RunDetail, Fault> {
    let mut detail = connection
        .prepare_cached(&format!("{SUMMARY} WHERE r.id = ?1"))?
        .query_row([id], |row| {
            Ok(RunDetail {
                summary: summary(row)?,
                event: row.get(14)?,
                source: row.get(15)?,
                stand: stand(row, 18)?,
                start_by: optional_time(row, 19)?,
                batch: row.get::<_, Option<i64>>(20)?.map(|events| Batched {
                    events: events.cast_unsigned(),
                    others: Vec::new(),
                }),
                attempts: Vec::new(),
            })
        })
        .optional()?
        .ok_or_else(|| Fault::absent("run", id))?;
    if let Some(batch) = &mut detail.batch {
        batch.others = told_by(
            connection,
            id,
            BATCH_BYTES.saturating_sub(detail.event.len()),
        )?;
    }
    let attempt = |row: &Row<'_>| {
        let outcome = outcome(row, 4)?;
        Ok(AttemptRecord {
            number: row.get(0)?,
            started_at: time(row, 1)?,
            ended_at: optional_time(row, 2)?,
            duration: row.get::<_, Option<i64>>(3)?.map(duration),
            remark: if outcome.is_none() { row.get(7)? } else { None },
            outcome,
            output: row.get::<_, Option<Vec<u8>>>(8)?.unwrap_or_default(),
            output_dropped: row.get::<_, i64>(9)?.cast_unsigned(),
            step: row.get(10)?,
            handle: row.get(11)?,
        })
    };
    detail.attempts = connection
        .prepare_cached(
            "SELECT number, started_at, ended_at, duration, outcome, outcome_detail, outcome_value,
                    outcome_reason, output, output_dropped, step, handle
             FROM attempts WHERE run = ?1 ORDER BY number",
        )?
        .query_map([id], attempt)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(detail)
}

/// The runs whose events another run tells of.
pub(super) const TOLD_BY: &str = "SELECT r.id, e.body FROM runs r JOIN events e ON e.id = r.event WHERE r.told_by = ?1 ORDER BY r.id";

/// Those that this run tells of besides its own, as far as they have no more than so many bytes together.
fn told_by(
    connection: &Connection,
    run: RunId,
    mut bytes: usize,
) -> Result<Vec<(RunId, String)>, Fault> {
    let mut statement = connection.prepare_cached(TOLD_BY)?;
    let mut rows = statement.query([run])?;
    let mut told = Vec::new();
    while let Some(row) = rows.next()? {
        let body: String = row.get(1)?;
        let Some(left) = bytes.checked_sub(body.len()) else {
            break;
        };
        bytes = left;
        told.push((row.get(0)?, body));
    }
    Ok(told)
}

/// The newest event with this id.
pub(super) fn event(connection: &Connection, id: &str) -> Result<Option<String>, Fault> {
    let body = connection
        .prepare_cached("SELECT body FROM events WHERE event_id = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([limited(id)], |row| row.get(0))
        .optional()?;
    Ok(body)
}

/// What tells whether anything was written: by others since this connection was opened, and over it. `opened`
/// tells connections apart.
pub(super) fn version(connection: &Connection, opened: u64) -> Result<Version, Fault> {
    let by_others: i64 = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
    let own: i64 = connection
        .prepare_cached("SELECT total_changes()")?
        .query_row([], |row| row.get(0))?;
    Ok(Version(format!("{opened} {by_others} {own}")))
}

/// One of the numbers that are kept.
pub(super) fn tally(connection: &Connection, name: &str) -> Result<u64, Fault> {
    counted(
        connection,
        "SELECT number FROM tally WHERE name = ?1",
        [name],
    )
}

/// The entries of indexes, which hold nothing else than these.
pub(super) const UNFINISHED: &str = "SELECT count(*), min(id) FROM runs INDEXED BY runs_unfinished
     WHERE finished_at IS NULL AND state <> 'scheduled'";
pub(super) const SCHEDULED: &str = "SELECT count(*) FROM runs WHERE state = 'scheduled'";
pub(super) const RETRYABLE: &str = "SELECT count(*) FROM runs WHERE state = 'retryable'";
pub(super) const RUNNING: &str =
    "SELECT count(*) FROM attempts INDEXED BY attempts_open WHERE ended_at IS NULL";

/// The runs in each state, and what is in quarantine.
pub(super) fn census(connection: &Connection) -> Result<Census, Fault> {
    // A run is running for as long as it has an open attempt, and whatever is left of the unfinished ones is due.
    let count = |sql| counted(connection, sql, []);
    let (scheduled, retryable, running) = (count(SCHEDULED)?, count(RETRYABLE)?, count(RUNNING)?);
    let (unfinished, first): (i64, Option<RunId>) = connection
        .prepare_cached(UNFINISHED)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let due = unfinished
        .cast_unsigned()
        .saturating_sub(retryable + running);
    let mut census = Census {
        quarantined: tally(connection, "quarantined")?,
        held: held(connection)?,
        waiting_since: connection
            .prepare_cached("SELECT accepted_at FROM runs WHERE id = ?1")?
            .query_row([first], |row| time(row, 0))
            .optional()?,
        ..Census::default()
    };
    for state in State::ALL {
        let number = match state {
            State::Scheduled => scheduled,
            State::Due => due,
            State::Running => running,
            State::Retryable => retryable,
            State::Succeeded | State::Discarded | State::Cancelled => {
                tally(connection, state.as_str())?
            }
        };
        if number > 0 {
            census.runs.insert(state.as_str(), number);
        }
    }
    Ok(census)
}

fn counted(connection: &Connection, sql: &str, of: impl Params) -> Result<u64, Fault> {
    let number: i64 = connection
        .prepare_cached(sql)?
        .query_row(of, |row| row.get(0))?;
    Ok(number.max(0).cast_unsigned())
}
