//! What is told of many runs: lists and counts.

use std::time::Duration;

use super::Scene;
use super::story::{accept, at, claim, end, event};
use crate::core::run::{State, Transition};
use crate::journal::{Accept, AttemptEnd, Browse, Entry, JournalError, RuleStats, RunFilter};

#[expect(clippy::too_many_lines, reason = "a table of filters")]
pub(in crate::journal) async fn runs_are_listed_newest_first_by_any_filter(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for (id, rule, key) in [
        ("a", "r", "n1"),
        ("b", "s", "n1"),
        ("c", "r", "n2"),
        ("d", "s", "n3"),
    ] {
        accept(&journal, id, &[(rule, key)], 0).await;
    }
    claim(&journal, 2, 0).await;
    journal
        .record(end(1, 1, Transition::Discard, 1))
        .await
        .unwrap();
    let mut leased = event("e", &[("t", "n4")]);
    leased.lease = Some("lease".to_owned());
    let entries = vec![Entry::Event(leased)];
    journal.accept(entries.into(), at(7)).await.unwrap();
    let all = RunFilter {
        limit: 100,
        ..RunFilter::default()
    };
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (all.clone(), vec![5, 4, 3, 2, 1]),
        (
            RunFilter {
                limit: 2,
                ..RunFilter::default()
            },
            vec![5, 4],
        ),
        (
            RunFilter {
                states: vec![State::Due, State::Discarded],
                ..all.clone()
            },
            vec![5, 4, 2, 1],
        ),
        (
            RunFilter {
                rule: text("r"),
                ..all.clone()
            },
            vec![3, 1],
        ),
        (
            RunFilter {
                key: text("n1"),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            RunFilter {
                key: text("n1"),
                rule: text("s"),
                states: vec![State::Due],
                limit: 1,
                ..RunFilter::default()
            },
            vec![2],
        ),
        (
            RunFilter {
                key: text("n9"),
                ..all.clone()
            },
            vec![],
        ),
        (
            RunFilter {
                event: text("c"),
                ..all.clone()
            },
            vec![3],
        ),
        (
            RunFilter {
                lease: text("lease"),
                ..all.clone()
            },
            vec![5],
        ),
        (
            RunFilter {
                since: Some(at(7)),
                ..all.clone()
            },
            vec![5],
        ),
        (
            RunFilter {
                until: Some(at(7)),
                ..all.clone()
            },
            vec![4, 3, 2, 1],
        ),
        (
            RunFilter {
                after: Some(2),
                limit: 2,
                ..all
            },
            vec![3, 4],
        ),
    ];
    for (filter, expected) in cases {
        let found: Vec<_> = journal
            .runs(filter.clone())
            .await
            .unwrap()
            .iter()
            .map(|run| run.id)
            .collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    assert!(matches!(
        journal.run(9).await,
        Err(JournalError::Absent { what: "run", id: 9 })
    ));
}

pub(in crate::journal) async fn what_became_of_runs_is_counted_and_what_waits(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "n1"), ("s", "n2")], 0).await;
    accept(&journal, "b", &[("r", "n1")], 0).await;
    accept(&journal, "c", &[("r", "n1")], 3_600).await;
    assert_eq!(claim(&journal, 9, 1).await, [1, 2]);
    for (run, transition) in [(1_i64, Transition::Succeed), (2, Transition::Discard)] {
        let ended = AttemptEnd {
            duration: Duration::from_secs(run.unsigned_abs()),
            ..end(run, 1, transition, 2)
        };
        journal.record(ended).await.unwrap();
    }
    let census = journal.census().await.unwrap();
    assert_eq!((census.waiting(), census.waiting_since), (2, Some(at(0))));
    let stats = journal.stats(at(0)).await.unwrap();
    let rule = |rule: &str, [succeeded, discarded, unfinished, failed]: [u64; 4], took| RuleStats {
        rule: rule.to_owned(),
        succeeded,
        discarded,
        cancelled: 0,
        unfinished,
        attempts: 1,
        failed,
        took: Duration::from_secs(took),
    };
    assert_eq!(
        stats.rules,
        [rule("r", [1, 0, 2, 0], 1), rule("s", [0, 1, 0, 1], 2)]
    );
    let hours: Vec<_> = stats
        .hours
        .iter()
        .map(|hour| (hour.finished, hour.not_succeeded))
        .collect();
    assert_eq!(hours, [(2, 1)]);
    let keys: Vec<_> = stats
        .keys
        .iter()
        .map(|key| (&*key.key, key.runs, key.since))
        .collect();
    assert_eq!(keys, [("n1", 2, at(0))]);
    let slowest: Vec<_> = stats
        .slowest
        .iter()
        .map(|one| (one.run, one.took.as_secs()))
        .collect();
    assert_eq!(slowest, [(2, 2), (1, 1)]);

    // What was accepted before counts while it has not finished, and what finished before does not.
    let stats = journal.stats(at(100)).await.unwrap();
    let [only] = &stats.rules[..] else {
        panic!("{stats:?}")
    };
    assert_eq!((only.succeeded, only.unfinished, only.attempts), (0, 2, 0));
    assert!(stats.hours.is_empty() && stats.slowest.is_empty());
}
