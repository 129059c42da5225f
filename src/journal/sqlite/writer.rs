//! The one thread that writes to the database, and how it makes many requests share one commit.
//!
//! A commit waits for the disk; a request does not. So the writer takes everything that has queued
//! up until then, executes it in one transaction, each request but the first within a savepoint of
//! its own, commits, and only then answers.

use std::io;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl};

use super::fault::{Displaced, Fault, Loss};
use super::place::{Place, with_suffix};
use super::presence::{Absence, Presence};
use super::reader::Readable;
use super::worker::{Inbox, Kind, Performed, Request};
use super::{changes, schema};
use crate::crash::{self, Point};
use crate::journal::JournalError;
use crate::state::Access;

/// The most requests that share one commit, so that no answer waits for ever longer transactions.
const BATCH: usize = 256;

/// An open journal.
#[derive(Debug)]
pub(super) struct Session {
    /// Nothing only if it could not be opened again.
    connection: Option<Connection>,
    presence: Presence,
    place: Place,
    access: Access,
    /// What reads meanwhile, if anything does.
    readable: Option<Arc<Readable>>,
}

impl Session {
    /// Of what was just opened at `place`.
    pub(super) fn new(
        connection: Connection,
        presence: Presence,
        place: Place,
        access: Access,
        readable: Option<Arc<Readable>>,
    ) -> Result<Self, JournalError> {
        let mut moved = 0;
        connection
            .file_control(Some(rusqlite::MAIN_DB), FileControl::HasMoved(&mut moved))
            .map_err(|error| {
                Fault::from(error).into_journal_error("open the database", &place.database)
            })?;
        if moved != 0 || presence.identity() != place.identity {
            let exchanged = io::Error::other("it was replaced while it was being opened");
            return Err(JournalError::failed(
                "open the database",
                &place.database,
                exchanged,
            ));
        }
        Ok(Self {
            connection: Some(connection),
            presence,
            place,
            access,
            readable,
        })
    }

    /// The connection.
    fn connection(&mut self) -> Result<&Connection, Loss> {
        if self.connection.is_none() {
            let opened = schema::connect(&self.place.database, &self.place.real, self.access);
            let opened = opened.map_err(|fault| match fault {
                Fault::Database(error) => Loss::Database(error),
                Fault::Displaced(displaced) => Loss::Displaced(displaced),
                Fault::Refused(error) => Loss::Displaced(Displaced::from_error(&error)),
            })?;
            // Reading opens the files beside it, too.
            opened.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
            self.connection = Some(opened);
            self.presence.note_beside();
            self.presence.note();
        }
        self.connection
            .as_ref()
            .ok_or_else(|| Loss::Displaced(Displaced::from_error(&"the journal is not open")))
    }

    /// The connection, if what is written over it now can be found later.
    fn writable(&mut self) -> Result<&Connection, Loss> {
        match self.presence.check() {
            Ok(()) => {}
            Err(Absence::Displaced(displaced)) => return Err(Loss::Displaced(displaced)),
            Err(Absence::Beside(displaced)) => self.open_again(displaced)?,
        }
        self.connection()
    }

    /// Opens the journal again, whose log or index was removed: what the open log holds goes into the
    /// database first.
    fn open_again(&mut self, displaced: Displaced) -> Result<(), Loss> {
        // As long as anything of this process has the old index open, a new connection would use that.
        let readable = self.readable.clone();
        let _closed = readable.as_ref().map(|readable| readable.close());
        if let Some(connection) = &self.connection {
            let (frames, moved): (i64, i64) =
                connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                    Ok((row.get(1)?, row.get(2)?))
                })?;
            if frames != moved {
                return Err(Loss::Displaced(displaced));
            }
            tracing::warn!(
                "{displaced}; what it held is in the database, and the journal is opened again"
            );
        }
        self.connection = None;
        self.connection().map(drop)
    }

    /// Takes into the `batch` what comes in meanwhile: it is the claim of what is just being accepted, for
    /// example.
    fn in_one_transaction(
        &mut self,
        batch: &mut Vec<Request>,
        inbox: &mut Inbox,
    ) -> Result<(), Loss> {
        let connection = self.writable()?;
        execute(connection, "BEGIN IMMEDIATE")?;
        let performed = perform_all(connection, batch, inbox);
        let done = performed.and_then(|()| {
            crash::point(Point::Committing);
            match self.presence.check() {
                Err(Absence::Displaced(displaced) | Absence::Beside(displaced)) => {
                    Err(Loss::Displaced(displaced))
                }
                Ok(()) => Ok(()),
            }
        });
        let connection = self.connection()?;
        let done = done.and_then(|()| execute(connection, "COMMIT"));
        // Some errors end the transaction by themselves, others leave it open.
        if done.is_err()
            && !connection.is_autocommit()
            && let Err(Loss::Database(error)) = execute(connection, "ROLLBACK")
        {
            tracing::error!(%error, "failed to roll back in the journal");
        }
        if done.is_ok() {
            self.presence.note();
            crash::point(Point::Committed);
            if self.access == Access::Beside {
                changes::tell(&with_suffix(&self.place.real, "-wal"));
            }
        }
        done
    }

    /// Closes the journal. The log is worked in, unless it may be that of another database by now.
    fn close(mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(Absence::Displaced(displaced)) = self.presence.check()
        {
            tracing::error!("the journal is closed as it is: {displaced}");
            if self.presence.is_changed() {
                let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                drop(connection.set_db_config(leave, true));
            }
        }
    }

    /// Looks, without changing anything.
    fn read_each(&mut self, batch: &mut [Request]) -> Result<(), Loss> {
        let connection = self.connection()?;
        for request in batch {
            request.task.perform(connection);
        }
        Ok(())
    }
}

/// Works off requests until every sender is gone.
pub(super) fn serve(mut session: Session, mut inbox: Inbox) {
    let mut batch = Vec::new();
    while inbox.blocking_recv_many(&mut batch, BATCH) > 0 {
        let done = if batch.iter().any(|request| request.kind == Kind::Write) {
            session.in_one_transaction(&mut batch, &mut inbox)
        } else {
            session.read_each(&mut batch)
        };
        let lost = done.err();
        for request in batch.drain(..) {
            request.task.answer(lost.as_ref(), &session.place.database);
        }
    }
    session.close();
}

fn perform_all(
    connection: &Connection,
    batch: &mut Vec<Request>,
    inbox: &mut Inbox,
) -> Result<(), Loss> {
    let mut performed = 0;
    while performed < batch.len() {
        for request in &mut batch[performed..] {
            // What is alone in a transaction needs no savepoint to be undone.
            if performed == 0 {
                perform_first(connection, request)?;
            } else {
                perform(connection, request)?;
            }
            performed += 1;
        }
        while batch.len() < BATCH
            && let Ok(request) = inbox.try_recv()
        {
            batch.push(request);
        }
    }
    Ok(())
}

/// Performs the first request of a transaction, which is begun anew without it if it fails: savepoints copy each page
/// that is changed.
fn perform_first(connection: &Connection, request: &mut Request) -> Result<(), Loss> {
    match request.task.perform(connection) {
        Performed::Done => Ok(()),
        Performed::Failed(error) if connection.is_autocommit() => Err(Loss::Database(error)),
        Performed::Refused | Performed::Failed(_) => {
            execute(connection, "ROLLBACK")?;
            execute(connection, "BEGIN IMMEDIATE")
        }
    }
}

fn perform(connection: &Connection, request: &mut Request) -> Result<(), Loss> {
    execute(connection, "SAVEPOINT request")?;
    match request.task.perform(connection) {
        Performed::Done => {}
        Performed::Failed(error) if connection.is_autocommit() => {
            return Err(Loss::Database(error));
        }
        Performed::Refused | Performed::Failed(_) => {
            execute(connection, "ROLLBACK TO request")?;
        }
    }
    execute(connection, "RELEASE request")
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Loss> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute([])?;
    Ok(())
}
