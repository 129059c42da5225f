//! The journal alone: beside an empty one when it has very many finished runs, and beside what SQLite takes to
//! write the same bytes.

use std::time::{Duration, Instant};

use esi_event_actions::sources::Interest;
use esi_event_actions::sources::amqp::decode;
use rusqlite::{Connection, params};
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
    let message = notification(FULFILL).body;
    let decoded = decode(message.as_bytes(), &Interest::in_all());
    // What a journal keeps of a message.
    let body = decoded.expect("an event").expect("one that is wanted");
    let body = body.event.to_json();
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
                 CREATE TABLE bare (id INTEGER PRIMARY KEY, source TEXT NOT NULL, event_id TEXT NOT NULL,
                     event_type TEXT NOT NULL, body TEXT NOT NULL, rule TEXT NOT NULL, key TEXT NOT NULL);",
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
            let insert = transaction.prepare_cached(
                "INSERT INTO bare (source, event_id, event_type, body, rule, key)
                 VALUES ('bench', ?1, ?2, ?3, 'rule', ?4)",
            );
            let mut insert = insert.expect("a statement");
            for number in 0..BATCH {
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
