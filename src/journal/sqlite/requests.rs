//! What commands ask the service, and its answers.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::accept::release;
use super::fault::Fault;
use super::quarantine::is_there;
use super::rows::{Millis, sql_limit};
use crate::core::limits::limited;
use crate::journal::{
    Accepted, QuarantineId, RequestId, Resolution, RetryAnswer, RetryRequest, RunId,
};

/// What nobody has answered.
pub(super) const UNANSWERED: &str =
    "SELECT id, delivery, asked_by FROM requests WHERE answer IS NULL ORDER BY id LIMIT ?1";

/// What was answered before `?1`.
pub(super) const GONE: &str = "DELETE FROM requests WHERE id IN
     (SELECT id FROM requests WHERE answered_at < ?1 LIMIT ?2)";

/// The most requests that are told of at once.
const AT_ONCE: usize = 1_000;

/// Writes a request down, unless it is.
pub(super) fn request_retry(
    connection: &Connection,
    delivery: QuarantineId,
    asked_by: &str,
    now: Timestamp,
) -> Result<RequestId, Fault> {
    let (asked_by, now) = (limited(asked_by), Millis(now));
    let known = connection
        .prepare_cached(
            "SELECT id FROM requests WHERE delivery = ?1 AND asked_at = ?2 AND asked_by = ?3",
        )?
        .query_row(params![delivery, now, asked_by], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = connection
        .prepare_cached(
            "INSERT INTO requests (delivery, asked_at, asked_by) VALUES (?1, ?2, ?3) RETURNING id",
        )?
        .query_row(params![delivery, now, asked_by], |row| row.get(0))?;
    Ok(id)
}

/// What nobody has answered, the oldest first.
pub(super) fn unanswered(connection: &Connection) -> Result<Vec<RetryRequest>, Fault> {
    let request = |row: &Row<'_>| {
        Ok(RetryRequest {
            id: row.get(0)?,
            delivery: row.get(1)?,
            asked_by: row.get(2)?,
        })
    };
    let requests = connection
        .prepare_cached(UNANSWERED)?
        .query_map([sql_limit(AT_ONCE)], request)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(requests)
}

/// The answer to a request, if it has one.
pub(super) fn answer_to(
    connection: &Connection,
    request: RequestId,
) -> Result<Option<RetryAnswer>, Fault> {
    Ok(find(connection, request)?.and_then(|(_, answer)| answer))
}

/// Deletes a request, unless it is answered.
pub(super) fn withdraw(
    connection: &Connection,
    request: RequestId,
) -> Result<Option<RetryAnswer>, Fault> {
    connection
        .prepare_cached("DELETE FROM requests WHERE id = ?1 AND answer IS NULL")?
        .execute([request])?;
    answer_to(connection, request)
}

/// Does what is decided, and writes that down as the answer.
pub(super) fn answer(
    connection: &Connection,
    request: RequestId,
    resolution: &Resolution,
    now: Timestamp,
) -> Result<Option<RetryAnswer>, Fault> {
    let Some((delivery, known)) = find(connection, request)? else {
        return Ok(None);
    };
    if known.is_some() {
        return Ok(known);
    }
    let answer = match resolution {
        _ if !is_there(connection, delivery)? => RetryAnswer::Absent,
        Resolution::Release(event) => {
            RetryAnswer::Accepted(release(connection, delivery, event, now)?)
        }
        Resolution::Keep(why) => RetryAnswer::Stays(why.clone()),
    };
    let (word, detail) = columns(&answer);
    connection
        .prepare_cached(
            "UPDATE requests SET answer = ?2, detail = ?3, answered_at = ?4 WHERE id = ?1",
        )?
        .execute(params![request, word, detail, Millis(now)])?;
    Ok(Some(answer))
}

/// Forgets up to `limit` requests that were answered before `before`, in milliseconds.
pub(super) fn forget(connection: &Connection, before: i64, limit: usize) -> Result<(), Fault> {
    connection
        .prepare_cached(GONE)?
        .execute((before, sql_limit(limit)))?;
    Ok(())
}

/// The delivery of a request, and its answer.
fn find(
    connection: &Connection,
    request: RequestId,
) -> Result<Option<(QuarantineId, Option<RetryAnswer>)>, Fault> {
    let found = connection
        .prepare_cached("SELECT delivery, answer, detail FROM requests WHERE id = ?1")?
        .query_row([request], |row| Ok((row.get(0)?, of_columns(row)?)))
        .optional()?;
    Ok(found)
}

/// What stands in the columns `answer` and `detail`.
fn columns(answer: &RetryAnswer) -> (&'static str, Option<String>) {
    match answer {
        RetryAnswer::Accepted(Accepted::Runs { runs, .. }) => {
            let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
            ("accepted", Some(runs.join(",")))
        }
        RetryAnswer::Accepted(_) => ("known", None),
        RetryAnswer::Stays(why) => ("stays", Some(why.clone())),
        RetryAnswer::Absent => ("absent", None),
    }
}

/// The answer in the columns `answer` and `detail`, which come second and third.
fn of_columns(row: &Row<'_>) -> rusqlite::Result<Option<RetryAnswer>> {
    let (word, detail): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
    let detail = detail.unwrap_or_default();
    let answer = match word.as_deref() {
        None => return Ok(None),
        Some("accepted") => {
            let runs = detail.split(',').filter(|run| !run.is_empty());
            let runs: Result<Vec<RunId>, _> = runs.map(str::parse).collect();
            RetryAnswer::Accepted(Accepted::made(runs.map_err(|error| malformed(2, error))?))
        }
        Some("known") => RetryAnswer::Accepted(Accepted::Known),
        Some("stays") => RetryAnswer::Stays(detail),
        Some("absent") => RetryAnswer::Absent,
        Some(word) => return Err(malformed(1, format!("`{word}` is no answer"))),
    };
    Ok(Some(answer))
}

fn malformed(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}
