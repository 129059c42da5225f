//! A poller that is told to stop while it asks: it ends at once and well, ends its questions with all
//! their processes, and has moved nothing.

use std::fs;

use crate::support::history::{accepted, event, history, lease, outcomes, retry, show};
use crate::support::openstack::{At, Fault, group_lives};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, wait_until};

/// No limit of ours would end the question while this test waits.
const PATIENT: &str = "client_timeout = 1h\nstop_timeout = 1h";

fn is_stopped(arguments: &[&str], signal: &str, at: At<'_>, fault: Fault) {
    let mut poller = Poller::recording(FULFILL);
    poller.default(PATIENT);
    history(&poller, [1], |id| id);
    poller.pass(&["--from-start"]);
    history(&poller, 1..=3, |id| id);
    poller.openstack.fault(at, fault);
    let held = if matches!(at, At::Events) { 1 } else { 2 };
    let mut service = poller.start(arguments);
    let calls = poller.openstack.wait_for_held(held);
    service.signal(signal);
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    for call in calls {
        wait_until("the end of the call", || !group_lives(call.pid));
    }
    assert_eq!(poller.cursor(), Some(1));
    assert_eq!(accepted(&poller), [1]);
    // That was no failure of the cloud.
    assert!(poller.status()[0]["failure"].is_null());

    poller.openstack.mend(at);
    poller.pass(&[]);
    assert_eq!(accepted(&poller), [1, 2, 3]);
    assert_eq!(poller.log().len(), 3);
}

#[test]
fn a_stop_while_the_list_is_asked_for_ends_the_question() {
    is_stopped(&[], "TERM", At::Events, Fault::HangWithChild);
    is_stopped(&["--every", "1h"], "TERM", At::Events, Fault::HangDeaf);
    is_stopped(&["--every", "1h"], "INT", At::Events, Fault::Hang);
}

#[test]
fn a_stop_while_leases_are_asked_for_ends_the_questions() {
    is_stopped(&[], "TERM", At::Leases, Fault::HangWithChild);
    is_stopped(&["--every", "1h"], "TERM", At::Leases, Fault::HangDeaf);
    is_stopped(&["--every", "1h"], "INT", At::Leases, Fault::Hang);
}

#[test]
fn a_stop_while_a_run_asks_for_its_lease_leaves_the_run_due() {
    let mut poller = Poller::new();
    poller.default(PATIENT);
    poller.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = event_id,purpose"),
    );
    history(&poller, [1], |id| id);
    poller.openstack.rows(&[event(1, 1, 1), event(2, 2, 2)]);
    let unknown = lease(2);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["succeeded", "retryable"]);
    for arguments in [&[][..], &["--every", "1h"]] {
        retry(&poller, 2);
        poller
            .openstack
            .fault(At::Lease(&unknown), Fault::HangWithChild);
        let mut service = poller.start(arguments);
        let call = poller.openstack.wait_for_held(1).remove(0);
        service.signal("TERM");
        let (status, log) = service.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        wait_until("the end of the call", || !group_lives(call.pid));
        assert_eq!(poller.states(), ["succeeded", "due"]);
        let last = outcomes(&poller, 2).pop().expect("an attempt");
        assert!(last.starts_with("interrupted"), "{last}");
        // So that `runs retry` has something to do.
        poller.openstack.mend(At::Lease(&unknown));
        poller.pass(&[]);
        assert_eq!(poller.states(), ["succeeded", "retryable"]);
    }
    show(&poller, 2, 2);
    retry(&poller, 2);
    poller.pass(&[]);
    assert_eq!(poller.log(), ["1|test|", "2|test|"]);
}

#[test]
fn a_stop_lets_a_script_finish_though_the_client_hangs() {
    let mut poller = Poller::new();
    poller.default(PATIENT);
    poller.script(
        "gated.sh",
        r#"echo start >>"$LOG"; while [ ! -e gate ]; do sleep 0.02; done; echo end >>"$LOG""#,
    );
    poller.rule("r", &format!("events = {FULFILL}\nscript = gated.sh"));
    history(&poller, [1], |id| id);
    let mut service = poller.start(&["--from-start", "--every", "1s"]);
    poller.wait_for_log(1);
    poller.openstack.fault(At::Events, Fault::Hang);
    let call = poller.openstack.wait_for_held(1).remove(0);
    service.signal("TERM");
    service.wait_for("SIGTERM: draining");
    wait_until("the end of the call", || !group_lives(call.pid));
    assert_eq!(poller.log(), ["start"]);
    fs::write(poller.path("gate"), "").expect("a gate");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(poller.log(), ["start", "end"]);
    assert_eq!(poller.states(), ["succeeded"]);
}
