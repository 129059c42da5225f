//! kill -9 of the poller at every step of a pass, then a pass: as if nothing had happened, but for
//! attempts that were interrupted, which are on record.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::history::{accepted, history, lease, outcomes};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::repeats::{TIMED, assert_nothing_is_lost, assert_order, starts};
use crate::support::scene::{FULFILL, Service, wait_until};

/// A stage that has read one event, and finds a history up to this id, all on one node.
fn stage(last: i64) -> Poller {
    let mut poller = Poller::new();
    poller.script("timed.sh", TIMED);
    poller.rule(
        "timed",
        &format!("events = {FULFILL}\nscript = timed.sh\nscript_params = node_uuid,event_id"),
    );
    history(&poller, [1], |_| 1);
    poller.pass(&["--from-start"]);
    history(&poller, 1..=last, |_| 1);
    poller
}

/// Starts a poller, waits until so many of its questions are held, and kills it.
fn kill_at_gate(poller: &Poller, at: At<'_>, held: usize) {
    poller.openstack.fault(at, Fault::Gate);
    let service = poller.start(&[]);
    poller.openstack.wait_for_held(held);
    service.kill();
}

/// What is accepted is what the cursor says: both are on disk, or neither.
fn assert_cursor_is_what_is_accepted(poller: &Poller) -> i64 {
    let cursor = poller.cursor().expect("a cursor");
    assert_eq!(accepted(poller), (1..=cursor).collect::<Vec<i64>>());
    cursor
}

#[test]
fn killed_while_the_list_is_asked_for() {
    let poller = stage(4);
    kill_at_gate(&poller, At::Events, 1);
    assert_eq!(assert_cursor_is_what_is_accepted(&poller), 1);
    // Whoever is still asking has nobody left to tell.
    poller.openstack.mend(At::Events);
    poller.pass(&[]);
    assert_eq!(assert_cursor_is_what_is_accepted(&poller), 4);
    assert_eq!(assert_nothing_is_lost(&poller, 4), 0);
    assert_order(&poller, 1);
}

#[test]
fn killed_at_the_very_first_list() {
    let poller = Poller::recording(FULFILL);
    history(&poller, 1..=2, |id| id);
    poller.openstack.fault(At::Events, Fault::Gate);
    let service = poller.start(&["--from-start"]);
    poller.openstack.wait_for_held(1);
    service.kill();
    poller.openstack.mend(At::Events);
    // It has not begun, and where to begin is asked for as before.
    assert!(poller.status().is_empty());
    poller.ends(&[], 2);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log().len(), 2);
}

#[test]
fn killed_while_leases_are_asked_for() {
    let poller = stage(4);
    kill_at_gate(&poller, At::Leases, 3);
    assert_eq!(assert_cursor_is_what_is_accepted(&poller), 1);
    poller.openstack.mend(At::Leases);
    poller.pass(&[]);
    assert_eq!(assert_cursor_is_what_is_accepted(&poller), 4);
    assert_eq!(assert_nothing_is_lost(&poller, 4), 0);
    assert_order(&poller, 1);
}

#[test]
fn killed_between_two_batches_keeps_the_first_and_asks_for_the_second_again() {
    let poller = stage(30);
    let held = lease(30);
    // One lease of the second batch does not come.
    poller.openstack.fault(At::Lease(&held), Fault::Gate);
    let service = poller.start(&[]);
    poller.openstack.wait_for_held(1);
    wait_until("the first batch", || poller.cursor() > Some(1));
    service.kill();
    let cursor = assert_cursor_is_what_is_accepted(&poller);
    assert!(cursor < 30, "{cursor}");
    poller.openstack.mend(At::Lease(&held));
    poller.pass(&[]);
    assert_eq!(assert_cursor_is_what_is_accepted(&poller), 30);
    assert_nothing_is_lost(&poller, 30);
    assert_order(&poller, 1);
}

/// Says who it is, and never ends by itself if it is the first attempt of the first event.
const STUCK: &str = r#"echo "start $1 $ESI_ATTEMPT" >>"$LOG"
[ "$1 $ESI_ATTEMPT" != "1 1" ] || while :; do sleep 0.02; done
echo "end $1 $ESI_ATTEMPT" >>"$LOG""#;

#[test]
fn killed_after_the_accept_before_the_scripts_and_while_one_runs() {
    let mut poller = Poller::new();
    poller.default("max_parallel = 1");
    poller.script("stuck.sh", STUCK);
    poller.rule(
        "stuck",
        &format!("events = {FULFILL}\nscript = stuck.sh\nscript_params = event_id"),
    );
    // The second waits for its node, the third for a place.
    history(&poller, 1..=3, |id| id / 3);
    let service = poller.start(&["--from-start"]);
    poller.wait_for_log(1);
    wait_until("the cursor", || poller.cursor() == Some(3));
    service.kill();
    assert_cursor_is_what_is_accepted(&poller);
    assert_eq!(poller.log(), ["start 1 1"]);

    // What is on disk needs no cloud.
    poller
        .openstack
        .fault(At::Events, Fault::captured("35-keystone-down"));
    poller.ends(&[], 75);
    assert_eq!(poller.states(), ["succeeded"; 3]);
    let log = poller.log();
    let expected = ["start 1 1", "start 1 2", "end 1 2"];
    assert_eq!(log[..3], expected);
    assert_eq!(log.len(), 7, "{log:?}");
    let first = outcomes(&poller, 1);
    assert!(first[0].starts_with("interrupted"), "{first:?}");
    assert_eq!(first[1..], ["exit status 0"]);
    for run in [2, 3] {
        assert_eq!(outcomes(&poller, run), ["exit status 0"]);
    }
}

/// Kills a poller at a moment that chance decides.
fn kill_somewhere(service: Service, poller: &Poller, round: usize, whole_pass: Duration) {
    if round.is_multiple_of(3) {
        // While scripts run, or just after one has ended.
        let before = starts(poller);
        wait_until("a script", || starts(poller) > before);
        thread::sleep(Duration::from_millis(30).mul_f64(fastrand::f64() * 2.0));
    } else {
        thread::sleep(whole_pass.mul_f64(fastrand::f64() * 1.2));
    }
    service.kill();
}

#[test]
fn twenty_kills_amid_a_growing_history_lose_nothing_and_explain_every_repeat() {
    const KILLS: i64 = 20;
    const NODES: i64 = 6;
    let mut poller = Poller::new();
    poller.script("timed.sh", TIMED);
    poller.rule(
        "timed",
        &format!("events = {FULFILL}\nscript = timed.sh\nscript_params = node_uuid,event_id"),
    );
    let show = |last: i64| {
        // In whatever order.
        let mut ids: Vec<i64> = (1..=last).collect();
        fastrand::shuffle(&mut ids);
        history(&poller, ids, |id| id % NODES);
    };
    show(3);
    let began = Instant::now();
    poller.pass(&["--from-start"]);
    let whole_pass = began.elapsed();
    for round in 1..=KILLS {
        show(3 * (round + 1));
        let service = poller.start(&["--every", "1h"]);
        let round = usize::try_from(round).expect("a small number");
        kill_somewhere(service, &poller, round, whole_pass);
        assert_cursor_is_what_is_accepted(&poller);
    }
    poller.pass(&[]);
    assert_eq!(assert_cursor_is_what_is_accepted(&poller), 3 * (KILLS + 1));
    let repeats = assert_nothing_is_lost(&poller, 63);
    assert!(repeats > 0, "no kill met a script: nothing was shown");
    assert_order(&poller, 6);
}
