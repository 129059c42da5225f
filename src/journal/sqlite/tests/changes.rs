//! What a service is told of commands, and that it tells itself nothing.

use std::time::Duration;

use super::{accept, claim, journal};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::sqlite::changes::Changes;
use crate::state::Access;

/// Whether the kernel knows of a change already.
async fn is_told(changes: Changes) -> bool {
    let told = tokio::time::timeout(Duration::from_millis(50), changes.next());
    told.await.is_ok()
}

#[tokio::test]
async fn a_service_is_told_of_a_commands_commits_and_end_but_of_nothing_of_its_own() {
    let (folder, service) = journal();
    let changes = || Changes::of(folder.path(), &folder.path().join("journal.sqlite-wal"));
    let since = changes();
    accept(&service, "a", &[("r", "k")], 0).await;
    assert_eq!(claim(&service, 1, 1).await, [1]);
    assert!(!is_told(since).await, "the service's own commits");

    let command = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    let since = changes();
    accept(&command, "b", &[("r", "k")], 2).await;
    assert!(is_told(since).await, "a commit");
    // Whatever has become of the command before it could tell.
    let since = changes();
    drop(command);
    assert!(is_told(since).await, "its end");

    let since = changes();
    std::fs::remove_file(folder.path().join("service.lock")).unwrap();
    assert!(is_told(since).await, "a file that is gone");
}
