//! What is to become an event: ends of runs, and what attempts make.

use std::time::Duration;

use serde_json::json;

use super::story::{accept, at, claim, claim_one, end, event, state, summary};
use super::{Caller, Scene};
use crate::core::event::{Key, MadeEvent};
use crate::core::retention::Retention;
use crate::core::rules::{RuleNames, Stand};
use crate::core::run::{Outcome, State, Transition};
use crate::journal::{
    Accept, Acceptance, Accepted, Announced, Announcement, AttemptEnd, Content, Entry, Keep,
    RetryFrom, RunEnd, RunId,
};

pub(super) const ALL: [State; 3] = [State::Succeeded, State::Discarded, State::Cancelled];

/// What is to be announced now.
pub(super) async fn announcements(journal: &Caller) -> Vec<Announcement> {
    // It claims for another kind of run than there are.
    let nobody = RuleNames::from_iter(["nobody"]);
    let claimed = journal.claim_of(nobody, 0, 1, 0, at(90)).await.unwrap();
    assert_eq!(claimed.runs, []);
    claimed.announcements
}

/// Of which runs the ends are to be announced, and as what.
pub(super) async fn ends(journal: &Caller) -> Vec<(RunId, State)> {
    let announcements = announcements(journal).await.into_iter();
    let end = |announcement: Announcement| match announcement.content {
        Content::End(end) => (announcement.run, end.state),
        Content::Made(made) => panic!("{made:?}"),
    };
    announcements.map(end).collect()
}

/// Takes out all that is to be announced, with no event for it.
async fn forget_all(journal: &Caller) {
    let announced = announcements(journal)
        .await
        .into_iter()
        .map(|one| Announced {
            id: one.id,
            entries: Vec::new(),
        });
    journal.announce(announced.collect(), at(91)).await;
    assert_eq!(announcements(journal).await, []);
}

/// The event that tells of the end of a run, with a run of the rule `tell`.
fn tells(id: &str) -> Acceptance {
    Acceptance {
        source: "run".to_owned(),
        event_type: "run.discarded".to_owned(),
        after_end: true,
        ..event(id, &[("tell", "k")])
    }
}

pub(in crate::journal) async fn the_end_of_a_run_is_handed_out_until_it_is_announced(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    {
        let journal = ground.service().await;
        journal.announce_ends(&ALL).await;
        let mut planned = event("a", &[("r", "k")]);
        planned.lease = Some("l".to_owned());
        let accepting = journal.accept(vec![Entry::Event(planned)].into(), at(0));
        accepting.await.unwrap();
        claim_one(&journal, 0).await;
        let wrote = AttemptEnd {
            output: [[b'-'; 9].as_slice(), &[b'+'; 4096]].concat(),
            ..end(1, 1, Transition::Discard, 5)
        };
        journal.record(wrote).await.unwrap();
    }
    // It is not forgotten.
    let journal = ground.service().await;
    let found = announcements(&journal).await;
    let expected = Announcement {
        id: 1,
        run: 1,
        rule: "r".to_owned(),
        key: Key::node("k"),
        lease: Some("l".to_owned()),
        event: "{\"id\":\"a\"}".to_owned(),
        at: at(5),
        content: Content::End(RunEnd {
            state: State::Discarded,
            reason: None,
            outcome: Some(Outcome::exited(1)),
            output: [b'+'; 4096].to_vec(),
        }),
    };
    assert_eq!(found, [expected]);
    assert_eq!(announcements(&journal).await, found);
    let announced = Announced {
        id: 1,
        entries: vec![Entry::Event(tells("1-1"))],
    };
    let accepted = journal.announce(vec![announced.clone()], at(6)).await;
    assert_eq!(accepted, [[Accepted::made(vec![2])]]);
    assert_eq!(announcements(&journal).await, []);
    assert_eq!(claim(&journal, 9, 6).await, [2]);
    // Whoever comes late makes nothing.
    let accepted = journal.announce(vec![announced], at(7)).await;
    assert_eq!(accepted, [[]]);
}

/// A fresh journal that announces all ends, with one run of the rule `r`.
pub(super) async fn with_one_run(scene: &Scene<'_>, start_by: Option<i64>) -> Caller {
    let journal = scene.journal().await;
    journal.announce_ends(&ALL).await;
    let mut planned = event("a", &[("r", "k")]);
    planned.runs[0].start_by = start_by.map(at);
    let accepting = journal.accept(vec![Entry::Event(planned)].into(), at(0));
    accepting.await.unwrap();
    journal
}

pub(in crate::journal) async fn only_ends_that_are_wanted_are_announced(scene: &Scene<'_>) {
    let ground = scene.ground();
    let journal = ground.service().await;
    let mut number = 0;
    for (wanted, expected) in [
        (&[][..], &[][..]),
        (&[State::Discarded], &[State::Discarded]),
        (&[State::Succeeded, State::Cancelled], &[State::Succeeded]),
        (&[], &[]),
    ] {
        journal.announce_ends(wanted).await;
        let mut found = Vec::new();
        for transition in [Transition::Succeed, Transition::Discard] {
            number += 1;
            accept(&journal, &number.to_string(), &[("r", "k")], 0).await;
            claim_one(&journal, 0).await;
            let end = end(number, 1, transition, 1);
            journal.record(end).await.unwrap();
            found.extend(ends(&journal).await.into_iter().map(|(_, state)| state));
            forget_all(&journal).await;
        }
        assert_eq!(found, expected);
    }
    // A command goes by what the service has said, though it has gone.
    journal.announce_ends(&[State::Cancelled]).await;
    accept(&journal, "last", &[("r", "k")], 0).await;
    drop(journal);
    let cancelling = ground.beside();
    let cancelling = cancelling.cancel(vec![number + 1], "no need".to_owned(), at(2));
    cancelling.await.unwrap();
    let journal = ground.service().await;
    assert_eq!(ends(&journal).await, [(number + 1, State::Cancelled)]);
}

pub(in crate::journal) async fn a_run_that_is_retried_ends_again_and_its_first_end_stays_as_it_was(
    scene: &Scene<'_>,
) {
    let journal = with_one_run(scene, None).await;
    let cancelling = journal.cancel(vec![1], "no need".to_owned(), at(1));
    cancelling.await.unwrap();
    journal.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    claim_one(&journal, 2).await;
    let stand = Stand {
        step: Some("r/undo".to_owned()),
        failed: Some("r".to_owned()),
        ..Stand::default()
    };
    let handled = AttemptEnd {
        outcome: Outcome::exited(0),
        stand: Some(stand),
        ..end(1, 1, Transition::Discard, 3)
    };
    journal.record(handled).await.unwrap();
    let found = announcements(&journal).await;
    let told = |announcement: &Announcement| match &announcement.content {
        Content::End(end) => (announcement.id, end.state, end.reason.clone().unwrap()),
        Content::Made(made) => panic!("{made:?}"),
    };
    let told: Vec<_> = found.iter().map(told).collect();
    let handled = "[r] failed, handled by [r/undo]";
    assert_eq!(
        told,
        [
            (1, State::Cancelled, "no need".to_owned()),
            (2, State::Discarded, handled.to_owned())
        ]
    );
}

pub(in crate::journal) async fn what_comes_of_an_end_has_no_end_to_tell_of(scene: &Scene<'_>) {
    let journal = with_one_run(scene, None).await;
    let after_end = Entry::Event(tells("1-1"));
    journal.accept(vec![after_end].into(), at(0)).await.unwrap();
    let claimed = journal.claim(9, at(0)).await.unwrap().runs;
    assert_eq!(claimed.len(), 1, "both have the same key");
    journal
        .record(end(1, 1, Transition::Succeed, 1))
        .await
        .unwrap();
    let run = claim_one(&journal, 1).await.id;
    let discarded = end(run, 1, Transition::Discard, 1);
    journal.record(discarded).await.unwrap();
    assert_eq!(state(&journal, run).await, State::Discarded);
    assert_eq!(ends(&journal).await, [(1, State::Succeeded)]);
}

pub(in crate::journal) async fn what_an_attempt_made_is_announced_with_its_end(scene: &Scene<'_>) {
    let journal = with_one_run(scene, None).await;
    // It is announced whether or not ends are.
    journal.announce_ends(&[]).await;
    let made = |number: i64| MadeEvent {
        event_type: "made".to_owned(),
        payload: json!({"number": number}),
    };
    for (number, transition) in [(1, Transition::Proceed), (2, Transition::Succeed)] {
        claim_one(&journal, 0).await;
        let attempt = u32::try_from(number).unwrap();
        let end = AttemptEnd {
            made: Some(made(number)),
            ..end(1, attempt, transition, number)
        };
        journal.record(end.clone()).await.unwrap();
        let other = AttemptEnd {
            ended_at: at(9),
            ..end
        };
        let lost = journal.record(other).await;
        assert!(lost.is_err(), "an attempt ends once");
    }
    let found = announcements(&journal).await;
    let found: Vec<_> = found
        .into_iter()
        .map(|one| (one.id, one.run, one.at, one.content))
        .collect();
    let content = |number| Content::Made(made(number));
    assert_eq!(
        found,
        [(1, 1, at(1), content(1)), (2, 1, at(2), content(2))]
    );
}

pub(in crate::journal) async fn the_event_of_a_run_is_kept_until_its_end_is_announced(
    scene: &Scene<'_>,
) {
    let nothing = Retention {
        age: Duration::ZERO,
        number: 0,
    };
    let journal = with_one_run(scene, None).await;
    claim_one(&journal, 0).await;
    journal
        .record(end(1, 1, Transition::Succeed, 1))
        .await
        .unwrap();
    let pruned = journal.prune(nothing, at(100)).await.unwrap();
    assert_eq!(pruned.number, 0);
    assert_eq!(summary(&journal, 1).await.finished_at, Some(at(1)));
    forget_all(&journal).await;
    let pruned = journal.prune(nothing, at(100)).await.unwrap();
    assert_eq!(pruned.number, 1);
}

pub(in crate::journal) async fn many_announcements_are_handed_out_in_order_and_in_parts(
    scene: &Scene<'_>,
) {
    const MANY: i64 = 150;
    let journal = scene.journal().await;
    journal.announce_ends(&ALL).await;
    let entries = (1..=MANY).map(|number| {
        let id = number.to_string();
        Entry::Event(event(&id, &[("r", &id)]))
    });
    let entries: Vec<_> = entries.collect();
    journal.accept(entries.into(), at(0)).await.unwrap();
    let all = (1..=MANY).collect();
    let cancelling = journal.cancel(all, "no need".to_owned(), at(1));
    cancelling.await.unwrap();
    let mut seen = Vec::new();
    loop {
        let part = ends(&journal).await;
        if part.is_empty() {
            break;
        }
        seen.extend(part.into_iter().map(|(run, _)| run));
        let part = announcements(&journal).await.into_iter();
        let announced = part.map(|one| Announced {
            id: one.id,
            entries: Vec::new(),
        });
        journal.announce(announced.collect(), at(2)).await;
    }
    assert_eq!(seen, (1..=MANY).collect::<Vec<_>>());
}
