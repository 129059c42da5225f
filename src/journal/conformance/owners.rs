//! The owner of an attempt, and what it means for its claim and its end.

use super::Scene;
use super::story::{accept, at, claim, claim_one, end, state, summary};
use crate::core::run::{State, Transition};
use crate::journal::{AttemptEnd, Browse, JournalError, Owner, Placement};

fn is_lost<T: std::fmt::Debug>(answer: Result<T, JournalError>) -> bool {
    matches!(answer.unwrap_err(), JournalError::Lost { .. })
}

pub(in crate::journal) async fn what_was_claimed_with_a_lost_answer_is_handed_out_again(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for key in ["n1", "n2", "n3", "n4"] {
        accept(&journal, key, &[("r", key)], 0).await;
    }
    assert_eq!(claim(&journal, 1, 0).await, [1]);
    let lost = journal.claim(2, at(1)).await.unwrap().runs;
    journal.forget_claims();
    // All of them, for none is held any more; before any other, and not more than asked for.
    let again = journal.claim(2, at(2)).await.unwrap().runs;
    assert_eq!((again[0].id, again[0].attempt, &again[1]), (1, 1, &lost[0]));
    let more = journal.claim(9, at(3)).await.unwrap().runs;
    assert_eq!((&more[0], more[1].id, more.len()), (&lost[1], 4, 2));
    assert!(claim(&journal, 9, 4).await.is_empty());
    assert_eq!(summary(&journal, 2).await.attempts, 1);
    // An attempt that has ended is over, whether it is held or not.
    journal
        .record(end(2, 1, Transition::Fail, 5))
        .await
        .unwrap();
    journal.forget_claims();
    assert_eq!(claim(&journal, 9, 6).await, [1, 3, 4]);
}

pub(in crate::journal) async fn the_end_of_an_attempt_is_recorded_once(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    accept(&journal, "b", &[("r", "k")], 0).await;
    claim_one(&journal, 0).await;
    let fails = end(1, 1, Transition::Fail, 1);
    journal.record(fails.clone()).await.unwrap();
    journal.record(fails.clone()).await.unwrap();
    let run = summary(&journal, 1).await;
    assert_eq!((run.state, run.due_at), (State::Retryable, Some(at(11))));
    // Whatever has become of the run meanwhile.
    let again = claim_one(&journal, 11).await;
    assert_eq!((again.attempt, again.failures), (2, 1));
    journal.record(fails.clone()).await.unwrap();
    assert_eq!(state(&journal, 1).await, State::Running);
    journal
        .record(end(1, 2, Transition::Succeed, 12))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 12).await, [2]);
    journal.record(fails).await.unwrap();
    journal
        .record(end(1, 2, Transition::Succeed, 12))
        .await
        .unwrap();
    assert_eq!(state(&journal, 1).await, State::Succeeded);
    assert_eq!(state(&journal, 2).await, State::Running);
}

pub(in crate::journal) async fn an_attempt_that_has_ended_otherwise_is_lost(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    claim_one(&journal, 0).await;
    journal
        .record(end(1, 1, Transition::Interrupt, 1))
        .await
        .unwrap();
    let before = journal.run(1).await.unwrap();
    for (step, seconds) in [
        (Transition::Succeed, 1),
        (Transition::Interrupt, 2),
        (Transition::Fail, 1),
    ] {
        assert!(
            is_lost(journal.record(end(1, 1, step, seconds)).await),
            "{step:?}"
        );
    }
    assert!(is_lost(journal.started(1, 1, "script 7".to_owned()).await));
    assert_eq!(journal.run(1).await.unwrap(), before, "nothing was written");
}

pub(in crate::journal) async fn an_attempt_of_another_owner_is_lost(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    claim_one(&journal, 0).await;
    let other = AttemptEnd {
        owner: Owner(journal.owner().0 + 1),
        ..end(1, 1, Transition::Succeed, 1)
    };
    assert!(is_lost(journal.record_as(other).await));
    assert_eq!(state(&journal, 1).await, State::Running);
}

pub(in crate::journal) async fn each_start_is_another_owner_and_finds_what_the_others_left_open(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let first = ground.service().await;
    accept(&first, "a", &[("r", "n1")], 0).await;
    accept(&first, "b", &[("r", "n2")], 0).await;
    assert_eq!(claim(&first, 1, 0).await, [1]);
    assert_eq!(
        first.open_attempts().await.unwrap(),
        [],
        "its own are no others'"
    );
    let before = first.owner();
    first.leave(at(1)).await.unwrap();
    drop(first);

    let second = ground.service().await;
    assert_ne!(second.owner(), before);
    // What another left is not handed out: something of it may still be alive.
    assert_eq!(claim(&second, 9, 2).await, [2]);
    let open = second.open_attempts().await.unwrap();
    let [open] = open.as_slice() else {
        panic!("{open:?}")
    };
    assert_eq!((open.owner, open.run, open.attempt), (before, 1, 1));
    let end = AttemptEnd {
        owner: open.owner,
        ..end(1, 1, Transition::Interrupt, 3)
    };
    second.record_as(end).await.unwrap();
    assert_eq!(second.open_attempts().await.unwrap(), []);
    assert_eq!(claim(&second, 9, 3).await, [1]);
}

pub(in crate::journal) async fn a_duty_is_of_an_owner_that_has_joined_and_not_left(
    scene: &Scene<'_>,
) {
    let all = [
        ("bus", Placement::One),
        ("timer:t", Placement::Any),
        ("load:l", Placement::Every),
    ];
    let ground = scene.ground();
    let first = ground.service().await;
    let (before, nobody) = (first.owner(), Owner(first.owner().0 + 1));
    for (source, placement) in all {
        assert!(first.duty(before, source, placement).await, "{source}");
        assert!(!first.duty(nobody, source, placement).await, "{source}");
    }
    first.leave(at(1)).await.unwrap();
    assert!(!first.duty(before, "bus", Placement::One).await);
    drop(first);

    let second = ground.service().await;
    for (source, placement) in all {
        let own = second.duty(second.owner(), source, placement).await;
        let former = second.duty(before, source, placement).await;
        assert_eq!((own, former), (true, false), "{source}");
    }
}
