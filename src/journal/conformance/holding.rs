//! Runs that wait for a delivery in quarantine.

use super::story::{
    accept, at, claim, claim_one, end, event, quarantine_entry, quarantine_entry_of, summary,
};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::Transition;
use crate::journal::{Accept, Accepted, Browse, Dropped, Entry, JournalError, Keep, RetryFrom};

/// Takes a delivery about this key into quarantine.
async fn quarantine(journal: &Caller, key: &str, body: &str, seconds: i64) {
    let entries = vec![Entry::Quarantine(quarantine_entry_of(key, body))];
    journal.accept(entries.into(), at(seconds)).await.unwrap();
}

async fn succeed(journal: &Caller, seconds: i64) -> i64 {
    let run = claim_one(journal, seconds).await;
    let end = end(run.id, run.attempt, Transition::Succeed, seconds);
    journal.record(end).await.unwrap();
    run.id
}

pub(in crate::journal) async fn later_runs_of_the_key_wait_and_no_others(scene: &Scene<'_>) {
    let ground = scene.ground();
    let service = ground.service().await;
    accept(&service, "before", &[("r", "n1")], 0).await;
    quarantine(&service, "n1", "junk", 1).await;
    let more = vec![Entry::Quarantine(quarantine_entry("about nobody"))];
    service.accept(more.into(), at(1)).await.unwrap();
    let after = accept(&service, "after", &[("r", "n1"), ("s", "n1")], 2).await;
    let other = accept(&service, "other", &[("r", "n2")], 3).await;
    assert_eq!(claim(&service, 9, 4).await, [1, other[0]]);
    service
        .record(end(1, 1, Transition::Fail, 4))
        .await
        .unwrap();
    // A retry of the earlier one is not held; neither is one by the operator.
    assert_eq!(claim(&service, 9, 20).await, [1]);
    service
        .record(end(1, 2, Transition::Discard, 20))
        .await
        .unwrap();
    assert!(claim(&service, 9, 21).await.is_empty());
    service.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    assert_eq!(succeed(&service, 22).await, 1);

    // Another service holds them too, and both ways of looking say what they wait for.
    drop(service);
    let service = ground.service().await;
    service.clock_stepped(at(0)).await.unwrap();
    assert!(claim(&service, 9, 23).await.is_empty());
    for (run, held_by) in [(1, None), (after[0], Some(1)), (after[1], Some(1))] {
        assert_eq!(summary(&service, run).await.held_by, held_by, "{run}");
    }
    let kept = service.quarantined(9).await.unwrap();
    let waiting: Vec<_> = kept.iter().map(|one| (one.id, one.waiting)).collect();
    assert_eq!(waiting, [(2, 0), (1, 2)]);
    let census = service.census().await.unwrap();
    assert_eq!((census.held, census.unfinished()), (2, 3));
}

pub(in crate::journal) async fn what_is_released_comes_before_what_waited_for_it(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    quarantine(&journal, "n", "first", 0).await;
    quarantine(&journal, "n", "second", 0).await;
    let held = accept(&journal, "late", &[("r", "n")], 1).await;
    // In whichever order they are released, they run in the order in which they arrived.
    let second = event("second", &[("r", "n"), ("s", "n"), ("r2", "elsewhere")]);
    let second = match journal.release(2, second, at(2)).await.unwrap() {
        Accepted::Runs { runs, .. } => runs,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        claim(&journal, 9, 2).await,
        [second[2]],
        "the first holds the second"
    );
    assert_eq!(summary(&journal, second[0]).await.held_by, Some(1));
    let first = event("first", &[("r", "n")]);
    let first = match journal.release(1, first, at(3)).await.unwrap() {
        Accepted::Runs { runs, .. } => runs,
        other => panic!("{other:?}"),
    };
    for expected in [first[0], second[0], second[1], held[0]] {
        assert_eq!(succeed(&journal, 4).await, expected);
    }
}

pub(in crate::journal) async fn a_release_lets_go_whatever_comes_of_it(scene: &Scene<'_>) {
    for runs in [&[][..], &[("r", "elsewhere")]] {
        let journal = scene.journal().await;
        accept(&journal, "known", &[], 0).await;
        quarantine(&journal, "n", "junk", 0).await;
        let held = accept(&journal, "late", &[("r", "n")], 1).await;
        journal
            .release(1, event("known", runs), at(2))
            .await
            .unwrap();
        let claimed = claim(&journal, 9, 3).await;
        assert!(claimed.contains(&held[0]), "{claimed:?}");
        assert_eq!(claimed.len(), runs.len() + 1);
    }
}

pub(in crate::journal) async fn what_is_dropped_lets_go_and_says_what(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    quarantine(&journal, "n", "first", 0).await;
    let between = accept(&journal, "between", &[("r", "n")], 1).await;
    quarantine(&journal, "n", "second", 2).await;
    let after = accept(&journal, "after", &[("r", "n"), ("s", "n")], 3).await;
    let junk = vec![Entry::Quarantine(quarantine_entry("junk"))];
    journal.accept(junk.into(), at(3)).await.unwrap();

    // All or none.
    let error = journal.drop_quarantined(vec![1, 7]).await.unwrap_err();
    assert!(
        matches!(error, JournalError::Absent { id: 7, .. }),
        "{error}"
    );
    assert!(claim(&journal, 9, 4).await.is_empty());

    let dropped = journal.drop_quarantined(vec![3, 1, 1]).await.unwrap();
    let key = Some("n".to_owned());
    let expected = [
        Dropped {
            id: 1,
            key: key.clone(),
            freed: 1,
            waiting: 2,
        },
        Dropped {
            id: 3,
            key: None,
            freed: 0,
            waiting: 0,
        },
    ];
    assert_eq!(dropped, expected);
    assert_eq!(
        dropped[0].to_string(),
        "; runs of node n that waited for it and go on: 1; that wait for another delivery: 2"
    );
    assert_eq!(dropped[1].to_string(), "");
    assert_eq!(succeed(&journal, 5).await, between[0]);
    assert!(claim(&journal, 9, 5).await.is_empty());
    let dropped = journal.drop_quarantined(vec![2]).await.unwrap();
    assert_eq!((dropped[0].freed, dropped[0].waiting), (2, 0));
    assert_eq!(claim(&journal, 9, 6).await, [after[0]]);
}

pub(in crate::journal) async fn what_retention_deletes_lets_go_and_says_what(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    quarantine(&journal, "n1", "old", 0).await;
    let junk = vec![Entry::Quarantine(quarantine_entry("junk"))];
    journal.accept(junk.into(), at(1)).await.unwrap();
    quarantine(&journal, "n2", "young", 2).await;
    let held = accept(&journal, "a", &[("r", "n1"), ("s", "n2")], 3).await;
    let keep_one = Retention {
        age: std::time::Duration::from_secs(1000),
        number: 1,
    };
    let pruned = journal.prune(keep_one, at(4)).await.unwrap();
    assert_eq!(pruned.number, 2);
    let dropped: Vec<_> = pruned
        .dropped
        .iter()
        .map(|one| (one.id, one.freed))
        .collect();
    assert_eq!(dropped, [(1, 1)]);
    assert_eq!(claim(&journal, 9, 5).await, [held[0]]);
}

pub(in crate::journal) async fn the_same_delivery_again_keeps_its_place(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    quarantine(&journal, "n", "junk", 0).await;
    let held = accept(&journal, "late", &[("r", "n")], 1).await;
    quarantine(&journal, "n", "junk", 2).await;
    assert_eq!(journal.census().await.unwrap().quarantined, 1);
    assert_eq!(summary(&journal, held[0]).await.held_by, Some(1));
    journal.drop_quarantined(vec![1]).await.unwrap();
    assert_eq!(claim(&journal, 9, 3).await, held);
}
