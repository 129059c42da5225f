//! Runs whose time is still to come.

use std::time::Duration;

use super::story::{accept, at, claim, claim_one, end, event, quarantine_entry_of, state, summary};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::{State, Transition};
use crate::journal::{Accept, Accepted, Browse, Entry, Keep, RetryFrom, RunId, Start};

/// Accepts an event with a run that is due then.
async fn schedule(journal: &Caller, id: &str, key: &str, due: i64, seconds: i64) -> RunId {
    let mut planned = event(id, &[("r", key)]);
    planned.runs[0].start = Start::At(at(due));
    let entries = vec![Entry::Event(planned)];
    let answers = journal.accept(entries.into(), at(seconds)).await.unwrap();
    match answers.as_slice() {
        [Accepted::Runs { runs, .. }] => runs[0],
        other => panic!("{other:?}"),
    }
}

async fn succeed(journal: &Caller, seconds: i64) -> RunId {
    let run = claim_one(journal, seconds).await;
    let end = end(run.id, run.attempt, Transition::Succeed, seconds);
    journal.record(end).await.unwrap();
    run.id
}

pub(in crate::journal) async fn a_scheduled_run_is_claimed_when_its_time_has_come(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let journal = ground.service().await;
    schedule(&journal, "later", "n1", 100, 0).await;
    schedule(&journal, "soon", "n2", 10, 0).await;
    schedule(&journal, "now", "n3", 0, 0).await;
    let run = summary(&journal, 1).await;
    assert_eq!((run.state, run.due_at), (State::Scheduled, Some(at(100))));
    let claimed = journal.claim(9, at(0)).await.unwrap();
    assert_eq!(
        claimed.runs.iter().map(|run| run.id).collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(claimed.wait, Some(Duration::from_secs(10)));
    // Its time is by the wall: no step of the clock brings it forward.
    journal.clock_stepped(at(0)).await.unwrap();
    assert!(claim(&journal, 9, 9).await.is_empty());
    let census = journal.census().await.unwrap();
    assert_eq!(
        (census.runs.get("scheduled"), census.unfinished()),
        (Some(&2), 3)
    );
    // A service that was away meanwhile starts all that is due.
    drop(journal);
    let journal = ground.service().await;
    assert_eq!(claim(&journal, 9, 200).await, [1, 2]);
    let run = summary(&journal, 1).await;
    assert_eq!(
        (run.state, run.due_at, run.attempts),
        (State::Running, None, 1)
    );
}

pub(in crate::journal) async fn until_it_is_due_it_takes_no_place_and_holds_nothing(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let scheduled = schedule(&journal, "later", "n", 100, 0).await;
    let before = accept(&journal, "before", &[("r", "n")], 1).await;
    let waiting = accept(&journal, "waiting", &[("r", "n")], 2).await;
    assert_eq!(claim(&journal, 9, 3).await, before);
    // It comes behind what is there when it is due, and before what comes later.
    assert!(claim(&journal, 9, 100).await.is_empty());
    assert_eq!(state(&journal, scheduled).await, State::Due);
    let after = accept(&journal, "after", &[("r", "n")], 101).await;
    journal
        .record(end(before[0], 1, Transition::Succeed, 102))
        .await
        .unwrap();
    for expected in [waiting[0], scheduled, after[0]] {
        assert_eq!(succeed(&journal, 103).await, expected);
    }
}

pub(in crate::journal) async fn a_delivery_in_quarantine_holds_it_once_it_is_due(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let entries = vec![Entry::Quarantine(quarantine_entry_of("n", "junk"))];
    journal.accept(entries.into(), at(0)).await.unwrap();
    let run = schedule(&journal, "later", "n", 100, 1).await;
    assert_eq!(summary(&journal, run).await.held_by, None);
    assert_eq!(journal.census().await.unwrap().held, 0);
    assert_eq!(journal.quarantined_one(1).await.unwrap().waiting, 0);
    assert!(claim(&journal, 9, 100).await.is_empty());
    assert_eq!(summary(&journal, run).await.held_by, Some(1));
    assert_eq!(journal.census().await.unwrap().held, 1);
    assert_eq!(journal.quarantined_one(1).await.unwrap().waiting, 1);
    assert_eq!(journal.drop_quarantined(vec![1]).await.unwrap()[0].freed, 1);
    assert_eq!(claim(&journal, 9, 101).await, [run]);
}

pub(in crate::journal) async fn what_is_released_may_be_scheduled_too(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let entries = vec![Entry::Quarantine(quarantine_entry_of("n", "junk"))];
    journal.accept(entries.into(), at(0)).await.unwrap();
    let held = accept(&journal, "held", &[("r", "n")], 1).await;
    let mut planned = event("released", &[("r", "n")]);
    planned.runs[0].start = Start::At(at(100));
    let released = journal.release(1, planned, at(2)).await.unwrap();
    let Accepted::Runs { runs: released, .. } = released else {
        panic!("{released:?}")
    };
    assert_eq!(succeed(&journal, 3).await, held[0]);
    assert!(claim(&journal, 9, 99).await.is_empty());
    assert_eq!(claim(&journal, 9, 100).await, released);
}

pub(in crate::journal) async fn it_is_not_forgotten(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let run = schedule(&journal, "later", "n", 100, 0).await;
    let nothing = Retention {
        age: Duration::ZERO,
        number: 0,
    };
    assert_eq!(journal.prune(nothing, at(50)).await.unwrap().number, 0);
    assert_eq!(claim(&journal, 9, 100).await, [run]);
}

pub(in crate::journal) async fn what_is_never_to_start_is_on_record_with_the_reason(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let never = |rule: &str| {
        let mut planned = event("a", &[(rule, "n")]);
        planned.runs[0].start = Start::Never("held back: too many".to_owned());
        vec![Entry::Event(planned)]
    };
    journal.accept(never("r").into(), at(0)).await.unwrap();
    assert!(claim(&journal, 9, 0).await.is_empty());
    let run = summary(&journal, 1).await;
    assert_eq!(
        (run.state, run.finished_at, run.attempts),
        (State::Cancelled, Some(at(0)), 0)
    );
    assert_eq!(run.reason.as_deref(), Some("held back: too many"));
    let census = journal.census().await.unwrap();
    assert_eq!(
        (census.runs.get("cancelled"), census.unfinished()),
        (Some(&1), 0)
    );
    // The operator may start it all the same; another one of the event does not bring it back.
    journal.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    assert_eq!(summary(&journal, 1).await.reason, None);
    assert_eq!(succeed(&journal, 1).await, 1);
    journal.accept(never("s").into(), at(2)).await.unwrap();
    assert_eq!(state(&journal, 2).await, State::Cancelled);
    let nothing = Retention {
        age: Duration::ZERO,
        number: 0,
    };
    assert_eq!(journal.prune(nothing, at(50)).await.unwrap().number, 1);
}
