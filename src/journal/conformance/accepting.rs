//! Identity: a delivery that comes again makes no second event and no second run.

use super::Scene;
use super::story::{
    accept, at, claim_one, end, event, quarantine_entry, quarantine_entry_of, state,
};
use crate::core::limits::LONGEST_NAME;
use crate::core::run::{State, Transition};
use crate::journal::{
    Accept, Accepted, Browse, Entry, JournalError, Keep, QuarantineEntry, RunFilter,
};

pub(in crate::journal) async fn one_event_and_one_rule_make_one_run(scene: &Scene<'_>) {
    // Each case builds on those before: the rules that match, and how many runs are new.
    type Planned<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Planned<'_>, Option<usize>); 7] = [
        ("a", &[("create", "n1"), ("tell", "n1")], Some(2)),
        ("a", &[("create", "n1"), ("tell", "n1")], None),
        ("a", &[("create", "n1"), ("late", "n1")], Some(1)),
        ("a", &[], None),
        ("b", &[], Some(0)),
        ("b", &[("create", "n2")], Some(1)),
        ("c", &[("twice", "n3"), ("twice", "n3")], Some(1)),
    ];
    let journal = scene.journal().await;
    for (id, runs, new) in cases {
        let answer = journal
            .accept(vec![Entry::Event(event(id, runs))].into(), at(0))
            .await
            .unwrap();
        match (&answer[..], new) {
            ([Accepted::Known], None) => {}
            ([Accepted::Runs { runs: made, .. }], Some(new)) => {
                assert_eq!(made.len(), new, "{id} {runs:?}");
            }
            other => panic!("{id} {runs:?}: {other:?}"),
        }
    }
    let listed = journal
        .runs(RunFilter {
            limit: 100,
            ..RunFilter::default()
        })
        .await
        .unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|run| (run.event_id.as_str(), run.rule.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            ("c", "twice"),
            ("b", "create"),
            ("a", "late"),
            ("a", "tell"),
            ("a", "create")
        ]
    );
}

pub(in crate::journal) async fn the_same_id_of_another_source_is_another_event(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    accept(&journal, "7", &[("r", "k")], 0).await;
    let mut other = event("7", &[("r", "k")]);
    other.source = "history".to_owned();
    other.body = "{\"from\":\"history\"}".to_owned();
    let answer = journal
        .accept(vec![Entry::Event(other)].into(), at(1))
        .await
        .unwrap();
    assert_eq!(answer, [Accepted::made(vec![2])]);
    assert_eq!(
        journal.event("7".to_owned()).await.unwrap().as_deref(),
        Some("{\"from\":\"history\"}")
    );
    assert_eq!(journal.event("8".to_owned()).await.unwrap(), None);
}

pub(in crate::journal) async fn a_batch_is_answered_in_order_even_with_duplicates_in_it(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let batch = vec![
        Entry::Event(event("a", &[("r", "k")])),
        Entry::Quarantine(quarantine_entry("junk")),
        Entry::Event(event("a", &[("r", "k")])),
        Entry::Quarantine(quarantine_entry("junk")),
        Entry::Event(event("b", &[("r", "k")])),
    ];
    let expected = [
        Accepted::made(vec![1]),
        Accepted::Quarantined(1),
        Accepted::Known,
        Accepted::Quarantined(1),
        Accepted::made(vec![2]),
    ];
    assert_eq!(journal.accept(batch.into(), at(0)).await.unwrap(), expected);
}

pub(in crate::journal) async fn only_exactly_the_same_delivery_is_quarantined_once(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let first = quarantine_entry("junk");
    let mut seen = vec![first.clone()];
    let mut longer = first.clone();
    longer.size = 1_000_000;
    let mut elsewhere = first.clone();
    elsewhere.origin = "esi_leap.error".to_owned();
    seen.extend([longer, elsewhere, quarantine_entry("junl")]);
    for round in 0..2 {
        for (delivery, id) in seen.iter().zip(1..) {
            let answer = journal
                .accept(vec![Entry::Quarantine(delivery.clone())].into(), at(round))
                .await
                .unwrap();
            assert_eq!(answer, [Accepted::Quarantined(id)], "{delivery:?}");
        }
    }
    let kept = journal.quarantined(3).await.unwrap();
    assert_eq!(
        kept.iter().map(|kept| kept.id).collect::<Vec<_>>(),
        [4, 3, 2]
    );
    let one = journal.quarantined_one(2).await.unwrap();
    assert_eq!((one.arrived_at, &one.delivery), (at(0), &seen[1]));
    assert_eq!(journal.census().await.unwrap().quarantined, 4);
}

pub(in crate::journal) async fn release_takes_out_of_quarantine_what_it_accepts(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    journal
        .accept(
            vec![Entry::Quarantine(quarantine_entry("junk"))].into(),
            at(0),
        )
        .await
        .unwrap();
    let planned = event("a", &[("r", "k")]);
    assert_eq!(
        journal.release(1, planned.clone(), at(1)).await.unwrap(),
        Accepted::made(vec![1])
    );
    assert_eq!(journal.census().await.unwrap().quarantined, 0);
    let again = journal
        .release(1, event("b", &[("r", "k")]), at(2))
        .await
        .unwrap_err();
    assert_eq!(
        again.to_string(),
        "there is no quarantined delivery 1 in the journal"
    );
    assert_eq!(
        journal.event("b".to_owned()).await.unwrap(),
        None,
        "nothing of it is accepted"
    );
    assert!(matches!(
        journal.quarantined_one(1).await,
        Err(JournalError::Absent { id: 1, .. })
    ));
    // What was accepted from the bus meanwhile is known; the delivery goes all the same.
    journal
        .accept(
            vec![Entry::Quarantine(quarantine_entry("junk"))].into(),
            at(3),
        )
        .await
        .unwrap();
    assert_eq!(
        journal.release(2, planned, at(4)).await.unwrap(),
        Accepted::Known
    );
    assert_eq!(journal.census().await.unwrap().quarantined, 0);
}

pub(in crate::journal) async fn a_rule_that_matches_later_reopens_a_finished_event(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "a", &[("r", "k")], 0).await;
    let run = claim_one(&journal, 0).await;
    journal
        .record(end(run.id, 1, Transition::Succeed, 1))
        .await
        .unwrap();
    let more = accept(&journal, "a", &[("r", "k"), ("new", "k")], 2).await;
    assert_eq!(state(&journal, more[0]).await, State::Due);
    assert_eq!(claim_one(&journal, 2).await.rule, "new");
}

pub(in crate::journal) async fn text_is_kept_as_it_is(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let mut odd = event("ä'\";--\n\u{1}x", &[("rule \u{1f600}", "$(key)\u{1}`;")]);
    odd.body = "{\"a\":\"\\u0000 ' \u{2028}\"}".to_owned();
    journal
        .accept(vec![Entry::Event(odd.clone())].into(), at(0))
        .await
        .unwrap();
    let run = claim_one(&journal, 0).await;
    assert_eq!(
        (&run.rule, &run.key, &run.event),
        (&odd.runs[0].rule, &odd.runs[0].key, &odd.body)
    );
    assert_eq!(journal.run(run.id).await.unwrap().summary.event_id, odd.id);
}

pub(in crate::journal) async fn what_is_looked_up_is_kept_short_and_still_distinguished(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let long = "n".repeat(5000);
    let mut numbers = Vec::new();
    for tail in ["", "x", "\0"] {
        let name = format!("{long}{tail}");
        let mut event = event(&name, &[(&name, &name)]);
        event.source = format!("bus{tail}");
        let entries = vec![Entry::Event(event.clone())];
        let answers = journal.accept(entries.clone().into(), at(0)).await.unwrap();
        let [Accepted::Runs { runs, .. }] = answers.as_slice() else {
            panic!("{answers:?}")
        };
        numbers.extend(runs);
        let again = journal.accept(entries.into(), at(1)).await.unwrap();
        assert_eq!(again, [Accepted::Known]);
        // It is found by its whole name.
        assert_eq!(journal.event(name.clone()).await.unwrap(), Some(event.body));
        let filter = RunFilter {
            rule: Some(name.clone()),
            key: Some(name.clone()),
            limit: 9,
            ..RunFilter::default()
        };
        assert_eq!(journal.runs(filter).await.unwrap().len(), 1);
        let delivery = QuarantineEntry {
            source: name.clone(),
            ..quarantine_entry_of(&name, tail)
        };
        let entries = vec![Entry::Quarantine(delivery)];
        journal.accept(entries.into(), at(0)).await.unwrap();
    }
    // Keys that differ only behind their heads hold nobody up.
    let claimed = journal.claim(9, at(1)).await.unwrap().runs;
    assert_eq!(
        claimed.iter().map(|run| run.id).collect::<Vec<_>>(),
        numbers
    );
    let kept = journal.quarantined(9).await.unwrap();
    let quarantined = kept.iter().flat_map(|kept| {
        let key = kept.delivery.key.as_ref().unwrap();
        [&kept.delivery.source, &key.text]
    });
    let texts = claimed.iter().flat_map(|run| [&run.rule, &run.key.text]);
    for text in texts.chain(quarantined) {
        assert!(
            text.len() <= LONGEST_NAME && !text.contains('\0'),
            "{text:?}"
        );
    }
    for run in numbers {
        let run = journal.run(run).await.unwrap();
        for text in [&run.summary.event_id, &run.source] {
            assert!(
                text.len() <= LONGEST_NAME && !text.contains('\0'),
                "{text:?}"
            );
        }
    }
}
