//! Attempts that somebody else ends, and answers of the journal that are lost.

use std::sync::Mutex;

use futures_util::future::BoxFuture;

use super::*;
use crate::actions::{Checkup, Description};
use crate::core::event::Event;
use crate::core::event::Key;
use crate::core::rules::Asks;
use crate::core::store::Values;
use crate::journal::conformance::LostAnswers;
use crate::journal::{
    Accept, Acceptance, AttemptEnd, CountsAgainst, Entry, PlannedRun, RunId, Start,
};
use crate::state::Access;

const EVENT: &str = r#"{"id": "e", "type": "t", "time": "now", "payload": {}}"#;

/// An action that notes what it is asked for. It may find that its attempt has been ended by somebody else.
#[derive(Debug)]
struct Noting<J> {
    asked: Arc<Mutex<Vec<(RunId, u32)>>>,
    /// Who ends the attempt before it is said to be started.
    ended_in: Option<(J, Owner)>,
}

impl<J: Journal + std::fmt::Debug> Action for Noting<J> {
    fn kind(&self) -> &'static str {
        "noting"
    }

    fn asks(&self) -> Asks {
        Asks::new()
    }

    fn check(&self) -> Checkup {
        Checkup::default()
    }

    fn describe(&self, _: &Event, _: &Arc<Values>) -> Description {
        unreachable!("only `explain` asks for that")
    }

    fn perform(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        Box::pin(self.note(order, started, stop))
    }
}

impl<J: Journal + std::fmt::Debug> Noting<J> {
    async fn note(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> Performed {
        let (run, attempt) = (order.run, order.attempt);
        self.asked.lock().unwrap().push((run, attempt));
        let mut outcome = Outcome::exited(0);
        if let Some((journal, owner)) = &self.ended_in {
            let end = AttemptEnd {
                stand: None,
                owner: *owner,
                run,
                attempt,
                outcome: Outcome::Interrupted("by another host".to_owned()),
                ended_at: Timestamp::now(),
                duration: Duration::ZERO,
                output: Vec::new(),
                output_dropped: 0,
                transition: Transition::Discard,
                counts_against: CountsAgainst::Nothing,
                retry_in: None,
                made: None,
            };
            journal.record(end).await.unwrap();
            started.send("7".to_owned()).unwrap();
            stop.cancelled().await;
            outcome = Outcome::Interrupted("asked to end".to_owned());
        }
        Performed::new(outcome, Duration::ZERO)
    }
}

/// A journal with a run of each of these keys.
pub(super) async fn journal(keys: &[&str]) -> (tempfile::TempDir, SqliteJournal, Owner) {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let event = |(number, key): (usize, &&str)| {
        Entry::Event(Acceptance {
            source: "bus".to_owned(),
            id: number.to_string(),
            event_type: "t".to_owned(),
            body: EVENT.to_owned(),
            is_incomplete: false,
            lease: None,
            cancels: Vec::new(),
            after_end: false,
            runs: vec![PlannedRun {
                rule: "r".to_owned(),
                key: Key::node(*key),
                awaits_lease: false,
                start: Start::Now,
                start_by: None,
                share: None,
                throttle: None,
            }],
        })
    };
    let entries: Vec<_> = keys.iter().enumerate().map(event).collect();
    let now = Timestamp::now();
    journal.accept(entries.into(), now).await.unwrap();
    let owner = journal.join("host".to_owned(), now).await.unwrap();
    (folder, journal, owner)
}

/// Performs all there is; which attempts the action was asked for, and how that went.
pub(super) async fn perform_all<J: Journal + std::fmt::Debug + Clone>(
    journal: J,
    owner: Owner,
    ended_in: Option<(J, Owner)>,
) -> (Vec<(RunId, u32)>, Tally) {
    let asked = Arc::default();
    let noting: Arc<dyn Action> = Arc::new(Noting {
        asked: Arc::clone(&asked),
        ended_in,
    });
    let playbook = HashMap::from([("r".to_owned(), noting)]);
    let dispatch = Dispatch {
        store: Arc::new(journal.clone()),
        journal,
        enrich: Arc::new(NothingToAdd),
        rules: Rulebook::new(rules("r"), playbook).0,
        max_parallel: 2,
        work: Arc::default(),
        until: Until::EveryRunIsFinal,
    };
    let drained = CancellationToken::new();
    drained.cancel();
    let stop = Stop::default();
    let done = tokio::time::timeout(
        Duration::from_secs(60),
        dispatch.run(owner, &stop, &drained),
    );
    let tally = done.await.expect("every run comes to its end").unwrap();
    let asked = asked.lock().unwrap().clone();
    (asked, tally)
}

#[tokio::test]
async fn each_run_is_performed_once_although_answers_of_the_journal_are_lost() {
    let (_folder, journal, owner) = journal(&["n1", "n2", "n1", "n3"]).await;
    let lossy = Arc::new(LostAnswers::of(journal.clone()));
    let (mut asked, tally) = perform_all(lossy, owner, None).await;
    asked.sort_unstable();
    assert_eq!(asked, [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(tally.succeeded, 4);
    for run in 1..=4 {
        let state = journal.run(run).await.unwrap().summary.state;
        assert_eq!(state, State::Succeeded, "{run}");
    }
}

#[tokio::test]
async fn an_attempt_that_is_lost_is_ended_and_stops_nothing_else() {
    let (_folder, journal, owner) = journal(&["n1", "n1"]).await;
    let (asked, _) = perform_all(journal.clone(), owner, Some((journal.clone(), owner))).await;
    assert_eq!(asked, [(1, 1), (2, 1)]);
    for run in 1..=2 {
        let run = journal.run(run).await.unwrap();
        assert_eq!(run.summary.state, State::Discarded);
        assert_eq!(
            run.summary.reason.as_deref(),
            Some("interrupted: by another host")
        );
    }
}
