//! Dispatch of an action that exists in tests alone: nothing here knows a script.

mod announcing;
mod commits;
mod owners;
mod rechecks;

use std::collections::HashMap;

use super::*;
use crate::actions::tests::Record;
use crate::core::retry::{Again, RetryPolicy};
use crate::core::rules::{Chain, EventPattern, Rule, RuleSet, When};
use crate::core::run::{Detail, Outcome, State};
use crate::engine::rulebook::Playbook;
use crate::engine::tests::journal_with;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Browse, Work};
use crate::sources::NothingToAdd;

/// A rule that is tried again at once, for all events.
fn rules(name: &str) -> RuleSet {
    RuleSet::new(vec![Rule {
        name: name.to_owned(),
        events: vec![EventPattern::parse("*").unwrap()],
        filters: Vec::new(),
        alternatives: Vec::new(),
        asks: Vec::new(),
        order_by: None,
        chain: Chain::single(
            name,
            RetryPolicy {
                retries: 9,
                first_delay: Duration::ZERO,
            },
        ),
        when: When::default(),
        throttle: None,
        enabled: true,
    }])
}

fn playbook(record: &Arc<Record>) -> Playbook {
    HashMap::from([("r".to_owned(), record.clone() as Arc<dyn Action>)])
}

fn ending(ends: impl IntoIterator<Item = Performed>) -> Arc<Record> {
    let record = Record::default();
    record.ends.lock().unwrap().extend(ends);
    Arc::new(record)
}

fn told(end: fn(Detail) -> Outcome, text: &str) -> Performed {
    Performed::new(end(Detail::Told(text.to_owned())), Duration::ZERO)
}

fn dispatch(journal: &SqliteJournal, rules: Rulebook) -> Dispatch<SqliteJournal> {
    Dispatch {
        journal: journal.clone(),
        store: Arc::new(journal.clone()),
        enrich: Arc::new(NothingToAdd),
        rules,
        max_parallel: 1,
        work: Arc::default(),
        until: Until::NoRunIsDue,
    }
}

async fn join(journal: &SqliteJournal) -> Owner {
    let joining = journal.join("host".to_owned(), Timestamp::now());
    joining.await.unwrap()
}

/// Performs what is due, and comes back when nothing is.
async fn perform_due(journal: &SqliteJournal, record: &Arc<Record>) -> Tally {
    let (rules, _editor) = Rulebook::new(rules("r"), playbook(record));
    let drained = CancellationToken::new();
    drained.cancel();
    let (stop, owner) = (Stop::default(), join(journal).await);
    let run = dispatch(journal, rules).run(owner, &stop, &drained);
    run.await.unwrap()
}

#[tokio::test]
async fn what_an_action_tells_of_its_end_is_on_record() {
    let (_folder, journal) = journal_with(&["r", "r"]).await;
    let record = ending([
        told(Outcome::Succeeded, "200 OK"),
        Performed {
            again: Again::Useless,
            ..told(Outcome::Failed, "400 Bad Request")
        },
    ]);
    let tally = perform_due(&journal, &record).await;
    assert_eq!((tally.succeeded, tally.given_up), (1, 1));
    assert_eq!(*record.played.lock().unwrap(), ["e1", "e2"]);
    for (run, state, reason) in [
        (1, State::Succeeded, "200 OK"),
        (2, State::Discarded, "400 Bad Request"),
    ] {
        let summary = journal.run(run).await.unwrap().summary;
        assert_eq!((summary.state, summary.attempts), (state, 1));
        assert_eq!(summary.reason.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn the_next_attempt_comes_as_late_as_the_action_asks_for() {
    let (_folder, journal) = journal_with(&["r"]).await;
    let hour = Duration::from_secs(3600);
    let record = ending([Performed {
        again: Again::NotBefore(hour),
        ..told(Outcome::Failed, "503 Service Unavailable")
    }]);
    let before = Timestamp::now();
    assert_eq!(perform_due(&journal, &record).await.failed, 1);
    let summary = journal.run(1).await.unwrap().summary;
    assert_eq!(summary.state, State::Retryable);
    let due = summary.due_at.unwrap();
    let late = before.duration_until(due).unsigned_abs();
    assert!(
        (hour..2 * hour).contains(&(late + Duration::from_secs(1))),
        "{late:?}"
    );
}

#[tokio::test]
async fn the_handle_is_on_record_with_the_kind_before_it_while_an_attempt_is_under_way() {
    let (_folder, journal) = journal_with(&["r"]).await;
    let record = ending([]);
    let (rules, _editor) = Rulebook::new(rules("r"), playbook(&record));
    let stop = Stop::default();
    let (owner, other) = (join(&journal).await, join(&journal).await);
    let looking = async {
        record.begun.notified().await;
        let handle = loop {
            let open = journal.open_attempts(other).await.unwrap();
            if let Some(handle) = &open[0].handle {
                break handle.clone();
            }
        };
        assert_eq!(handle, "record track e1 of 1");
        stop.intake.cancel();
        stop.work.cancel();
    };
    let never = CancellationToken::new();
    let dispatch = dispatch(&journal, rules);
    let (tally, ()) = tokio::join!(dispatch.run(owner, &stop, &never), looking);
    assert_eq!(tally.unwrap().interrupted, 1);
}

#[tokio::test]
async fn after_a_reload_runs_are_performed_as_it_says_and_those_under_way_go_on() {
    let (_folder, journal) = journal_with(&["r", "r"]).await;
    let former = ending([]);
    let new = ending([told(Outcome::Succeeded, "played anew")]);
    let (rulebook, editor) = Rulebook::new(rules("r"), playbook(&former));
    let drained = CancellationToken::new();
    drained.cancel();
    let reloading = async {
        former.begun.notified().await;
        editor.replace(rules("r"), playbook(&new));
        former.finish.notify_one();
    };
    let (stop, owner) = (Stop::default(), join(&journal).await);
    let dispatch = dispatch(&journal, rulebook);
    let (tally, ()) = tokio::join!(dispatch.run(owner, &stop, &drained), reloading);
    assert_eq!(tally.unwrap().succeeded, 2);
    assert_eq!(*former.played.lock().unwrap(), ["e1"]);
    assert_eq!(*new.played.lock().unwrap(), ["e2"]);
    let reason = journal.run(1).await.unwrap().summary.reason;
    assert_eq!(reason.as_deref(), Some("played"));
}

#[tokio::test]
async fn runs_of_no_rule_are_cancelled_however_many_come_first() {
    let gone = ["gone"; 70];
    let (_folder, journal) = journal_with(&[&gone[..], &["r"], &gone[..], &["r"]].concat()).await;
    let record = ending([
        told(Outcome::Succeeded, "played"),
        told(Outcome::Succeeded, "played"),
    ]);
    let tally = perform_due(&journal, &record).await;
    assert_eq!((tally.succeeded, tally.given_up), (2, 140));
    let summary = journal.run(72).await.unwrap().summary;
    assert_eq!((summary.state, summary.attempts), (State::Cancelled, 1));
    assert!(
        summary
            .reason
            .unwrap()
            .contains("no rule [gone] is in force any more")
    );
}
