//! What a rule makes of an event: another one.

use std::path::Path;

use super::*;
use crate::actions::tests::{Shelf, order as order_for};
use crate::app::parts;
use crate::core::event::{Key, MadeBy};

/// The action of a rule with these options, or what is wrong with them.
fn read(options: &str) -> Result<Arc<dyn Action>, Vec<String>> {
    let text = format!("[r]\nevents = esi_leap.*\naction = event\n{options}\n");
    let reading = parts::read(&text, Path::new("f"));
    let problems = reading.problems.iter();
    let told: Vec<String> = problems.map(|problem| problem.message.clone()).collect();
    match reading.config {
        Some(config) => Ok(config.actions["r"].clone()),
        None => Err(told),
    }
}

/// An order for an event at this depth.
fn order_at(depth: u32) -> Order {
    let data = json!({"node_name": "n 1", "id": 7, "properties": {"b": 1.50}});
    let mut order = order_for(&data);
    let made_by = (depth > 0).then(|| MadeBy {
        run: 1,
        depth,
        key: Key::node("n"),
        lease: None,
        after_end: false,
    });
    if let Some(made_by) = made_by {
        order.event = Arc::new((*order.event).clone().with_maker(made_by));
    }
    order.store = Arc::new(Shelf::of([("count", json!(4))]));
    order
}

async fn perform(options: &str, depth: u32) -> Performed {
    let (started, told) = oneshot::channel();
    let action = read(options).unwrap();
    let performing = action.perform(order_at(depth), started, CancellationToken::new());
    let performed = performing.await;
    assert!(told.await.is_err(), "nothing of it outlives the service");
    performed
}

#[tokio::test]
async fn the_payload_is_filled_in_and_goes_with_the_attempt() {
    let options = r#"type = node.ready
payload = {"node": "{{ node_name }}", "id": "{{ id }}", "p": "{{ properties }}", "run": "{{ run.id }}", "n": "{{ store.count }}"}"#;
    let performed = perform(options, 0).await;
    assert_eq!(performed.outcome.to_string(), "made an event `node.ready`");
    let payload = json!({"node": "n 1", "id": 7, "p": {"b": 1.50}, "run": 7, "n": 4});
    assert_eq!(performed.output, format!("{payload}\n").into_bytes());
    let made = MadeEvent {
        event_type: "node.ready".into(),
        payload,
    };
    assert_eq!(performed.made, Some(made));
    let bare = perform("type = a", 0).await.made.unwrap();
    assert_eq!(bare.payload, json!({}));
}

#[tokio::test]
async fn five_runs_in_a_row_may_make_an_event_and_a_sixth_may_not() {
    for depth in [0, 4, 5, 6] {
        let performed = perform("type = a", depth).await;
        let is_made = depth < 5;
        assert_eq!(performed.outcome.is_success(), is_made, "{depth}");
        assert_eq!(performed.made.is_some(), is_made, "{depth}");
        assert_eq!(performed.again == Again::Useless, !is_made, "{depth}");
        let told = performed.outcome.to_string();
        assert_eq!(told.contains("5 runs in a row"), !is_made, "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_filled_in_makes_none_and_says_why() {
    let long = "n".repeat(LARGEST);
    for (payload, told) in [
        (
            r#"{"a": "{{ nope }}"}"#.to_owned(),
            "not started: `payload`: there is no `nope`",
        ),
        (
            r#"{"a": "{{ store.nope }}"}"#.to_owned(),
            "not started: `payload`: there is no `store.nope`",
        ),
        (
            format!(r#"{{"a": "{long}"}}"#),
            "expected a payload of at most 262144 bytes, but found one of 262152 bytes",
        ),
    ] {
        let performed = perform(&format!("type = a\npayload = {payload}"), 0).await;
        assert_eq!(performed.outcome.to_string(), told);
        assert_eq!(performed.made, None);
    }
}

#[test]
fn what_is_wrong_is_told_when_the_file_is_read() {
    for (options, told) in [
        ("", "expected `type` in the rule, but found none"),
        (
            "type = run.discarded",
            "expected a type of your own in `type`, but found `run.discarded`",
        ),
        (
            "type = run.ready",
            "expected a type of your own in `type`, but found `run.ready`",
        ),
        (
            "type = esi_leap.lease.fulfill.end",
            "expected a type of your own in `type`, but found `esi_leap.lease.fulfill.end`",
        ),
        (
            "type = node.{{ id }}",
            "expected a type without templates in `type`, but found `node.{{ id }}`",
        ),
        (
            "type = node.*",
            "expected a type of event in `type`, but found `node.*`",
        ),
        (
            "type = a, b",
            "expected a type of event in `type`, but found `a, b`",
        ),
        (
            "type = a\npayload = text",
            "expected a JSON object in `payload`, but found",
        ),
        (
            "type = a\npayload = {\"a\": \"{{\", \"b\": \"{{ c | nope }}\"}",
            "`payload`: b: there is no filter `nope`",
        ),
        (
            "type = a\nvalue = 1",
            "expected an option of `action = event`, but found `value`",
        ),
    ] {
        let problems = read(options).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.contains(told)),
            "{options}: {problems:?}"
        );
    }
}

#[test]
fn what_would_be_made_is_described() {
    let described = |options: &str, depth| {
        let values = Values::all([("a".to_owned(), Some(json!(3)))].into());
        let action = read(options).unwrap();
        action.describe(&order_at(depth).event, &Arc::new(values))
    };
    let options = "type = node.ready\npayload = {\"a\": \"{{ store.a }}\"}";
    let description = described(options, 0);
    assert_eq!(description.line, "makes an event `node.ready`");
    let whole = json!({"type": "node.ready", "payload": {"a": 3}});
    assert_eq!(description.whole, ("makes", whole));
    let line = described(options, 5).line;
    assert!(
        line.contains("which fails: no event is made of this one"),
        "{line}"
    );
}
