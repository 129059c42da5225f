//! Which leases are asked for, how often, and how many at once.

use std::time::Duration;

use crate::support::history::{event, history, lease, node, show};
use crate::support::openstack::{At, Call, Fault, lease_of, row};
use crate::support::poller::Poller;
use crate::support::scene::{DELETE, FULFILL};

/// Which leases were asked for, in the order of the calls.
fn asked(poller: &Poller) -> Vec<String> {
    let leases = calls_for_leases(poller).into_iter();
    leases.map(|call| call.argv[3].clone()).collect()
}

fn calls_for_leases(poller: &Poller) -> Vec<Call> {
    let mut calls = poller.openstack.calls();
    calls.retain(|call| call.argv[1] == "lease");
    calls
}

#[test]
fn a_lease_is_asked_for_once_however_many_events_and_rules_are_about_it() {
    let mut poller = Poller::new();
    for rule in ["one", "two", "three"] {
        poller.rule(
            rule,
            &format!(
                "events = esi_leap.lease.*\nscript = record.sh {rule}\nscript_params = event_id,purpose"
            ),
        );
    }
    let mut rows: Vec<_> = (1..=6).map(|id| event(id, 1, 1)).collect();
    rows[1]["Event Type"] = DELETE.into();
    poller.openstack.rows(&rows);
    show(&poller, 1, 1);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log().len(), 18);
    assert_eq!(asked(&poller), [lease(1)]);

    // What was seen is asked for no more; what is new is asked for anew, as it is now.
    poller.pass(&[]);
    assert_eq!(asked(&poller), [lease(1)]);
    rows.push(event(7, 1, 1));
    poller.openstack.rows(&rows);
    let mut changed = lease_of(&lease(1), &node(1));
    changed["purpose"] = "changed".into();
    poller.openstack.lease(&lease(1), changed);
    poller.pass(&[]);
    assert_eq!(asked(&poller), [lease(1), lease(1)]);
    let log = poller.log();
    assert_eq!(
        log[18..],
        ["one|7|changed|", "two|7|changed|", "three|7|changed|"]
    );
}

#[test]
fn a_lease_that_no_rule_can_want_is_not_asked_for() {
    let mut poller = Poller::new();
    let elsewhere = node(9);
    for rule in ["one", "two"] {
        poller.rule(
            rule,
            &format!(
                "events = {FULFILL}\nscript = record.sh {rule}\nscript_params = purpose\n\
                 filter_params = {{\"resource_uuid\": \"{elsewhere}\", \"purpose\": \"t\"}}"
            ),
        );
    }
    poller.rule(
        "off",
        "events = *\nscript = record.sh\nscript_params = purpose\nenabled = no",
    );
    let volume = {
        let mut row = event(4, 4, 9);
        row["Object Type"] = "offer".into();
        row
    };
    poller.openstack.rows(&[
        // Nobody's type; refused by every rule; wanted; no lease at all.
        row(1, DELETE, &lease(1), &elsewhere),
        event(2, 2, 2),
        event(3, 3, 9),
        volume,
    ]);
    for number in 1..=4 {
        show(&poller, number, 9);
    }
    poller.pass(&["--from-start"]);
    assert_eq!(asked(&poller), [lease(3)]);
    assert_eq!(poller.log(), ["one|test|", "two|test|"]);
    assert_eq!(poller.cursor(), Some(4));

    // One rule that cannot tell without it is enough.
    poller.rule(
        "third",
        &format!(
            "events = {FULFILL}\nscript = record.sh third\n\
             filter_params = {{\"properties.vendor\": \"foo\"}}"
        ),
    );
    poller.openstack.rows(&[event(3, 3, 9), event(5, 2, 2)]);
    poller.pass(&[]);
    assert_eq!(asked(&poller), [lease(3), lease(2)]);
    assert_eq!(poller.log()[2..], ["third|"]);
}

#[test]
fn never_more_than_four_are_asked_for_at_once() {
    let poller = Poller::recording(FULFILL);
    history(&poller, 1..=20, |id| id);
    poller.openstack.fault(At::Leases, Fault::Gate);
    let mut service = poller.start(&["--from-start"]);
    poller.openstack.wait_for_held(4);
    // Long enough for a fifth to come in beside them.
    poller
        .openstack
        .fault(At::Leases, Fault::Delay(Duration::from_millis(100)));
    let (status, log) = service.wait();
    assert!(status.success(), "{log}");
    assert_eq!(poller.log().len(), 20);
    let calls = calls_for_leases(&poller);
    assert_eq!(calls.len(), 20);
    let under_way = |at: &Call| {
        let beside = |call: &&Call| call.began <= at.began && call.ended > Some(at.began);
        calls.iter().filter(beside).count()
    };
    assert_eq!(calls.iter().map(under_way).max(), Some(4));
}
