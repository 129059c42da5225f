//! The promises of every journal, held by this one.

use std::sync::Arc;

use tempfile::TempDir;

use super::{Access, SqliteJournal, at, end, event, journal};
use crate::core::run::Transition;
use crate::journal::conformance::{Fresh, Place, hold_to_the_contract};
use crate::journal::{Claim, Entry, Journal, Owner, RetryFrom, RunId};

/// A folder a journal.
struct Folders;

impl Fresh for Folders {
    fn place(&self) -> Box<dyn Place> {
        Box::new(tempfile::tempdir().unwrap())
    }
}

impl Place for TempDir {
    fn service(&self) -> Arc<dyn Journal> {
        Arc::new(SqliteJournal::open(self.path(), Access::Service).unwrap())
    }

    fn beside(&self) -> Arc<dyn Journal> {
        Arc::new(SqliteJournal::open(self.path(), Access::Beside).unwrap())
    }
}

hold_to_the_contract!(Folders);

#[tokio::test]
async fn a_shared_journal_of_any_kind_serves_those_who_take_a_journal() {
    async fn claims<J: Journal>(journal: &J, owner: Owner, held: &[(RunId, u32)]) -> (usize, u64) {
        let claim = Claim {
            owner,
            rules: ["r", "s"].into_iter().collect(),
            ended: Vec::new(),
            limit: 9,
            awaiting: 0,
            orphans: 0,
            rechecked: crate::core::rules::RuleNames::default(),
            rechecks: 0,
            begun: Vec::new(),
            held: held.to_vec(),
            limits: Arc::default(),
        };
        let claimed = journal.claim(claim, at(1)).await;
        let unfinished = journal.census().await.unwrap().unfinished();
        (claimed.unwrap().runs.len(), unfinished)
    }
    let (_folder, journal) = journal();
    let shared: Arc<dyn Journal> = Arc::new(journal);
    let entries = vec![Entry::Event(event("a", &[("r", "n1"), ("s", "n2")]))];
    shared.accept(entries.into(), at(0)).await.unwrap();
    let owner = shared.join("host".to_owned(), at(0)).await.unwrap();
    assert_eq!(claims(&shared, owner, &[]).await, (2, 2));
    shared
        .record(end(1, 1, Transition::Discard, 1))
        .await
        .unwrap();
    shared.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    assert_eq!(claims(&shared, owner, &[(2, 1)]).await, (1, 2));
}
