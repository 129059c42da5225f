//! Which runs may start, and in which order.

use std::time::Duration;

use super::Scene;
use super::story::{accept, at, claim, claim_one, end, state, summary};
use crate::core::run::{State, Transition};
use crate::journal::{Keep, RetryFrom};

pub(in crate::journal) async fn one_run_of_a_key_at_a_time_in_order_of_acceptance(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for (id, key) in [
        ("a", "n1"),
        ("b", "n1"),
        ("c", "n2"),
        ("d", "n1"),
        ("e", "n3"),
    ] {
        accept(&journal, id, &[("r", key)], 0).await;
    }
    assert!(claim(&journal, 0, 0).await.is_empty());
    assert_eq!(claim(&journal, 2, 0).await, [1, 3]);
    assert_eq!(claim(&journal, 9, 0).await, [5]);
    assert!(claim(&journal, 9, 0).await.is_empty());
    journal
        .record(end(1, 1, Transition::Succeed, 1))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 1).await, [2]);
    journal
        .record(end(2, 1, Transition::Discard, 2))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 2).await, [4]);
}

pub(in crate::journal) async fn a_retry_holds_the_later_runs_of_its_key_and_no_others(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for (id, key) in [("a", "n1"), ("b", "n1"), ("c", "n2")] {
        accept(&journal, id, &[("r", key)], 0).await;
    }
    assert_eq!(claim(&journal, 1, 0).await, [1]);
    journal
        .record(end(1, 1, Transition::Fail, 5))
        .await
        .unwrap();
    let claimed = journal.claim(9, at(14)).await.unwrap();
    assert_eq!(
        claimed.runs.iter().map(|run| run.id).collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(claimed.wait, Some(Duration::from_secs(1)));
    let again = claim_one(&journal, 15).await;
    assert_eq!((again.id, again.attempt, again.failures), (1, 2, 1));
    assert_eq!(journal.claim(9, at(15)).await.unwrap().wait, None);
    journal
        .record(end(1, 2, Transition::Succeed, 16))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 16).await, [2]);
}

pub(in crate::journal) async fn due_retries_and_new_runs_are_claimed_in_order_of_acceptance(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for number in 0..200 {
        accept(
            &journal,
            &format!("e{number}"),
            &[("r", &format!("n{number}"))],
            0,
        )
        .await;
    }
    for run in claim(&journal, 150, 0).await {
        journal
            .record(end(run, 1, Transition::Fail, 0))
            .await
            .unwrap();
    }
    let mut order = Vec::new();
    loop {
        let claimed = claim(&journal, 7, 10).await;
        if claimed.is_empty() {
            break;
        }
        order.extend(claimed);
    }
    assert_eq!(
        order,
        (1..=200).collect::<Vec<_>>(),
        "all were due at the same time"
    );
}

pub(in crate::journal) async fn the_operators_retry_goes_before_waiting_runs_but_not_beside_a_running_one(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for id in ["a", "b", "c"] {
        accept(&journal, id, &[("r", "k")], 0).await;
    }
    claim_one(&journal, 0).await;
    journal
        .record(end(1, 1, Transition::Discard, 1))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 1, 2).await, [2]);
    journal.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    assert!(claim(&journal, 9, 3).await.is_empty(), "run 2 is running");
    journal
        .record(end(2, 1, Transition::Fail, 4))
        .await
        .unwrap();
    let again = claim_one(&journal, 4).await;
    assert_eq!((again.id, again.attempt, again.failures), (1, 2, 0));
    assert_eq!(
        journal.claim(9, at(99)).await.unwrap().wait,
        None,
        "run 1 holds run 2 back"
    );
    journal
        .record(end(1, 2, Transition::Succeed, 100))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 100).await, [2]);
    journal
        .record(end(2, 2, Transition::Succeed, 101))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 101).await, [3]);
}

pub(in crate::journal) async fn a_retry_is_of_all_runs_or_of_none(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "n1")], 0).await;
    accept(&journal, "b", &[("r", "n2")], 0).await;
    claim_one(&journal, 0).await;
    journal
        .record(end(1, 1, Transition::Fail, 0))
        .await
        .unwrap();
    let cases = [
        (
            vec![1, 2],
            "run 2: cannot retry it: it is `due`: it waits for its turn and starts by itself",
        ),
        (vec![1, 77], "there is no run 77 in the journal"),
    ];
    for (runs, expected) in cases {
        assert_eq!(
            journal
                .retry(runs, RetryFrom::FailedStep)
                .await
                .unwrap_err()
                .to_string(),
            expected
        );
        assert_eq!(state(&journal, 1).await, State::Retryable);
    }
    journal
        .retry(vec![1, 1], RetryFrom::FailedStep)
        .await
        .unwrap();
    let run = summary(&journal, 1).await;
    assert_eq!((run.state, run.due_at), (State::Due, None));
}

pub(in crate::journal) async fn after_a_step_of_the_clock_no_retry_waits_longer_than_its_own_delay(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for (id, failed_at) in [("a", 0), ("b", 5000)] {
        accept(&journal, id, &[("r", id)], 0).await;
        let run = claim_one(&journal, 0).await;
        journal
            .record(end(run.id, 1, Transition::Fail, failed_at))
            .await
            .unwrap();
    }
    journal.clock_stepped(at(100)).await.unwrap();
    assert_eq!(summary(&journal, 1).await.due_at, Some(at(10)));
    assert_eq!(summary(&journal, 2).await.due_at, Some(at(110)));
}
