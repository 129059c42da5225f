//! Deliveries that could not be decoded or decided, and the runs that wait for them.
//!
//! A delivery that is known to be about a key has a place in the order of that key's runs, and
//! [`give_turn`] gives the turn to none behind it. So all code that takes a delivery out gives the turn again,
//! in the same transaction.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows::{Millis, optional_key, sql_limit, time};
use super::turns::{give_turn, new_place};
use crate::core::event::Key;
use crate::core::limits::limited;
use crate::journal::{Dropped, QuarantineEntry, QuarantineId, Quarantined};

/// How many runs of a key stand from the place `?3` on, and before the place `?4`.
pub(super) const WAITING: &str = "SELECT count(*) FROM runs
     WHERE key_space = ?1 AND key = ?2 AND finished_at IS NULL AND state <> 'scheduled'
     AND COALESCE(place, id) > ?3 AND COALESCE(place, id) < ?4";

/// How many runs wait for deliveries.
pub(super) const HELD: &str = "SELECT count(*)
     FROM (SELECT key_space, key, min(place) AS place FROM quarantine WHERE key IS NOT NULL
           GROUP BY key_space, key) q
     JOIN runs r ON r.key_space = q.key_space AND r.key = q.key AND r.finished_at IS NULL
          AND r.state <> 'scheduled' AND COALESCE(r.place, r.id) > q.place";

/// The columns that [`delivery`] reads.
const DELIVERY: &str = "SELECT id, arrived_at, source, origin, reason, body, size, key_space, key,
        (SELECT count(*) FROM runs r
         WHERE r.key_space = q.key_space AND r.key = q.key AND r.finished_at IS NULL
         AND r.state <> 'scheduled' AND COALESCE(r.place, r.id) > q.place)
     FROM quarantine q";

/// Keeps a delivery, unless exactly the same is kept already: an unsettled one comes again.
pub(super) fn quarantine(
    connection: &Connection,
    delivery: &QuarantineEntry,
    now: Timestamp,
) -> Result<QuarantineId, Fault> {
    let QuarantineEntry {
        source,
        origin,
        reason,
        body,
        size,
        key,
    } = delivery;
    let (source, key) = (limited(source), key.as_ref().map(Key::limited));
    let (size, fingerprint) = (size.cast_signed(), fingerprint(body));
    let known = connection
        .prepare_cached(
            "SELECT id FROM quarantine
             WHERE fingerprint = ?1 AND size = ?2 AND source = ?3 AND origin = ?4 AND body = ?5",
        )?
        .query_row(params![fingerprint, size, source, origin, body], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let place = key.as_ref().map(|_| new_place(connection)).transpose()?;
    let id = connection
        .prepare_cached(
            "INSERT INTO quarantine
                 (source, origin, reason, size, arrived_at, fingerprint, body, key_space, key, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
        )?
        .query_row(
            params![
                source,
                origin,
                reason,
                size,
                Millis(now),
                fingerprint,
                body,
                key.as_ref().map(|key| &key.space),
                key.as_ref().map(|key| &key.text),
                place
            ],
            |row| row.get(0),
        )?;
    Ok(id)
}

/// FNV-1a: it stays the same over releases of Rust, unlike the standard library's hasher. Bodies
/// that share it are distinguished by comparing them.
fn fingerprint(body: &[u8]) -> i64 {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

/// Deletes deliveries, and answers what that means for the runs that waited for them.
pub(super) fn drop_deliveries(
    connection: &Connection,
    mut ids: Vec<QuarantineId>,
) -> Result<Vec<Dropped>, Fault> {
    ids.sort_unstable();
    ids.dedup();
    let drop_one = |id| drop_delivery(connection, id);
    ids.into_iter().map(drop_one).collect()
}

fn drop_delivery(connection: &Connection, id: QuarantineId) -> Result<Dropped, Fault> {
    let Some((key, place)) = take_out(connection, id)? else {
        let (key, freed, waiting) = (None, 0, 0);
        return Ok(Dropped {
            id,
            key,
            freed,
            waiting,
        });
    };
    give_turn(connection, &key)?;
    let next: Option<i64> = connection
        .prepare_cached("SELECT min(place) FROM quarantine WHERE key_space = ?1 AND key = ?2")?
        .query_row([&key.space, &key.text], |row| row.get(0))?;
    let next = next.unwrap_or(i64::MAX);
    let count = |from: i64, to: i64| -> rusqlite::Result<u64> {
        connection
            .prepare_cached(WAITING)?
            .query_row(params![key.space, key.text, from, to], |row| row.get(0))
            .map(i64::cast_unsigned)
    };
    let freed = count(place, next)?;
    let waiting = count(place.max(next), i64::MAX)?;
    Ok(Dropped {
        id,
        key: Some(key.text),
        freed,
        waiting,
    })
}

/// Deletes a delivery: whose runs wait for it, and from which place on.
pub(super) fn take_out(
    connection: &Connection,
    id: QuarantineId,
) -> Result<Option<(Key, i64)>, Fault> {
    let hold = connection
        .prepare_cached("DELETE FROM quarantine WHERE id = ?1 RETURNING key_space, key, place")?
        .query_row([id], |row| {
            Ok((optional_key(row, 0)?, row.get::<_, Option<_>>(2)?))
        })
        .optional()?;
    let (key, place) = hold.ok_or_else(|| Fault::absent("quarantined delivery", id))?;
    Ok(key.zip(place))
}

/// Whether there is a delivery of this number.
pub(super) fn is_there(connection: &Connection, id: QuarantineId) -> Result<bool, Fault> {
    let found = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM quarantine WHERE id = ?1)")?
        .query_row([id], |row| row.get(0))?;
    Ok(found)
}

/// How many runs wait for deliveries.
pub(super) fn held(connection: &Connection) -> Result<u64, Fault> {
    let held: i64 = connection
        .prepare_cached(HELD)?
        .query_row([], |row| row.get(0))?;
    Ok(held.cast_unsigned())
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    Ok(Quarantined {
        id: row.get(0)?,
        arrived_at: time(row, 1)?,
        delivery: QuarantineEntry {
            source: row.get(2)?,
            origin: row.get(3)?,
            reason: row.get(4)?,
            body: row.get(5)?,
            size: row.get::<_, i64>(6)?.cast_unsigned(),
            key: optional_key(row, 7)?,
        },
        waiting: row.get::<_, i64>(9)?.cast_unsigned(),
    })
}

/// The newest quarantined deliveries.
pub(super) fn list(connection: &Connection, limit: usize) -> Result<Vec<Quarantined>, Fault> {
    let deliveries = connection
        .prepare_cached(&format!("{DELIVERY} ORDER BY id DESC LIMIT ?1"))?
        .query_map([sql_limit(limit)], delivery)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(deliveries)
}

/// One quarantined delivery.
pub(super) fn one(connection: &Connection, id: QuarantineId) -> Result<Quarantined, Fault> {
    connection
        .prepare_cached(&format!("{DELIVERY} WHERE id = ?1"))?
        .query_row([id], delivery)
        .optional()?
        .ok_or_else(|| Fault::absent("quarantined delivery", id))
}
