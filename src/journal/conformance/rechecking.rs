//! Runs about which ESI Leap is asked before they begin.

use super::story::{accept, at, end, event, summary};
use super::{Caller, Scene};
use crate::core::run::{State, Transition};
use crate::journal::{Accept, Browse, Cancels, Entry, RunId};

async fn claim(
    journal: &Caller,
    rechecked: &[&str],
    room: (usize, usize),
    seconds: i64,
) -> Vec<RunId> {
    let claimed = journal.claim_rechecked(rechecked, room, &[], &[], at(seconds));
    let claimed = claimed.await.unwrap();
    claimed.runs.iter().map(|run| run.id).collect()
}

pub(in crate::journal) async fn what_is_asked_about_first_is_claimed_apart(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    // More than are sorted out at a time.
    for number in 1..=200 {
        let key = format!("n{number}");
        accept(&journal, &key, &[("r", &key)], 0).await;
    }
    accept(&journal, "last", &[("s", "last")], 0).await;
    accept(&journal, "later", &[("s", "later")], 0).await;
    assert_eq!(claim(&journal, &["r"], (1, 0), 1).await, [201]);
    // They count against no other limit, and hide nobody.
    assert_eq!(claim(&journal, &["r"], (1, 2), 1).await, [1, 2, 202]);
    assert_eq!(claim(&journal, &["r"], (9, 1), 1).await, [3]);
    // What was claimed with a lost answer is handed out again, within the same bounds.
    journal.forget_claims();
    assert_eq!(claim(&journal, &["r"], (1, 1), 1).await, [1, 201]);
}

pub(in crate::journal) async fn which_rules_those_are_may_change_while_runs_wait(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for number in 1..=4 {
        let key = format!("n{number}");
        accept(&journal, &key, &[("r", &key)], 0).await;
    }
    assert_eq!(claim(&journal, &["r"], (9, 1), 1).await, [1]);
    // The rule has no `recheck` any more, and then it has one again.
    assert_eq!(claim(&journal, &[], (1, 1), 3).await, [2]);
    assert_eq!(claim(&journal, &["r"], (1, 1), 4).await, [3]);
}

pub(in crate::journal) async fn a_limit_counts_what_is_asked_about(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for (number, rule) in ["r", "r", "r", "s", "s"].into_iter().enumerate() {
        let key = format!("n{number}");
        accept(&journal, &key, &[(rule, &key)], 0).await;
    }
    let limits = [("r", 2), ("s", 1)];
    let ids = async |room, seconds| -> Vec<RunId> {
        let claimed = journal.claim_rechecked(&["r"], room, &[], &limits, at(seconds));
        let claimed = claimed.await.unwrap();
        claimed.runs.iter().map(|run| run.id).collect()
    };
    assert_eq!(ids((9, 0), 1).await, [4]);
    assert_eq!(ids((9, 9), 2).await, [1, 2]);
    assert!(ids((9, 9), 3).await.is_empty());
    journal
        .record(end(1, 1, Transition::Succeed, 4))
        .await
        .unwrap();
    assert_eq!(ids((9, 9), 5).await, [3]);
}

/// A run that is to start by a time.
async fn accept_until(journal: &Caller, id: &str, seconds: i64) {
    let mut planned = event(id, &[("r", id)]);
    planned.lease = Some(id.to_owned());
    planned.runs[0].start_by = Some(at(seconds));
    let entries = vec![Entry::Event(planned)];
    journal.accept(entries.into(), at(0)).await.unwrap();
}

pub(in crate::journal) async fn until_it_begins_a_run_may_become_too_old_or_pointless(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for (id, seconds) in [("old", 10), ("over", 90), ("fine", 90), ("again", 10)] {
        accept_until(&journal, id, seconds).await;
    }
    assert_eq!(claim(&journal, &["r"], (1, 9), 1).await, [1, 2, 3, 4]);
    // One waits for the cloud, and is too old when it comes again.
    journal
        .record(end(4, 1, Transition::Fail, 2))
        .await
        .unwrap();
    let mut cancelling = event("delete", &[]);
    cancelling.lease = Some("over".to_owned());
    cancelling.cancels = vec![Cancels {
        rule: "r".to_owned(),
        key: super::story::meant("over"),
        running: false,
    }];
    let entries = vec![Entry::Event(cancelling)];
    journal.accept(entries.into(), at(5)).await.unwrap();
    journal.remark(3, 1, "asking".to_owned()).await.unwrap();

    let begun = [(1, 1), (2, 1), (3, 1)];
    let claimed = journal.claim_rechecked(&["r"], (1, 9), &begun, &[], at(20));
    let claimed = claimed.await.unwrap();
    assert!(claimed.runs.is_empty());
    let to_end: Vec<_> = claimed
        .to_end
        .iter()
        .map(|it| (it.run, it.reason.as_str()))
        .collect();
    let [(1, old), (2, over)] = to_end[..] else {
        panic!("{to_end:?}")
    };
    assert!(old.starts_with("too old: "), "{old}");
    assert!(over.starts_with("cancelled by "), "{over}");
    for (run, state) in [
        (1, State::Running),
        (3, State::Running),
        (4, State::Cancelled),
    ] {
        assert_eq!(summary(&journal, run).await.state, state, "{run}");
    }
    let fine = journal.run(3).await.unwrap();
    assert_eq!((fine.start_by, &fine.attempts[0].remark), (None, &None));
    for run in [1, 2] {
        journal
            .record(end(run, 1, Transition::Interrupt, 21))
            .await
            .unwrap();
        assert_eq!(summary(&journal, run).await.state, State::Cancelled);
    }
}

pub(in crate::journal) async fn what_has_begun_is_not_too_old_any_more(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept_until(&journal, "e", 10).await;
    assert_eq!(claim(&journal, &["r"], (1, 1), 1).await, [1]);
    let claimed = journal.claim_rechecked(&["r"], (1, 1), &[(1, 1)], &[], at(2));
    assert!(claimed.await.unwrap().to_end.is_empty());
    journal
        .record(end(1, 1, Transition::Fail, 3))
        .await
        .unwrap();
    assert_eq!(claim(&journal, &["r"], (1, 1), 30).await, [1]);
    // An attempt of which the end is on record begins no more.
    let claimed = journal.claim_rechecked(&["r"], (1, 1), &[(1, 1)], &[], at(31));
    assert!(claimed.await.unwrap().to_end.is_empty());
}
