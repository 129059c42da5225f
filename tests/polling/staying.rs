//! A poller that stays: it reads on, stops in order, and comes back by itself when the cloud does.

use std::fs;

use super::{recorded, rows};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, wait_until};

#[test]
fn a_row_that_appears_later_runs_and_a_stop_lets_its_script_finish() {
    let mut poller = Poller::new();
    poller.script(
        "gated.sh",
        r#"echo "start $1" >>"$LOG"
while [ ! -e gate ]; do sleep 0.02; done
echo "end $1" >>"$LOG""#,
    );
    poller.rule(
        "r",
        &format!("events = {FULFILL}\nscript = gated.sh\nscript_params = event_id"),
    );
    poller.openstack.rows(&rows([1]));
    let mut service = poller.start(&["--every", "1s", "--from-now"]);
    // What is there already is not wanted.
    wait_until("a second pass", || poller.asked().len() > 1);
    poller.openstack.rows(&rows([2, 1, 3]));
    assert_eq!(poller.wait_for_log(1), ["start 2"]);
    let passes = poller.asked().len();
    wait_until("a pass beside the script", || {
        poller.asked().len() > passes + 1
    });
    service.signal("TERM");
    service.wait_for("SIGTERM: draining");
    assert!(service.is_alive());
    fs::write(poller.path("gate"), "").expect("a gate");
    let (status, told) = service.wait();
    assert_eq!(status.code(), Some(0), "{told}");
    assert_eq!(poller.log(), ["start 2", "end 2"]);
    assert_eq!(poller.states(), ["succeeded", "due"]);
    // Whoever comes next does what is left.
    poller.pass(&[]);
    assert_eq!(poller.log()[2..], ["start 3", "end 3"]);
}

#[test]
fn a_cloud_that_fails_is_asked_ever_less_often_until_it_answers_again() {
    let poller = Poller::recording(FULFILL);
    poller.openstack.rows(&rows([1]));
    poller.pass(&["--from-start"]);
    poller.openstack.rows(&rows([2, 1]));
    poller
        .openstack
        .fault(At::Events, Fault::captured("35-keystone-down"));
    let before = poller.asked().len();
    let service = poller.start(&["--every", "1s", "--verbose"]);
    let waits = || waits(&service.log());
    wait_until("four failures", || waits().len() >= 4);
    // The limit doubles, and chance takes no more than half of it; a moment passes until it is told.
    for (wait, least) in waits().iter().zip([0.9, 0.9, 1.9, 3.9]) {
        assert!(*wait >= least, "{:?}", waits());
    }
    assert_eq!(poller.asked().len() - before, waits().len());
    assert!(
        service.log().contains("Unable to establish connection"),
        "{}",
        service.log()
    );
    // Told once; the rest is for `--verbose`.
    let told = |log: &str| {
        let failures = log.lines().filter(|line| line.contains("trying again in"));
        failures.filter(|line| !line.contains("DEBUG")).count()
    };
    assert_eq!(told(&service.log()), 1, "{}", service.log());
    assert_eq!(poller.log(), recorded(&[1]));
    poller.openstack.mend(At::Events);
    service.wait_for("the event history can be read again, after");
    assert_eq!(poller.wait_for_log(2), recorded(&[1, 2]));
    // And is asked as often as before.
    let calls = poller.asked().len();
    wait_until("more passes", || poller.asked().len() >= calls + 2);
    assert_eq!(poller.status()[0]["failures"], 0);
    poller
        .openstack
        .fault(At::Events, Fault::Exit(1, String::new()));
    let failed = waits().len();
    wait_until("another failure", || waits().len() > failed);
    assert!(waits()[failed] < 2.0, "{:?}", waits());
    assert_eq!(told(&service.log()), 2, "{}", service.log());
    service.stop();
}

/// How long the poller has said that it waits after each failure, in seconds.
fn waits(log: &str) -> Vec<f64> {
    let told = log.split("trying again in ").skip(1);
    let lengths = told.map(|rest| rest.lines().next().unwrap_or_default());
    let seconds = lengths.map(|length| {
        let (number, unit) = match length.strip_suffix("ms") {
            Some(number) => (number, 0.001),
            None => (length.trim_end_matches('s'), 1.0),
        };
        number.parse::<f64>().expect(length) * unit
    });
    seconds.collect()
}
