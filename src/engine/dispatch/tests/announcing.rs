//! Ends of runs become events, whose runs are performed like others.

use super::*;
use crate::journal::conformance::LostAnswers;
use crate::journal::{Keep, RunFilter};

/// The rule `r` for events of type `t`, and `tell` for the ends of runs.
fn told_rules() -> RuleSet {
    let of = |name: &str, events: &str| {
        let mut rule = (**rules(name).all().first().expect("a rule")).clone();
        rule.events = vec![EventPattern::parse(events).unwrap()];
        rule
    };
    RuleSet::new(vec![of("r", "t"), of("tell", "run.*")])
}

fn playbook_of(record: &Arc<Record>) -> Playbook {
    let names = ["r", "tell"].into_iter();
    let does = names.map(|name| (name.to_owned(), record.clone() as Arc<dyn Action>));
    does.collect()
}

#[tokio::test]
async fn each_end_makes_one_event_though_answers_are_lost_and_what_that_makes_tells_nobody() {
    let (_folder, sqlite) = journal_with(&["r", "r"]).await;
    // Before anybody has said that ends are to be announced.
    let cancelling = sqlite.cancel(vec![2], "no need".to_owned(), Timestamp::now());
    cancelling.await.unwrap();
    let record = ending([
        told(Outcome::Succeeded, "200 OK"),
        told(Outcome::Succeeded, "told"),
    ]);
    let (rules, _editor) = Rulebook::new(told_rules(), playbook_of(&record));
    let journal = Arc::new(LostAnswers::of(sqlite.clone()));
    let dispatch = Dispatch {
        journal,
        store: Arc::new(sqlite.clone()),
        enrich: Arc::new(NothingToAdd),
        rules,
        max_parallel: 1,
        work: Arc::default(),
        until: Until::NoRunIsDue,
    };
    let drained = CancellationToken::new();
    drained.cancel();
    let (stop, owner) = (Stop::default(), join(&sqlite).await);
    let tally = dispatch.run(owner, &stop, &drained).await.unwrap();
    assert_eq!(tally.succeeded, 2);
    let filter = RunFilter {
        limit: 9,
        ..RunFilter::default()
    };
    let runs = sqlite.runs(filter).await.unwrap();
    let found: Vec<_> = runs
        .iter()
        .map(|run| (&*run.rule, &*run.event_type, &*run.event_id, &*run.key))
        .collect();
    assert_eq!(found[0], ("tell", "run.succeeded", "1-1", "e1"));
    assert_eq!(found.len(), 3, "{found:?}");
}

#[tokio::test]
async fn once_the_rules_are_replaced_whoever_ends_a_run_announces_what_the_new_ones_want() {
    let (_folder, journal) = journal_with(&["r", "r"]).await;
    let former = ending([]);
    let new = ending([
        told(Outcome::Succeeded, "told"),
        told(Outcome::Succeeded, "told"),
    ]);
    let (rulebook, editor) = Rulebook::new(rules("r"), playbook(&former));
    let (owner, other) = (join(&journal).await, join(&journal).await);
    let drained = CancellationToken::new();
    drained.cancel();
    let replacing = async {
        former.begun.notified().await;
        // From then on nobody writes by himself.
        while journal.open_attempts(other).await.unwrap()[0]
            .handle
            .is_none()
        {}
        let before = journal.version().await.unwrap();
        editor.replace(told_rules(), playbook_of(&new));
        while journal.version().await.unwrap() == before {}
        let cancelling = journal.cancel(vec![2], "no need".to_owned(), Timestamp::now());
        cancelling.await.unwrap();
        former.finish.notify_one();
    };
    let stop = Stop::default();
    let dispatch = dispatch(&journal, rulebook);
    let (tally, ()) = tokio::join!(dispatch.run(owner, &stop, &drained), replacing);
    assert_eq!(tally.unwrap().succeeded, 3);
    let mut played = new.played.lock().unwrap().clone();
    played.sort();
    assert_eq!(played, ["1-2", "2-1"]);
}
