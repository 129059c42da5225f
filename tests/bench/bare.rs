//! What SQLite takes at the least to keep texts as safely as a journal does.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::support::scene::FULFILL;

/// A database with the settings of a journal, and one table of texts.
pub(crate) struct Bare {
    connection: Connection,
    /// Goes last.
    _folder: TempDir,
}

impl Bare {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = Connection::open(folder.path().join("bare.db")).expect("a database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA cache_size = -4096;
                 CREATE TABLE bare (id INTEGER PRIMARY KEY, source TEXT NOT NULL, event_id TEXT NOT NULL,
                     event_type TEXT NOT NULL, body TEXT NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL);",
            )
            .expect("a table");
        Self {
            connection,
            _folder: folder,
        }
    }

    /// How long these take as a batch, with its commit.
    pub(crate) fn commit(&mut self, bodies: &[String]) -> Duration {
        let began = Instant::now();
        let transaction = self.connection.transaction().expect("a transaction");
        {
            let insert = transaction.prepare_cached(
                "INSERT INTO bare (source, event_id, event_type, body, rule, key)
                 VALUES ('bench', ?1, ?2, ?3, 'rule', ?4)",
            );
            let mut insert = insert.expect("a statement");
            for (number, body) in bodies.iter().enumerate() {
                let (id, node) = (format!("{number:032x}"), format!("node-{number}"));
                insert
                    .execute(params![id, FULFILL, body, node])
                    .expect("a row");
            }
        }
        transaction.commit().expect("a commit");
        began.elapsed()
    }
}
