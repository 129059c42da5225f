//! A history that nobody has read for years, in one answer.

use super::{NODE, recorded};
use crate::support::history::history;
use crate::support::openstack::{lease_of, row};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Service, wait_until};
use crate::support::shim::Shim;

const ROWS: i64 = 100_000;

/// So many MiB a poller may come to, whose history is an answer of 40 MiB.
const LARGEST: u64 = 200;

#[test]
fn of_100_000_rows_in_one_answer_each_that_concerns_a_rule_runs_once() {
    let poller = Poller::recording(FULFILL);
    let lease = |id: i64| format!("00000000-0000-4000-8000-{:012}", id % 5);
    for id in 0..5 {
        poller
            .openstack
            .lease(&lease(id), lease_of(&lease(id), NODE));
    }
    let wanted: Vec<i64> = (1..=ROWS).filter(|id| id % 2_501 == 0).collect();
    let rows: Vec<_> = (1..=ROWS)
        .rev()
        .map(|id| {
            let event_type = if wanted.binary_search(&id).is_ok() {
                FULFILL
            } else {
                "esi_leap.lease.fulfill.start"
            };
            row(id, event_type, &lease(id), NODE)
        })
        .collect();
    poller.openstack.rows(&rows);
    let service = poller.start(&["--every", "1h", "--from-start"]);
    poller.wait_for_log(wanted.len());
    let finished = || {
        let states = poller.states();
        states.len() == wanted.len() && states.iter().all(|state| state == "succeeded")
    };
    wait_until("the runs to end", finished);
    wait_until("the pass to end", || poller.cursor() == Some(ROWS));
    assert_eq!(poller.log(), recorded(&wanted));
    let size = service.largest_size();
    assert!(size < LARGEST, "{size} MiB");
    service.stop();
    assert_eq!(poller.leases_asked(), 5);
    // All of it was one answer, and later ones are short.
    poller.pass(&[]);
    assert_eq!(poller.asked(), [0, ROWS - 200]);
    assert_eq!(poller.log().len(), wanted.len());
}

#[test]
fn a_pass_that_lasts_tells_how_much_is_left() {
    let poller = Poller::recording(FULFILL);
    history(&poller, 1..=200, |id| id);
    let shim = Shim::new(&poller);
    let mut command = poller.polling(&["--from-start"]);
    shim.slow_down(std::time::Duration::from_secs(1));
    let service = Service::start(shim.below(&mut command));
    service.wait_for("reading the event history of ");
    service.wait_for(" events are left");
    service.kill();
}
