//! On the bus: what is accepted, refused and not there, retries, steps, and a crash.

use std::os::unix::process::ExitStatusExt;

use super::{Rechecking, line, notified};
use crate::support::history::{lease, outcomes};
use crate::support::openstack::{At, Fault};
use crate::support::scene::{DELETE, FULFILL, notification, wait_until};

#[test]
fn a_run_begins_if_esi_leap_shows_the_lease_as_it_has_to_be() {
    let mut stage = Rechecking::new("recheck");
    stage.rule(
        "r",
        &format!(
            "events = {FULFILL}\nscript = record.sh r\nscript_params = uuid\n\
             recheck = {{\"status\": {{\"in\": [\"active\", \"created\"]}}, \"node_properties.no_such_property\": \
             {{\"exists\": false}}, \"node_uuid\": \"7a1c\"}}"
        ),
    );
    // Fine; deleted; unknown; and one that says no lease at all.
    stage.show(1, "active");
    stage.show(2, "deleted");
    for number in 1..=3 {
        stage.fulfilled(number, number);
    }
    stage.publish(notification(FULFILL).with("uuid", "").body);
    stage.drain();
    assert_eq!(stage.log(), [line("r", 1)]);
    assert_eq!(
        stage.states(),
        ["succeeded", "cancelled", "cancelled", "cancelled"]
    );
    let reasons = [
        (
            2,
            "not started: the lease does not match recheck: status should be such that",
        ),
        (2, "but is the text \"deleted\""),
        (3, "not started: ESI Leap has no lease 81347eb5"),
        (3, "'NoneType' object has no attribute 'owner_id'"),
        (4, "the event is about no lease"),
    ];
    for (run, part) in reasons {
        let shown = stage.run(&["runs", "show", &run.to_string()]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains(part), "no `{part}` in {shown}");
        let reason = stage.run_detail(run)["reason"].to_string();
        assert!(reason.contains("not started: "), "{reason}");
    }
    let mut asked = stage.asked();
    asked.sort();
    assert_eq!(asked, [lease(1), lease(2), lease(3)]);
}

#[test]
fn a_retry_is_asked_about_again() {
    let stage = Rechecking::active("recheck-retry", "retries = 3\nretry_delay = 100ms");
    // Its lease is deleted while it is performed.
    let leases = stage.path("cloud/leases.json");
    stage.show(1, "deleted");
    std::fs::copy(&leases, stage.path("deleted.json")).expect("a file");
    stage.script(
        "record.sh",
        &format!(
            "echo \"$1|$2|\" >>\"$LOG\"; mv deleted.json '{}'; exit 3",
            leases.display()
        ),
    );
    stage.show(1, "active");
    stage.fulfilled(1, 1);
    let service = stage.listen();
    wait_until("the run to be given up", || stage.states() == ["cancelled"]);
    service.stop();
    let outcomes = outcomes(&stage, 1);
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert_eq!(outcomes[0], "exit status 3");
    assert!(
        outcomes[1].starts_with("not started: the lease does not match recheck: "),
        "{outcomes:?}"
    );
    assert_eq!(stage.log(), [line("r", 1)]);
    assert_eq!(stage.asked().len(), 2);
    // The operator's retry is one, too.
    stage.show(1, "active");
    stage.script("record.sh", r#"echo "again|" >>"$LOG""#);
    assert!(stage.run(&["runs", "retry", "1"]).status.success());
    stage.drain();
    assert_eq!(stage.log()[1..], ["again|"]);
    assert_eq!(stage.asked().len(), 3);
}

#[test]
fn a_run_of_several_steps_is_not_given_up_halfway() {
    let mut stage = Rechecking::active("recheck-steps", "on_success = r/next");
    // Its lease goes while its first step is performed.
    stage.rule("r/next", "script = record.sh next\nscript_params = uuid");
    let stop_showing = format!(
        "cp '{}' \"$LOG.leases\"; echo '{{}}' >'{0}'\necho \"$1|$2|\" >>\"$LOG\"",
        stage.path("cloud/leases.json").display()
    );
    stage.script("record.sh", &stop_showing);
    stage.show(1, "active");
    stage.fulfilled(1, 1);
    stage.drain();
    assert_eq!(stage.log(), [line("r", 1), line("next", 1)]);
    assert_eq!(stage.states(), ["succeeded"]);
    assert_eq!(stage.asked(), [lease(1)]);
}

#[test]
fn a_run_that_is_asked_about_has_not_started() {
    let stage = Rechecking::active("recheck-pointless", &format!("cancelled_by = {DELETE}"));
    stage.show(1, "active");
    stage.openstack.fault(At::Leases, Fault::Gate);
    let service = stage.listen();
    stage.fulfilled(1, 1);
    stage.openstack.wait_for_held(1);
    // What takes longer is on record.
    wait_until("a remark", || {
        let shown = stage.run(&["runs", "show", "1"]).stdout;
        String::from_utf8_lossy(&shown).contains("running: asking ESI Leap for the lease")
    });
    stage.publish(notified(DELETE, 1, 1));
    wait_until("the event that cancels", || {
        let event = stage.run_detail(1);
        event["reason"]
            .as_str()
            .is_some_and(|why| why.starts_with("cancelled by "))
    });
    stage.openstack.mend(At::Leases);
    wait_until("the run to be cancelled", || {
        stage.states() == ["cancelled"]
    });
    // And one that the operator cancels meanwhile.
    stage.show(2, "active");
    stage.openstack.fault(At::Leases, Fault::Gate);
    stage.fulfilled(2, 2);
    stage.openstack.wait_for_held(1);
    assert!(stage.run(&["runs", "cancel", "2"]).status.success());
    wait_until("the run to be cancelled", || {
        stage.states() == ["cancelled", "cancelled"]
    });
    stage.openstack.mend(At::Leases);
    service.stop();
    assert!(stage.log().is_empty());
    let reason = stage.run_detail(1)["reason"].to_string();
    assert!(
        reason.contains("cancelled by esi_leap.lease.delete.end"),
        "{reason}"
    );
}

#[test]
fn a_crash_while_esi_leap_is_asked_is_an_interrupted_attempt() {
    let stage = Rechecking::active("recheck-crash", "");
    stage.show(1, "active");
    stage.fulfilled(1, 1);
    let killed = stage
        .program("listen")
        .arg("--until-idle")
        .env("ESI_CRASH_POINT", "lease-rechecked")
        .output()
        .expect("the program");
    assert_eq!(killed.status.signal(), Some(9), "{killed:?}");
    assert_eq!(stage.states(), ["running"]);
    stage.show(2, "active");
    stage.fulfilled(2, 1);
    stage.drain();
    assert_eq!(stage.log(), [line("r", 1), line("r", 2)]);
    let outcomes = outcomes(&stage, 1);
    assert!(outcomes[0].starts_with("interrupted"), "{outcomes:?}");
    assert_eq!(outcomes[1], "exit status 0");
    // It was asked again.
    assert_eq!(stage.asked(), [lease(1), lease(1), lease(2)]);
}

#[test]
fn a_stop_waits_for_no_question() {
    let stage = Rechecking::active("recheck-stop", "");
    stage.show(1, "active");
    stage.openstack.fault(At::Leases, Fault::Gate);
    let service = stage.listen();
    stage.fulfilled(1, 1);
    stage.openstack.wait_for_held(1);
    service.stop();
    assert_eq!(stage.states(), ["due"]);
    stage.openstack.mend(At::Leases);
    stage.drain();
    assert_eq!(stage.log(), [line("r", 1)]);
}
