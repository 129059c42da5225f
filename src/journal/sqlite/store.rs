//! Named values. What a change makes of one is decided by [`Operation::effect`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::SqliteJournal;
use super::fault::Fault;
use super::reads::tally;
use super::rows::{Millis, millis, optional_time, sql_limit, time};
use super::worker::Kind;
use crate::core::limits::limited;
use crate::core::store::{Effect, Lasting, MOST_VALUES, Operation, StoreError};
use crate::crash::{self, Point};
use crate::journal::{
    ChangeId, Changed, JournalError, Reply, RunId, Store, StoreChange, StorePage, StoredValue,
};

/// How long, in milliseconds, a command may ask again for the same change.
const REMEMBERED: i64 = 60 * 60 * 1000;

/// The value of the name `?1`, unless its time is over at `?2`.
pub(super) const VALUE: &str = "SELECT name, value, set_at, expires_at FROM store
     WHERE name = ?1 AND (expires_at IS NULL OR expires_at > ?2)";

/// Up to `?4` values whose names begin with `?1` and come after `?2`, at `?3`. No text has a byte 0xFF, so all
/// texts with this beginning come before the beginning with that behind it.
pub(super) const LIST: &str = "SELECT name, value, set_at, expires_at FROM store
     WHERE name >= ?1 AND name < ?1 || CAST(x'ff' AS TEXT) AND name > ?2
       AND (expires_at IS NULL OR expires_at > ?3)
     ORDER BY name LIMIT ?4";

/// Up to `?2` values whose time is over at `?1`.
pub(super) const EXPIRED: &str = "DELETE FROM store WHERE rowid IN
     (SELECT rowid FROM store WHERE expires_at <= ?1 LIMIT ?2)";

/// Up to `?2` changes that commands asked for before `?1`.
pub(super) const FORGOTTEN: &str = "DELETE FROM store_changes WHERE rowid IN
     (SELECT rowid FROM store_changes INDEXED BY store_changes_asked
      WHERE run IS NULL AND asked_at < ?1 LIMIT ?2)";

/// What came of the change that the run `?1` asked for.
pub(super) const OF_RUN: &str = "DELETE FROM store_changes WHERE run = ?1";

impl Store for SqliteJournal {
    fn values(
        &self,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Reply<'_, BTreeMap<String, StoredValue>> {
        self.look("read values", move |db| values(db, names, now))
    }

    fn list_values(&self, page: StorePage, now: Timestamp) -> Reply<'_, Vec<StoredValue>> {
        self.look("list values", move |db| list(db, &page, now))
    }

    fn change_value(&self, what: StoreChange, now: Timestamp) -> Reply<'_, Changed> {
        self.ask("change a value", Kind::Write, move |db| {
            change(db, &what, now)
        })
    }
}

/// The values of these names, as far as there are any.
pub(super) fn values(
    connection: &Connection,
    names: BTreeSet<String>,
    now: Timestamp,
) -> Result<BTreeMap<String, StoredValue>, Fault> {
    let found = names.into_iter().map(|name| {
        let value = find(connection, &name, now)?;
        Ok(value.map(|value| (name, value)))
    });
    found.filter_map(Result::transpose).collect()
}

/// One page of the list.
pub(super) fn list(
    connection: &Connection,
    page: &StorePage,
    now: Timestamp,
) -> Result<Vec<StoredValue>, Fault> {
    let after = page.after.as_deref().unwrap_or_default();
    let values = connection
        .prepare_cached(LIST)?
        .query_map(
            params![page.prefix, after, Millis(now), sql_limit(page.limit)],
            stored_value,
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(values)
}

/// Changes a value, unless that has been done for the same.
pub(super) fn change(
    connection: &Connection,
    change: &StoreChange,
    now: Timestamp,
) -> Result<Changed, Fault> {
    let StoreChange {
        id,
        name,
        operation,
    } = change;
    operation.check(name).map_err(refused)?;
    let identity = match id {
        ChangeId::Run(_) | ChangeId::Command(_) => operation.identity(name),
        ChangeId::Program { number, .. } => format!("{number} {}", operation.identity(name)),
    };
    if let Some(changed) = remembered(connection, id, &identity)? {
        return Ok(changed);
    }
    let changed = carry_out(connection, name, operation, now)?;
    crash::point(Point::StoreUncommitted);
    remember(connection, id, &identity, &changed, now)?;
    Ok(changed)
}

/// Forgets what the run asked for: the end of its attempt is on record.
pub(super) fn settle(connection: &Connection, run: RunId) -> Result<(), Fault> {
    connection.prepare_cached(OF_RUN)?.execute([run])?;
    Ok(())
}

/// Deletes up to `limit` values whose time is over, and changes that nobody asks for any more; how many.
pub(super) fn prune(connection: &Connection, now: Timestamp, limit: usize) -> Result<usize, Fault> {
    let expired = connection
        .prepare_cached(EXPIRED)?
        .execute(params![Millis(now), sql_limit(limit)])?;
    let before = now.as_millisecond().saturating_sub(REMEMBERED);
    let forgotten = connection
        .prepare_cached(FORGOTTEN)?
        .execute((before, sql_limit(limit - expired)))?;
    Ok(expired + forgotten)
}

fn carry_out(
    connection: &Connection,
    name: &str,
    operation: &Operation,
    now: Timestamp,
) -> Result<Changed, Fault> {
    let found = find(connection, name, now)?;
    let before = found.as_ref().map(|found| &found.value);
    match operation.effect(name, before).map_err(refused)? {
        Effect::Nothing => Ok(Changed {
            is_done: false,
            value: found.map(|found| found.value),
        }),
        Effect::Remove => {
            connection
                .prepare_cached("DELETE FROM store WHERE name = ?1")?
                .execute([name])?;
            Ok(Changed {
                is_done: true,
                value: None,
            })
        }
        Effect::Write { value, lasting } => {
            let expires_at = match lasting {
                Lasting::ForEver => None,
                Lasting::For(ttl) => Some(now.as_millisecond().saturating_add(millis(ttl))),
                Lasting::AsBefore => found
                    .and_then(|found| found.expires_at)
                    .map(Timestamp::as_millisecond),
            };
            make_room(connection, name, now)?;
            connection
                .prepare_cached(
                    "INSERT INTO store (name, value, set_at, expires_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (name) DO UPDATE
                     SET value = excluded.value, set_at = excluded.set_at, expires_at = excluded.expires_at",
                )?
                .execute(params![name, value.to_string(), Millis(now), expires_at])?;
            Ok(Changed {
                is_done: true,
                value: Some(value),
            })
        }
    }
}

/// Sees to it that there may be a value of this name. Those whose time is over take up no room.
fn make_room(connection: &Connection, name: &str, now: Timestamp) -> Result<(), Fault> {
    if tally(connection, STORED)? < MOST_VALUES {
        return Ok(());
    }
    let is_there = connection
        .prepare_cached("SELECT 1 FROM store WHERE name = ?1")?
        .exists([name])?;
    if is_there {
        return Ok(());
    }
    let all = usize::try_from(MOST_VALUES).unwrap_or(usize::MAX);
    connection
        .prepare_cached(EXPIRED)?
        .execute(params![Millis(now), sql_limit(all)])?;
    match tally(connection, STORED)? {
        found if found < MOST_VALUES => Ok(()),
        found => Err(refused(StoreError::Full {
            name: name.to_owned(),
            found,
        })),
    }
}

/// Under this name values are counted.
const STORED: &str = "stored";

fn find(connection: &Connection, name: &str, now: Timestamp) -> Result<Option<StoredValue>, Fault> {
    let found = connection
        .prepare_cached(VALUE)?
        .query_row(params![name, Millis(now)], stored_value)
        .optional()?;
    Ok(found)
}

fn remembered(
    connection: &Connection,
    id: &ChangeId,
    identity: &str,
) -> Result<Option<Changed>, Fault> {
    let changed = |row: &Row<'_>| {
        let value: Option<String> = row.get(1)?;
        Ok(Changed {
            is_done: row.get(0)?,
            value: value.map(|text| json(1, &text)).transpose()?,
        })
    };
    let found = connection
        .prepare_cached("SELECT is_done, value FROM store_changes WHERE id = ?1 AND change = ?2")?
        .query_row((text(id), identity), changed)
        .optional()?;
    Ok(found)
}

/// One that asks for something else now does not ask for the former any more.
fn remember(
    connection: &Connection,
    id: &ChangeId,
    identity: &str,
    changed: &Changed,
    now: Timestamp,
) -> Result<(), Fault> {
    let run = match id {
        ChangeId::Run(run) => Some(*run),
        ChangeId::Command(_) | ChangeId::Program { .. } => None,
    };
    let value = changed.value.as_ref().map(Value::to_string);
    connection
        .prepare_cached(
            "INSERT INTO store_changes (id, run, change, asked_at, is_done, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET change = excluded.change, asked_at = excluded.asked_at,
                 is_done = excluded.is_done, value = excluded.value",
        )?
        .execute(params![
            text(id),
            run,
            identity,
            Millis(now),
            changed.is_done,
            value
        ])?;
    Ok(())
}

fn text(id: &ChangeId) -> String {
    match id {
        ChangeId::Run(run) => format!("run {run}"),
        ChangeId::Command(text) => limited(&format!("command {text}")).into_owned(),
        ChangeId::Program { start, .. } => limited(&format!("program {start}")).into_owned(),
    }
}

fn stored_value(row: &Row<'_>) -> rusqlite::Result<StoredValue> {
    let value: String = row.get(1)?;
    Ok(StoredValue {
        name: row.get(0)?,
        value: json(1, &value)?,
        set_at: time(row, 2)?,
        expires_at: optional_time(row, 3)?,
    })
}

fn json(column: usize, text: &str) -> rusqlite::Result<Value> {
    let malformed = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    };
    serde_json::from_str(text).map_err(malformed)
}

fn refused(error: StoreError) -> Fault {
    JournalError::from(error).into()
}
