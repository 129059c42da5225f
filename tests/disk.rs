//! What the disk under the journal can do: nothing is settled that is not on it, no cursor moves, the
//! service says what it waits for, and goes on by itself.

mod ailment;
mod displaced;
mod files;
mod rights;

use std::fs;
use std::time::Duration;

use ailment::Ailment;

use crate::support::history::{accepted, history};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, Service, lease, wait_until};
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::Stage;

/// Tells of its beginning and its end; with the argument `held` it waits for a gate in between.
const HELD: &str = r#"echo "start $1 $ESI_ATTEMPT" >>"$LOG"
while [ "$1" = held ] && [ ! -e gate ]; do sleep 0.02; done
echo "end $1 $ESI_ATTEMPT" >>"$LOG""#;

/// What intake says when it has to wait.
const WAITS: &str = "failed to accept deliveries in the journal";

fn scene(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script("held.sh", HELD);
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = held.sh\nscript_params = purpose"),
    );
    scene
}

/// Waits until the service has said this once more than it had.
fn once_more(service: &Service, text: &str, act: impl FnOnce()) {
    let count = || service.log().matches(text).count();
    let before = count();
    act();
    wait_until(text, || count() > before);
}

fn attempts(stage: &Stage) -> Vec<u64> {
    let of_run = |run: &serde_json::Value| run["attempts"].as_u64().expect("a number");
    stage.runs().iter().map(of_run).collect()
}

fn all_succeeded(stage: &Stage, count: usize) {
    wait_until("all runs to succeed", || {
        stage.states() == vec!["succeeded"; count]
    });
}

/// Events that come while the disk is ill are neither lost nor settled, and what ran is recorded.
fn the_bus_waits(
    name: &str,
    make: impl FnOnce(&Stage) -> Ailment,
    says: &str,
) -> (Scene, Ailment, Service) {
    let scene = scene(name);
    let mut ailment = make(&scene);
    let mut service = Service::start(ailment.above(&mut scene.program("listen")));
    service.wait_for(&format!("consuming queue {}", scene.queue));
    scene.publish(lease("held", "a"));
    scene.wait_for_log(1);

    ailment.begin();
    scene.publish_all(["one", "two", "three"].map(|purpose| lease(purpose, "b")));
    service.wait_for(WAITS);
    let log = service.log();
    let line = log.lines().find(|line| line.contains(WAITS));
    let line = line.expect("the line");
    assert!(line.contains(says), "{line}");
    assert!(line.contains("retrying every second"), "{line}");
    fs::write(scene.path("gate"), "").expect("a gate");
    service.wait_for("failed to record an attempt in the journal");
    assert_eq!(scene.log(), ["start held 1", "end held 1"]);
    assert!(service.is_alive());

    ailment.end();
    all_succeeded(&scene, 4);
    assert_eq!(attempts(&scene), [1; 4]);
    (scene, ailment, service)
}

/// Whoever kills it meanwhile finds that nothing was settled before its time.
fn and_settles_nothing((scene, mut ailment, service): (Scene, Ailment, Service)) {
    ailment.begin();
    once_more(&service, WAITS, || {
        scene.publish_all(["four", "five"].map(|purpose| lease(purpose, "b")));
    });
    service.kill();
    wait_until("the messages to come back", || scene.waiting() == Some(2));
    ailment.end();
    scene.drain();
    all_succeeded(&scene, 6);
    let starts: Vec<String> = ["held", "one", "two", "three", "four", "five"]
        .iter()
        .flat_map(|purpose| [format!("start {purpose} 1"), format!("end {purpose} 1")])
        .collect();
    assert_eq!(scene.log(), starts);
}

/// The cursor stays where it is, and no event is passed over.
fn the_history_waits(make: impl FnOnce(&Stage) -> Ailment, says: &str) {
    let poller = Poller::recording(FULFILL);
    let mut ailment = make(&poller);
    history(&poller, [1], |id| id);
    let arguments = ["--from-start", "--every", "1s"];
    let mut service = Service::start(ailment.above(&mut poller.polling(&arguments)));
    poller.wait_for_log(1);
    all_succeeded(&poller, 1);

    once_more(&service, WAITS, || {
        ailment.begin();
        history(&poller, 1..=3, |id| id);
    });
    assert!(service.log().contains(says), "{}", service.log());
    assert_eq!(poller.cursor(), Some(1));
    assert!(service.is_alive());

    ailment.end();
    wait_until("the cursor to move", || poller.cursor() == Some(3));
    all_succeeded(&poller, 3);
    assert_eq!(accepted(&poller), [1, 2, 3]);
    assert_eq!(poller.log().len(), 3);

    // A single pass waits, too.
    ailment.begin();
    once_more(&service, WAITS, || {});
    service.kill();
    history(&poller, 1..=4, |id| id);
    ailment.end();
    poller.pass(&[]);
    assert_eq!(accepted(&poller), [1, 2, 3, 4]);
    assert_eq!(attempts(&poller), [1; 4]);
}

#[test]
fn a_full_disk_holds_up_the_bus_and_loses_nothing() {
    and_settles_nothing(the_bus_waits("full", Ailment::full, "full"));
}

#[test]
fn a_full_disk_holds_up_the_history_and_loses_nothing() {
    the_history_waits(Ailment::full, "full");
}

#[test]
fn a_disk_that_becomes_read_only_holds_up_the_bus_and_loses_nothing() {
    let waited = the_bus_waits(
        "read-only",
        |stage| Ailment::refusing(stage, Refusal::ReadOnly),
        "disk I/O error",
    );
    and_settles_nothing(waited);
}

#[test]
fn a_disk_that_becomes_read_only_holds_up_the_history_and_loses_nothing() {
    the_history_waits(
        |stage| Ailment::refusing(stage, Refusal::ReadOnly),
        "disk I/O error",
    );
}

#[test]
fn a_broken_disk_holds_up_the_bus_and_loses_nothing() {
    let waited = the_bus_waits(
        "broken",
        |stage| Ailment::refusing(stage, Refusal::Broken),
        "disk I/O error",
    );
    and_settles_nothing(waited);
}

#[test]
fn a_process_that_locks_the_journal_holds_up_the_bus_and_loses_nothing() {
    the_bus_waits("locked", Ailment::locked, "database is locked");
}

#[test]
fn a_slow_disk_delays_but_neither_loses_nor_settles_too_early() {
    let scene = scene("slow");
    let shim = Shim::new(&scene);
    let start = || {
        let service = Service::start(shim.below(&mut scene.program("listen")));
        service.wait_for(&format!("consuming queue {}", scene.queue));
        service
    };
    let service = start();
    shim.slow_down(Duration::from_millis(400));
    let purposes = ["one", "two", "three", "four"];
    for purpose in purposes {
        scene.publish(lease(purpose, "a"));
    }
    all_succeeded(&scene, 4);
    let log = service.stop();
    assert!(!log.contains("failed"), "{log}");
    let ends: Vec<String> = scene.log().iter().skip(1).step_by(2).cloned().collect();
    assert_eq!(ends, purposes.map(|purpose| format!("end {purpose} 1")));

    // In the middle of a commit that takes longer than anybody waits.
    let service = start();
    shim.slow_down(Duration::from_secs(600));
    for purpose in ["five", "six"] {
        scene.publish(lease(purpose, "b"));
        wait_until("the delivery", || scene.waiting() == Some(0));
    }
    service.kill();
    wait_until("the messages to come back", || scene.waiting() == Some(2));
    shim.mend();
    scene.drain();
    assert_eq!(scene.log().len(), 12);
    // The commit that accepts a run may claim it, too; what it had written is there for the next service.
    let attempts = attempts(&scene);
    assert_eq!(attempts[..4], [1; 4]);
    assert!(attempts[4..].iter().all(|attempts| *attempts <= 2));
}
