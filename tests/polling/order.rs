//! Which rows run, and in which order: whatever order they come in, each once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{recorded, rows};
use crate::support::openstack::printed;
use crate::support::poller::Poller;
use crate::support::scene::{DELETE, FULFILL, wait_until};

#[test]
fn rows_run_in_the_order_of_their_ids_for_each_node_and_once() {
    let poller = Poller::recording("esi_leap.lease.*");
    let printed = printed("02-event-list-alice");
    let listed = printed.as_array().expect("rows").clone();
    let ids =
        |rows: &[Value]| -> Vec<i64> { rows.iter().filter_map(|row| row["ID"].as_i64()).collect() };
    assert!(!ids(&listed).is_sorted(), "this shows nothing");
    poller.openstack.rows(&listed);
    let printed = poller.pass(&["--from-start"]);
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut sorted = listed.clone();
    sorted.sort_by_key(|row| row["ID"].as_i64());
    for row in &sorted {
        let node = row["Resource UUID"].as_str().expect("a node");
        let nodes = expected.entry(node.to_owned()).or_default();
        nodes.push(row["ID"].to_string());
    }
    let mut ran: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in poller.log() {
        let (id, node) = line.trim_end_matches('|').split_once('|').expect("two");
        ran.entry(node.to_owned()).or_default().push(id.to_owned());
    }
    assert_eq!(ran, expected, "{printed}");
    assert_eq!(poller.cursor(), Some(32));
    // The identity of a run's event is the row's.
    let runs = poller.runs();
    let of_runs: Vec<i64> = runs
        .iter()
        .filter_map(|run| run["event_id"].as_str()?.parse().ok())
        .collect();
    assert_eq!(of_runs, ids(&sorted));
    // Several events of a lease, one question.
    let leases: BTreeSet<_> = sorted
        .iter()
        .map(|row| row["Object UUID"].as_str())
        .collect();
    assert_eq!(poller.leases_asked(), leases.len());
}

#[test]
fn another_pass_asks_behind_the_floor_and_runs_what_is_new() {
    let mut poller = Poller::recording(FULFILL);
    poller.default("history_overlap = 5");
    poller.pass(&["--from-start"]);
    assert_eq!((poller.log().len(), poller.cursor()), (0, Some(0)));
    poller.openstack.rows(&rows([30, 1, 9, 12, 10]));
    for _ in 0..2 {
        poller.pass(&[]);
        assert_eq!(poller.log(), recorded(&[1, 9, 10, 12, 30]));
    }
    poller.openstack.rows(&rows([30, 1, 31, 9, 12, 10]));
    poller.pass(&[]);
    assert_eq!(poller.log(), recorded(&[1, 9, 10, 12, 30, 31]));
    poller.pass(&[]);
    assert_eq!(poller.asked(), [0, 0, 25, 25, 26]);
    assert_eq!(poller.cursor(), Some(31));
    assert_eq!(poller.runs().len(), 6);
}

#[test]
fn a_row_that_was_committed_late_runs_if_it_is_within_the_overlap() {
    let mut poller = Poller::recording(FULFILL);
    poller.default("history_overlap = 5");
    poller.openstack.rows(&rows([10]));
    poller.pass(&["--from-start"]);
    poller.openstack.rows(&rows([10, 5, 7, 4]));
    for _ in 0..2 {
        poller.pass(&[]);
        assert_eq!(poller.log(), recorded(&[10, 7]));
    }
    // Rows beyond the cursor move the overlap on.
    poller.openstack.rows(&rows([10, 5, 7, 4, 12]));
    poller.pass(&[]);
    poller.openstack.rows(&rows([6, 8, 10, 5, 7, 4, 12]));
    poller.pass(&[]);
    assert_eq!(poller.log(), recorded(&[10, 7, 12, 8]));
    assert_eq!(poller.asked(), [0, 5, 5, 5, 7]);
    assert_eq!(poller.cursor(), Some(12));
}

#[test]
fn an_event_that_retention_has_dropped_does_not_run_again() {
    for retention in ["keep_events = 0", "keep_for = 0s"] {
        let mut poller = Poller::recording(FULFILL);
        poller.default(retention);
        poller.openstack.rows(&rows([1, 2]));
        poller.pass(&["--from-start"]);
        wait_until("the journal to forget", || {
            poller.pass(&[]);
            poller.runs().is_empty()
        });
        poller.openstack.rows(&rows([1, 3, 2]));
        poller.pass(&[]);
        assert_eq!(poller.log(), recorded(&[1, 2, 3]), "{retention}");
        // Within the overlap they were, and were listed.
        assert!(poller.asked().iter().all(|after| *after == 0));
    }
}

#[test]
fn a_rule_that_is_added_later_is_for_later_rows() {
    let mut poller = Poller::recording(FULFILL);
    let mut listed = rows([1, 2]);
    listed[1]["Event Type"] = DELETE.into();
    poller.openstack.rows(&listed);
    poller.pass(&["--from-start"]);
    let line = "script = record.sh new\nscript_params = event_id";
    poller.rule("new", &format!("events = {FULFILL}, {DELETE}\n{line}"));
    poller.pass(&[]);
    assert_eq!(poller.log(), recorded(&[1]));
    listed.extend(rows([3]));
    poller.openstack.rows(&listed);
    poller.pass(&[]);
    let mut log = poller.log();
    log.sort();
    let mut expected = recorded(&[1, 3]);
    expected.push("new|3|".into());
    assert_eq!(log, expected);
}
