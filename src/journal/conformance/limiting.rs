//! Rules of which only so many runs are under way at once.

use super::story::{at, end, event};
use super::{Caller, Scene};
use crate::core::run::Transition;
use crate::journal::{Accept, Entry, RunId};

/// Accepts runs of a rule, each of a key of its own; of what each shares.
async fn accept(journal: &Caller, rule: &str, shares: &[Option<&str>], first: usize) {
    let entry = |(number, share): (usize, Option<&str>)| {
        let number = first + number;
        let mut planned = event(&format!("e{number}"), &[(rule, &format!("n{number}"))]);
        planned.runs[0].share = share.map(str::to_owned);
        Entry::Event(planned)
    };
    let entries: Vec<_> = shares.iter().copied().enumerate().map(entry).collect();
    journal.accept(entries.into(), at(0)).await.unwrap();
}

async fn claim(journal: &Caller, limits: &[(&str, u32)], limit: usize, seconds: i64) -> Vec<RunId> {
    let claimed = journal
        .claim_within(limits, limit, limit, at(seconds))
        .await;
    claimed.unwrap().runs.iter().map(|run| run.id).collect()
}

async fn finish(journal: &Caller, run: RunId, transition: Transition, seconds: i64) {
    journal
        .record(end(run, 1, transition, seconds))
        .await
        .unwrap();
}

pub(in crate::journal) async fn at_most_so_many_run_at_once_and_in_order(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let limits = [("r", 2)];
    accept(&journal, "r", &[Some(""); 5], 0).await;
    accept(&journal, "other", &[None; 2], 5).await;
    assert_eq!(claim(&journal, &limits, 9, 1).await, [1, 2, 6, 7]);
    assert!(claim(&journal, &limits, 9, 2).await.is_empty());
    finish(&journal, 2, Transition::Succeed, 3).await;
    assert_eq!(claim(&journal, &limits, 9, 4).await, [3]);
    // One that waits for its retry is not under way. It comes back in its order.
    finish(&journal, 1, Transition::Fail, 5).await;
    assert_eq!(claim(&journal, &limits, 9, 6).await, [4]);
    finish(&journal, 3, Transition::Succeed, 20).await;
    assert_eq!(claim(&journal, &limits, 1, 21).await, [1]);
    assert!(claim(&journal, &limits, 9, 22).await.is_empty());
}

pub(in crate::journal) async fn each_value_has_places_of_its_own(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let limits = [("r", 1)];
    accept(
        &journal,
        "r",
        &[Some("a"), Some("a"), Some("b"), Some("c"), Some("b")],
        0,
    )
    .await;
    accept(&journal, "s", &[Some("a"), Some("a")], 5).await;
    // A rule without a limit, or without one any more, has none.
    assert_eq!(claim(&journal, &limits, 2, 1).await, [1, 3]);
    assert_eq!(claim(&journal, &limits, 9, 2).await, [4, 6, 7]);
    finish(&journal, 3, Transition::Succeed, 3).await;
    assert_eq!(claim(&journal, &limits, 9, 4).await, [5]);
    assert_eq!(
        claim(&journal, &[("r", 2)], 9, 5).await,
        [2],
        "raised by a reload"
    );
}

pub(in crate::journal) async fn many_that_wait_hide_no_other_share(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let limits = [("r", 1)];
    let mut shares = vec![Some("full"); 150];
    shares.extend([Some("z"), Some("b"), Some("z")]);
    accept(&journal, "r", &shares, 0).await;
    assert_eq!(claim(&journal, &limits, 3, 1).await, [1, 151, 152]);
    assert!(claim(&journal, &limits, 9, 2).await.is_empty());
    finish(&journal, 151, Transition::Succeed, 3).await;
    assert_eq!(claim(&journal, &limits, 1, 4).await, [153]);
    finish(&journal, 1, Transition::Succeed, 5).await;
    assert_eq!(claim(&journal, &limits, 9, 6).await, [2]);
}

pub(in crate::journal) async fn a_limit_counts_for_what_waits_when_it_is_set(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "r", &[None; 40], 0).await;
    accept(&journal, "other", &[None], 40).await;
    let limits = [("r", 1)];
    assert_eq!(claim(&journal, &limits, 9, 1).await, [1, 41]);
    assert!(claim(&journal, &limits, 9, 2).await.is_empty());
    finish(&journal, 1, Transition::Succeed, 3).await;
    assert_eq!(claim(&journal, &limits, 9, 4).await, [2]);
}
