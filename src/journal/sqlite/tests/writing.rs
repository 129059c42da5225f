//! The writer: what shares a commit, and what one failure does to the others.

use std::sync::mpsc;
use std::time::Duration;

use rusqlite::{Connection, ffi};
use tokio::join;

use super::{accept, at, claim, claim_as, event, journal};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::sqlite::fault::Fault;
use crate::journal::sqlite::worker::Kind;
use crate::journal::{Accept, Browse, Entry, JournalError, Owner};

/// Holds the writer up until the answer is sent to or dropped, so that what is asked meanwhile
/// shares one transaction.
pub(super) fn hold(journal: &SqliteJournal) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let journal = journal.clone();
    let (held, is_held) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let work = move |_: &Connection| {
            held.send(()).unwrap();
            wait.recv().ok();
            Ok(())
        };
        // The writer may panic in a request that came with this one.
        runtime.block_on(journal.ask("wait", Kind::Read, work)).ok();
    });
    is_held.recv().unwrap();
    go
}

async fn insert(journal: &SqliteJournal, name: &'static str) -> Result<(), JournalError> {
    let work = move |db: &Connection| {
        db.execute("INSERT INTO meta VALUES (?1, '')", [name])?;
        Ok(())
    };
    journal.ask("insert", Kind::Write, work).await
}

async fn count(journal: &SqliteJournal) -> i64 {
    let work = |db: &Connection| {
        Ok(
            db.query_row("SELECT count(*) FROM meta WHERE value = ''", [], |row| {
                row.get(0)
            })?,
        )
    };
    journal.ask("count", Kind::Read, work).await.unwrap()
}

fn unavailable<T>(result: Result<T, JournalError>) -> bool {
    result.is_err_and(|error| error.is_temporary())
}

#[tokio::test]
async fn what_waits_shares_one_commit() {
    let (folder, journal) = journal();
    let go = hold(&journal);
    let other = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    let count_outside = move || -> i64 {
        other
            .query_row("SELECT count(*) FROM meta WHERE value = ''", [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    let look = async {
        let look = journal.ask("look", Kind::Read, move |db| {
            let inside: i64 =
                db.query_row("SELECT count(*) FROM meta WHERE value = ''", [], |row| {
                    row.get(0)
                })?;
            Ok((inside, count_outside()))
        });
        look.await
    };
    let (one, look, two, ()) = join!(
        insert(&journal, "one"),
        look,
        insert(&journal, "two"),
        async { drop(go) }
    );
    one.unwrap();
    two.unwrap();
    assert_eq!(
        look.unwrap(),
        (1, 0),
        "the first write is not committed when the second request runs"
    );
    assert_eq!(count(&journal).await, 2);
}

#[tokio::test]
async fn what_is_asked_before_a_commit_shares_it() {
    let (folder, journal) = journal();
    let other = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let (begun, is_begun) = mpsc::channel();
    let slow = journal.ask("insert", Kind::Write, move |db| {
        db.execute("INSERT INTO meta VALUES ('slow', '')", [])?;
        begun.send(()).unwrap();
        wait.recv().ok();
        Ok(())
    });
    is_begun.recv().unwrap();
    let look = journal.ask("look", Kind::Read, move |db| {
        const LOOK: &str = "SELECT count(*) FROM meta WHERE value = ''";
        let count = |db: &Connection| db.query_row(LOOK, [], |row| row.get::<_, i64>(0));
        Ok((count(db)?, count(&other)?))
    });
    drop(go);
    let (slow, look) = join!(slow, look);
    slow.unwrap();
    assert_eq!(look.unwrap(), (1, 0), "nothing is committed yet");
}

#[tokio::test]
async fn a_failing_request_undoes_only_itself() {
    let (_folder, journal) = journal();
    let go = hold(&journal);
    let half = journal.ask("fail", Kind::Write, |db| {
        db.execute("INSERT INTO meta VALUES ('half', '')", [])?;
        Err::<(), _>(Fault::absent("run", 5))
    });
    let (one, half, clash, two, ()) = join!(
        insert(&journal, "one"),
        half,
        insert(&journal, "one"),
        insert(&journal, "two"),
        async { drop(go) }
    );
    one.unwrap();
    two.unwrap();
    assert!(matches!(half, Err(JournalError::Absent { id: 5, .. })));
    assert!(
        matches!(clash, Err(JournalError::Unusable { .. })),
        "{clash:?}"
    );
    assert_eq!(count(&journal).await, 2);
}

#[tokio::test]
async fn a_failing_commit_fails_all_that_shared_it() {
    let (_folder, journal) = journal();
    let go = hold(&journal);
    // A broken reference that only the commit notices.
    let orphan = journal.ask("orphan", Kind::Write, |db| {
        db.execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO attempts (run, number, owner, started_at) VALUES (9, 1, 1, 0)")?;
        Ok(())
    });
    let (one, orphan, two, ()) = join!(
        insert(&journal, "one"),
        orphan,
        insert(&journal, "two"),
        async { drop(go) }
    );
    for result in [one, orphan, two] {
        assert!(
            matches!(&result, Err(JournalError::Unusable { .. })),
            "{result:?}"
        );
    }
    assert_eq!(count(&journal).await, 0);
    insert(&journal, "later").await.unwrap();
    assert_eq!(count(&journal).await, 1);
}

#[tokio::test]
async fn a_transaction_that_the_database_rolled_back_is_no_requests_success() {
    let (_folder, journal) = journal();
    let go = hold(&journal);
    // What SQLite itself does on some I/O errors.
    let broken = journal.ask("break", Kind::Write, |db| {
        db.execute_batch("ROLLBACK")?;
        Err::<(), _>(Fault::from(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_IOERR),
            None,
        )))
    });
    let (one, broken, two, ()) = join!(
        insert(&journal, "one"),
        broken,
        insert(&journal, "two"),
        async { drop(go) }
    );
    assert!(unavailable(one) && unavailable(broken) && unavailable(two));
    assert_eq!(count(&journal).await, 0);
    insert(&journal, "later").await.unwrap();
}

#[tokio::test]
async fn a_full_disk_passes() {
    let (_folder, journal) = journal();
    accept(&journal, "a", &[("r", "n1")], 0).await;
    let limit = |pages: &'static str| {
        journal.ask("limit", Kind::Read, move |db| {
            Ok(db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        })
    };
    limit("1").await.unwrap();
    let mut large = event("b", &[("r", "n2")]);
    large.body = "x".repeat(1_000_000);
    let full = journal
        .accept(vec![Entry::Event(large.clone())].into(), at(1))
        .await
        .unwrap_err();
    assert!(full.is_temporary(), "{full}");
    assert!(
        full.to_string()
            .starts_with("failed to accept deliveries in the journal /"),
        "{full}"
    );
    limit("1000000").await.unwrap();
    assert_eq!(journal.event("b".to_owned()).await.unwrap(), None);
    journal
        .accept(vec![Entry::Event(large)].into(), at(2))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 2).await, [1, 2]);
}

#[tokio::test]
async fn a_busy_file_passes() {
    let (folder, journal) = journal();
    let impatient = journal.ask("hurry", Kind::Read, |db| {
        Ok(db.busy_timeout(Duration::ZERO)?)
    });
    impatient.await.unwrap();
    let other = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(unavailable(claim_as(&journal, Owner(1), 1, 0).await));
    assert_eq!(
        journal.census().await.unwrap().unfinished(),
        0,
        "reading goes on"
    );
    other.execute_batch("COMMIT").unwrap();
    accept(&journal, "a", &[("r", "k")], 0).await;
}

#[tokio::test]
async fn a_panic_is_an_error_for_every_caller_and_hangs_none() {
    let (folder, journal) = journal();
    let go = hold(&journal);
    let panics = journal.ask::<()>("panic", Kind::Write, |_| panic!("as this test wants it"));
    let (one, panics, two, ()) = join!(
        insert(&journal, "one"),
        panics,
        insert(&journal, "two"),
        async { drop(go) }
    );
    let later = insert(&journal, "later").await;
    for result in [one, panics, two, later] {
        assert!(
            matches!(&result, Err(JournalError::Unusable { message, .. }) if message.ends_with("its writer has stopped")),
            "{result:?}"
        );
    }
    drop(journal);
    let file = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    let written: i64 = file
        .query_row("SELECT count(*) FROM meta WHERE value = ''", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(written, 0);
}

#[tokio::test]
async fn a_dropped_asker_changes_nothing_for_the_others_and_the_last_handle_waits() {
    let (folder, journal) = journal();
    let go = hold(&journal);
    {
        let mut abandoned = Box::pin(insert(&journal, "abandoned"));
        tokio::select! {
            biased;
            _ = &mut abandoned => panic!("the writer is held"),
            () = std::future::ready(()) => {}
        }
    }
    drop(go);
    drop(journal);
    // The thread of `hold` may have the last handle; it goes when its answer comes.
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    let journal = loop {
        match SqliteJournal::open(folder.path(), super::Access::Service) {
            Ok(journal) => break journal,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(count(&journal).await, 1);
}
