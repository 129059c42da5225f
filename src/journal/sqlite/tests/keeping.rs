//! What pruning does to the tables, and how much of it at a time.

use std::time::Duration;

use super::{accept, at, claim_as, end, event, journal, quarantine_entry};
use crate::core::retention::Retention;
use crate::core::run::Transition;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::sqlite::prune::STEP;
use crate::journal::sqlite::worker::Kind;
use crate::journal::{Accept, AttemptEnd, Backup, Entry, Keep, Work};

fn keep(days: u64, number: u64) -> Retention {
    Retention {
        age: Duration::from_hours(24 * days),
        number,
    }
}

/// Prunes to the end; how much each step took.
async fn prune(journal: &SqliteJournal, retention: Retention, seconds: i64) -> Vec<usize> {
    let mut steps = Vec::new();
    loop {
        match journal.prune(retention, at(seconds)).await.unwrap().number {
            0 => return steps,
            gone => steps.push(gone),
        }
    }
}

async fn count(journal: &SqliteJournal, table: &'static str) -> i64 {
    let count = journal.ask("count", Kind::Read, move |db| {
        let sql = format!("SELECT count(*) FROM {table}");
        Ok(db.query_row(&sql, [], |row| row.get(0))?)
    });
    count.await.unwrap()
}

#[tokio::test]
async fn attempts_go_with_their_event_and_owners_with_their_last_attempt() {
    let (_folder, journal) = journal();
    let mut owners = Vec::new();
    for number in 0..3 {
        owners.push(journal.join("host".to_owned(), at(number)).await.unwrap());
        if number > 0 {
            let id = number.to_string();
            accept(&journal, &id, &[("r", "k")], 0).await;
            claim_as(&journal, owners[1], 1, 0).await.unwrap();
            let end = end(number, 1, Transition::Succeed, number);
            let owner = owners[1];
            journal.record(AttemptEnd { owner, ..end }).await.unwrap();
        }
    }
    assert_eq!(
        (
            count(&journal, "attempts").await,
            count(&journal, "owners").await
        ),
        (2, 3)
    );
    assert_eq!(prune(&journal, keep(9, 1), 4).await, [1]);
    assert_eq!(count(&journal, "owners").await, 3, "they left not long ago");
    assert_eq!(prune(&journal, keep(0, 1), 3).await, [1]);
    assert_eq!(
        (
            count(&journal, "attempts").await,
            count(&journal, "owners").await
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn pruning_goes_in_small_steps() {
    let (_folder, journal) = journal();
    let count = STEP * 2 + 7;
    let mut batch: Vec<_> = (0..count)
        .map(|number| Entry::Event(event(&number.to_string(), &[])))
        .collect();
    batch.extend((0..STEP).map(|number| Entry::Quarantine(quarantine_entry(&number.to_string()))));
    journal.accept(batch.into(), at(0)).await.unwrap();
    assert_eq!(
        prune(&journal, keep(9, 10), 1).await,
        [STEP, STEP, STEP - 13]
    );
    assert_eq!(prune(&journal, keep(0, 0), 1).await, [20]);
}

#[tokio::test]
async fn a_journal_is_measured_and_what_contradicts_itself_in_it_is_named() {
    let (folder, journal) = journal();
    assert_eq!(journal.check().await.unwrap(), [""; 0]);
    let empty = journal.size().await.unwrap();
    assert_eq!((empty.events, empty.runs, empty.oldest_event), (0, 0, None));
    accept(&journal, "a", &[("r", "k"), ("s", "k")], 7).await;
    let size = journal.size().await.unwrap();
    assert_eq!((size.events, size.runs, size.attempts), (1, 2, 0));
    assert_eq!(size.oldest_event, Some(at(7)));
    assert!(
        size.bytes > 50_000 && size.free_bytes < size.bytes,
        "{size:?}"
    );

    let other = rusqlite::Connection::open(folder.path().join("journal.sqlite")).unwrap();
    other
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM events;")
        .unwrap();
    let found = journal.check().await.unwrap();
    assert_eq!(
        found,
        [
            "row 1 of `runs` belongs to one of `events` that does not exist",
            "row 2 of `runs` belongs to one of `events` that does not exist",
        ]
    );
}
