//! How many commits a run costs: each of them waits for the disk.

use std::fs;
use std::path::Path;

use super::owners::{journal, perform_all};
use super::*;

/// How many commits are in the log of the journal in this folder, which nobody has worked in yet.
fn commits(folder: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = fs::read(folder.join("journal.sqlite-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = FRAME_HEADER + usize::try_from(number(8)).unwrap();
    let frames = (HEADER..log.len()).step_by(frame);
    // The last frame of a commit has the size of the database after it; another salt is of an older log.
    let is_last = |at: &usize| number(at + 4) != 0 && number(at + 8) == number(16);
    frames.filter(is_last).count()
}

#[tokio::test]
async fn the_end_of_an_attempt_and_the_claim_of_the_next_share_a_commit() {
    let (folder, journal, owner) = journal(&["n1"; 10]).await;
    let before = commits(folder.path());
    let (asked, tally) = perform_all(journal.clone(), owner, None).await;
    assert_eq!((asked.len(), tally.succeeded), (10, 10));
    // The first claim, and one for each end.
    assert_eq!(commits(folder.path()) - before, 1 + 10);
}

#[tokio::test]
async fn only_an_attempt_that_lasts_has_a_commit_for_its_handle() {
    let (folder, journal) = journal_with(&["r"; 3]).await;
    let ends = [
        told(Outcome::Succeeded, "at once"),
        told(Outcome::Succeeded, "at once"),
    ];
    let record = ending(ends);
    let other = join(&journal).await;
    let before = commits(folder.path());
    let lasting = async {
        for _ in 0..3 {
            record.begun.notified().await;
        }
        while journal.open_attempts(other).await.unwrap()[0]
            .handle
            .is_none()
        {}
        record.finish.notify_one();
    };
    let (tally, ()) = tokio::join!(perform_due(&journal, &record), lasting);
    assert_eq!(tally.succeeded, 3);
    // The owner, the first claim, the ends; and one handle.
    assert_eq!(commits(folder.path()) - before, 1 + 1 + 3 + 1);
}
