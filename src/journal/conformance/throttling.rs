//! Rules that let only some of their events start.

use std::time::Duration;

use super::story::{accept, at, claim, claim_one, end, event, meant, state, summary};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::{State, Transition};
use crate::core::throttle::{Kind, Throttle, Throttled, Window};
use crate::journal::{
    Accept, Acceptance, Accepted, Browse, Completion, Entry, Keep, RetryFrom, RunId, Start,
};

/// A throttle with windows of ten seconds.
fn throttled(kind: Kind, group: &str) -> Throttled {
    let window = Duration::from_secs(10);
    Throttled {
        throttle: Throttle { kind, window },
        group: Some(meant(group)),
    }
}

/// An event with a throttled run of this rule, of node n.
fn planned(id: &str, rule: &str, throttle: Throttled) -> Acceptance {
    let mut planned = event(id, &[(rule, "n")]);
    planned.runs[0].throttle = Some(throttle);
    planned
}

async fn accept_throttled(
    journal: &Caller,
    id: &str,
    rule: &str,
    throttle: Throttled,
    seconds: i64,
) -> RunId {
    let entries = vec![Entry::Event(planned(id, rule, throttle))];
    let answers = journal.accept(entries.into(), at(seconds)).await.unwrap();
    match answers.as_slice() {
        [Accepted::Runs { runs, .. }] => runs[0],
        other => panic!("{other:?}"),
    }
}

async fn succeed(journal: &Caller, run: RunId, seconds: i64) {
    let claimed = claim_one(journal, seconds).await;
    assert_eq!(claimed.id, run);
    let end = end(run, claimed.attempt, Transition::Succeed, seconds);
    journal.record(end).await.unwrap();
}

fn window(began: i64, events: u64, run: RunId, run_waits: bool) -> Window {
    Window {
        began_at: at(began),
        ends_at: at(began + 10),
        events,
        run: Some(run),
        run_waits,
    }
}

pub(in crate::journal) async fn the_first_of_a_window_starts_and_the_others_are_on_record(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let journal = ground.service().await;
    let once = throttled(Kind::OnceWithin, "n");
    let first = accept_throttled(&journal, "a", "r", once.clone(), 0).await;
    let second = accept_throttled(&journal, "b", "r", once.clone(), 9).await;
    let run = summary(&journal, second).await;
    assert_eq!(
        (run.state, run.finished_at, run.attempts),
        (State::Cancelled, Some(at(9)), 0)
    );
    let reason = run.reason.unwrap();
    assert!(
        reason.starts_with("held back by once_within = 10s: run 1 was let through at "),
        "{reason}"
    );
    // It holds nothing, and takes no turn.
    let later = accept(&journal, "later", &[("other", "n")], 9).await;
    succeed(&journal, first, 9).await;
    succeed(&journal, later[0], 9).await;
    assert!(claim(&journal, 9, 9).await.is_empty());
    let census = journal.census().await.unwrap();
    assert_eq!(
        (census.runs.get("cancelled"), census.unfinished()),
        (Some(&1), 0)
    );
    // Another start of the service goes on with the window.
    drop(journal);
    let journal = ground.service().await;
    let asked = journal.window("r".to_owned(), once.clone()).await;
    assert_eq!(asked.unwrap(), Some(window(0, 2, first, false)));
    let third = accept_throttled(&journal, "c", "r", once.clone(), 9).await;
    let fourth = accept_throttled(&journal, "d", "r", once.clone(), 10).await;
    assert_eq!(state(&journal, third).await, State::Cancelled);
    assert_eq!(claim(&journal, 9, 10).await, [fourth]);
    // The operator may start one that was held back; that counts nothing.
    journal
        .retry(vec![second], RetryFrom::FailedStep)
        .await
        .unwrap();
    assert_eq!(summary(&journal, second).await.reason, None);
    let asked = journal.window("r".to_owned(), once).await.unwrap();
    assert_eq!(asked, Some(window(10, 1, fourth, false)));
    // An event with nothing to do is finished, and goes with retention.
    let nothing = Retention {
        age: Duration::ZERO,
        number: 0,
    };
    let pruned = journal.prune(nothing, at(11)).await.unwrap();
    assert_eq!(pruned.number, 3, "a, c and what came later");
}

pub(in crate::journal) async fn one_run_stands_for_a_window_and_starts_at_its_end(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let journal = ground.service().await;
    let after = throttled(Kind::OnceAfter, "n");
    let first = accept_throttled(&journal, "a", "r", after.clone(), 0).await;
    let second = accept_throttled(&journal, "b", "r", after.clone(), 9).await;
    let run = summary(&journal, first).await;
    assert_eq!((run.state, run.due_at), (State::Scheduled, Some(at(10))));
    let reason = summary(&journal, second).await.reason.unwrap();
    assert!(
        reason.starts_with("held back by once_after = 10s: run 1 stands for it, at "),
        "{reason}"
    );
    assert!(claim(&journal, 9, 9).await.is_empty());
    let asked = journal.window("r".to_owned(), after.clone()).await;
    assert_eq!(asked.unwrap(), Some(window(0, 2, first, true)));
    // The service is away at the end; what comes after that belongs to the next window.
    drop(journal);
    let journal = ground.service().await;
    let third = accept_throttled(&journal, "c", "r", after.clone(), 30).await;
    assert_eq!(summary(&journal, third).await.due_at, Some(at(40)));
    succeed(&journal, first, 30).await;
    let fourth = accept_throttled(&journal, "d", "r", after, 39).await;
    assert_eq!(state(&journal, fourth).await, State::Cancelled);
    assert!(claim(&journal, 9, 39).await.is_empty());
    assert_eq!(claim(&journal, 9, 40).await, [third]);
}

pub(in crate::journal) async fn only_the_event_of_its_number_starts(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let third = throttled(Kind::Threshold(3), "n");
    let mut runs = Vec::new();
    for (id, seconds) in [("a", 0), ("b", 4), ("c", 8), ("d", 9), ("e", 10), ("f", 11)] {
        runs.push(accept_throttled(&journal, id, "r", third.clone(), seconds).await);
    }
    assert_eq!(claim(&journal, 9, 11).await, [runs[2]]);
    let reasons = [
        (0, "its event is number 1 since "),
        (3, "its event is number 4 since "),
        (3, ", and run 3 was let through"),
        (5, "its event is number 2 since "),
    ];
    for (run, expected) in reasons {
        let reason = summary(&journal, runs[run]).await.reason.unwrap();
        assert!(reason.contains(expected), "{reason}");
    }
}

pub(in crate::journal) async fn an_event_that_comes_again_counts_nothing(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let second = throttled(Kind::Threshold(2), "n");
    let entries = || vec![Entry::Event(planned("a", "r", second.clone()))];
    let first = journal.accept(entries().into(), at(0)).await.unwrap();
    let (runs, held_back) = (vec![1], vec!["r".to_owned()]);
    assert_eq!(first, [Accepted::Runs { runs, held_back }]);
    for seconds in [1, 2] {
        let again = journal.accept(entries().into(), at(seconds)).await.unwrap();
        assert_eq!(again, [Accepted::Known]);
    }
    // Twice in a batch is once.
    let both = ["b", "b"].map(|id| Entry::Event(planned(id, "r", second.clone())));
    let made = journal.accept(both.to_vec().into(), at(3)).await.unwrap();
    assert_eq!(made, [Accepted::made(vec![2]), Accepted::Known]);
    assert_eq!(claim(&journal, 9, 3).await, [2]);
    let asked = journal.window("r".to_owned(), second).await.unwrap();
    assert_eq!(asked.map(|window| window.events), Some(2));
}

pub(in crate::journal) async fn groups_rules_and_throttles_are_counted_apart(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let once = |group: &str| throttled(Kind::OnceWithin, group);
    let alone = Throttled {
        group: None,
        ..once("n")
    };
    let longer = Throttled {
        throttle: Throttle {
            window: Duration::from_secs(11),
            ..once("n").throttle
        },
        ..once("n")
    };
    let cases = [
        ("r", once("n"), true),
        ("r", once("purpose=n"), true),
        ("r", once("m"), true),
        ("s", once("n"), true),
        ("r", once("n"), false),
        // What has no group is one of its own.
        ("r", alone.clone(), true),
        ("r", alone.clone(), true),
        // Another throttle begins anew, and so does the former one after it.
        ("r", longer.clone(), true),
        ("r", longer, false),
        ("r", once("n"), true),
    ];
    for (number, (rule, throttle, starts)) in cases.into_iter().enumerate() {
        let id = number.to_string();
        let run = accept_throttled(&journal, &id, rule, throttle, 0).await;
        let is_due = state(&journal, run).await == State::Due;
        assert_eq!(is_due, starts, "{number}");
    }
    assert_eq!(journal.window("r".to_owned(), alone).await.unwrap(), None);
}

pub(in crate::journal) async fn what_never_starts_counts_nothing_and_the_later_of_two_times_holds(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let cases = [
        (Start::Never("no time".to_owned()), State::Cancelled, None),
        (Start::At(at(20)), State::Scheduled, Some(at(20))),
        (Start::Now, State::Cancelled, None),
    ];
    for (number, (start, expected, due_at)) in cases.into_iter().enumerate() {
        let mut planned = planned(
            &number.to_string(),
            "later",
            throttled(Kind::OnceAfter, "n"),
        );
        planned.runs[0].start = start;
        accept_one(&journal, planned, 0, expected, due_at).await;
    }
    let asked = throttled(Kind::OnceAfter, "n");
    let asked = journal.window("later".to_owned(), asked).await.unwrap();
    assert_eq!(asked, Some(window(0, 2, 2, true)));
    let mut earlier = planned("earlier", "earlier", throttled(Kind::OnceAfter, "n"));
    earlier.runs[0].start = Start::At(at(5));
    accept_one(&journal, earlier, 0, State::Scheduled, Some(at(10))).await;
    // What is let through keeps its own time.
    let mut once = planned("once", "once", throttled(Kind::OnceWithin, "n"));
    once.runs[0].start = Start::At(at(30));
    accept_one(&journal, once, 0, State::Scheduled, Some(at(30))).await;
}

async fn accept_one(
    journal: &Caller,
    planned: Acceptance,
    seconds: i64,
    expected: State,
    due_at: Option<jiff::Timestamp>,
) {
    let id = planned.id.clone();
    let entries = vec![Entry::Event(planned)];
    let answers = journal.accept(entries.into(), at(seconds)).await.unwrap();
    let [Accepted::Runs { runs, .. }] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    let run = summary(journal, runs[0]).await;
    assert_eq!((run.state, run.due_at), (expected, due_at), "{id}");
}

pub(in crate::journal) async fn what_awaits_its_lease_counts_once_that_is_known(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let awaiting = |id: &str, node: &str| {
        let mut planned = event(id, &[("r", node)]);
        planned.is_incomplete = true;
        planned.runs[0].awaits_lease = true;
        Entry::Event(planned)
    };
    let entries = vec![awaiting("a", "n"), awaiting("b", "m")];
    journal.accept(entries.into(), at(0)).await.unwrap();
    let claimed = journal.claim(9, at(0)).await.unwrap().runs;
    for (run, seconds) in claimed.iter().zip([1, 2]) {
        let completion = Completion {
            throttle: Some(throttled(Kind::OnceAfter, "g")),
            at: at(seconds),
            ..journal.completion(run, "{}", run.key.clone())
        };
        journal.complete_as(completion).await.unwrap();
    }
    let runs = [summary(&journal, 1).await, summary(&journal, 2).await];
    assert_eq!(
        (runs[0].state, runs[0].due_at, runs[0].attempts),
        (State::Scheduled, Some(at(11)), 0)
    );
    assert_eq!(
        (runs[1].state, runs[1].finished_at, runs[1].attempts),
        (State::Cancelled, Some(at(2)), 0)
    );
    // Both keys are free.
    let later = accept(&journal, "c", &[("s", "n"), ("t", "m")], 3).await;
    assert_eq!(claim(&journal, 9, 3).await, later);
    for run in later {
        let end = end(run, 1, Transition::Succeed, 3);
        journal.record(end).await.unwrap();
    }
    assert_eq!(claim(&journal, 9, 11).await, [1]);
}

pub(in crate::journal) async fn windows_that_have_ended_are_pruned(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let group = |number: i64| throttled(Kind::OnceWithin, &format!("n{number}"));
    for number in 0..5 {
        let id = number.to_string();
        accept_throttled(&journal, &id, "r", group(number), number).await;
    }
    let everything = Retention {
        age: Duration::from_secs(1_000),
        number: 1_000,
    };
    assert_eq!(journal.prune(everything, at(12)).await.unwrap().number, 3);
    assert_eq!(journal.prune(everything, at(12)).await.unwrap().number, 0);
    for number in 0..5 {
        let asked = journal.window("r".to_owned(), group(number)).await;
        assert_eq!(asked.unwrap().is_some(), number > 2, "{number}");
    }
}

pub(in crate::journal) async fn after_a_step_of_the_clock_no_window_is_longer(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let once = throttled(Kind::OnceWithin, "n");
    let after = throttled(Kind::OnceAfter, "n");
    accept_throttled(&journal, "a", "once", once.clone(), 1_000).await;
    let scheduled = accept_throttled(&journal, "b", "after", after.clone(), 1_000).await;
    // An event may come before the step is noticed.
    let held = accept_throttled(&journal, "c", "after", after.clone(), 500).await;
    assert_eq!(state(&journal, held).await, State::Cancelled);
    assert_eq!(summary(&journal, scheduled).await.due_at, Some(at(510)));
    journal.clock_stepped(at(0)).await.unwrap();
    assert_eq!(summary(&journal, scheduled).await.due_at, Some(at(10)));
    let asked = journal.window("after".to_owned(), after).await.unwrap();
    assert_eq!(asked, Some(window(0, 2, scheduled, true)));
    let held = accept_throttled(&journal, "d", "once", once.clone(), 9).await;
    assert_eq!(state(&journal, held).await, State::Cancelled);
    let next = accept_throttled(&journal, "e", "once", once, 10).await;
    assert_eq!(state(&journal, next).await, State::Due);
}
