//! Rules whose runs tell of all events of a window.

use std::time::Duration;

use super::story::{at, claim, claim_one, end, event, meant, state, summary};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::{State, Transition};
use crate::core::throttle::{BATCH_BYTES, BATCH_EVENTS, Kind, Throttle, Throttled};
use crate::journal::{
    Accept, Acceptance, Accepted, Browse, Completion, Entry, Keep, RetryFrom, RunId,
};

const NOTHING: Retention = Retention {
    age: Duration::ZERO,
    number: 0,
};

/// Windows of ten seconds.
fn batch() -> Throttled {
    Throttled {
        throttle: Throttle {
            kind: Kind::Batch,
            window: Duration::from_secs(10),
        },
        group: Some(meant("all")),
    }
}

/// An event of a rule with such a throttle.
fn batched(id: &str) -> Acceptance {
    let mut planned = event(id, &[("r", "all")]);
    planned.runs[0].throttle = Some(batch());
    planned
}

async fn accept_all(journal: &Caller, events: Vec<Acceptance>, seconds: i64) -> Vec<RunId> {
    let entries: Vec<Entry> = events.into_iter().map(Entry::Event).collect();
    let answers = journal.accept(entries.into(), at(seconds)).await.unwrap();
    let run = |answer: &Accepted| match answer {
        Accepted::Runs { runs, .. } => runs[0],
        other => panic!("{other:?}"),
    };
    answers.iter().map(run).collect()
}

async fn accept_one(journal: &Caller, id: &str, seconds: i64) -> RunId {
    accept_all(journal, vec![batched(id)], seconds).await[0]
}

/// How many events a run tells of, and the runs of those that it is given besides its own.
async fn told_of(journal: &Caller, run: RunId) -> Option<(u64, Vec<RunId>)> {
    let batch = journal.run(run).await.unwrap().batch?;
    let runs = batch.others.iter().map(|(run, _)| *run);
    Some((batch.events, runs.collect()))
}

pub(in crate::journal) async fn a_run_tells_of_the_events_of_its_window(scene: &Scene<'_>) {
    let ground = scene.ground();
    let journal = ground.service().await;
    let first = accept_one(&journal, "a", 0).await;
    let alone = accept_all(&journal, vec![event("x", &[("s", "n")])], 0).await[0];
    let second = accept_one(&journal, "b", 3).await;
    // Another start of the service goes on with the window.
    drop(journal);
    let journal = ground.service().await;
    let third = accept_one(&journal, "c", 9).await;
    // One that comes again counts nothing.
    let again = journal.accept(vec![Entry::Event(batched("b"))].into(), at(9));
    assert_eq!(again.await.unwrap(), [Accepted::Known]);
    let all = Some((3, vec![second, third]));
    assert_eq!(told_of(&journal, first).await, all);
    assert_eq!(told_of(&journal, second).await, None);
    assert_eq!(told_of(&journal, alone).await, None);
    let others = journal.run(first).await.unwrap().batch.unwrap().others;
    assert_eq!(others[1], (third, r#"{"id":"c"}"#.to_owned()));
    let run = summary(&journal, third).await;
    assert_eq!((run.state, run.attempts), (State::Cancelled, 0));
    let reason = run.reason.unwrap();
    assert!(
        reason.starts_with("told of by run 1, at ") && reason.ends_with(" (batch = 10s)"),
        "{reason}"
    );
    let claimed = claim_one(&journal, 9).await;
    assert_eq!((claimed.id, claimed.is_batch), (alone, false));
    // It is over with an interruption no more than with a failure.
    for (seconds, transition) in [
        (10, Transition::Interrupt),
        (11, Transition::Fail),
        (30, Transition::Succeed),
    ] {
        let claimed = claim_one(&journal, seconds).await;
        assert_eq!((claimed.id, claimed.is_batch), (first, true));
        assert_eq!(told_of(&journal, first).await, all);
        let end = end(first, claimed.attempt, transition, seconds);
        journal.record(end).await.unwrap();
    }
    // The next window is another batch.
    let fourth = accept_one(&journal, "d", 31).await;
    let fifth = accept_one(&journal, "e", 32).await;
    assert_eq!(told_of(&journal, fourth).await, Some((2, vec![fifth])));
    assert_eq!(told_of(&journal, first).await, all);
}

pub(in crate::journal) async fn what_is_still_to_be_told_of_is_not_pruned(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let first = accept_one(&journal, "a", 0).await;
    let second = accept_one(&journal, "b", 1).await;
    let all = Some((2, vec![second]));
    let pruned = async |seconds| journal.prune(NOTHING, at(seconds)).await.unwrap().number;
    assert_eq!(pruned(5).await, 0);
    let claimed = claim_one(&journal, 10).await;
    assert_eq!(pruned(10).await, 1, "the window alone");
    let failed = end(first, claimed.attempt, Transition::Fail, 11);
    journal.record(failed).await.unwrap();
    assert_eq!(pruned(12).await, 0);
    let claimed = claim_one(&journal, 21).await;
    let given_up = end(first, claimed.attempt, Transition::Discard, 22);
    journal.record(given_up).await.unwrap();
    // The operator has it tried again.
    let retried = journal.retry(vec![first], RetryFrom::FailedStep).await;
    retried.unwrap();
    assert_eq!(pruned(23).await, 0);
    let claimed = claim_one(&journal, 24).await;
    assert_eq!(told_of(&journal, first).await, all);
    let done = end(first, claimed.attempt, Transition::Succeed, 25);
    journal.record(done).await.unwrap();
    assert_eq!(pruned(26).await, 2);
}

pub(in crate::journal) async fn a_run_is_given_so_many_events_and_the_others_are_counted(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let events = (0..BATCH_EVENTS + 5).map(|number| batched(&number.to_string()));
    let runs = accept_all(&journal, events.collect(), 0).await;
    let most = usize::try_from(BATCH_EVENTS).unwrap();
    let told = Some((BATCH_EVENTS + 5, runs[1..most].to_vec()));
    assert_eq!(told_of(&journal, runs[0]).await, told);
    let reason = summary(&journal, runs[most]).await.reason.unwrap();
    assert!(reason.starts_with("only counted by run 1, at "), "{reason}");
    // What is only counted is not kept for it.
    assert_eq!(journal.prune(NOTHING, at(5)).await.unwrap().number, 5);
    assert_eq!(told_of(&journal, runs[0]).await, told);
    // Nor is it given more than fits in memory.
    let large = |id: &str| Acceptance {
        body: format!("\"{}\"", "x".repeat(BATCH_BYTES / 2 - 2)),
        ..batched(id)
    };
    let events = ["p", "q", "s"].map(large).to_vec();
    let runs = accept_all(&journal, events, 20).await;
    assert_eq!(told_of(&journal, runs[0]).await, Some((3, vec![runs[1]])));
}

pub(in crate::journal) async fn what_awaited_its_lease_is_told_of_with_the_others(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let awaiting = |id: &str, node: &str| {
        let mut planned = event(id, &[("r", node)]);
        planned.is_incomplete = true;
        planned.runs[0].awaits_lease = true;
        planned
    };
    accept_all(&journal, vec![awaiting("a", "n"), awaiting("b", "m")], 0).await;
    let claimed = journal.claim(9, at(0)).await.unwrap().runs;
    for run in &claimed {
        let completion = Completion {
            throttle: Some(batch()),
            at: at(1),
            ..journal.completion(run, "{}", meant("all"))
        };
        journal.complete_as(completion).await.unwrap();
    }
    let (first, second) = (claimed[0].id, claimed[1].id);
    assert_eq!(told_of(&journal, first).await, Some((2, vec![second])));
    assert_eq!(state(&journal, second).await, State::Cancelled);
    assert_eq!(journal.prune(NOTHING, at(5)).await.unwrap().number, 0);
    assert_eq!(claim(&journal, 9, 11).await, [first]);
}
