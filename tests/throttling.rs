//! Rules that let only some of their events start: a storm told once, over restarts and kills.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use esi_event_actions::crash::Point;
use jiff::Timestamp;
use serde_json::Value;

use super::support::scene::{Scene, notification, wait_until};

const ERROR: &str = "esi_leap.lease.fulfill.error";

/// A stage whose rule has this throttle, and writes down the purpose of each lease that it is called for.
fn scene(name: &str, throttle: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script("tell.sh", r#"echo "$1" >>"$LOG""#);
    let rule = format!("events = {ERROR}\nscript = tell.sh\nscript_params = purpose\n{throttle}");
    scene.rule("tell", &rule);
    scene
}

/// That a lease could not be fulfilled, so many times from this number on: its purpose says which time it is.
fn storm(scene: &Scene, from: usize, times: usize) {
    let error = notification(ERROR);
    let bodies = (from..from + times).map(|number| {
        let again = error.with("purpose", number.to_string());
        again.fresh().body
    });
    scene.publish_all(bodies);
}

/// How many runs are in this state.
fn count(scene: &Scene, state: &str) -> usize {
    let states = scene.states();
    states.iter().filter(|found| *found == state).count()
}

/// What `explain` says of the throttle for one more such event.
fn explained(scene: &Scene) -> Value {
    let file = scene.path("error.json");
    fs::write(&file, notification(ERROR).body).expect("a file");
    let file = file.to_str().expect("text");
    let output = scene.run(&["explain", file, "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    shown["rules"][0]["throttle"].clone()
}

#[test]
fn a_storm_of_errors_is_told_once_and_the_rest_is_on_record() {
    const TIMES: usize = 60;
    let scene = scene("storm", "once_within = 1h");
    assert!(explained(&scene).get("now").is_none(), "no journal yet");
    storm(&scene, 0, TIMES);
    scene.drain();
    assert_eq!(scene.log(), ["0"]);
    assert_eq!(count(&scene, "succeeded"), 1);
    assert_eq!(count(&scene, "cancelled"), TIMES - 1);
    let runs = scene.runs();
    let reasons = runs.iter().filter(|run| run["state"] == "cancelled");
    for reason in reasons.map(|run| run["reason"].as_str().expect("a reason")) {
        let expected = "held back by once_within = 1h: run 1 was let through at ";
        assert!(reason.starts_with(expected), "{reason}");
    }
    // Another start of the service goes on with the window.
    storm(&scene, TIMES, 1);
    scene.drain();
    assert_eq!(scene.log(), ["0"]);
    let throttle = explained(&scene);
    assert_eq!(throttle["throttle"], "once_within = 1h");
    assert_eq!(throttle["now"], "held_back");
    assert_eq!(throttle["events"], TIMES + 2);
    // The operator may start one that was held back.
    let retried = scene.run(&["runs", "retry", "2"]);
    assert!(retried.status.success(), "{retried:?}");
    scene.drain();
    assert_eq!(scene.log(), ["0", "1"]);
}

#[test]
fn one_run_for_a_window_starts_at_its_end_also_if_the_service_was_down_then() {
    let scene = scene("once-after", "once_after = 8s");
    let service = scene.listen();
    storm(&scene, 0, 5);
    wait_until("all to be accepted", || count(&scene, "cancelled") == 4);
    let runs = scene.runs();
    let scheduled = runs.iter().find(|run| run["state"] == "scheduled");
    let scheduled = scheduled.expect("one that stands for all");
    let due: Timestamp = scheduled["due_at"]
        .as_str()
        .and_then(|due| due.parse().ok())
        .expect("a time");
    service.kill();
    wait_until("the end of the window", || Timestamp::now() > due);
    assert_eq!(scene.states().len(), 5);
    let service = scene.listen();
    assert_eq!(scene.wait_for_log(1), ["0"]);
    wait_until("the run to end", || count(&scene, "succeeded") == 1);
    // The next event begins the next window.
    storm(&scene, 5, 1);
    wait_until("the next window", || count(&scene, "scheduled") == 1);
    assert_eq!(count(&scene, "cancelled"), 4);
    service.kill();
}

#[test]
fn a_kill_between_a_run_and_its_window_counts_nothing_twice() {
    const TIMES: usize = 6;
    let scene = scene("kill-window", "threshold = 3 within 1h");
    storm(&scene, 1, TIMES);
    for time in 1..=2 {
        let mut command = scene.program("listen");
        command.arg("--until-idle");
        let point = format!("{}:{time}", Point::WindowWritten.name());
        let killed = command.env("ESI_CRASH_POINT", point).output();
        let killed = killed.expect("the program");
        assert_eq!(killed.status.signal(), Some(9), "{killed:?}");
        // What is not committed is not there; an earlier batch may have been.
        assert!(scene.runs().len() < time, "{:?}", scene.runs());
    }
    scene.drain();
    assert_eq!(scene.log(), ["3"]);
    assert_eq!(count(&scene, "succeeded"), 1);
    assert_eq!(count(&scene, "cancelled"), TIMES - 1);
    assert_eq!(explained(&scene)["events"], TIMES + 1);
}
