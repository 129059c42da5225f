//! How values are stored in columns: states as words, times as milliseconds, outcomes in four columns.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::core::event::Key;
use crate::core::rules::Stand;
use crate::core::run::{Detail, Outcome, State};
use crate::journal::{Cursor, Owner};

/// A time as milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Millis(pub(super) Timestamp);

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_millisecond()))
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        Timestamp::from_millisecond(millis)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(millis))
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_str()))
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::from_word(word)
            .ok_or_else(|| FromSqlError::Other(format!("`{word}` is no state of a run").into()))
    }
}

impl ToSql for Owner {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0))
    }
}

impl FromSql for Owner {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for Cursor {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_str()))
    }
}

impl FromSql for Cursor {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| Self(text.to_owned()))
    }
}

/// A key in the columns `key_space` and `key`, from `first` on.
pub(super) fn key(row: &Row<'_>, first: usize) -> rusqlite::Result<Key> {
    Ok(Key {
        space: row.get(first)?,
        text: row.get(first + 1)?,
    })
}

/// A key in such columns, if there is one.
pub(super) fn optional_key(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Key>> {
    match row.get_ref(first)? {
        ValueRef::Null => Ok(None),
        _ => key(row, first).map(Some),
    }
}

impl ToSql for Stand {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(self)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(ToSqlOutput::from(text))
    }
}

/// How far a run with several steps has come, in column `index`, if it is not at its first.
pub(super) fn stand(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Stand>> {
    let ValueRef::Text(text) = row.get_ref(index)? else {
        return Ok(None);
    };
    serde_json::from_slice(text).map(Some).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, error.into())
    })
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds as a duration; none are negative.
pub(super) fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.max(0).cast_unsigned())
}

/// What stands in the columns `outcome`, `outcome_detail`, `outcome_value` and `outcome_reason`.
pub(super) struct OutcomeColumns<'a> {
    pub(super) outcome: &'static str,
    pub(super) detail: Option<&'static str>,
    pub(super) value: Option<i64>,
    pub(super) reason: Option<&'a str>,
}

impl<'a> OutcomeColumns<'a> {
    pub(super) fn of(outcome: &'a Outcome) -> Self {
        let (outcome, detail, value, reason) = match outcome {
            Outcome::Succeeded(detail) => Self::of_detail("succeeded", detail),
            Outcome::Failed(detail) => Self::of_detail("failed", detail),
            Outcome::TimedOut(limit) => ("timed out", None, Some(millis(*limit)), None),
            Outcome::NotStarted(why) => ("not started", None, None, Some(why.as_str())),
            Outcome::Interrupted(why) => ("interrupted", None, None, Some(why.as_str())),
        };
        Self {
            outcome,
            detail,
            value,
            reason,
        }
    }

    fn of_detail(
        outcome: &'static str,
        detail: &'a Detail,
    ) -> (
        &'static str,
        Option<&'static str>,
        Option<i64>,
        Option<&'a str>,
    ) {
        match detail {
            Detail::Exited(status) => (outcome, Some("exited"), Some((*status).into()), None),
            Detail::Signalled(signal) => (outcome, Some("signalled"), Some((*signal).into()), None),
            Detail::Told(text) => (outcome, Some("told"), None, Some(text)),
        }
    }
}

/// The outcome in these four columns, from `first` on; `None` for an attempt that is under way.
pub(super) fn outcome(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Outcome>> {
    let Some(word) = row.get::<_, Option<String>>(first)? else {
        return Ok(None);
    };
    let (value, reason) = (first + 2, first + 3);
    let outcome = match word.as_str() {
        "succeeded" => Outcome::Succeeded(detail(row, first + 1)?),
        "failed" => Outcome::Failed(detail(row, first + 1)?),
        "timed out" => Outcome::TimedOut(duration(row.get(value)?)),
        "not started" => Outcome::NotStarted(row.get(reason)?),
        "interrupted" => Outcome::Interrupted(row.get(reason)?),
        word => return Err(unknown(first, word)),
    };
    Ok(Some(outcome))
}

/// How an action ended, in the columns from `outcome_detail` on, which is `first`.
fn detail(row: &Row<'_>, first: usize) -> rusqlite::Result<Detail> {
    match row.get_ref(first)?.as_str()? {
        "exited" => row.get(first + 1).map(Detail::Exited),
        "signalled" => row.get(first + 1).map(Detail::Signalled),
        "told" => row.get(first + 2).map(Detail::Told),
        word => Err(unknown(first, word)),
    }
}

fn unknown(column: usize, word: &str) -> rusqlite::Error {
    let error = format!("`{word}` is no outcome of an attempt").into();
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
}

/// The time in column `index`.
pub(super) fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get::<_, Millis>(index).map(|millis| millis.0)
}

/// The time in column `index`, if there is one.
pub(super) fn optional_time(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<Millis>>(index)
        .map(|millis| millis.map(|millis| millis.0))
}

/// A `LIMIT`, which is a signed number.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
