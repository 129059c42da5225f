//! A script that becomes another user, whom the service may not signal: nothing of its key runs beside
//! it, whatever becomes of the service, and nothing else waits for it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{outcome, scene};
use crate::support::ordinary::Ordinary;
use crate::support::scene::{Scene, Service, lease, wait_until};

/// The shell goes when it is asked to; its child cannot be.
const WAITS_FOR_ROOT: &str = r#"[ "$1 $ESI_ATTEMPT" != "stuck 1" ] || ./as-root "$LOG" gate "$ESI_ATTEMPT"
echo "$1 $ESI_ATTEMPT" >>"$LOG""#;

/// The process of the script itself cannot be ended.
const BECOMES_ROOT: &str = r#"[ "$1 $ESI_ATTEMPT" != "stuck 1" ] || exec ./as-root "$LOG" gate "$ESI_ATTEMPT"
echo "$1 $ESI_ATTEMPT" >>"$LOG""#;

/// A stage on which one run is stuck and another one of its node waits, with the service of an ordinary
/// user. `None` where only root could make such a script.
fn stuck(name: &str, script: &str, uid: u32) -> Option<(Scene, Ordinary, Service)> {
    let mut scene = scene(
        name,
        script,
        "timeout = 1s\nkill_grace = 200ms\nretries = 1\nretry_delay = 1s",
    );
    // What is stuck does not take the only place.
    scene.default("max_parallel = 1");
    // Root must not be the one who makes it.
    fs::write(scene.path("log"), "").expect("a log");
    let user = Ordinary::owning(&scene, uid);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/as_root.c");
    let program = scene.path("as-root");
    let compiled = Command::new("cc")
        .arg("-o")
        .arg(&program)
        .arg(source)
        .status();
    assert!(compiled.expect("cc").success());
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).expect("permissions");
    if fs::metadata(&program).expect("a file").uid() != 0 {
        println!("NOT TRIED: only root can make a program that becomes root");
        return None;
    }
    let service = listen(&scene, &user);
    scene.publish_all(["stuck", "next"].map(|purpose| lease(purpose, "a")));
    service.wait_for("the service cannot end process");
    Some((scene, user, service))
}

fn listen(scene: &Scene, user: &Ordinary) -> Service {
    let service = Service::start(&mut user.runs(scene, &scene.program("listen")));
    service.wait_for(&format!("consuming queue {}", scene.queue));
    service
}

/// Another node is served; the run says why it is stuck; and then everything goes on.
fn goes_on_when_root_has_ended(scene: &Scene, service: Service, ended: &str) {
    scene.publish(lease("other", "b"));
    assert_eq!(scene.wait_for_log(2), ["root begins 1", "other 1"]);
    let run = &scene.run_detail(1);
    assert_eq!(run["state"], "running");
    let remark = &run["attempt_records"][0]["remark"];
    assert!(
        remark
            .as_str()
            .is_some_and(|remark| remark.contains("(as-root)")),
        "{run}"
    );
    let shown = scene.run(&["runs", "show", "1"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("running: the service cannot end"), "{shown}");
    fs::write(scene.path("gate"), "").expect("a gate");
    let log = scene.wait_for_log(5);
    assert_eq!(log[2..], ["root ends 1", "stuck 2", "next 1"]);
    wait_until("all runs to succeed", || scene.states() == ["succeeded"; 3]);
    assert_eq!(outcome(scene, 1), ended);
    let log = service.stop();
    assert_eq!(log.matches("the service cannot end").count(), 1, "{log}");
    assert!(
        log.contains("all that this attempt had left has ended"),
        "{log}"
    );
    assert!(!log.contains("failed to signal"), "{log}");
}

/// A service that is started anew finds what the one before it could not end, and waits as that one did.
fn the_next_service_waits(scene: &Scene, user: &Ordinary) {
    let service = listen(scene, user);
    service.wait_for("the service cannot end process");
    goes_on_when_root_has_ended(
        scene,
        service,
        "interrupted: the service ended while the script ran",
    );
}

#[test]
fn a_time_limit_that_cannot_be_kept_holds_up_the_node_and_no_other() {
    for (script, uid) in [(WAITS_FOR_ROOT, 61_206), (BECOMES_ROOT, 61_207)] {
        let Some((scene, _, service)) = stuck("another-user", script, uid) else {
            return;
        };
        goes_on_when_root_has_ended(&scene, service, "ended after its time limit of 1s");
    }
}

#[test]
fn a_stop_is_not_held_up_and_the_next_service_waits_as_well() {
    let Some((scene, user, service)) = stuck("stop-another-user", WAITS_FOR_ROOT, 61_208) else {
        return;
    };
    let began = Instant::now();
    service.stop();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    the_next_service_waits(&scene, &user);
}

#[test]
fn after_a_crash_what_cannot_be_ended_is_waited_for_without_another_start() {
    let Some((scene, user, service)) = stuck("crash-another-user", BECOMES_ROOT, 61_209) else {
        return;
    };
    service.kill();
    the_next_service_waits(&scene, &user);
}
