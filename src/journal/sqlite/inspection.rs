//! Whether a journal is sound, and how large it is.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::reads::tally;
use super::rows::time;
use crate::journal::Size;

/// So many damages of one kind are named.
const MOST: u32 = 20;

/// Reads all pages, indexes and rows.
pub(super) fn check(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut found: Vec<String> = connection
        .prepare(&format!("PRAGMA integrity_check({MOST})"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    let orphan = |row: &rusqlite::Row<'_>| {
        let (table, id, of): (String, Option<i64>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let id = id.map_or_else(String::new, |id| format!(" {id}"));
        Ok(format!(
            "row{id} of `{table}` belongs to one of `{of}` that does not exist"
        ))
    };
    let orphans = connection
        .prepare("PRAGMA foreign_key_check")?
        .query_map([], orphan)?
        .take(usize::try_from(MOST).unwrap_or_default())
        .collect::<rusqlite::Result<Vec<String>>>()?;
    found.extend(orphans);
    Ok(found)
}

/// Counts rows and bytes; those of the log beside the database, too.
pub(super) fn size(connection: &Connection, log: &Path) -> Result<Size, Fault> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let page = pragma("page_size")?;
    let bytes = |pages: i64| (pages * page).cast_unsigned();
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
    };
    // It may be gone, or never have been.
    let of_log = std::fs::metadata(log).map_or(0, |found| found.len());
    Ok(Size {
        bytes: bytes(pragma("page_count")?) + of_log,
        free_bytes: bytes(pragma("freelist_count")?),
        events: count("events")?.cast_unsigned(),
        runs: count("runs")?.cast_unsigned(),
        attempts: count("attempts")?.cast_unsigned(),
        quarantined: tally(connection, "quarantined")?,
        oldest_event: connection
            .query_row(
                "SELECT accepted_at FROM events ORDER BY id LIMIT 1",
                [],
                |row| time(row, 0),
            )
            .optional()?,
    })
}
