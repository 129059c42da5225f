//! How the service stops: what runs may finish, what does not is on record and comes again, and
//! what waits stays where it is.

mod signals;

use std::fs;
use std::time::Duration;

use super::support::scene::{FULFILL, Scene, Service, lease, wait_until};

/// Ends when there is a file by the name of `gate`, or of `gate-` and the argument.
const GATED: &str = r#"echo "start $1 $ESI_ATTEMPT" >>"$LOG"
while [ ! -e gate ] && [ ! -e "gate-$1" ]; do sleep 0.02; done
echo "end $1 $ESI_ATTEMPT" >>"$LOG""#;

/// Tells when it is asked to end, and goes on; a second attempt ends well.
const DEAF: &str = r#"if [ "$ESI_ATTEMPT" -gt 1 ]; then echo "again $1 $ESI_ATTEMPT" >>"$LOG"; exit; fi
trap 'echo "asked $1" >>"$LOG"' TERM
echo "start $1 $ESI_ATTEMPT" >>"$LOG"
while :; do sleep 0.02; done"#;

/// A stage with these two scripts, for which the purpose of a lease decides.
fn stage(name: &str, defaults: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.default(defaults);
    scene.script("gated.sh", GATED);
    scene.script("deaf.sh", DEAF);
    for (rule, filter) in [("gated", "(?!deaf)"), ("deaf", "deaf")] {
        scene.rule(
            rule,
            &format!(
                "events = {FULFILL}\nscript = {rule}.sh\nscript_params = purpose\n\
                 filter_params = {{\"purpose\": \"{filter}\"}}"
            ),
        );
    }
    scene
}

fn open_gate(scene: &Scene) {
    fs::write(scene.path("gate"), "").expect("a gate");
}

/// Asks it to stop, and waits until it has understood.
fn ask_to_stop(service: &Service, signal: &str) {
    service.signal(signal);
    service.wait_for(&format!("SIG{signal}: draining"));
}

fn outcome(scene: &Scene, run: u64, attempt: usize) -> String {
    let detail = scene.run_detail(run);
    let outcome = &detail["attempt_records"][attempt - 1]["outcome"];
    outcome.as_str().expect("an outcome").to_owned()
}

fn finishes_what_runs(signal: &str) {
    let scene = stage(&format!("finishes-{signal}"), "max_parallel = 2");
    let purposes = [("one", "a"), ("other", "b"), ("two", "a"), ("three", "b")];
    scene.publish_all(purposes.map(|(purpose, node)| lease(purpose, node)));
    let mut service = scene.listen();
    scene.wait_for_log(2);
    wait_until("four runs", || scene.runs().len() == 4);
    ask_to_stop(&service, signal);
    wait_until("the queue to be left alone", || {
        scene.publish(lease("late", "c"));
        scene.waiting() > Some(0)
    });
    let left_in_queue = scene.waiting().expect("a queue") as usize;
    let taken = scene.runs().len();
    // One finishes, and gives its place and its node to nobody.
    fs::write(scene.path("gate-other"), "").expect("a gate");
    wait_until("the other one to end", || scene.states()[1] == "succeeded");
    assert!(service.is_alive());
    fs::write(scene.path("gate-one"), "").expect("a gate");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");

    let log = scene.log();
    assert_eq!(log[2..], ["end other 1", "end one 1"]);
    let states = scene.states();
    assert_eq!(states[..2], ["succeeded", "succeeded"]);
    assert!(states[2..].iter().all(|state| state == "due"), "{states:?}");
    assert_eq!(states.len(), taken);
    assert_eq!(scene.waiting(), u32::try_from(left_in_queue).ok());

    open_gate(&scene);
    scene.drain();
    assert_eq!(scene.waiting(), Some(0));
    let states = scene.states();
    assert_eq!(states.len(), taken + left_in_queue);
    assert!(
        states.iter().all(|state| state == "succeeded"),
        "{states:?}"
    );
    assert_eq!(scene.log().len(), 2 * states.len());
}

#[test]
fn sigterm_lets_a_script_finish_and_starts_nothing_behind_it() {
    finishes_what_runs("TERM");
}

#[test]
fn sigint_does_the_same() {
    finishes_what_runs("INT");
}

#[test]
fn after_stop_timeout_scripts_are_ended_recorded_and_run_again() {
    let scene = stage("stop-timeout", "stop_timeout = 300ms\nkill_grace = 500ms");
    scene.publish_all([lease("one", "a"), lease("deaf", "b"), lease("two", "a")]);
    let mut service = scene.listen();
    scene.wait_for_log(2);
    ask_to_stop(&service, "TERM");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stop_timeout is over"), "{log}");

    // The deaf one was asked before it was forced.
    assert_eq!(scene.log().last().map(String::as_str), Some("asked deaf"));
    assert_eq!(scene.states(), ["due", "due", "due"]);
    for run in [1, 2] {
        assert_eq!(outcome(&scene, run, 1), "interrupted: the service stopped");
    }
    assert_eq!(scene.runs()[2]["attempts"], 0);

    open_gate(&scene);
    let output = scene.drain();
    // Nothing was left for recovery: it was all on record.
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(
        !printed.contains("ended while runs were under way"),
        "{printed}"
    );
    assert_eq!(scene.states(), ["succeeded", "succeeded", "succeeded"]);
    let log = scene.log();
    let place = |line: &str| {
        let place = log.iter().position(|other| other == line);
        place.unwrap_or_else(|| panic!("no `{line}` in {log:?}"))
    };
    assert!(place("again deaf 2") > place("asked deaf"));
    assert!(place("end one 2") < place("start two 1"));
    assert_eq!(log.len(), 8, "{log:?}");
    for run in scene.runs() {
        let attempts = if run["id"] == 3 { 1 } else { 2 };
        assert_eq!(run["attempts"], attempts);
    }
}

fn hurries(first: &str, second: &str) {
    // Neither limit would let the service end while this test waits.
    let name = format!("hurried-{first}-{second}");
    let scene = stage(&name, "stop_timeout = 1h\nkill_grace = 500ms");
    scene.publish_all([lease("one", "a"), lease("two", "a")]);
    let mut service = scene.listen();
    scene.wait_for_log(1);
    ask_to_stop(&service, first);
    // It counts as a second one from half a second after the first.
    let ending = format!("SIG{second}: ending");
    while !service.log().contains(&ending) {
        service.signal(second);
        std::thread::sleep(Duration::from_millis(100));
    }
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(scene.states(), ["due", "due"]);
    open_gate(&scene);
    scene.drain();
    assert_eq!(scene.states(), ["succeeded", "succeeded"]);
    assert_eq!(scene.log()[1..3], ["start one 2", "end one 2"]);
}

#[test]
fn a_second_signal_hurries() {
    hurries("TERM", "TERM");
    hurries("INT", "TERM");
    hurries("TERM", "INT");
}

#[test]
fn two_signals_at_nearly_the_same_time_are_one_stop() {
    let scene = stage("one-stop", "stop_timeout = 1h");
    scene.publish(lease("one", "a"));
    let mut service = scene.listen();
    scene.wait_for_log(1);
    for signal in ["TERM", "TERM", "INT", "TERM"] {
        service.signal(signal);
    }
    service.wait_for("draining");
    // Longer than such signals are apart: had they counted, the script would be ended by now.
    std::thread::sleep(Duration::from_millis(700));
    open_gate(&scene);
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("ending what is still"), "{log}");
    assert_eq!(scene.states(), ["succeeded"]);
}

#[test]
fn a_service_without_work_stops_at_once_even_before_it_has_a_broker() {
    let mut scene = stage("idle", "stop_timeout = 1h");
    scene.listen().stop();
    // Nobody listens there, or at least no broker.
    scene.replace("port", "1");
    let service = scene.start(&[]);
    service.wait_for("trying again");
    service.stop();
}

#[test]
fn until_idle_tells_by_its_exit_code_whether_a_run_was_given_up() {
    let mut scene = Scene::new("exit-codes");
    scene.script("fails.sh", r#"[ "$ESI_ATTEMPT" -gt "$1" ]"#);
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = fails.sh\nscript_params = purpose\nretries = 1\nretry_delay = 100ms"),
    );
    // Nothing to do at all; a success; a success after a failure.
    scene.drain();
    for failures in ["0", "1"] {
        scene.publish(lease(failures, "a"));
        scene.drain();
    }
    assert_eq!(scene.states(), ["succeeded", "succeeded"]);
    assert_eq!(outcome(&scene, 2, 1), "exit status 1");

    // The one behind it is made all the same.
    scene.publish_all([lease("9", "a"), lease("0", "a")]);
    let output = scene.run(&["listen", "--until-idle"]);
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("error: 1 run was given up\n"), "{printed}");
    assert_eq!(scene.states()[2..], ["discarded", "succeeded"]);
    // What was given up before is not this one's failure.
    scene.drain();
}
