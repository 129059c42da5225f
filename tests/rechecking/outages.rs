//! While ESI Leap cannot be asked, runs wait, which counts against nothing and holds up nobody else.

use super::{Rechecking, line};
use crate::support::history::{lease, outcomes};
use crate::support::openstack::{At, Fault, group_lives};
use crate::support::scene::{FULFILL, wait_until};

fn plain(stage: &mut Rechecking) {
    let events = "esi_leap.lease.fulfill.end";
    stage.rule(
        "plain",
        &format!("events = {events}\nscript = plain.sh\nscript_params = uuid\norder_by = name"),
    );
    stage.script("plain.sh", r#"echo "plain|$1|" >>"$LOG""#);
}

#[test]
fn runs_wait_for_a_cloud_that_is_down_in_their_order() {
    let mut stage = Rechecking::active("recheck-down", "retries = 0");
    plain(&mut stage);
    (1..=3).for_each(|number| stage.show(number, "active"));
    let down = Fault::captured("35-keystone-down");
    stage.openstack.fault(At::Leases, down);
    let service = stage.listen();
    // Two of one node, one of another one.
    for (of_lease, on_node) in [(1, 1), (2, 1), (3, 3)] {
        stage.fulfilled(of_lease, on_node);
    }
    let attempts = |run: u64| stage.run_detail(run)["attempts"].as_u64().unwrap_or(0);
    wait_until("several questions in vain", || {
        attempts(1) > 2 && attempts(5) > 2
    });
    // Others went on, the later run of the node did not.
    let mut log = stage.wait_for_log(3);
    log.sort();
    assert_eq!(log, [line("plain", 1), line("plain", 2), line("plain", 3)]);
    assert_eq!(attempts(3), 0);
    let outcome = &outcomes(&stage, 1)[0];
    let expected = "not started: ESI Leap cannot be asked for the lease (`recheck`): ";
    assert!(outcome.starts_with(expected), "{outcome}");
    assert!(
        outcome.contains("Unable to establish connection"),
        "{outcome}"
    );
    let told = service.log();
    let logged = told.lines().filter(|line| {
        line.contains("failed: not started: ESI Leap cannot be asked") && line.contains("Unable to")
    });
    assert!(logged.count() <= 3, "{told}");

    stage.openstack.mend(At::Leases);
    service.wait_for("leases can be requested again, after");
    let log = stage.wait_for_log(6);
    service.stop();
    let of_rule: Vec<_> = log.iter().filter(|line| line.starts_with("r|")).collect();
    let place = |number| of_rule.iter().position(|it| **it == line("r", number));
    assert!(place(1) < place(2), "{log:?}");
    assert_eq!(stage.states(), ["succeeded"; 6]);
}

#[test]
fn a_lease_that_is_denied_waits_too() {
    let stage = Rechecking::active("recheck-denied", "");
    stage.openstack.deny(&lease(1));
    let service = stage.listen();
    stage.fulfilled(1, 1);
    service.wait_for("Access was denied to lease");
    stage.show(1, "active");
    stage.wait_for_log(1);
    service.stop();
}

#[test]
fn a_slow_cloud_takes_up_no_place_and_no_more_than_its_time() {
    let mut stage = Rechecking::active("recheck-slow", "");
    plain(&mut stage);
    stage.default("max_parallel = 1\nclient_timeout = 8s");
    (1..=2).for_each(|number| stage.show(number, "active"));
    stage.openstack.fault(At::Leases, Fault::Hang);
    let service = stage.listen();
    stage.fulfilled(1, 1);
    let held = stage.openstack.wait_for_held(1);
    stage.fulfilled(2, 2);
    // With the only place.
    stage.wait_for_log(2);
    assert_eq!(stage.states()[0], "running");
    service.wait_for("did not end within 8s, and was ended");
    assert!(held.iter().all(|call| !group_lives(call.pid)));
    stage.openstack.mend(At::Leases);
    let log = stage.wait_for_log(4);
    service.stop();
    assert!(
        log[2..].iter().all(|line| line.starts_with("r|")),
        "{log:?}"
    );
}

/// The only place is taken while ESI Leap is asked: then the run waits for the next one.
#[test]
fn a_run_that_may_begin_comes_before_those_that_came_later() {
    let mut stage = Rechecking::active("recheck-place", "");
    stage.rule(
        "long",
        &format!(
            "events = {FULFILL}\nscript = long.sh\nscript_params = uuid\norder_by = uuid\n\
             filter_params = {{\"uuid\": \"{}|{}\"}}",
            lease(2),
            lease(3)
        ),
    );
    stage.script(
        "long.sh",
        r#"echo "long|$1|" >>"$LOG"; while [ ! -e "go-$1" ] && [ -e "$LOG" ]; do sleep 0.02; done"#,
    );
    stage.default("max_parallel = 1");
    (1..=3).for_each(|number| stage.show(number, "active"));
    (2..=3).for_each(|number| stage.openstack.deny(&lease(number)));
    let first = lease(1);
    stage.openstack.fault(At::Lease(&first), Fault::Gate);
    let service = stage.listen();
    stage.fulfilled(1, 1);
    stage.openstack.wait_for_held(1);
    stage.fulfilled(2, 2);
    assert_eq!(stage.wait_for_log(1), [line("long", 2)]);
    stage.fulfilled(3, 3);
    wait_until("all runs", || stage.runs().len() == 5);
    stage.openstack.mend(At::Lease(&first));
    wait_until("the answer", || {
        let calls = stage.openstack.calls();
        let of_first = calls.iter().find(|call| call.argv.contains(&first));
        of_first.is_some_and(|call| call.ended.is_some())
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(stage.log().len(), 1, "there is one place");
    std::fs::write(stage.path(&format!("go-{}", lease(2))), "").expect("a file");
    let log = stage.wait_for_log(3);
    assert_eq!(log[1..], [line("r", 1), line("long", 3)]);
    std::fs::write(stage.path(&format!("go-{}", lease(3))), "").expect("a file");
    service.stop();
}
