//! Recovery of kinds of action that exist in tests alone: nothing here knows a process.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::*;
use crate::engine::tests::journal_with;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Browse, Claim, Work};

/// What a recovery was asked about: run and handle.
type Asked = Arc<Mutex<Vec<(RunId, Option<String>)>>>;

/// Leaves something of these runs the first time that it is asked.
struct Record {
    asked: Asked,
    living: Vec<RunId>,
}

impl Recovery for Record {
    fn kind(&self) -> &'static str {
        "record"
    }

    fn interrupted(&self) -> &'static str {
        "the needle was lifted"
    }

    fn end(&mut self, open: Vec<OpenAttempt>) -> BoxFuture<'_, Result<Vec<Living>, String>> {
        let open = open
            .into_iter()
            .map(|attempt| (attempt.run, attempt.handle));
        self.asked.lock().unwrap().extend(open);
        let living = self.living.drain(..).map(|run| Living {
            run,
            left: "it still plays".to_owned(),
        });
        let living = living.collect();
        Box::pin(async { Ok(living) })
    }
}

async fn reasons(journal: &SqliteJournal) -> Vec<Option<String>> {
    let mut reasons = Vec::new();
    for run in 1..=4 {
        reasons.push(journal.run(run).await.unwrap().summary.reason);
    }
    reasons
}

#[tokio::test]
async fn each_kind_ends_what_is_its_own_and_what_lives_on_keeps_its_attempt_open() {
    let (_folder, journal) = journal_with(&["a", "b", "c", "d"]).await;
    let now = Timestamp::now();
    let before = journal.join("host".to_owned(), now).await.unwrap();
    let claim = Claim {
        owner: before,
        rules: ["r", "a", "b", "c", "d"].into_iter().collect(),
        ended: Vec::new(),
        limit: 9,
        awaiting: 0,
        orphans: 0,
        rechecked: crate::core::rules::RuleNames::default(),
        rechecks: 0,
        begun: Vec::new(),
        held: Vec::new(),
        limits: Arc::default(),
    };
    journal.claim(claim, now).await.unwrap();
    let handles = [(1, "record side A"), (2, "record side B"), (3, "gone x")];
    for (run, handle) in handles {
        let started = journal.started(before, run, 1, handle.to_owned());
        started.await.unwrap();
    }
    let asked = Asked::default();
    let record = Record {
        asked: asked.clone(),
        living: vec![2],
    };
    let stop = CancellationToken::new();
    let owner = journal.join("host".to_owned(), now).await.unwrap();
    let unended = recover(&journal, owner, vec![Box::new(record)], &stop)
        .await
        .unwrap();
    let own = |run, text: &str| (run, Some(text.to_owned()));
    assert_eq!(
        *asked.lock().unwrap(),
        [own(1, "side A"), own(2, "side B"), (3, None), (4, None)]
    );
    let told = |text: &str| Some(text.to_owned());
    let unknown = told("interrupted: the service ended while it was under way");
    assert_eq!(
        reasons(&journal).await,
        [
            told("interrupted: the needle was lifted"),
            told("it still plays"),
            unknown.clone(),
            unknown,
        ]
    );

    let work = Notify::new();
    asked.lock().unwrap().clear();
    tokio::select! {
        error = unended.outlive(&journal, &work, &stop) => panic!("{error}"),
        () = work.notified() => {}
    }
    assert_eq!(*asked.lock().unwrap(), [own(2, "side B")]);
    assert_eq!(journal.open_attempts(owner).await.unwrap(), []);
    assert_eq!(
        reasons(&journal).await[1],
        told("interrupted: the needle was lifted")
    );
}
