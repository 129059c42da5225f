//! Which ends of runs are announced: whoever ends them, and not what has not begun.

use std::time::Duration;

use super::announcing::{ALL, announcements, ends, with_one_run};
use super::story::{at, claim, claim_one, end, event, state};
use super::{Caller, Scene};
use crate::core::event::Key;
use crate::core::run::{State, Transition};
use crate::core::throttle::{Kind, Throttle, Throttled};
use crate::journal::{Accept, Acceptance, Cancels, Content, Entry, Keep, RunEnd, Start};

/// What makes earlier runs of `r` with the key `k` pointless.
fn cancels(running: bool) -> Acceptance {
    Acceptance {
        cancels: vec![Cancels {
            rule: "r".to_owned(),
            key: Key::node("k"),
            running,
        }],
        ..event("b", &[])
    }
}

pub(in crate::journal) async fn an_end_is_announced_whoever_ends_the_run(scene: &Scene<'_>) {
    // The record of an attempt.
    for (transition, expected) in [
        (Transition::Succeed, State::Succeeded),
        (Transition::Discard, State::Discarded),
        (Transition::Cancel, State::Cancelled),
        (Transition::Refuse, State::Cancelled),
    ] {
        let journal = with_one_run(scene, None).await;
        claim_one(&journal, 0).await;
        journal.record(end(1, 1, transition, 1)).await.unwrap();
        assert_eq!(ends(&journal).await, [(1, expected)], "{transition:?}");

        // The same, brought by a claim, which hands it out at once.
        let journal = with_one_run(scene, None).await;
        claim_one(&journal, 0).await;
        let ended = vec![end(1, 1, transition, 1)];
        let claimed = journal.claim_after(ended, 1, 1, at(1)).await.unwrap();
        assert_eq!(claimed.announcements.len(), 1);
        assert_eq!(ends(&journal).await, [(1, expected)], "{transition:?}");
    }
    let because = async |journal: &Caller| {
        let mut found = announcements(journal).await;
        assert_eq!((found.len(), found[0].run), (1, 1));
        match found.remove(0).content {
            Content::End(RunEnd {
                state: State::Cancelled,
                reason: Some(reason),
                outcome,
                ..
            }) => (reason, outcome.is_some()),
            other => panic!("{other:?}"),
        }
    };
    // The acceptance of an event, while it waits and while it runs.
    let journal = with_one_run(scene, None).await;
    let accepting = journal.accept(vec![Entry::Event(cancels(false))].into(), at(1));
    accepting.await.unwrap();
    let reason = "cancelled by esi_leap.lease.fulfill.end, event b".to_owned();
    assert_eq!(because(&journal).await, (reason.clone(), false));

    let journal = with_one_run(scene, None).await;
    claim_one(&journal, 0).await;
    let accepting = journal.accept(vec![Entry::Event(cancels(true))].into(), at(1));
    accepting.await.unwrap();
    assert_eq!(ends(&journal).await, []);
    journal
        .record(end(1, 1, Transition::Fail, 2))
        .await
        .unwrap();
    assert_eq!(because(&journal).await, (reason, true));
    // The operator.
    let journal = with_one_run(scene, None).await;
    let cancelling = journal.cancel(vec![1], "no need".to_owned(), at(1));
    cancelling.await.unwrap();
    assert_eq!(because(&journal).await, ("no need".to_owned(), false));
    // Its age, which a claim finds out.
    let journal = with_one_run(scene, Some(5)).await;
    assert_eq!(claim(&journal, 9, 6).await, [0; 0]);
    assert!(because(&journal).await.0.starts_with("too old"));
    // That it is pointless when its event is completed.
    let journal = scene.journal().await;
    journal.announce_ends(&ALL).await;
    let mut planned = event("a", &[("r", "k")]);
    planned.is_incomplete = true;
    planned.runs[0].awaits_lease = true;
    let accepting = journal.accept(vec![Entry::Event(planned)].into(), at(0));
    accepting.await.unwrap();
    let run = claim_one(&journal, 0).await;
    let cancelling = journal.cancel(vec![1], "no need".to_owned(), at(1));
    cancelling.await.unwrap();
    let completing = journal.complete(&run, "{}", Key::node("k"));
    completing.await.unwrap();
    assert_eq!(because(&journal).await, ("no need".to_owned(), false));
}

pub(in crate::journal) async fn what_is_held_back_or_interrupted_is_no_end(scene: &Scene<'_>) {
    let journal = with_one_run(scene, None).await;
    // An attempt that fails, or is interrupted, or is followed by another step.
    for (attempt, transition) in [
        (1, Transition::Interrupt),
        (2, Transition::Proceed),
        (3, Transition::Fail),
    ] {
        claim_one(&journal, 0).await;
        journal
            .record(end(1, attempt, transition, 1))
            .await
            .unwrap();
        assert_eq!(ends(&journal).await, [], "{transition:?}");
    }
    // What never starts, and what a throttle holds back.
    let mut never = event("b", &[("r", "never")]);
    never.runs[0].start = Start::Never("no time".to_owned());
    let held = |id: &str| {
        let mut held = event(id, &[("r", "held")]);
        held.runs[0].throttle = Some(Throttled {
            throttle: Throttle {
                kind: Kind::OnceWithin,
                window: Duration::from_secs(60),
            },
            group: Some(Key::node("held")),
        });
        Entry::Event(held)
    };
    let entries = vec![Entry::Event(never), held("c"), held("d")];
    journal.accept(entries.into(), at(2)).await.unwrap();
    assert_eq!(state(&journal, 2).await, State::Cancelled);
    assert_eq!(state(&journal, 4).await, State::Cancelled);
    assert_eq!(ends(&journal).await, []);
    // What a filter refuses, once the lease is shown; what was never shown is given up.
    for (id, transition, expected) in [
        ("e", Transition::Refuse, &[][..]),
        ("f", Transition::Discard, &[(6, State::Discarded)]),
    ] {
        let mut planned = event(id, &[("late", id)]);
        planned.is_incomplete = true;
        planned.runs[0].awaits_lease = true;
        let accepting = journal.accept(vec![Entry::Event(planned)].into(), at(3));
        accepting.await.unwrap();
        let claimed = journal.claim_each(0, 1, at(3)).await.unwrap().runs;
        let refused = end(claimed[0].id, 1, transition, 4);
        journal.record(refused).await.unwrap();
        assert_eq!(ends(&journal).await, expected, "{transition:?}");
    }
}
