//! Retention, and what other processes do to the same file.

use std::time::Duration;

use super::{accept, at, claim_one, end, event, journal, undecided};
use crate::core::retention::Retention;
use crate::core::run::Step;
use crate::journal::sqlite::prune::STEP;
use crate::journal::sqlite::{Access, SqliteJournal};
use crate::journal::{Accept, Accepted, Browse, Entry, Keep, RunFilter, Work};

const DAY: i64 = 86_400;

fn keep(days: u64, number: u64) -> Retention {
    Retention {
        age: Duration::from_hours(24 * days),
        number,
    }
}

/// Prunes to the end; how much each step took.
async fn prune(journal: &SqliteJournal, retention: Retention, seconds: i64) -> Vec<usize> {
    let mut steps = Vec::new();
    loop {
        match journal.prune(retention, at(seconds)).await.unwrap().number {
            0 => return steps,
            gone => steps.push(gone),
        }
    }
}

async fn event_ids(journal: &SqliteJournal) -> Vec<String> {
    let mut left = Vec::new();
    for id in ["failing", "old", "ruleless", "young", "waiting"] {
        if journal.event(id.to_owned()).await.unwrap().is_some() {
            left.push(id.to_owned());
        }
    }
    left
}

/// Events that finished on days 0, 1 and 5, one that waits for a retry, one that waits behind it.
async fn mixed() -> (tempfile::TempDir, SqliteJournal) {
    let (folder, journal) = journal();
    for (id, key, ends, step) in [
        ("old", "n1", 0, Step::Succeed),
        ("young", "n1", 5 * DAY, Step::Discard),
        ("failing", "n2", 0, Step::Fail),
    ] {
        accept(&journal, id, &[("r", key)], 0).await;
        let run = claim_one(&journal, 0).await;
        journal.record(end(run.id, 1, step, ends)).await.unwrap();
    }
    accept(&journal, "waiting", &[("r", "n2")], 0).await;
    accept(&journal, "ruleless", &[], DAY).await;
    (folder, journal)
}

#[tokio::test]
async fn finished_events_go_by_age_and_by_number_and_unfinished_ones_stay() {
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
        let (_folder, journal) = mixed().await;
        prune(&journal, retention, 5 * DAY + 1).await;
        assert_eq!(event_ids(&journal).await, left, "{retention:?}");
        let unfinished = journal.census().await.unwrap().unfinished();
        assert_eq!(unfinished, 2, "{retention:?}");
    }
}

#[tokio::test]
async fn runs_and_attempts_go_with_their_event_and_their_numbers_are_not_used_again() {
    let (_folder, journal) = journal();
    accept(&journal, "a", &[("r", "k")], 0).await;
    let run = claim_one(&journal, 0).await;
    journal
        .record(end(run.id, 1, Step::Succeed, 1))
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
    let attempts = journal.ask("count", super::super::writer::Kind::Read, |db| {
        Ok(db.query_row("SELECT count(*) FROM attempts", [], |row| {
            row.get::<_, i64>(0)
        })?)
    });
    assert_eq!(attempts.await.unwrap(), 0);
    assert!(journal.census().await.unwrap().runs.is_empty());
    assert_eq!(
        accept(&journal, "a", &[("r", "k")], 3).await,
        [2],
        "the identity has gone with the event"
    );
}

#[tokio::test]
async fn an_event_with_something_to_do_again_stays() {
    for by_operator in [true, false] {
        let (_folder, journal) = journal();
        accept(&journal, "old", &[("r", "k")], 0).await;
        let run = claim_one(&journal, 0).await;
        journal
            .record(end(run.id, 1, Step::Discard, 1))
            .await
            .unwrap();
        if by_operator {
            journal.retry(vec![run.id]).await.unwrap();
        } else {
            accept(&journal, "old", &[("r", "k"), ("new", "k")], 2).await;
        }
        assert!(
            prune(&journal, keep(0, 0), DAY).await.is_empty(),
            "{by_operator}"
        );
        let again = claim_one(&journal, DAY).await;
        journal
            .record(end(again.id, again.attempt, Step::Succeed, DAY))
            .await
            .unwrap();
        assert_eq!(
            prune(&journal, keep(0, 0), DAY + 1).await,
            [1],
            "{by_operator}"
        );
    }
}

#[tokio::test]
async fn the_quarantine_is_pruned_too() {
    let (_folder, journal) = journal();
    for day in 0..6 {
        let entry = Entry::Quarantine(undecided(&format!("junk {day}")));
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

#[tokio::test]
async fn pruning_goes_in_small_steps() {
    let (_folder, journal) = journal();
    let count = STEP * 2 + 7;
    let mut batch: Vec<_> = (0..count)
        .map(|number| Entry::Event(event(&number.to_string(), &[])))
        .collect();
    batch.extend((0..STEP).map(|number| Entry::Quarantine(undecided(&number.to_string()))));
    journal.accept(batch.into(), at(0)).await.unwrap();
    assert_eq!(
        prune(&journal, keep(9, 10), 1).await,
        [STEP, STEP, STEP - 13]
    );
    assert_eq!(prune(&journal, keep(0, 0), 1).await, [20]);
}

#[tokio::test]
async fn what_is_written_beside_the_service_is_claimed_by_it() {
    let (folder, service) = journal();
    let beside = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    accept(&service, "a", &[("r", "k")], 0).await;
    let run = claim_one(&service, 0).await;
    service
        .record(end(run.id, 1, Step::Discard, 1))
        .await
        .unwrap();

    beside.retry(vec![run.id]).await.unwrap();
    assert_eq!(claim_one(&service, 2).await.attempt, 2);

    let junk = vec![Entry::Quarantine(undecided("junk"))];
    service.accept(junk.into(), at(3)).await.unwrap();
    let released = beside
        .release(1, event("b", &[("r", "k2")]), at(4))
        .await
        .unwrap();
    assert_eq!(released, Accepted::Runs(vec![2]));
    assert_eq!(claim_one(&service, 4).await.id, 2);
}
