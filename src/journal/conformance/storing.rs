//! Named values.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::story::{accept, at, claim, end};
use super::{Caller, Scene};
use crate::core::retention::Retention;
use crate::core::run::Transition;
use crate::core::store::{LONGEST_VALUE, MOST_VALUES, Operation};
use crate::journal::{
    Answer, ChangeId, Changed, JournalError, Keep, RetryFrom, Store, StoreChange, StorePage,
    StoredValue,
};

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

/// A change that a command asks for which asks for nothing else.
async fn change(
    journal: &Caller,
    id: &str,
    name: &str,
    operation: Operation,
    seconds: i64,
) -> Answer<Changed> {
    change_as(
        journal,
        ChangeId::Command(id.into()),
        name,
        operation,
        seconds,
    )
    .await
}

async fn change_as(
    journal: &Caller,
    id: ChangeId,
    name: &str,
    operation: Operation,
    seconds: i64,
) -> Answer<Changed> {
    let name = name.to_owned();
    let change = StoreChange {
        id,
        name,
        operation,
    };
    journal.change_value(change, at(seconds)).await
}

async fn value(journal: &Caller, name: &str, seconds: i64) -> Option<Value> {
    let names = BTreeSet::from([name.to_owned(), "another".to_owned()]);
    let mut found = journal.values(names, at(seconds)).await.unwrap();
    let found = found.remove(name)?;
    assert_eq!(found.name, name);
    Some(found.value)
}

async fn names(journal: &Caller, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let page = StorePage {
        prefix: prefix.into(),
        after: after.map(str::to_owned),
        limit,
    };
    let listed = journal.list_values(page, at(0)).await.unwrap();
    listed.into_iter().map(|one| one.name).collect()
}

fn set(value: impl Into<Value>, ttl: Option<Duration>, if_absent: bool) -> Operation {
    Operation::Set {
        value: value.into(),
        ttl,
        if_absent,
    }
}

fn incr(by: i64, ttl: Option<Duration>) -> Operation {
    Operation::Incr { by, ttl }
}

fn done(value: impl Into<Value>) -> Changed {
    Changed {
        is_done: true,
        value: Some(value.into()),
    }
}

pub(in crate::journal) async fn a_value_is_set_read_and_deleted_by_its_name(scene: &Scene<'_>) {
    let ground = scene.ground();
    let (journal, beside) = (ground.service().await, ground.beside());
    let odd = json!({"b": 123_456_789_012_345_678_901_234_567_890_f64, "a": [null, "\0 ä"]});
    for (id, name, stored) in [("1", "a b", odd.clone()), ("2", "A B", json!(null))] {
        let changed = change(&journal, id, name, set(stored.clone(), None, false), 0).await;
        assert_eq!(changed.unwrap(), done(stored));
    }
    // Whoever else looks sees it.
    assert_eq!(value(&beside, "a b", 0).await, Some(odd));
    assert_eq!(value(&beside, "A B", 0).await, Some(json!(null)));
    assert_eq!(value(&beside, "a", 0).await, None);
    let deleted = change(&beside, "3", "a b", Operation::Delete, 0).await;
    let gone = Changed {
        is_done: true,
        value: None,
    };
    assert_eq!(deleted.unwrap(), gone);
    assert_eq!(value(&journal, "a b", 0).await, None);
    let again = change(&beside, "4", "a b", Operation::Delete, 0).await;
    let nothing = Changed {
        is_done: false,
        value: None,
    };
    assert_eq!(again.unwrap(), nothing);
    assert_eq!(names(&journal, "", None, 9).await, ["A B"]);
}

pub(in crate::journal) async fn a_value_is_gone_at_the_moment_its_time_is_over(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    change(&journal, "1", "n", set("v", MINUTE, false), 0)
        .await
        .unwrap();
    assert_eq!(value(&journal, "n", 59).await, Some(json!("v")));
    assert_eq!(value(&journal, "n", 60).await, None);
    let listed = |seconds| {
        let page = StorePage {
            limit: 9,
            ..StorePage::default()
        };
        journal.list_values(page, at(seconds))
    };
    let stored = StoredValue {
        name: "n".into(),
        value: json!("v"),
        set_at: at(0),
        expires_at: Some(at(60)),
    };
    assert_eq!(listed(59).await.unwrap(), [stored]);
    assert_eq!(listed(60).await.unwrap(), []);
    // What is over is as good as absent for every change.
    let deleted = change(&journal, "2", "n", Operation::Delete, 60)
        .await
        .unwrap();
    assert!(!deleted.is_done);
    let counted = change(&journal, "3", "n", incr(1, None), 60).await;
    assert_eq!(counted.unwrap(), done(1));
    // A value that is set anew has no time but its own.
    assert_eq!(value(&journal, "n", 1_000_000).await, Some(json!(1)));
}

pub(in crate::journal) async fn only_what_is_absent_is_set_if_that_is_asked_for(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    let held = |by| Changed {
        is_done: false,
        value: Some(json!(by)),
    };
    let ask = async |id, by: &str, seconds| {
        let answer = change(&journal, id, "lock", set(by, MINUTE, true), seconds).await;
        answer.unwrap()
    };
    assert_eq!(ask("1", "ann", 0).await, done("ann"));
    assert_eq!(ask("2", "bob", 59).await, held("ann"));
    assert_eq!(ask("3", "bob", 60).await, done("bob"));
    // Not put off by those who were refused.
    assert_eq!(value(&journal, "lock", 119).await, Some(json!("bob")));
    assert_eq!(ask("4", "ann", 120).await, done("ann"));
}

pub(in crate::journal) async fn counting_starts_at_nothing_and_keeps_its_time(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for (id, by, seconds, sum) in [("1", 1, 0, 1), ("2", 41, 30, 42), ("3", -2, 59, 40)] {
        let counted = change(&journal, id, "n", incr(by, MINUTE), seconds).await;
        assert_eq!(counted.unwrap(), done(sum));
    }
    assert_eq!(value(&journal, "n", 60).await, None);
    let counted = change(&journal, "4", "n", incr(1, None), 60).await;
    assert_eq!(counted.unwrap(), done(1));
}

pub(in crate::journal) async fn a_change_is_made_once_for_each_who_asks(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for (id, by, sum) in [("ann", 1, 1), ("bob", 1, 2), ("ann", 1, 1), ("bob", 1, 2)] {
        let counted = change(&journal, id, "n", incr(by, None), 0).await;
        assert_eq!(counted.unwrap(), done(sum), "{id}");
    }
    // What one asks for besides is another change.
    let counted = change(&journal, "ann", "n", incr(5, None), 0).await;
    assert_eq!(counted.unwrap(), done(7));
    let counted = change(&journal, "ann", "m", incr(5, None), 0).await;
    assert_eq!(counted.unwrap(), done(5));
    assert_eq!(value(&journal, "n", 0).await, Some(json!(7)));
}

pub(in crate::journal) async fn a_program_asks_for_one_change_after_the_other(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    for (start, number, sum) in [
        ("one", 1, 1),
        ("one", 1, 1),
        ("two", 1, 2),
        // The same change, asked for anew.
        ("one", 2, 3),
        ("one", 2, 3),
        ("two", 1, 2),
        ("two", 2, 4),
    ] {
        let id = ChangeId::Program {
            start: start.to_owned(),
            number,
        };
        let counted = change_as(&journal, id, "n", incr(1, None), 0).await;
        assert_eq!(counted.unwrap(), done(sum), "{start} {number}");
    }
}

pub(in crate::journal) async fn what_a_run_asked_for_is_known_until_the_end_of_its_attempt_is_on_record(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    accept(&journal, "e", &[("r", "a"), ("s", "b")], 0).await;
    let count = async |run| {
        let counted = change_as(&journal, ChangeId::Run(run), "n", incr(1, None), 0).await;
        counted.unwrap().value
    };
    assert_eq!(claim(&journal, 2, 0).await, [1, 2]);
    assert_eq!(count(1).await, Some(json!(1)));
    assert_eq!(count(2).await, Some(json!(2)));
    let mut interrupted = end(1, 1, Transition::Interrupt, 0);
    interrupted.owner = journal.owner();
    journal.record(interrupted).await.unwrap();
    // It is repeated, and asks again.
    assert_eq!(claim(&journal, 1, 0).await, [1]);
    assert_eq!(count(1).await, Some(json!(1)));
    journal
        .record(end(1, 2, Transition::Succeed, 0))
        .await
        .unwrap();
    assert_eq!(value(&journal, "n", 0).await, Some(json!(2)));
    // That is over: what the operator wants done again is done again.
    journal.retry(vec![1], RetryFrom::FailedStep).await.unwrap();
    assert_eq!(claim(&journal, 1, 0).await, [1]);
    assert_eq!(count(1).await, Some(json!(3)));
}

pub(in crate::journal) async fn values_are_listed_page_by_page_in_the_order_of_their_names(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    for name in ["b", "a.2", "a.10", "a", "ä", "a.\u{10ffff}z", "A", "a%"] {
        change(&journal, name, name, set(1, None, false), 0)
            .await
            .unwrap();
    }
    let all = ["A", "a", "a%", "a.10", "a.2", "a.\u{10ffff}z", "b", "ä"];
    assert_eq!(names(&journal, "", None, 99).await, all);
    assert_eq!(names(&journal, "a.", None, 99).await, all[3..6]);
    assert_eq!(names(&journal, "a.", None, 2).await, all[3..5]);
    assert_eq!(names(&journal, "a.", Some("a.2"), 2).await, all[5..6]);
    assert_eq!(names(&journal, "a.", Some("b"), 2).await, [""; 0]);
    assert_eq!(names(&journal, "", Some("a.11"), 2).await, all[4..6]);
    assert_eq!(names(&journal, "a%", None, 99).await, ["a%"]);
    assert_eq!(names(&journal, "c", None, 99).await, [""; 0]);
}

pub(in crate::journal) async fn a_store_that_is_full_takes_no_other_value_until_one_has_gone(
    scene: &Scene<'_>,
) {
    let journal = scene.journal().await;
    let changes = (0..MOST_VALUES).map(|number| {
        let ttl = (number < 2).then_some(Duration::from_secs(60));
        let name = format!("n{number}");
        let change = StoreChange {
            id: ChangeId::Command(name.clone()),
            name,
            operation: set(number, ttl, false),
        };
        journal.store_itself().change_value(change, at(0))
    });
    for answer in join_all(changes).await {
        assert!(answer.unwrap().is_done);
    }
    let told = "expected room for another value, `new`, but found 10000 values in the store, which holds at \
                most 10000";
    for (id, operation) in [("1", set(1, None, false)), ("2", incr(1, None))] {
        let refused = change(&journal, id, "new", operation, 59)
            .await
            .unwrap_err();
        assert_eq!(refused.to_string(), told);
    }
    // Those that are there may change.
    let counted = change(&journal, "3", "n5", incr(1, None), 59).await;
    assert_eq!(counted.unwrap(), done(6));
    for (id, name, seconds) in [("4", "new", 60), ("5", "newer", 60)] {
        let answer = change(&journal, id, name, set(1, None, false), seconds).await;
        assert_eq!(answer.unwrap(), done(1));
    }
    let refused = change(&journal, "6", "newest", set(1, None, false), 60).await;
    assert!(
        matches!(refused, Err(JournalError::Store(_))),
        "{refused:?}"
    );
    change(&journal, "7", "n7", Operation::Delete, 60)
        .await
        .unwrap();
    let answer = change(&journal, "8", "newest", set(1, None, false), 60).await;
    assert_eq!(answer.unwrap(), done(1));
}

pub(in crate::journal) async fn what_is_refused_changes_nothing(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    change(&journal, "1", "n", set("v", None, false), 0)
        .await
        .unwrap();
    let long = "v".repeat(LONGEST_VALUE);
    for (id, name, operation, told) in [
        (
            "2",
            "n",
            incr(1, None),
            "expected a whole number in `n`, but found `\"v\"`",
        ),
        ("3", "n", set(long, None, false), "at most 65536 bytes"),
        (
            "4",
            "n\0",
            set("v", None, false),
            "without control characters",
        ),
        ("5", "", Operation::Delete, "but found nothing"),
    ] {
        let refused = change(&journal, id, name, operation, 0).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
        assert!(!refused.is_temporary());
    }
    assert_eq!(value(&journal, "n", 0).await, Some(json!("v")));
    assert_eq!(names(&journal, "", None, 9).await, ["n"]);
}

pub(in crate::journal) async fn upkeep_deletes_what_is_over(scene: &Scene<'_>) {
    let journal = scene.journal().await;
    change(&journal, "1", "short", set(1, MINUTE, false), 0)
        .await
        .unwrap();
    change(&journal, "2", "long", set(1, None, false), 0)
        .await
        .unwrap();
    let retention = Retention {
        age: Duration::ZERO,
        number: 0,
    };
    // The value, and what the two commands are answered that ask again.
    for (seconds, number) in [(59, 0), (60, 1), (60, 0), (3600, 0), (3601, 2), (3601, 0)] {
        let pruned = journal.prune(retention, at(seconds)).await.unwrap();
        assert_eq!(pruned.number, number, "{seconds}");
    }
    assert_eq!(names(&journal, "", None, 9).await, ["long"]);
}
