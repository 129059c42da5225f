//! The client fails over a lease: the pass has failed and says so, but nothing waits for that lease
//! that need not.

use crate::support::history::{event, lease, outcomes, retry, show};
use crate::support::openstack::{At, Fault, group_lives};
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;

fn stage() -> Poller {
    let mut poller = Poller::new();
    poller.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = event_id,purpose"),
    );
    poller
        .openstack
        .rows(&[event(1, 1, 1), event(2, 2, 2), event(3, 3, 3)]);
    for number in 1..=3 {
        show(&poller, number, number);
    }
    poller
}

/// A pass during which the second lease has this fault, for this reason.
fn fails(poller: &Poller, fault: Fault, reason: &str) {
    let second = lease(2);
    poller.openstack.fault(At::Lease(&second), fault);
    let printed = poller.ends(&["--from-start"], 75);
    let status = &poller.status()[0];
    let kept = status["failure"].as_str().expect("a reason");
    let outcomes = outcomes(poller, 2);
    for text in [&printed, kept, &outcomes[0]] {
        assert!(text.contains(reason), "{text}");
    }
    // The cursor is on disk, and the others have run.
    assert_eq!(poller.cursor(), Some(3));
    assert_eq!(poller.states(), ["succeeded", "retryable", "succeeded"]);
    let mut log = poller.log();
    log.sort();
    assert_eq!(log, ["1|test|", "3|test|"]);
    for call in poller.openstack.calls() {
        assert!(!group_lives(call.pid), "{call:?}");
    }

    poller.openstack.mend(At::Lease(&second));
    retry(poller, 2);
    poller.pass(&[]);
    assert_eq!(poller.log()[2..], ["2|test|"]);
    assert_eq!(poller.status()[0]["failures"], 0);
}

#[test]
fn a_lease_that_hangs_holds_up_no_other_beyond_its_limit() {
    for fault in [Fault::Hang, Fault::HangDeaf] {
        let mut poller = stage();
        poller.default("client_timeout = 5s");
        fails(&poller, fault, "did not end within 5s, and was ended");
    }
}

#[test]
fn a_client_that_fails_over_a_lease_fails_the_pass() {
    let cases = [
        (Fault::captured("34-bad-password"), "(HTTP 401)"),
        (
            Fault::captured("35-keystone-down"),
            "Unable to establish connection",
        ),
        (Fault::Exit(70, String::new()), "exit status 70"),
        (
            Fault::Prints("Welcome!\n".into()),
            "expected a JSON object with the lease's \"uuid\"",
        ),
        (Fault::Cut, "EOF while parsing"),
        (Fault::Prints("[]\n".into()), "invalid type: sequence"),
    ];
    for (fault, reason) in cases {
        fails(&stage(), fault, reason);
    }
}

#[test]
fn no_lease_is_to_blame_while_the_cloud_cannot_be_reached() {
    let mut poller = stage();
    poller.openstack.deny(&lease(2));
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["succeeded", "retryable", "succeeded"]);
    // One more refusal would be the last.
    poller.default("lease_retries = 0");
    let asked = poller.leases_asked();
    for fault in [
        Fault::captured("34-bad-password"),
        Fault::captured("35-keystone-down"),
    ] {
        poller.openstack.fault(At::Events, fault);
        retry(&poller, 2);
        poller.ends(&[], 75);
        assert_eq!(poller.states()[1], "retryable");
    }
    assert_eq!(poller.leases_asked(), asked);
    let last = outcomes(&poller, 2).pop().expect("an attempt");
    assert!(last.contains("Unable to establish connection"), "{last}");

    poller.openstack.mend(At::Events);
    show(&poller, 2, 2);
    retry(&poller, 2);
    poller.pass(&[]);
    assert_eq!(poller.log()[2..], ["2|test|"]);
}
