//! Runs that are pointless: cancelled by an event, by the operator, or for their age.

use super::story::{at, claim, claim_one, end, event, meant, state, summary};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::{Outcome, State, Transition};
use crate::journal::{
    Accept, Acceptance, Accepted, Browse, Cancels, Completion, Entry, Keep, RetryFrom, RunId,
    Start, ToEnd,
};

/// An event about a lease, with a run of `r` for the node.
fn of_lease(id: &str, lease: Option<&str>, start: Start) -> Acceptance {
    let mut planned = event(id, &[("r", "n")]);
    planned.lease = lease.map(str::to_owned);
    planned.runs[0].start = start;
    planned
}

/// An event that makes the runs of `r` pointless.
fn end_of(id: &str, lease: Option<&str>, running: bool) -> Acceptance {
    Acceptance {
        lease: lease.map(str::to_owned),
        cancels: vec![Cancels {
            rule: "r".to_owned(),
            key: meant("n"),
            running,
        }],
        event_type: "gone".to_owned(),
        ..event(id, &[])
    }
}

async fn accept(journal: &Caller, event: Acceptance, seconds: i64) -> Vec<RunId> {
    let entries = vec![Entry::Event(event)];
    match journal
        .accept(entries.into(), at(seconds))
        .await
        .unwrap()
        .pop()
    {
        Some(Accepted::Runs { runs, .. }) => runs,
        Some(Accepted::Known) => Vec::new(),
        other => panic!("{other:?}"),
    }
}

async fn states(journal: &Caller, runs: &[RunId]) -> Vec<State> {
    let mut states = Vec::new();
    for run in runs {
        states.push(state(journal, *run).await);
    }
    states
}

pub(in crate::journal) async fn an_event_cancels_earlier_runs_of_its_lease_that_wait(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, of_lease("failing", Some("a"), Start::Now), 0).await;
    let failed = claim_one(&journal, 0).await;
    journal
        .record(end(failed.id, 1, Transition::Fail, 0))
        .await
        .unwrap();
    accept(&journal, of_lease("due", Some("a"), Start::Now), 1).await;
    accept(
        &journal,
        of_lease("later", Some("a"), Start::At(at(100))),
        1,
    )
    .await;
    accept(&journal, of_lease("another", Some("b"), Start::Now), 1).await;
    accept(&journal, of_lease("none", None, Start::Now), 1).await;
    let mut of_other_rule = of_lease("told", Some("a"), Start::Now);
    of_other_rule.runs[0].rule = "tell".to_owned();
    accept(&journal, of_other_rule, 1).await;
    accept(&journal, end_of("end", Some("a"), false), 5).await;
    let (gone, due) = (State::Cancelled, State::Due);
    let found = states(&journal, &[1, 2, 3, 4, 5, 6]).await;
    assert_eq!(found, [gone, gone, gone, due, due, due]);
    let run = summary(&journal, 3).await;
    assert_eq!((run.finished_at, run.due_at), (Some(at(5)), None));
    assert_eq!(run.reason.as_deref(), Some("cancelled by gone, event end"));
    // Who is next has the turn.
    assert_eq!(claim(&journal, 9, 200).await, [4]);
    // What comes after it is not meant, also if the event comes again.
    accept(&journal, of_lease("new", Some("a"), Start::At(at(300))), 6).await;
    accept(&journal, end_of("end", Some("a"), false), 7).await;
    assert_eq!(state(&journal, 7).await, State::Scheduled);
    // The operator may start what is cancelled all the same.
    journal.retry(vec![3], RetryFrom::FailedStep).await.unwrap();
    let run = summary(&journal, 3).await;
    assert_eq!((run.state, run.reason), (State::Due, None));
}

pub(in crate::journal) async fn an_event_about_no_lease_cancels_by_key(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, of_lease("due", None, Start::Now), 0).await;
    accept(
        &journal,
        of_lease("later", Some("a"), Start::At(at(100))),
        0,
    )
    .await;
    let mut elsewhere = of_lease("elsewhere", None, Start::Now);
    elsewhere.runs[0].key = meant("m");
    accept(&journal, elsewhere, 0).await;
    accept(&journal, end_of("end", None, false), 1).await;
    let found = states(&journal, &[1, 2, 3]).await;
    assert_eq!(found, [State::Cancelled, State::Cancelled, State::Due]);
}

pub(in crate::journal) async fn what_runs_is_cancelled_when_its_attempt_ends_unless_it_succeeds(
    scene: &Scene<'_>,
) {
    let cases = [
        (false, Transition::Succeed, State::Succeeded, None),
        (true, Transition::Succeed, State::Succeeded, None),
        (false, Transition::Fail, State::Cancelled, Some("gone")),
        (true, Transition::Interrupt, State::Cancelled, Some("gone")),
        (true, Transition::Cancel, State::Cancelled, Some("gone")),
        (false, Transition::Discard, State::Cancelled, Some("gone")),
    ];
    for (running, transition, expected, reason) in cases {
        let journal = scene.journal().await;
        accept(&journal, of_lease("runs", Some("a"), Start::Now), 0).await;
        accept(&journal, of_lease("waits", Some("b"), Start::Now), 0).await;
        assert_eq!(claim(&journal, 9, 0).await, [1]);
        accept(&journal, end_of("end", Some("a"), running), 1).await;
        assert_eq!(state(&journal, 1).await, State::Running);
        let claimed = journal.claim(0, at(2)).await.unwrap();
        let to_end = running.then(|| ToEnd {
            run: 1,
            attempt: 1,
            reason: "cancelled by gone, event end".to_owned(),
        });
        assert_eq!(claimed.to_end, to_end.into_iter().collect::<Vec<_>>());
        journal.record(end(1, 1, transition, 3)).await.unwrap();
        let run = summary(&journal, 1).await;
        assert_eq!(run.state, expected, "{running} {transition:?}");
        let told = reason.map(|_| "cancelled by gone, event end");
        let outcome = Outcome::exited(0).to_string();
        assert_eq!(run.reason.as_deref(), told.or(Some(outcome.as_str())));
        let claimed = journal.claim(9, at(4)).await.unwrap();
        assert!(claimed.to_end.is_empty());
        assert_eq!(claimed.runs[0].id, 2, "the next one of the key");
    }
}

pub(in crate::journal) async fn a_cancelled_run_does_not_start_again_after_a_crash(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let journal = ground.service().await;
    accept(&journal, of_lease("runs", Some("a"), Start::Now), 0).await;
    assert_eq!(claim(&journal, 9, 0).await, [1]);
    accept(&journal, end_of("end", Some("a"), true), 1).await;
    drop(journal);
    let journal = ground.service().await;
    // It is for who left it to end, not for another owner.
    assert!(journal.claim(9, at(2)).await.unwrap().to_end.is_empty());
    let open = journal.open_attempts().await.unwrap();
    let mut interrupted = end(1, 1, Transition::Interrupt, 3);
    interrupted.owner = open[0].owner;
    journal.record_as(interrupted).await.unwrap();
    assert_eq!(state(&journal, 1).await, State::Cancelled);
    assert!(claim(&journal, 9, 9).await.is_empty());
}

pub(in crate::journal) async fn the_operator_cancels_all_or_none(scene: &Scene<'_>) {
    let ground = scene.ground();
    let journal = ground.service().await;
    accept(&journal, of_lease("runs", None, Start::Now), 0).await;
    accept(&journal, of_lease("waits", None, Start::Now), 0).await;
    accept(&journal, of_lease("later", None, Start::At(at(100))), 0).await;
    accept(
        &journal,
        of_lease("done", None, Start::Never("why".into())),
        0,
    )
    .await;
    assert_eq!(claim(&journal, 1, 0).await, [1]);
    let beside = ground.beside();
    let cancel = |runs: &[RunId]| beside.cancel(runs.to_vec(), "not needed".into(), at(5));
    let refused = cancel(&[2, 4]).await.unwrap_err().to_string();
    assert_eq!(refused, "run 4: cannot cancel it: it is `cancelled`");
    assert!(cancel(&[2, 99]).await.is_err());
    assert_eq!(state(&journal, 2).await, State::Due);
    assert_eq!(cancel(&[3, 1, 2, 2]).await.unwrap(), [1]);
    let run = summary(&journal, 3).await;
    assert_eq!(
        (run.state, run.reason.as_deref()),
        (State::Cancelled, Some("not needed"))
    );
    assert_eq!(state(&journal, 1).await, State::Running);
    let to_end = journal.claim(9, at(6)).await.unwrap().to_end;
    assert_eq!((to_end[0].run, to_end[0].attempt), (1, 1));
    // With nothing to do any more its event is finished.
    journal
        .record(end(1, 1, Transition::Cancel, 7))
        .await
        .unwrap();
    let nothing = Retention {
        age: std::time::Duration::ZERO,
        number: 0,
    };
    assert_eq!(journal.prune(nothing, at(50)).await.unwrap().number, 4);
}

pub(in crate::journal) async fn what_has_not_started_in_time_is_too_old(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let start_by = |id: &str, key: &str, start: Start, by: i64| {
        let mut planned = event(id, &[("r", key)]);
        planned.runs[0].start = start;
        planned.runs[0].start_by = Some(at(by));
        planned
    };
    accept(&journal, start_by("runs", "n", Start::Now, 10), 0).await;
    accept(&journal, start_by("waits", "n", Start::Now, 10), 0).await;
    accept(&journal, start_by("in time", "m", Start::Now, 11), 0).await;
    accept(&journal, start_by("later", "o", Start::At(at(5)), 10), 0).await;
    accept(&journal, event("after", &[("r", "n")]), 0).await;
    assert_eq!(claim(&journal, 1, 10).await, [1], "just in time");
    journal
        .record(end(1, 1, Transition::Interrupt, 20))
        .await
        .unwrap();
    // What was begun in time is never too old.
    assert_eq!(claim(&journal, 9, 11).await, [1, 3]);
    journal
        .record(end(1, 2, Transition::Succeed, 21))
        .await
        .unwrap();
    let found = states(&journal, &[2, 3, 4]).await;
    let (gone, runs) = (State::Cancelled, State::Running);
    assert_eq!(found, [gone, runs, gone]);
    let why = "too old: by `max_age` it was to start by 2026-09-21T14:13:30Z";
    assert_eq!(summary(&journal, 2).await.reason.as_deref(), Some(why));
    assert_eq!(claim(&journal, 9, 22).await, [5]);
    // The operator does not ask for its age.
    journal.retry(vec![4], RetryFrom::FailedStep).await.unwrap();
    assert_eq!(claim(&journal, 9, 99).await, [4]);
}

/// An event about a lease that could not be shown yet.
fn without_its_lease() -> Acceptance {
    let mut planned = of_lease("row", Some("a"), Start::Now);
    planned.is_incomplete = true;
    planned.runs[0].awaits_lease = true;
    planned
}

pub(in crate::journal) async fn a_completed_event_says_when_its_run_starts(scene: &Scene<'_>) {
    let starts = [
        (Start::Now, State::Due),
        (Start::At(at(100)), State::Scheduled),
        (Start::Never("no time".to_owned()), State::Cancelled),
    ];
    for (start, expected) in starts {
        let journal = scene.journal().await;
        accept(&journal, without_its_lease(), 0).await;
        let run = claim_one(&journal, 1).await;
        let completion = Completion {
            start,
            start_by: Some(at(150)),
            share: Some("rack".to_owned()),
            ..journal.completion(&run, "{}", meant("n"))
        };
        journal.complete_as(completion).await.unwrap();
        let detail = journal.run(1).await.unwrap();
        assert_eq!((detail.summary.state, detail.attempts.len()), (expected, 0));
        match expected {
            State::Cancelled => {
                assert_eq!(detail.summary.reason.as_deref(), Some("no time"));
                assert!(claim(&journal, 9, 200).await.is_empty());
            }
            State::Scheduled => {
                assert!(claim(&journal, 9, 99).await.is_empty());
                assert_eq!(claim(&journal, 9, 100).await, [1]);
            }
            _ => {
                assert_eq!(detail.start_by, Some(at(150)));
                assert_eq!(claim(&journal, 9, 2).await, [1]);
            }
        }
    }
}

pub(in crate::journal) async fn what_is_pointless_while_its_event_is_completed_does_not_start(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, without_its_lease(), 0).await;
    let run = claim_one(&journal, 1).await;
    accept(&journal, end_of("end", Some("a"), false), 2).await;
    journal.complete(&run, "{}", meant("n")).await.unwrap();
    let run = summary(&journal, 1).await;
    assert_eq!(run.state, State::Cancelled);
    assert_eq!(run.reason.as_deref(), Some("cancelled by gone, event end"));
}

pub(in crate::journal) async fn what_comes_out_of_quarantine_cancels_only_what_was_there_before_it(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(
        &journal,
        of_lease("before", Some("a"), Start::At(at(100))),
        0,
    )
    .await;
    let delivery = Entry::Quarantine(super::story::quarantine_entry_of("n", "junk"));
    journal.accept(vec![delivery].into(), at(1)).await.unwrap();
    accept(
        &journal,
        of_lease("after", Some("a"), Start::At(at(100))),
        2,
    )
    .await;
    journal
        .release(1, end_of("end", Some("a"), false), at(3))
        .await
        .unwrap();
    assert_eq!(state(&journal, 1).await, State::Cancelled);
    assert_eq!(state(&journal, 3).await, State::Scheduled);
}

pub(in crate::journal) async fn a_scheduled_run_is_started_now_behind_all_there_are(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, of_lease("later", None, Start::At(at(100))), 0).await;
    accept(&journal, of_lease("due", None, Start::Now), 1).await;
    journal.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    assert_eq!(state(&journal, 1).await, State::Due);
    assert_eq!(claim(&journal, 9, 2).await, [2]);
    journal
        .record(end(2, 1, Transition::Succeed, 3))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 4).await, [1]);
}
