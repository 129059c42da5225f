//! `quarantine retry` beside a service: the rules that are in force there decide, not those of the file.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use super::support::scene::{FULFILL, Scene, Service, notification, wait_until};

/// Takes more steps on sixty letters than a filter may.
const RUNAWAY: &str = r#"filter_params = {"purpose": "(?:(a*)*)*\\1b(?=c)"}"#;

fn rule(filter: &str) -> String {
    format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose\n{filter}")
}

/// A stage with a delivery in quarantine that its rule `former` cannot decide.
fn stage(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.rule("former", &rule(RUNAWAY));
    let message = notification(FULFILL).with("purpose", "a".repeat(60).as_str());
    scene.publish(&message.body);
    scene.drain();
    assert_eq!(scene.quarantined().len(), 1);
    scene
}

/// Puts a rule that matches in the place of the former one.
fn rewrite(scene: &mut Scene) {
    scene.no_rules().rule("new", &rule(""));
    scene.config();
}

fn retry(scene: &Scene) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = scene.run(&["quarantine", "retry", "1"]);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

const ACCEPTED: &str = "delivery 1: accepted; runs 1\n";

#[test]
fn a_service_decides_by_its_own_rules_until_it_has_read_those_of_the_file() {
    let mut scene = stage("retry-rules");
    let service = scene.listen();
    rewrite(&mut scene);
    let (code, told, _) = retry(&scene);
    assert_eq!(code, Some(1));
    let part = "delivery 1 stays in quarantine: rule [former] cannot be decided";
    assert!(told.starts_with(part), "{told}");
    assert!(told.contains("explain --quarantined 1"), "{told}");
    service.wait_for("stays in quarantine: rule [former]");
    service.wait_for("by a command");

    service.signal("HUP");
    service.wait_for("was read again");
    assert_eq!(retry(&scene), (Some(0), ACCEPTED.into(), String::new()));
    assert_eq!(scene.wait_for_log(1), [format!("{}|", "a".repeat(60))]);
    wait_until("the run", || scene.states() == ["succeeded"]);
    let log = service.stop();
    assert!(log.contains("its event is accepted"), "{log}");
    assert_eq!(scene.runs()[0]["rule"], "new");

    let (code, _, told) = retry(&scene);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("there is no quarantined delivery 1"),
        "{told}"
    );
}

/// A service that kills itself at this point.
fn doomed(scene: &Scene, point: &str) -> Service {
    let mut command = scene.program("listen");
    let service = Service::start(command.env("ESI_CRASH_POINT", point));
    service.wait_for(&format!("consuming queue {}", scene.queue));
    service
}

#[test]
fn a_service_that_dies_over_a_request_has_it_decided_once_all_the_same() {
    for point in ["request-decided", "request-answered"] {
        let mut scene = stage(point);
        rewrite(&mut scene);
        let mut service = doomed(&scene, point);
        assert_eq!(retry(&scene), (Some(0), ACCEPTED.into(), String::new()));
        let (status, log) = service.wait();
        assert_eq!(status.signal(), Some(9), "{point}: {log}");
        // One run, whether or not the service has come to it.
        let states = scene.states();
        assert!(
            states == ["due"] || states == ["running"],
            "{point}: {states:?}"
        );
        scene.drain();
        assert!(!scene.log().is_empty(), "{point}");
        assert_eq!(scene.states(), ["succeeded"], "{point}");
        assert!(scene.quarantined().is_empty(), "{point}");
    }
}

#[test]
fn a_service_that_does_not_answer_is_not_waited_for_without_end() {
    let mut scene = stage("retry-frozen");
    rewrite(&mut scene);
    let service = scene.listen();
    service.signal("STOP");
    let (code, told, why) = retry(&scene);
    assert_eq!((code, told.as_str()), (Some(75), ""));
    assert!(why.contains("has not answered within 10s"), "{why}");
    service.signal("CONT");
    // What was taken back is not done later.
    let (code, told, _) = retry(&scene);
    assert_eq!((code, told.as_str()), (Some(0), ACCEPTED));
    wait_until("the run", || scene.states() == ["succeeded"]);
    service.stop();
}
