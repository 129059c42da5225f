//! What a rule makes of values, on a store in memory.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::*;
use crate::actions::tests::{Shelf, order as order_for};
use crate::app::parts;

/// The action of a rule with these options, or what is wrong with them.
fn read(options: &str) -> Result<Arc<dyn Action>, Vec<String>> {
    let text = format!("[r]\nevents = esi_leap.*\naction = store\n{options}\n");
    let reading = parts::read(&text, Path::new("f"));
    let problems = reading.problems.iter();
    let told: Vec<String> = problems.map(|problem| problem.message.clone()).collect();
    match reading.config {
        Some(config) => Ok(config.actions["r"].clone()),
        None => Err(told),
    }
}

fn lease() -> Value {
    json!({"node_name": "n 1", "id": 7, "end_time": "later", "properties": {"b": 1.50, "a": null}})
}

async fn perform(options: &str, store: &Arc<Shelf>, stop: &CancellationToken) -> Performed {
    let mut order = order_for(&lease());
    order.store = store.clone();
    let (started, told) = oneshot::channel();
    let action = read(options).unwrap();
    let performed = action.perform(order, started, stop.clone()).await;
    assert!(told.await.is_err(), "nothing of it outlives the service");
    performed
}

async fn outcome(options: &str, store: &Arc<Shelf>) -> String {
    let performed = perform(options, store, &CancellationToken::new()).await;
    performed.outcome.to_string()
}

#[tokio::test]
async fn values_are_filled_in_and_keep_their_types() {
    let store = Arc::new(Shelf::of([("a b", json!({"c": [1]})), ("count", json!(4))]));
    for (value, expected) in [
        ("yes", json!("yes")),
        ("5", json!(5)),
        (r#""5""#, json!("5")),
        ("null", json!(null)),
        ("{{ end_time }}", json!("later")),
        ("{{ id }}", json!(7)),
        ("{{ properties }}", json!({"b": 1.50, "a": null})),
        ("{{ node_name }}/{{ id }}", json!("n 1/7")),
        (
            r#"{"n": "{{ id }}", "l": ["{{ node_name }}!", true]}"#,
            json!({"n": 7, "l": ["n 1!", true]}),
        ),
        (r#"["{{ run.id }}", "{{ run.attempt }}"]"#, json!([7, 2])),
        (r#"{{ store["a b"] }}"#, json!({"c": [1]})),
        ("{{ store.count }}", json!(4)),
        ("{{ store.none | default(1) }}", json!(1)),
    ] {
        let options = format!("name = out.{{{{ id }}}}\nvalue = {value}");
        let told = outcome(&options, &store).await;
        assert_eq!(store.value("out.7"), Some(expected), "{value}: {told}");
        assert!(told.starts_with("set `out.7` to "), "{told}");
    }
}

#[tokio::test]
async fn numbers_are_counted_up_and_values_deleted() {
    let store = Arc::new(Shelf::default());
    for (options, told) in [
        ("op = incr\nname = n", "added 1 to `n`: 1"),
        ("op = incr\nname = n\nvalue = {{ id }}", "added 7 to `n`: 8"),
        (
            "op = incr\nname = n\nvalue = -2\nttl = 1h",
            "added -2 to `n`: 6",
        ),
        ("op = delete\nname = n", "deleted `n`"),
        ("op = delete\nname = n", "there was no `n` to delete"),
        ("name = n\nvalue = text", "set `n` to \"text\""),
        (
            "op = incr\nname = n",
            "expected a whole number in `n`, but found `\"text\"`",
        ),
        (
            "op = incr\nname = n\nvalue = {{ node_name }}",
            "not started: `value`: expected a whole number to add, but found \"n 1\"",
        ),
        (
            "name = {{ nope }}\nvalue = 1",
            "not started: `name`: there is no `nope`",
        ),
        (
            "name = n\nvalue = {{ store.nope }}",
            "not started: `value`: there is no `store.nope`",
        ),
        (
            "name = {{ '' }}\nvalue = 1",
            "not started: expected the name of a value, but found nothing",
        ),
    ] {
        // Each is a run of its own.
        let fresh = Arc::new(Shelf::default());
        *fresh.values.lock().unwrap() = store.values.lock().unwrap().clone();
        assert_eq!(outcome(options, &fresh).await, told);
        *store.values.lock().unwrap() = fresh.values.lock().unwrap().clone();
    }
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_made_once() {
    let store = Arc::new(Shelf::default());
    let stop = CancellationToken::new();
    stop.cancel();
    store.lose.store(1, Ordering::Relaxed);
    let options = "op = incr\nname = n";
    let performed = perform(options, &store, &stop).await;
    assert!(
        matches!(performed.outcome, Outcome::Interrupted(_)),
        "{performed:?}"
    );
    assert_eq!(store.value("n"), Some(json!(1)));
    let performed = perform(options, &store, &stop).await;
    assert_eq!(performed.outcome.to_string(), "added 1 to `n`: 1");
    let output = String::from_utf8(performed.output).unwrap();
    assert_eq!(output, "{\"name\":\"n\",\"value\":1,\"done\":true}\n");
}

#[tokio::test]
async fn all_values_that_a_template_names_are_read_at_once() {
    let store = Arc::new(Shelf::of([
        ("a", json!("b")),
        ("b", json!(2)),
        ("c", json!(3)),
    ]));
    let count = async |value: &str| {
        let before = store.reads.load(Ordering::Relaxed);
        outcome(&format!("name = out\nvalue = {value}"), &store).await;
        store.reads.load(Ordering::Relaxed) - before
    };
    assert_eq!(count("{{ id }}").await, 0);
    assert_eq!(count("{{ store.a }}{{ store.b }}{{ store.c }}").await, 1);
    assert_eq!(store.value("out"), Some(json!("b23")));
    assert_eq!(count("{{ store[store.a] }}").await, 2);
    assert_eq!(store.value("out"), Some(json!(2)));
    // There is an end to it.
    let endless = "{% for i in range(1000) %}{{ store['x' ~ i] | default(i) }}{% endfor %}";
    assert!(count(endless).await <= 16);
}

#[test]
fn what_is_wrong_is_told_when_the_file_is_read() {
    for (options, told) in [
        ("value = 1", "expected `name` in the rule, but found none"),
        ("name = n", "expected `value` in the rule, but found none"),
        ("name = n\nvalue = {{ a", "`value`: "),
        (
            "name = {{ a | nope }}\nvalue = 1",
            "`name`: there is no filter `nope`",
        ),
        (
            "name = n\nvalue = {\"a\": 1",
            "expected a JSON object in `value`, but found no `}` at its end",
        ),
        ("name = n\nvalue = {\"a\": \"{{\"}", "`value`: a: "),
        (
            "name = n\nvalue = [1",
            "expected JSON in `value`, but found a mistake in it",
        ),
        (
            "name = n\nop = delete\nvalue = 1",
            "expected no `value` with `op = delete`, but found one",
        ),
        (
            "name = n\nop = delete\nttl = 1h",
            "expected no `ttl` with `op = delete`, but found one",
        ),
        (
            "name = n\nop = incr\nvalue = x",
            "expected a whole number to add, but found \"x\"",
        ),
        (
            "name = n\nop = incr\nvalue = 1.5",
            "expected a whole number to add, but found 1.5",
        ),
        (
            "name = n\nop = incr\nvalue = [1]",
            "expected a whole number to add, but found JSON",
        ),
        (
            "name = n\nop = add\nvalue = 1",
            "expected `set`, `delete` or `incr` in `op`, but found `add`",
        ),
        (
            "name = n\nvalue = 1\nttl = 0",
            "expected a length of time above 0 in `ttl`, but found `0`",
        ),
        (
            "name = n\nvalue = 1\nurl = x",
            "expected an option of `action = store`, but found `url`",
        ),
    ] {
        let problems = read(options).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.contains(told)),
            "{options}: {problems:?}"
        );
    }
    let long = format!("name = {}\nvalue = 1", "n".repeat(1025));
    let problems = read(&long).unwrap_err();
    assert!(
        problems[0].contains("at most 1024 bytes long, but found one of 1025 bytes"),
        "{problems:?}"
    );
}

#[test]
fn what_would_be_done_is_described() {
    let described = |options: &str| {
        let values = Values::all([("a".to_owned(), Some(json!(3)))].into());
        let order = order_for(&lease());
        read(options)
            .unwrap()
            .describe(&order.event, &Arc::new(values))
    };
    let set = described("name = n.{{ id }}\nvalue = {{ store.a }}\nttl = 1h");
    assert_eq!(set.line, "sets `n.7` to 3, for 3600s");
    let whole = json!({"op": "set", "name": "n.7", "value": 3, "ttl": 3600.0});
    assert_eq!(set.whole, ("store", whole));
    assert_eq!(described("op = incr\nname = n").line, "adds 1 to `n`");
    assert_eq!(described("op = delete\nname = n").line, "deletes `n`");
    let problem = described("name = n\nvalue = {{ store.b }}");
    assert_eq!(
        problem.line,
        "changes a value, which cannot be filled in: `value`: there is no `store.b`"
    );
}
