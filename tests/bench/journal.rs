//! The journal alone: beside an empty one when it has very many finished runs, and beside what SQLite takes to
//! write the same bytes.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::measure::{median, rate};
use super::sizes::Sizes;
use super::support::scene::{FULFILL, notification};
use super::table::{Goal, Row};
use super::worked::Worked;

/// Events of a batch.
const BATCH: usize = 100;

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    vec![finished(sizes), batches(sizes)]
}

/// Accepting and claiming, with finished runs and without.
fn finished(sizes: &Sizes) -> Row {
    let mut full = Worked::with_finished(sizes.finished);
    let mut empty = Worked::with_finished(0);
    let worked = |journal: &mut Worked| {
        let round = journal.round(BATCH);
        rate(BATCH, round.accept + round.claim)
    };
    let (mut of_full, mut of_empty) = (Vec::new(), Vec::new());
    for _ in 0..sizes.batches {
        of_empty.push(worked(&mut empty));
        of_full.push(worked(&mut full));
    }
    Row::of(
        &format!("accept and claim with {} finished runs", sizes.finished),
        "runs/s",
        median(&of_full),
        ("empty journal", median(&of_empty)),
        Goal::AtLeast(0.9),
    )
}

/// Accepting in batches, and bare commits of the same bytes.
fn batches(sizes: &Sizes) -> Row {
    let body = notification(FULFILL).body;
    let mut journal = Worked::new(&body);
    let mut bare = Bare::new();
    let (mut accepted, mut committed) = (Vec::new(), Vec::new());
    for _ in 0..sizes.batches {
        committed.push(rate(BATCH, bare.commit(&body)));
        accepted.push(rate(BATCH, journal.accept(BATCH)));
    }
    Row::of(
        "accepts in batches of 100",
        "events/s",
        median(&accepted),
        ("bare SQLite commits", median(&committed)),
        Goal::AtLeast(0.6),
    )
}

/// A database with the settings of a journal, and one table of texts.
struct Bare {
    connection: Connection,
    /// Goes last.
    _folder: TempDir,
}

impl Bare {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = Connection::open(folder.path().join("bare.db")).expect("a database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA cache_size = -4096;
                 CREATE TABLE bare (id INTEGER PRIMARY KEY, body TEXT NOT NULL);",
            )
            .expect("a table");
        Self {
            connection,
            _folder: folder,
        }
    }

    /// How long a batch takes, with its commit.
    fn commit(&mut self, body: &str) -> Duration {
        let began = Instant::now();
        let transaction = self.connection.transaction().expect("a transaction");
        {
            let insert = transaction.prepare_cached("INSERT INTO bare (body) VALUES (?1)");
            let mut insert = insert.expect("a statement");
            for _ in 0..BATCH {
                insert.execute([body]).expect("a row");
            }
        }
        transaction.commit().expect("a commit");
        began.elapsed()
    }
}
