//! The one thread that reads the database of a service, over a connection of its own: writes
//! do not wait for a list, and reads do not wait for a commit.
//!
//! A read sees what was committed when it began. Until it ends, SQLite cannot restart the write-ahead log, which grows.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::fault::{Displaced, Fault, Loss};
use super::place::Place;
use super::schema;
use super::worker::Inbox;
use crate::state::Access;

/// A connection that only reads. Opened when it is first needed, and again after it was closed.
#[derive(Debug)]
pub(super) struct Readable {
    database: PathBuf,
    real: PathBuf,
    open: Mutex<Option<Connection>>,
    /// How often it was opened.
    opened: AtomicU64,
}

impl Readable {
    /// Of the journal at `place`, which the caller has just opened.
    pub(super) fn of(place: &Place) -> Result<Self, Fault> {
        let readable = Self {
            database: place.database.clone(),
            real: place.real.clone(),
            open: Mutex::default(),
            opened: AtomicU64::default(),
        };
        *readable.lock() = Some(readable.connect()?);
        Ok(readable)
    }

    /// How often it was opened.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Closes it, when a look that is under way has ended; nobody opens it before the answer is dropped.
    pub(super) fn close(&self) -> MutexGuard<'_, Option<Connection>> {
        let mut open = self.lock();
        *open = None;
        open
    }

    /// As a command would: it leaves the log, and the database's file, to the writer.
    fn connect(&self) -> Result<Connection, Fault> {
        let connection = schema::connect(&self.database, &self.real, Access::Beside)?;
        connection.execute_batch("PRAGMA query_only = ON")?;
        // Reading opens the files beside it, too.
        connection.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> T) -> Result<T, Loss> {
        let mut open = self.lock();
        if open.is_none() {
            *open = Some(self.connect().map_err(|fault| match fault {
                Fault::Database(error) => Loss::Database(error),
                Fault::Displaced(displaced) => Loss::Displaced(displaced),
                Fault::Refused(error) => Loss::Displaced(Displaced::from_error(&error)),
            })?);
        }
        let connection = open.as_ref();
        connection
            .map(look)
            .ok_or_else(|| Loss::Displaced(Displaced::from_error(&"the journal is not open")))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers looks until every sender is gone.
pub(super) fn serve(readable: &Arc<Readable>, mut inbox: Inbox) {
    while let Some(mut request) = inbox.blocking_recv() {
        let lost = readable.look(|connection| {
            request.task.perform(connection);
        });
        request.task.answer(lost.err().as_ref(), &readable.database);
    }
    drop(readable.close());
}
