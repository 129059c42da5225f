//! Opens the database, and brings the tables of an older version up to this one.
//!
//! The database of another program is never written to: application id and version are checked first.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};
use rustix::fs::lstat;

use super::fault::{self, Fault};
use super::place::{Place, with_suffix};
use crate::crash::{self, Point};
use crate::journal::JournalError;
use crate::state::{Access, file_system};

/// Marks a database as a journal: `ESIJ`.
const APPLICATION_ID: i32 = 0x4553_494A;

/// What leads from each version to the next, beginning with an empty file.
const MIGRATIONS: &[&str] = &[include_str!("v1.sql")];

/// The log is worked into the database once it has so many pages, about what `journal_size_limit` leaves of it: what is
/// changed again and again, like the ends of tables and indexes, gets there once instead of four times.
const CHECKPOINT: i64 = 4000;

/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the journal at `place`, whose database must exist, if only as an empty file.
pub(super) fn open(place: &Place, access: Access) -> Result<Connection, JournalError> {
    let path = &place.database;
    connect(path, &place.real, access).map_err(|fault| match &fault {
        Fault::Database(error) => match error.sqlite_extended_error_code() {
            Some(ffi::SQLITE_IOERR_SHMMAP) => {
                file_system::lacks("memory that processes share (`mmap`)", path, error).into()
            }
            Some(ffi::SQLITE_IOERR_LOCK | ffi::SQLITE_IOERR_RDLOCK | ffi::SQLITE_IOERR_SHMLOCK) => {
                file_system::lacks("locks", path, error).into()
            }
            _ => fault.into_journal_error("open the database", path),
        },
        _ => fault.into_journal_error("open the database", path),
    })
}

/// `real` is `path` without links, which the database does not follow.
pub(super) fn connect(path: &Path, real: &Path, access: Access) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(real, flags)?;
    connection.busy_timeout(BUSY)?;
    // A log that is there, even an empty one, says that this is no copy without it. And it is the
    // service's to work in: a command that writes to the database's file looks like another program.
    let keep_log =
        |keep| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
    keep_log(true)?;
    let checkpoint = match access {
        Access::Beside => 0,
        _ => CHECKPOINT,
    };
    connection.pragma_update(None, "wal_autocheckpoint", checkpoint)?;
    connection.set_prepared_statement_cache_capacity(64);
    let had_log = lstat(with_suffix(real, "-wal")).is_ok();
    let size = lstat(real).map_or(0, |stat| stat.st_size);
    let found = version(&connection, path)?;
    if found == 0 && size > 0 && !had_log && has_log(&connection)? {
        // The one that was made just now must not hide that from the next.
        keep_log(false)?;
        return Err(fault::without_log(path).into());
    }
    if found == 0 && access == Access::Beside {
        return Err(fault::empty(path).into());
    }
    if found < MIGRATIONS.len() && access == Access::Beside {
        return Err(Fault::from(JournalError::Unusable {
            message: format!(
                "the journal {} is of version {found}, but this program works with version {}",
                path.display(),
                MIGRATIONS.len()
            ),
            remedy: "restart the service with this program; it brings the journal up to date"
                .to_owned(),
        }));
    }
    configure(&connection, path)?;
    for (from, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        // Nobody else migrates meanwhile: the service's lock is held.
        connection.execute_batch(&format!("BEGIN IMMEDIATE;\n{sql}"))?;
        crash::point(Point::MigrationHalfWay);
        connection.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {};\nCOMMIT;",
            from + 1
        ))?;
        crash::point(Point::Migrated);
    }
    keep_log(access == Access::Beside)?;
    Ok(connection)
}

/// Whether the file says of itself that it has a log beside it.
fn has_log(connection: &Connection) -> Result<bool, Fault> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// The version of the tables, 0 for an empty file; or why this file is not to be touched.
fn version(connection: &Connection, path: &Path) -> Result<usize, Fault> {
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(Fault::from(JournalError::Unusable {
            message: format!(
                "{} is the database of another program, not a journal",
                path.display()
            ),
            remedy: fault::elsewhere(),
        }));
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(Fault::from(JournalError::Unusable {
            message: format!(
                "the journal {} is of version {version}, but this program knows versions up to {}",
                path.display(),
                MIGRATIONS.len()
            ),
            remedy: "install the program that wrote it, or a newer one".to_owned(),
        })),
    }
}

/// Settings that hold for a connection, except for the journal mode, which stays with the file.
fn configure(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let found = format!("the database stays in mode `{mode}`");
        let lacks = file_system::lacks("memory that processes share", path, &found);
        return Err(Fault::Refused(lacks.into()));
    }
    // FULL: a commit that was answered survives a power cut. What savepoints keep to undo stays in
    // memory: in temporary files it would be nine tenths of all that is written. The cache is
    // small, since the kernel's does the same work; the log is cut back after a flood.
    // Without its guarantee of stable plans SQLite looks into some values to plan by them, a LIMIT for one, and
    // prepares such a statement anew each time it is given values. No plan here depends on them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    Ok(())
}

/// The journal's random name.
pub(super) fn name(connection: &Connection, path: &Path) -> Result<String, JournalError> {
    connection
        .query_row("SELECT value FROM meta WHERE name = 'name'", [], |row| {
            row.get(0)
        })
        .map_err(|error| Fault::from(error).into_journal_error("read the name", path))
}
