//! Reads and writes of one service do not wait for each other.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::join;
use tokio::time::{sleep, timeout};

use super::writing::hold;
use super::{accept, journal};
use crate::journal::Browse;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_long_look_holds_up_no_accept() {
    let (_folder, journal) = journal();
    accept(&journal, "before", &[], 0).await;
    let (began, has_begun) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    let look = journal.look("look", move |db: &Connection| {
        let mut statement = db.prepare("SELECT event_id FROM events, (VALUES (1), (2), (3))")?;
        let mut rows = statement.query([])?;
        rows.next()?;
        began.send(()).unwrap();
        wait.recv().unwrap();
        let mut more = 0;
        while rows.next()?.is_some() {
            more += 1;
        }
        Ok(more)
    });
    let accepting = async {
        while has_begun.try_recv().is_err() {
            sleep(Duration::from_millis(1)).await;
        }
        for number in 0..20 {
            let id = format!("e{number}");
            let accepted = accept(&journal, &id, &[("r", "k")], 1);
            timeout(SOON, accepted).await.expect("it does not wait");
        }
        go.send(()).unwrap();
    };
    let (more, ()) = join!(look, accepting);
    assert_eq!(more.unwrap(), 2, "it sees what was there when it began");
    // And the next one sees the rest.
    let found = journal.event("e19".to_owned()).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_look_waits_for_no_commit() {
    let (_folder, journal) = journal();
    accept(&journal, "before", &[("r", "k")], 0).await;
    let go = hold(&journal);
    let accepting = accept(&journal, "later", &[("r", "k")], 0);
    let looking = async {
        let census = timeout(SOON, journal.census()).await;
        assert_eq!(census.expect("it does not wait").unwrap().unfinished(), 1);
        drop(go);
    };
    join!(accepting, looking);
    assert_eq!(journal.census().await.unwrap().unfinished(), 2);
}

#[tokio::test]
async fn looks_go_on_with_what_is_made_again_beside_the_database() {
    let (folder, journal) = journal();
    for round in 0..3 {
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(folder.path().join(format!("journal.sqlite{suffix}"))).unwrap();
        }
        let id = format!("e{round}");
        accept(&journal, &id, &[("r", "k")], 0).await;
        assert!(journal.event(id).await.unwrap().is_some(), "{round}");
        assert_eq!(journal.census().await.unwrap().unfinished(), round + 1);
    }
}
