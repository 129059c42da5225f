//! Retention, and what other processes do to the same file.

use std::sync::Arc;
use std::time::Duration;

use super::story::{accept, at, claim_one, end, event, quarantine_entry};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::Transition;
use crate::journal::{Accept, Accepted, Browse, Entry, Keep, RetryFrom, RunFilter};

const DAY: i64 = 86_400;

fn keep(days: u64, number: u64) -> Retention {
    Retention {
        age: Duration::from_hours(24 * days),
        number,
    }
}

/// Prunes to the end; how much each step took.
async fn prune(journal: &Caller, retention: Retention, seconds: i64) -> Vec<usize> {
    let mut steps = Vec::new();
    loop {
        match journal.prune(retention, at(seconds)).await.unwrap().number {
            0 => return steps,
            gone => steps.push(gone),
        }
    }
}

async fn event_ids(journal: &Caller) -> Vec<String> {
    let mut left = Vec::new();
    for id in ["failing", "old", "ruleless", "young", "waiting"] {
        if journal.event(id.to_owned()).await.unwrap().is_some() {
            left.push(id.to_owned());
        }
    }
    left
}

/// Events that finished on days 0, 1 and 5, one that waits for a retry, one that waits behind it.
async fn mixed(scene: &Scene<'_>) -> Caller {
    let journal = scene.journal().await;
    for (id, key, ends, step) in [
        ("old", "n1", 0, Transition::Succeed),
        ("young", "n1", 5 * DAY, Transition::Discard),
        ("failing", "n2", 0, Transition::Fail),
    ] {
        accept(&journal, id, &[("r", key)], 0).await;
        let run = claim_one(&journal, 0).await;
        journal.record(end(run.id, 1, step, ends)).await.unwrap();
    }
    accept(&journal, "waiting", &[("r", "n2")], 0).await;
    accept(&journal, "ruleless", &[], DAY).await;
    journal
}

pub(in crate::journal) async fn finished_events_go_by_age_and_by_number_and_unfinished_ones_stay(
    scene: &Scene<'_>,
) {
    let cases: [(Retention, &[&str]); 6] = [
        (
            keep(9, 100),
            &["failing", "old", "ruleless", "young", "waiting"],
        ),
        (keep(5, 100), &["failing", "ruleless", "young", "waiting"]),
        (keep(2, 100), &["failing", "young", "waiting"]),
        (keep(9, 2), &["failing", "ruleless", "young", "waiting"]),
        (keep(9, 1), &["failing", "young", "waiting"]),
        (keep(0, 0), &["failing", "waiting"]),
    ];
    for (retention, left) in cases {
        let journal = mixed(scene).await;
        prune(&journal, retention, 5 * DAY + 1).await;
        assert_eq!(event_ids(&journal).await, left, "{retention:?}");
        let unfinished = journal.census().await.unwrap().unfinished();
        assert_eq!(unfinished, 2, "{retention:?}");
    }
}

pub(in crate::journal) async fn runs_and_attempts_go_with_their_event_and_their_numbers_are_not_used_again(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    let run = claim_one(&journal, 0).await;
    journal
        .record(end(run.id, 1, Transition::Succeed, 1))
        .await
        .unwrap();
    assert_eq!(prune(&journal, keep(0, 0), 2).await, [1]);
    let left = journal
        .runs(RunFilter {
            limit: 9,
            ..RunFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(left, []);
    assert!(journal.census().await.unwrap().runs.is_empty());
    assert_eq!(
        accept(&journal, "a", &[("r", "k")], 3).await,
        [2],
        "the identity has gone with the event"
    );
}

pub(in crate::journal) async fn an_event_with_something_to_do_again_stays(scene: &Scene<'_>) {
    for by_operator in [true, false] {
        let journal = scene.journal().await;
        accept(&journal, "old", &[("r", "k")], 0).await;
        let run = claim_one(&journal, 0).await;
        journal
            .record(end(run.id, 1, Transition::Discard, 1))
            .await
            .unwrap();
        if by_operator {
            journal
                .retry(vec![run.id], RetryFrom::FailedStep)
                .await
                .unwrap();
        } else {
            accept(&journal, "old", &[("r", "k"), ("new", "k")], 2).await;
        }
        assert!(
            prune(&journal, keep(0, 0), DAY).await.is_empty(),
            "{by_operator}"
        );
        let again = claim_one(&journal, DAY).await;
        journal
            .record(end(again.id, again.attempt, Transition::Succeed, DAY))
            .await
            .unwrap();
        assert_eq!(
            prune(&journal, keep(0, 0), DAY + 1).await,
            [1],
            "{by_operator}"
        );
    }
}

pub(in crate::journal) async fn the_quarantine_is_pruned_too(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for day in 0..6 {
        let entry = Entry::Quarantine(quarantine_entry(&format!("junk {day}")));
        journal
            .accept(vec![entry].into(), at(day * DAY))
            .await
            .unwrap();
    }
    assert_eq!(prune(&journal, keep(3, 100), 5 * DAY + 1).await, [3]);
    assert_eq!(prune(&journal, keep(3, 2), 5 * DAY + 1).await, [1]);
    let left: Vec<_> = journal
        .quarantined(9)
        .await
        .unwrap()
        .iter()
        .map(|kept| kept.id)
        .collect();
    assert_eq!(left, [6, 5]);
    assert_eq!(journal.census().await.unwrap().quarantined, 2);
}

pub(in crate::journal) async fn what_is_written_beside_the_service_is_claimed_by_it(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let (service, beside) = (ground.service().await, ground.beside());
    accept(&service, "a", &[("r", "k")], 0).await;
    let run = claim_one(&service, 0).await;
    service
        .record(end(run.id, 1, Transition::Discard, 1))
        .await
        .unwrap();

    beside
        .retry(vec![run.id], RetryFrom::FailedStep)
        .await
        .unwrap();
    assert_eq!(claim_one(&service, 2).await.attempt, 2);

    let junk = vec![Entry::Quarantine(quarantine_entry("junk"))];
    service.accept(junk.into(), at(3)).await.unwrap();
    let released = beside
        .release(1, event("b", &[("r", "k2")]), at(4))
        .await
        .unwrap();
    assert_eq!(released, Accepted::made(vec![2]));
    assert_eq!(claim_one(&service, 4).await.id, 2);
}

pub(in crate::journal) async fn a_service_is_told_of_what_is_written_beside_it(scene: &Scene<'_>) {
    let ground = scene.ground();
    let (service, beside) = (ground.service().await, ground.beside());
    for id in ["a", "b"] {
        let changed = service.changed();
        accept(&beside, id, &[("r", "k")], 0).await;
        let told = tokio::time::timeout(Duration::from_secs(60), changed).await;
        told.expect("it is told").unwrap();
    }
}

pub(in crate::journal) async fn a_version_is_another_one_only_if_something_was_written(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let (service, beside) = (ground.service().await, ground.beside());
    let versions = async || {
        let version = async |caller: &Caller| caller.version().await.unwrap();
        (version(&service).await, version(&beside).await)
    };
    let mut before = versions().await;
    let mut expect = async |changed: bool, what: &str| {
        let now = versions().await;
        assert_eq!(now.0 != before.0, changed, "the service, after {what}");
        assert_eq!(now.1 != before.1, changed, "the command, after {what}");
        before = now;
    };
    expect(false, "nothing").await;
    accept(&service, "a", &[("r", "k")], 0).await;
    expect(true, "an event").await;
    let junk: Arc<[Entry]> = vec![Entry::Event(event("a", &[("r", "k")]))].into();
    service.accept(junk, at(1)).await.unwrap();
    expect(false, "a known event").await;
    service.census().await.unwrap();
    service.run(1).await.unwrap();
    assert!(beside.run(2).await.is_err());
    expect(false, "looks").await;
    let run = claim_one(&service, 1).await;
    expect(true, "a claim").await;
    assert!(service.claim(9, at(2)).await.unwrap().runs.is_empty());
    service.clock_stepped(at(2)).await.unwrap();
    expect(false, "a claim of nothing").await;
    service
        .record(end(run.id, 1, Transition::Discard, 2))
        .await
        .unwrap();
    expect(true, "an end").await;
    beside.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    expect(true, "a command").await;
}
