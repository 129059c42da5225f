//! What commands ask the service, and its answers.

use std::time::Duration;

use super::story::{accept, at, event, quarantine_entry, quarantine_entry_of, summary};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::journal::{
    Accept, Accepted, Browse, Entry, Keep, Requests, Resolution, RetryAnswer, RetryRequest,
};

async fn quarantine(journal: &Caller, entries: Vec<Entry>) {
    journal.accept(entries.into(), at(0)).await.unwrap();
}

pub(in crate::journal) async fn a_request_is_answered_once_and_the_answer_stays(scene: &Scene<'_>) {
    let ground = scene.ground();
    let (service, beside) = (ground.service().await, ground.beside());
    let kept = ["n", "m"].map(|key| Entry::Quarantine(quarantine_entry_of(key, key)));
    quarantine(&service, kept.to_vec()).await;
    accept(&service, "later", &[("r", "n")], 1).await;
    assert!(beside.is_served().await.unwrap());

    let (first, second) = (
        beside.request_retry(1, "ann".into(), at(2)).await.unwrap(),
        beside.request_retry(2, "ann".into(), at(2)).await.unwrap(),
    );
    let asked = |id, delivery| RetryRequest {
        id,
        delivery,
        asked_by: "ann".into(),
    };
    let unanswered = service.unanswered().await.unwrap();
    assert_eq!(unanswered, [asked(first, 1), asked(second, 2)]);
    assert_eq!(beside.answer_to(first).await.unwrap(), None);

    let release = Resolution::Release(event("a", &[("r", "n"), ("s", "n")]));
    let accepted = RetryAnswer::Accepted(Accepted::made(vec![4, 5]));
    let answer = service.answer(first, release, at(3)).await.unwrap();
    assert_eq!(answer, Some(accepted.clone()));
    let stays = RetryAnswer::Stays("no rule is for it".into());
    let keep = Resolution::Keep("no rule is for it".into());
    let answer = service.answer(second, keep, at(3)).await.unwrap();
    assert_eq!(answer, Some(stays.clone()));

    // Whatever is decided later.
    for id in [first, second] {
        let keep = Resolution::Keep("another reason".into());
        service.answer(id, keep, at(4)).await.unwrap();
    }
    assert_eq!(
        beside.answer_to(first).await.unwrap(),
        Some(accepted.clone())
    );
    assert_eq!(beside.answer_to(second).await.unwrap(), Some(stays));
    assert_eq!(beside.withdraw(first).await.unwrap(), Some(accepted));
    assert!(service.unanswered().await.unwrap().is_empty());
    let left = service.quarantined(9).await.unwrap();
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [2]);
    assert_eq!(summary(&service, 4).await.event_id, "a");

    // An event that is known makes no runs, and events that no rule wants neither.
    for (id, answer) in [("a", Accepted::Known), ("b", Accepted::made(vec![]))] {
        quarantine(&service, vec![Entry::Quarantine(quarantine_entry(id))]).await;
        let delivery = service.quarantined(1).await.unwrap()[0].id;
        let request = beside.request_retry(delivery, "ann".into(), at(5)).await;
        let request = request.unwrap();
        let release = Resolution::Release(event(id, &[]));
        service.answer(request, release, at(6)).await.unwrap();
        let told = beside.answer_to(request).await.unwrap();
        assert_eq!(told, Some(RetryAnswer::Accepted(answer)));
    }
}

pub(in crate::journal) async fn what_is_withdrawn_is_not_done(scene: &Scene<'_>) {
    let ground = scene.ground();
    let (service, beside) = (ground.service().await, ground.beside());
    quarantine(&service, vec![Entry::Quarantine(quarantine_entry("junk"))]).await;
    let request = beside.request_retry(1, "ann".into(), at(1)).await.unwrap();
    assert_eq!(beside.withdraw(request).await.unwrap(), None);
    let release = Resolution::Release(event("a", &[("r", "n")]));
    let answer = service.answer(request, release, at(2)).await.unwrap();
    assert_eq!(answer, None);
    assert_eq!(service.quarantined_one(1).await.unwrap().id, 1);
    // The number stands for nothing else.
    let later = beside.request_retry(1, "ann".into(), at(3)).await.unwrap();
    assert_ne!(later, request);
    drop(service);
    assert!(!beside.is_served().await.unwrap());
    assert_eq!(beside.unanswered().await.unwrap().len(), 1, "it waits");
}

pub(in crate::journal) async fn a_request_for_a_delivery_that_has_gone_says_so(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    quarantine(&journal, vec![Entry::Quarantine(quarantine_entry("junk"))]).await;
    let request = journal.request_retry(1, "ann".into(), at(1)).await.unwrap();
    journal.drop_quarantined(vec![1]).await.unwrap();
    let release = Resolution::Release(event("a", &[("r", "n")]));
    let answer = journal.answer(request, release, at(2)).await.unwrap();
    assert_eq!(answer, Some(RetryAnswer::Absent));
    assert_eq!(journal.event("a".into()).await.unwrap(), None);
    assert_eq!(journal.answer_to(request).await.unwrap(), answer);
}

pub(in crate::journal) async fn answers_go_with_what_retention_deletes(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    quarantine(&journal, vec![Entry::Quarantine(quarantine_entry("junk"))]).await;
    let mut requests = Vec::new();
    for seconds in [1, 2] {
        let request = journal.request_retry(1, "ann".into(), at(seconds)).await;
        requests.push(request.unwrap());
    }
    let keep = Resolution::Keep("no rule is for it".into());
    journal.answer(requests[0], keep, at(3)).await.unwrap();
    let retention = Retention {
        age: Duration::from_secs(60),
        number: 9,
    };
    for (seconds, is_there) in [(62, true), (64, false)] {
        journal.prune(retention, at(seconds)).await.unwrap();
        let answer = journal.answer_to(requests[0]).await.unwrap();
        assert_eq!(answer.is_some(), is_there, "{seconds}");
    }
    let left = journal.unanswered().await.unwrap();
    assert_eq!(
        left.iter().map(|one| one.id).collect::<Vec<_>>(),
        requests[1..]
    );
}
