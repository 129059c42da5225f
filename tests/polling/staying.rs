//! A poller that stays: it reads on, stops in order, and comes back by itself when the cloud does.

use std::fs;

use super::rows;
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
    service.wait_for("SIGTERM: taking nothing new");
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
