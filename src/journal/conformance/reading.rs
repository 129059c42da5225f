//! Sources that keep a cursor, and events whose lease comes later.

use super::Scene;
use super::story::{accept, at, claim_one, end, event, state};
use crate::core::run::{Outcome, State, Transition};
use crate::journal::{
    Accept, Accepted, AttemptEnd, Browse, CountsAgainst, Cursor, Entry, JournalError, Keep,
    Progress, ProgressStep, RetryFrom, RunId, SourceRecord,
};

fn cursor(position: i64) -> Cursor {
    Cursor(format!("[{position}]"))
}

/// Of a source that was read when its cursor was at `from`.
fn progress(source: &str, from: Option<i64>, step: ProgressStep) -> Entry {
    Entry::Progress(Progress {
        source: source.to_owned(),
        from: from.map(cursor),
        step,
    })
}

/// The end of an attempt that had no lease to perform with.
fn without_lease(run: RunId, attempt: u32, transition: Transition) -> AttemptEnd {
    AttemptEnd {
        outcome: Outcome::NotStarted("no lease".to_owned()),
        counts_against: CountsAgainst::LeaseRetries,
        ..end(run, attempt, transition, 1)
    }
}

pub(in crate::journal) async fn a_cursor_is_on_disk_with_the_events_that_it_covers(
    scene: &Scene<'_>,
) {
    let ground = scene.ground();
    let journal = ground.service().await;
    let read = progress("history:a", None, ProgressStep::Read(cursor(7)));
    let mut planned = event("7", &[("r", "k")]);
    planned.source = "history:a".to_owned();
    let answers = journal
        .accept(vec![Entry::Event(planned), read].into(), at(0))
        .await
        .unwrap();
    assert_eq!(answers, [Accepted::made(vec![1]), Accepted::Noted]);
    drop(journal);
    let again = ground.beside();
    let sources = again.sources().await.unwrap();
    let [record] = sources.as_slice() else {
        panic!("{sources:?}")
    };
    assert_eq!(record.cursor, Some(cursor(7)));
    assert_eq!(state(&again, 1).await, State::Due);
}

pub(in crate::journal) async fn passes_and_failures_are_distinguished(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let steps = [
        ProgressStep::Failed("no cloud".to_owned()),
        ProgressStep::Failed("no cloud".to_owned()),
        ProgressStep::Read(cursor(3)),
        ProgressStep::Passed(cursor(5)),
        ProgressStep::Failed("again".to_owned()),
    ];
    // The cursor, the last pass, the last failure, and how many since.
    let expected = [
        (None, None, Some((0, "no cloud")), 1),
        (None, None, Some((1, "no cloud")), 2),
        (Some(3), None, Some((1, "no cloud")), 2),
        (Some(5), Some(3), Some((1, "no cloud")), 0),
        (Some(5), Some(3), Some((4, "again")), 1),
    ];
    let mut from = None;
    for ((step, now), (position, passed_at, failure, failures)) in
        steps.into_iter().zip(0..).zip(expected)
    {
        let entries = vec![progress("history:a", from, step)];
        from = position;
        journal.accept(entries.into(), at(now)).await.unwrap();
        let record = SourceRecord {
            source: "history:a".to_owned(),
            opened_at: None,
            cursor: position.map(cursor),
            passed_at: passed_at.map(at),
            failure: failure.map(|(seconds, why)| (at(seconds), why.to_owned())),
            failures,
        };
        assert_eq!(journal.sources().await.unwrap(), [record]);
    }
    let entries = vec![progress("history:b", None, ProgressStep::Read(cursor(1)))];
    journal.accept(entries.into(), at(9)).await.unwrap();
    assert_eq!(journal.sources().await.unwrap().len(), 2);
    // To begin to take events from it changes nothing else, and is no reading.
    for (source, cursor) in [("history:a", Some(cursor(5))), ("hook:c", None)] {
        for now in [10, 11] {
            let entries = vec![progress(source, None, ProgressStep::Opened)];
            journal.accept(entries.into(), at(now)).await.unwrap();
        }
        let records = journal.sources().await.unwrap();
        let record = records.iter().find(|record| record.source == source);
        let record = record.expect("a record");
        assert_eq!(
            (&record.opened_at, &record.cursor),
            (&Some(at(11)), &cursor)
        );
        assert_eq!(record.failures, u32::from(source == "history:a"));
    }
}

pub(in crate::journal) async fn a_cursor_is_moved_only_from_where_it_was_when_the_source_was_read(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let read = async |id: &str, from, step| {
        let event = Entry::Event(event(id, &[("r", id)]));
        let entries = vec![event, progress("history:a", from, step)];
        journal.accept(entries.into(), at(0)).await
    };
    let to = |position| ProgressStep::Read(cursor(position));
    read("a", None, to(7)).await.unwrap();
    read("b", Some(7), ProgressStep::Passed(cursor(9)))
        .await
        .unwrap();
    // Another service has been there: nothing of the batch is accepted.
    for from in [None, Some(7), Some(8)] {
        for step in [to(8), ProgressStep::Passed(cursor(10))] {
            let refused = read("c", from, step).await.unwrap_err();
            assert!(matches!(refused, JournalError::Moved { .. }), "{refused}");
        }
    }
    assert_eq!(journal.event("c".to_owned()).await.unwrap(), None);
    assert_eq!(journal.sources().await.unwrap()[0].cursor, Some(cursor(9)));
    // The same batch again, and a pass that found nothing.
    read("b", Some(7), ProgressStep::Passed(cursor(9)))
        .await
        .unwrap();
    read("d", Some(9), ProgressStep::Passed(cursor(9)))
        .await
        .unwrap();
    // It may go back, if that is what the source wants.
    read("e", Some(9), to(2)).await.unwrap();
    assert_eq!(journal.sources().await.unwrap()[0].cursor, Some(cursor(2)));
}

pub(in crate::journal) async fn a_missing_lease_counts_against_the_event_and_not_against_its_runs(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let mut awaiting = event("7", &[("r", "k"), ("s", "k")]);
    for run in &mut awaiting.runs {
        run.awaits_lease = true;
    }
    let entries = vec![Entry::Event(awaiting)];
    journal.accept(entries.into(), at(0)).await.unwrap();
    accept(&journal, "8", &[("r", "k")], 0).await;

    let first = claim_one(&journal, 1).await;
    assert!(first.awaits_lease);
    journal
        .record(without_lease(1, 1, Transition::Fail))
        .await
        .unwrap();
    // It keeps its place before the others of its key.
    assert!(journal.claim(9, at(2)).await.unwrap().runs.is_empty());
    let second = claim_one(&journal, 20).await;
    let shown = (second.id, second.failures, second.lease_failures);
    assert_eq!(shown, (1, 0, 1));
    let unasked = AttemptEnd {
        counts_against: CountsAgainst::Nothing,
        ..without_lease(1, 2, Transition::Fail)
    };
    journal.record(unasked).await.unwrap();
    let third = claim_one(&journal, 20).await;
    let shown = (third.id, third.failures, third.lease_failures);
    assert_eq!(shown, (1, 0, 1));
    journal
        .record(without_lease(1, 3, Transition::Discard))
        .await
        .unwrap();
    assert_eq!(state(&journal, 1).await, State::Discarded);

    // The next run of the event knows how often its lease was asked for in vain.
    let sibling = claim_one(&journal, 30).await;
    let shown = (sibling.id, sibling.failures, sibling.lease_failures);
    assert_eq!(shown, (2, 0, 2));
    journal
        .record(without_lease(2, 1, Transition::Discard))
        .await
        .unwrap();

    // The operator's retry is another round.
    journal.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    let retried = claim_one(&journal, 40).await;
    assert_eq!((retried.id, retried.lease_failures), (1, 0));
    assert!(retried.awaits_lease);
}
