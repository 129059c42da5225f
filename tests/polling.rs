//! `poll`, the feed for tenants: what runs, in which order, where it begins, and what it tells.

mod alone;
mod beginning;
mod many;
mod order;
mod outcomes;
mod resets;
mod staying;
mod without_bus;

use serde_json::Value;

use super::support::openstack::row;
use super::support::scene::FULFILL;

const NODE: &str = "7a1c3c5e-0001-4f6e-9d53-1d9b1c6f0a01";
const LEASE: &str = "81347eb5-1a17-4689-9511-5005e5d1fb8c";

/// Rows with these ids of one lease, each at a time of its own.
fn rows(ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    ids.into_iter()
        .map(|id| at(id, "2026-11-21T08:50"))
        .collect()
}

/// A row with this id, within this minute.
fn at(id: i64, minute: &str) -> Value {
    let mut row = row(id, FULFILL, LEASE, NODE);
    row["Event Time"] = format!("{minute}:{:02}.{id:06}", id % 60).into();
    row
}

/// What the script of `Poller::recording` makes of rows with these ids.
fn recorded(ids: &[i64]) -> Vec<String> {
    ids.iter().map(|id| format!("{id}|{NODE}|")).collect()
}
