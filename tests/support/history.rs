//! Histories of numbered events, leases and nodes, and what came of them.

use serde_json::Value;

use super::openstack::{lease_of, row};
use super::poller::Poller;
use super::scene::FULFILL;
use super::stage::Stage;

/// The lease with this number.
pub(crate) fn lease(number: i64) -> String {
    format!("81347eb5-1a17-4689-9511-{number:012}")
}

/// The node with this number.
pub(crate) fn node(number: i64) -> String {
    format!("7a1c3c5e-0001-4f6e-9d53-{number:012}")
}

/// The event with this id: the lease of this number was fulfilled, on the node of this number.
pub(crate) fn event(id: i64, of_lease: i64, on_node: i64) -> Value {
    row(id, FULFILL, &lease(of_lease), &node(on_node))
}

/// From now on the lease of this number can be shown.
pub(crate) fn show(poller: &Poller, number: i64, on_node: i64) {
    let lease = lease(number);
    let shown = lease_of(&lease, &node(on_node));
    poller.openstack.lease(&lease, shown);
}

/// A history of these ids: each event is about a lease of its own, on this node, which is shown.
pub(crate) fn history(
    poller: &Poller,
    ids: impl IntoIterator<Item = i64>,
    node_of: impl Fn(i64) -> i64,
) {
    let event = |id| {
        show(poller, id, node_of(id));
        event(id, id, node_of(id))
    };
    let rows: Vec<Value> = ids.into_iter().map(event).collect();
    poller.openstack.rows(&rows);
}

/// The ids of the events that have a run, in the order in which they were accepted.
pub(crate) fn accepted(stage: &Stage) -> Vec<i64> {
    let id = |run: &Value| {
        let id = run["event_id"].as_str().expect("text");
        id.parse().expect("a number")
    };
    stage.runs().iter().map(id).collect()
}

/// How the attempts of a run have ended.
pub(crate) fn outcomes(stage: &Stage, run: u64) -> Vec<String> {
    let detail = stage.run_detail(run);
    let attempts = detail["attempt_records"].as_array().expect("attempts");
    let outcome = |attempt: &Value| attempt["outcome"].as_str().unwrap_or("none").to_owned();
    attempts.iter().map(outcome).collect()
}

/// Makes a run due again.
pub(crate) fn retry(stage: &Stage, run: u64) {
    let output = stage.run(&["runs", "retry", &run.to_string()]);
    assert!(output.status.success(), "{output:?}");
}
