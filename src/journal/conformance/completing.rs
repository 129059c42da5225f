//! Events that lack something: what awaits it, and what follows when it is known.

use super::Scene;
use super::story::{accept, at, claim, claim_one, end, event, meant, state, summary};
use crate::core::run::{State, Transition};
use crate::journal::{Accept, Acceptance, Accepted, Browse, Entry};

const WHOLE: &str = r#"{"id":"7","whole":true}"#;

/// An event that lacks its lease, with runs that await it.
fn incomplete(id: &str, runs: &[(&str, &str)]) -> Acceptance {
    let mut incomplete = event(id, runs);
    incomplete.is_incomplete = true;
    for run in &mut incomplete.runs {
        run.awaits_lease = true;
    }
    incomplete
}

async fn accept_incomplete<J: Accept>(journal: &J, id: &str, runs: &[(&str, &str)]) {
    let entries = vec![Entry::Event(incomplete(id, runs))];
    journal.accept(entries.into(), at(0)).await.unwrap();
}

pub(in crate::journal) async fn a_completed_event_is_rewritten_and_awaits_nothing(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept_incomplete(&journal, "7", &[("r", "k"), ("s", "l")]).await;
    let first = claim_one(&journal, 1).await;
    assert_eq!((first.id, first.awaits_lease), (1, true));
    journal.complete(&first, WHOLE, meant("k")).await.unwrap();

    // It is due, as if it had not been claimed.
    let summary = summary(&journal, 1).await;
    assert_eq!((summary.state, summary.attempts), (State::Due, 0));
    let ready = journal.claim_each(9, 0, at(1)).await.unwrap().runs;
    let [first] = ready.as_slice() else {
        panic!("{ready:?}")
    };
    assert_eq!((first.id, first.attempt, first.awaits_lease), (1, 1, false));
    assert_eq!(first.event, WHOLE);
    journal
        .record(end(1, 1, Transition::Fail, 2))
        .await
        .unwrap();
    assert_eq!(state(&journal, 1).await, State::Retryable);

    // Another rule's run is yet to be decided, but has the event as it is now.
    let sibling = claim_one(&journal, 3).await;
    assert_eq!((sibling.id, sibling.awaits_lease), (2, true));
    assert_eq!(sibling.event, WHOLE);
    let again = journal.claim(9, at(30)).await.unwrap().runs;
    let [again] = again.as_slice() else {
        panic!("{again:?}")
    };
    assert_eq!(
        (again.id, again.awaits_lease, again.failures),
        (1, false, 1)
    );
    assert_eq!(again.event, WHOLE);
    // What awaits nothing is not completed again.
    journal.complete(again, "other", meant("z")).await.unwrap();
    let detail = journal.run(1).await.unwrap();
    assert_eq!(
        (detail.event.as_str(), detail.summary.key.as_str()),
        (WHOLE, "k")
    );
}

pub(in crate::journal) async fn a_run_whose_event_is_complete_has_its_place_in_its_own_key(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept_incomplete(&journal, "1", &[("r", "n1")]).await;
    accept_incomplete(&journal, "2", &[("r", "n2")]).await;
    accept(&journal, "3", &[("r", "purpose=p")], 0).await;
    accept(&journal, "4", &[("r", "n2")], 0).await;
    let awaiting = journal.claim_each(0, 2, at(1)).await.unwrap().runs;
    let [one, two] = awaiting.as_slice() else {
        panic!("{awaiting:?}")
    };
    let purpose = meant("purpose=p");
    journal.complete(two, WHOLE, purpose.clone()).await.unwrap();
    // Whoever waited for it by its former key goes on; the older one of the new key goes first.
    assert_eq!(claim(&journal, 9, 2).await, [2, 4]);
    journal.complete(one, WHOLE, purpose).await.unwrap();
    assert!(claim(&journal, 9, 3).await.is_empty(), "they overlap");
    journal
        .record(end(2, 1, Transition::Succeed, 4))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 5).await, [1]);
    journal
        .record(end(1, 1, Transition::Succeed, 6))
        .await
        .unwrap();
    assert_eq!(claim(&journal, 9, 7).await, [3]);
}

pub(in crate::journal) async fn what_awaits_its_lease_is_claimed_apart(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for (id, key) in [("1", "n1"), ("2", "n2"), ("3", "n3")] {
        accept_incomplete(&journal, id, &[("r", key)]).await;
    }
    accept(&journal, "4", &[("r", "n4")], 0).await;
    accept(&journal, "5", &[("r", "n5")], 0).await;
    let ids = async |limit, awaiting| -> Vec<_> {
        let claimed = journal.claim_each(limit, awaiting, at(1)).await.unwrap();
        claimed.runs.iter().map(|run| run.id).collect()
    };
    assert_eq!(ids(1, 0).await, [4]);
    assert_eq!(ids(0, 2).await, [1, 2]);
    // What was claimed with a lost answer is handed out again, within the same bounds.
    journal.forget_claims();
    assert_eq!(ids(0, 1).await, [1]);
    assert_eq!(ids(9, 0).await, [4, 5]);
    assert_eq!(ids(9, 9).await, [2, 3]);
}

pub(in crate::journal) async fn of_an_event_that_comes_again_the_fuller_body_stays(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept_incomplete(&journal, "7", &[]).await;
    let body = async |id: &str| journal.event(id.to_owned()).await.unwrap().unwrap();
    assert_eq!(body("7").await, r#"{"id":"7"}"#);
    let whole = Acceptance {
        body: WHOLE.to_owned(),
        ..event("7", &[("new", "k")])
    };
    let accepted = journal
        .accept(vec![Entry::Event(whole)].into(), at(1))
        .await;
    assert_eq!(accepted.unwrap(), [Accepted::made(vec![1])]);
    assert_eq!(body("7").await, WHOLE);
    assert_eq!(claim_one(&journal, 2).await.event, WHOLE);
    // Neither an incomplete one nor another whole one takes its place.
    accept_incomplete(&journal, "7", &[]).await;
    let other = Acceptance {
        body: "other".to_owned(),
        ..event("7", &[])
    };
    let accepted = journal
        .accept(vec![Entry::Event(other)].into(), at(1))
        .await;
    assert_eq!(accepted.unwrap(), [Accepted::Known]);
    assert_eq!(body("7").await, WHOLE);
}
