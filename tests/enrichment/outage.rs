//! A cloud that fails ends the questions, counts against nobody, and holds no place that scripts need.

use serde_json::Value;

use crate::support::history::{event, lease, retry, show};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, wait_until};

/// A rule that needs the lease, with these options, and this many events: each of a lease and a node of its own.
fn stage(options: &str, events: i64) -> Poller {
    let mut poller = Poller::new();
    poller.rule(
        "full",
        &format!(
            "events = {FULFILL}\nscript = record.sh full\nscript_params = event_id,purpose\n{options}"
        ),
    );
    let rows: Vec<Value> = (1..=events)
        .map(|number| event(number, number, number))
        .collect();
    poller.openstack.rows(&rows);
    poller
}

#[test]
fn a_pass_asks_no_further_once_the_cloud_hangs() {
    let mut poller = stage("", 12);
    poller.default("client_timeout = 2s");
    (1..=12).for_each(|number| show(&poller, number, number));
    poller.openstack.fault(At::Leases, Fault::Hang);
    let printed = poller.ends(&["--from-start"], 75);
    assert!(printed.contains("did not end within 2s"), "{printed}");
    let asked = poller.leases_asked();
    assert!((1..=4).contains(&asked), "{asked} questions");
    // What was read is on record, and waits.
    assert_eq!(poller.cursor(), Some(12));
    assert_eq!(poller.states(), ["retryable"; 12]);
    poller.openstack.mend(At::Leases);
    (1..=12).for_each(|run| retry(&poller, run));
    poller.pass(&[]);
    assert_eq!(poller.states(), ["succeeded"; 12]);
}

#[test]
fn questions_that_hang_take_up_no_place_of_a_script() {
    let mut poller = stage("", 9);
    poller.default("max_parallel = 1");
    (1..=8).for_each(|number| poller.openstack.deny(&lease(number)));
    show(&poller, 9, 9);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log(), ["full|9|test|"]);
    poller.openstack.fault(At::Leases, Fault::Gate);
    (1..=9).for_each(|run| retry(&poller, run));
    let service = poller.start(&[]);
    poller.openstack.wait_for_held(4);
    assert_eq!(poller.wait_for_log(2)[1], "full|9|test|");
    (1..=8).for_each(|number| show(&poller, number, number));
    poller.openstack.mend(At::Leases);
    poller.wait_for_log(10);
    service.stop();
}

#[test]
fn an_outage_between_passes_counts_against_nothing() {
    let mut poller = stage("", 1);
    poller.default("lease_retries = 1\nlease_retry_delay = 200ms");
    poller.openstack.deny(&lease(1));
    let service = poller.start(&["--from-start", "--every", "1h"]);
    service.wait_for("trying again in");
    let down = Fault::captured("35-keystone-down");
    poller.openstack.fault(At::Leases, down);
    let attempts = || poller.runs()[0]["attempts"].as_u64().expect("a number");
    wait_until("more failures than there are retries", || attempts() > 3);
    assert!(["running", "retryable", "due"].contains(&poller.states()[0].as_str()));
    show(&poller, 1, 1);
    poller.openstack.mend(At::Leases);
    assert_eq!(poller.wait_for_log(1), ["full|1|test|"]);
    service.stop();
}

#[test]
fn a_run_is_ordered_by_what_its_rule_says_as_soon_as_its_lease_is_known() {
    let poller = stage("order_by = purpose", 2);
    poller.pass(&["--from-start"]);
    let keys = || -> Vec<String> {
        let runs = poller.runs();
        let key = |run: &Value| run["key"].as_str().expect("text").to_owned();
        runs.iter().map(key).collect()
    };
    assert_ne!(keys()[0], keys()[1]);
    for number in 1..=2 {
        show(&poller, number, number);
        retry(&poller, number.unsigned_abs());
    }
    poller.pass(&[]);
    assert_eq!(keys(), ["test", "test"]);
    let mut log = poller.log();
    log.sort();
    assert_eq!(log, ["full|1|test|", "full|2|test|"]);
    let attempts: Vec<Value> = poller
        .runs()
        .iter()
        .map(|run| run["attempts"].clone())
        .collect();
    assert_eq!(attempts, [2, 2]);
}

#[test]
fn a_rule_that_is_new_gets_the_lease_of_an_event_that_was_stored_without_it() {
    let mut poller = Poller::new();
    poller.rule(
        "row",
        &format!("events = {FULFILL}\nscript = record.sh row\nscript_params = event_id"),
    );
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.openstack.deny(&lease(1));
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log(), ["row|1|"]);
    show(&poller, 1, 1);
    poller.rule(
        "full",
        &format!("events = {FULFILL}\nscript = record.sh full\nscript_params = event_id,purpose"),
    );
    poller.pass(&["--from-start", "--force"]);
    assert_eq!(poller.log()[1..], ["full|1|test|"]);
    let event: Value = poller.run_detail(2)["event"].clone();
    let lease = &event["payload"]["esi_leap_object.data"];
    assert_eq!(lease["status"], "deleted");
}
