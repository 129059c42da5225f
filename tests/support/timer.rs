//! What timers are seen by: a rule that writes their firings down, and a clock that is set.

use jiff::Timestamp;

use super::service::Service;
use super::shim::Shim;
use super::stage::Stage;

/// The rule and the script that write each firing of `nightly` down: its number and its time.
pub(crate) fn recorded(stage: &mut Stage) {
    let rule = "events = nightly\nscript = record.sh\nscript_params = i, scheduled";
    stage.rule("report", rule);
}

/// A stage with a timer `nightly` of these options, and no bus.
pub(crate) fn timer(options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:nightly", &format!("type = timer\n{options}"));
    recorded(&mut stage);
    stage
}

/// Sets the clock of the program to this time.
pub(crate) fn set_clock_to(shim: &Shim, time: &str) {
    let time: Timestamp = time.parse().expect("a time");
    shim.set_clock(time.duration_since(Timestamp::now()).as_secs());
}

/// Starts `listen` with this clock.
pub(crate) fn start(stage: &Stage, shim: &Shim) -> Service {
    Service::start(shim.below(&mut stage.program("listen")))
}

/// Has `listen --until-idle` do what is due, and begin with timers that are new; gives what it logged.
pub(crate) fn drain(stage: &Stage, shim: &Shim) -> String {
    let mut command = stage.program("listen");
    let output = shim.below(&mut command).arg("--until-idle").output();
    let output = output.expect("the program");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}
