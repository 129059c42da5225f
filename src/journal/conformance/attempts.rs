//! What the beginning and the end of an attempt leave behind.

use std::time::Duration;

use super::Scene;
use super::story::{accept, at, claim, claim_one, end, state, summary};
use crate::core::run::{Detail, Outcome, State, Transition};
use crate::journal::{AttemptEnd, Browse, JournalError};

pub(in crate::journal) async fn each_step_leaves_the_run_as_it_should(scene: &Scene<'_>) {
    // The step; the state, failures, due time and finish after it.
    let cases = [
        (Transition::Succeed, State::Succeeded, 0, None, Some(at(5))),
        (Transition::Fail, State::Retryable, 1, Some(at(15)), None),
        (Transition::Discard, State::Discarded, 1, None, Some(at(5))),
        (Transition::Interrupt, State::Due, 0, None, None),
        (Transition::Proceed, State::Due, 0, None, None),
        (Transition::Cancel, State::Cancelled, 0, None, Some(at(5))),
    ];
    for (step, expected, failures, due_at, finished_at) in cases {
        let journal = scene.journal().await;
        accept(&journal, "a", &[("r", "k")], 0).await;
        claim_one(&journal, 0).await;
        journal.record(end(1, 1, step, 5)).await.unwrap();
        let run = summary(&journal, 1).await;
        assert_eq!(
            (run.state, run.due_at, run.finished_at),
            (expected, due_at, finished_at),
            "{step:?}"
        );
        assert_eq!(
            run.reason,
            Some(end(1, 1, step, 5).outcome.to_string()),
            "{step:?}"
        );
        if !expected.is_final() {
            let again = claim_one(&journal, 100).await;
            assert_eq!((again.attempt, again.failures), (2, failures), "{step:?}");
        }
        let census = journal.census().await.unwrap();
        let now = if expected.is_final() {
            expected
        } else {
            State::Running
        };
        assert_eq!(
            census.runs.into_iter().collect::<Vec<_>>(),
            [(now.as_str(), 1)],
            "{step:?}"
        );
    }
}

pub(in crate::journal) async fn an_attempt_ends_once_and_only_if_it_began(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    let refused = async |run, attempt, step| {
        let end = end(run, attempt, step, 1);
        journal.record(end).await.unwrap_err().to_string()
    };
    assert_eq!(
        refused(1, 1, Transition::Succeed).await,
        "attempt 1 of run 1 is not under way any more"
    );
    assert_eq!(
        refused(9, 1, Transition::Succeed).await,
        "attempt 1 of run 9 is not under way any more"
    );
    claim_one(&journal, 0).await;
    assert_eq!(
        refused(1, 2, Transition::Succeed).await,
        "attempt 2 of run 1 is not under way any more"
    );
    assert_eq!(
        refused(1, 1, Transition::Wake).await,
        "run 1: cannot make it due: it is `running`: an attempt is under way"
    );
    journal
        .record(end(1, 1, Transition::Fail, 0))
        .await
        .unwrap();
    claim_one(&journal, 10).await;
    assert_eq!(
        refused(1, 1, Transition::Fail).await,
        "attempt 1 of run 1 is not under way any more"
    );
    assert_eq!(state(&journal, 1).await, State::Running);
    journal
        .record(end(1, 2, Transition::Succeed, 11))
        .await
        .unwrap();
    assert_eq!(
        refused(1, 2, Transition::Succeed).await,
        "attempt 2 of run 1 is not under way any more"
    );
}

pub(in crate::journal) async fn a_claim_records_ends_and_hands_out_what_they_free(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for (id, key) in [("a", "n1"), ("b", "n2"), ("c", "n1"), ("d", "n2")] {
        accept(&journal, id, &[("r", key)], 0).await;
    }
    assert_eq!(claim(&journal, 9, 0).await, [1, 2]);
    let ended = vec![
        end(1, 1, Transition::Succeed, 1),
        end(2, 1, Transition::Fail, 1),
        end(7, 1, Transition::Succeed, 1),
    ];
    let claimed = journal.claim_after(ended, 9, 9, at(1)).await.unwrap();
    let runs: Vec<_> = claimed.runs.iter().map(|run| run.id).collect();
    assert_eq!((runs, claimed.lost), (vec![3], vec![(7, 1)]));
    assert_eq!(claimed.wait, Some(Duration::from_secs(10)));
    let states = [
        State::Succeeded,
        State::Retryable,
        State::Running,
        State::Due,
    ];
    for (run, expected) in (1..).zip(states) {
        assert_eq!(state(&journal, run).await, expected, "{run}");
    }
    // Who wants nothing records all the same.
    let ended = vec![end(3, 1, Transition::Discard, 2)];
    let claimed = journal.claim_after(ended, 0, 0, at(20)).await.unwrap();
    assert_eq!((claimed.runs, claimed.lost), (vec![], vec![]));
    assert_eq!(state(&journal, 3).await, State::Discarded);
    assert_eq!(
        state(&journal, 2).await,
        State::Retryable,
        "nothing is woken"
    );
}

pub(in crate::journal) async fn attempts_are_kept_with_all_that_is_known_of_them(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    let outcomes = [
        Outcome::Failed(Detail::Exited(-1)),
        Outcome::Failed(Detail::Signalled(9)),
        Outcome::Failed(Detail::Told("the server refused it".to_owned())),
        Outcome::Succeeded(Detail::Exited(3)),
        Outcome::Succeeded(Detail::Told("200 OK".to_owned())),
        Outcome::TimedOut(Duration::from_millis(2500)),
        Outcome::NotStarted("no such file".to_owned()),
        Outcome::Interrupted("the service died".to_owned()),
    ];
    for (outcome, attempt) in outcomes.iter().zip(1..) {
        claim_one(&journal, 100 * i64::from(attempt)).await;
        let mut end = end(1, attempt, Transition::Fail, 100 * i64::from(attempt) + 1);
        end.outcome = outcome.clone();
        end.output = vec![0, 0xff, b'x'];
        end.output_dropped = u64::MAX;
        journal.record(end).await.unwrap();
    }
    claim_one(&journal, 900).await;
    let detail = journal.run(1).await.unwrap();
    assert_eq!(
        (detail.source.as_str(), detail.event.as_str()),
        ("bus", "{\"id\":\"a\"}")
    );
    assert_eq!(detail.summary.attempts, 9);
    assert_eq!(detail.summary.reason, None, "the last attempt runs");
    for ((record, outcome), number) in detail.attempts.iter().zip(&outcomes).zip(1..) {
        assert_eq!(
            (record.number, record.outcome.as_ref()),
            (number, Some(outcome))
        );
        let seconds = 100 * i64::from(number);
        assert_eq!(
            (record.started_at, record.ended_at),
            (at(seconds), Some(at(seconds + 1)))
        );
        assert_eq!(record.duration, Some(Duration::from_millis(1500)));
        assert_eq!(
            (&record.output[..], record.output_dropped),
            (&[0, 0xff, b'x'][..], u64::MAX)
        );
    }
    let running = detail.attempts.last().unwrap();
    assert_eq!(
        (running.number, running.ended_at, running.outcome.as_ref()),
        (9, None, None)
    );
}

pub(in crate::journal) async fn a_remark_is_seen_for_as_long_as_the_attempt_is_open(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    claim_one(&journal, 0).await;
    journal.remark(1, 1, "pid 7 lives on".into()).await.unwrap();
    let run = journal.run(1).await.unwrap();
    let remark = Some("pid 7 lives on".to_owned());
    assert_eq!(
        (&run.summary.reason, &run.attempts[0].remark),
        (&remark, &remark)
    );
    journal
        .record(end(1, 1, Transition::Discard, 1))
        .await
        .unwrap();
    let run = journal.run(1).await.unwrap();
    assert_eq!(run.summary.reason.as_deref(), Some("exit status 1"));
    assert_eq!(run.attempts[0].remark, None);
    let lost = journal.remark(1, 1, "too late".into()).await.unwrap_err();
    assert!(
        matches!(lost, JournalError::Lost { run: 1, attempt: 1 }),
        "{lost}"
    );
}

pub(in crate::journal) async fn open_attempts_survive_with_their_handle(scene: &Scene<'_>) {
    let ground = scene.ground();
    let journal = ground.service().await;
    accept(&journal, "a", &[("r", "n1")], 0).await;
    accept(&journal, "b", &[("s", "n2")], 0).await;
    assert_eq!(claim(&journal, 2, 3).await, [1, 2]);
    let handle = "script {\"pid\":4711}".to_owned();
    journal.started(1, 1, handle.clone()).await.unwrap();
    let lost = journal.started(1, 2, handle.clone()).await.unwrap_err();
    assert!(
        matches!(lost, JournalError::Lost { run: 1, attempt: 2 }),
        "{lost}"
    );
    drop(journal);

    let journal = ground.service().await;
    let open = journal.open_attempts().await.unwrap();
    let found: Vec<_> = open
        .iter()
        .map(|open| (open.run, open.attempt, open.rule.as_str(), &open.handle))
        .collect();
    assert_eq!(found, [(1, 1, "r", &Some(handle)), (2, 1, "s", &None)]);
    assert_eq!(open[0].started_at, at(3));
    assert!(
        claim(&journal, 9, 4).await.is_empty(),
        "they are running until somebody says otherwise"
    );
    for open in open {
        journal
            .record_as(AttemptEnd {
                owner: open.owner,
                ..end(open.run, open.attempt, Transition::Interrupt, 5)
            })
            .await
            .unwrap();
    }
    assert_eq!(journal.open_attempts().await.unwrap(), []);
    assert_eq!(claim(&journal, 9, 5).await, [1, 2]);
}
