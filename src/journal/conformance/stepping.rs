//! Runs of several steps.

use serde_json::{Map, json};

use super::Scene;
use super::story::{accept, claim, claim_one, end, state, summary};
use crate::core::rules::Stand;
use crate::core::run::{State, Transition};
use crate::journal::{AttemptEnd, Browse, Keep, RetryFrom, RunId};

/// How far a run has come that is at this step now.
fn stand(step: &str, failed: Option<&str>) -> Stand {
    let mut results = Map::new();
    results.insert("r".to_owned(), json!({"ip": "10.0.0.1", "exit_status": 0}));
    Stand {
        step: Some(step.to_owned()),
        failed: failed.map(str::to_owned),
        results,
    }
}

/// The end of an attempt by which the run comes to stand there.
fn to(run: RunId, attempt: u32, transition: Transition, stand: Stand) -> AttemptEnd {
    AttemptEnd {
        stand: Some(stand),
        ..end(run, attempt, transition, 1)
    }
}

pub(in crate::journal) async fn a_run_that_goes_on_keeps_its_turn_and_begins_without_failures(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    accept(&journal, "b", &[("r", "k")], 0).await;
    let first = claim_one(&journal, 0).await;
    assert_eq!((first.id, first.stand), (1, None));
    journal
        .record(end(1, 1, Transition::Fail, 0))
        .await
        .unwrap();
    assert_eq!(claim_one(&journal, 20).await.failures, 1);
    let next = stand("r/next", None);
    journal
        .record(to(1, 2, Transition::Proceed, next.clone()))
        .await
        .unwrap();
    assert_eq!(state(&journal, 1).await, State::Due);

    let second = claim_one(&journal, 20).await;
    let found = (second.id, second.attempt, second.failures);
    assert_eq!((found, second.stand), ((1, 3, 0), Some(next.clone())));
    assert_eq!(claim(&journal, 9, 20).await, [0; 0]);

    journal
        .record(to(1, 3, Transition::Succeed, next.clone()))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 20).await, [2]);
    let detail = journal.run(1).await.unwrap();
    assert_eq!(detail.stand, Some(next));
    let steps: Vec<_> = detail
        .attempts
        .iter()
        .map(|it| it.step.as_deref())
        .collect();
    assert_eq!(steps, [None, None, Some("r/next")]);
}

pub(in crate::journal) async fn a_run_between_two_steps_keeps_its_turn_whoever_is_retried(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    accept(&journal, "b", &[("r", "k")], 0).await;
    claim_one(&journal, 0).await;
    journal
        .record(end(1, 1, Transition::Discard, 0))
        .await
        .unwrap();
    assert_eq!(claim_one(&journal, 0).await.id, 2);
    // While the first step runs, and while the second one waits for its retry.
    journal.retry(vec![1], RetryFrom::Start).await.unwrap();
    let next = stand("r/next", None);
    journal
        .record(to(2, 1, Transition::Proceed, next.clone()))
        .await
        .unwrap();
    assert_eq!(claim_one(&journal, 0).await.id, 2);
    journal
        .record(end(2, 2, Transition::Fail, 0))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 0).await, [0; 0]);
    assert_eq!(claim_one(&journal, 20).await.id, 2);
    journal
        .record(to(2, 3, Transition::Succeed, next))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 20).await, [1]);
}

pub(in crate::journal) async fn a_crash_goes_on_at_the_step(scene: &Scene<'_>) {
    let ground = scene.ground();
    let next = stand("r/next", Some("r"));
    {
        let journal = ground.service().await;
        accept(&journal, "a", &[("r", "k")], 0).await;
        claim_one(&journal, 0).await;
        journal
            .record(to(1, 1, Transition::Proceed, next.clone()))
            .await
            .unwrap();
        claim_one(&journal, 0).await;
    }
    let journal = ground.service().await;
    let open = journal.open_attempts().await.unwrap();
    assert_eq!(open.len(), 1);
    journal
        .record_as(AttemptEnd {
            owner: open[0].owner,
            ..end(1, 2, Transition::Interrupt, 1)
        })
        .await
        .unwrap();
    let again = claim_one(&journal, 2).await;
    assert_eq!((again.attempt, again.stand), (3, Some(next)));
}

pub(in crate::journal) async fn another_round_begins_at_the_step_that_failed_or_at_the_first(
    scene: &Scene<'_>,
) {
    // How the run ended and where it stood then; from where it is retried, and where it begins.
    let cases = [
        (
            Transition::Discard,
            stand("r/undo", Some("r")),
            RetryFrom::FailedStep,
            Some("r"),
        ),
        (
            Transition::Discard,
            stand("r/next", None),
            RetryFrom::FailedStep,
            Some("r/next"),
        ),
        (
            Transition::Discard,
            stand("r/next", None),
            RetryFrom::Start,
            None,
        ),
        (
            Transition::Succeed,
            stand("r/next", None),
            RetryFrom::FailedStep,
            None,
        ),
    ];
    for (transition, stand, from, expected) in cases {
        let journal = scene.journal().await;
        accept(&journal, "a", &[("r", "k")], 0).await;
        claim_one(&journal, 0).await;
        journal
            .record(to(1, 1, transition, stand.clone()))
            .await
            .unwrap();
        journal.retry(vec![1], from).await.unwrap();
        assert_eq!(summary(&journal, 1).await.finished_at, None);
        let run = claim_one(&journal, 0).await;
        let found = run.stand.as_ref().and_then(|stand| stand.step.as_deref());
        assert_eq!(found, expected, "{transition:?} {stand:?}");
        if expected.is_some() {
            assert_eq!(run.stand.unwrap().results, stand.results);
        }
    }
}
