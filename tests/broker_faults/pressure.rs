//! The journal's disk cannot be written: what waits stays with the broker.

use std::process::Command;
use std::time::{Duration, Instant};

use super::record;
use crate::support::scene::{FULFILL, Scene, Service, notification, program, wait_until};

const PREFETCH: u32 = 10;
const MESSAGES: usize = 100;

/// Limits the size that a file may reach through the service; a full disk for it alone, and for
/// root too.
pub(super) fn limit_files(service: &Service, bytes: &str) {
    let pid = service.pid().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let output = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .output()
        .expect("prlimit starts; it is in the package util-linux");
    let why = "prlimit cannot fill the service's disk here";
    assert!(output.status.success(), "{why}: {output:?}");
}

/// `listen`, to which a limit is no more than a full disk.
pub(super) fn start_limitable(scene: &Scene) -> Service {
    let mut command = Command::new("sh");
    // Without the trap the kernel would end the service, which no full disk does.
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(program())
        .args(["listen", "--config"])
        .arg(scene.config());
    Service::start(&mut command)
}

#[test]
fn while_the_journal_cannot_be_written_nothing_is_acknowledged() {
    let mut scene = Scene::new("pressure");
    record(&mut scene, "purpose");
    scene.default(&format!("prefetch = {PREFETCH}"));
    let service = start_limitable(&scene);
    service.wait_for("consuming queue");

    limit_files(&service, "1");
    let message = notification(FULFILL);
    let numbered = |number: usize| message.fresh().with("purpose", number.to_string()).body;
    scene.publish_all((0..MESSAGES).map(numbered));
    service.wait_for("retrying every second");
    let ready = u32::try_from(MESSAGES).expect("a number") - PREFETCH;
    wait_until("as many deliveries as may be under way", || {
        scene.waiting() == Some(ready)
    });
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(
            scene.waiting(),
            Some(ready),
            "no more is taken, nothing given back"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(scene.log().is_empty());

    limit_files(&service, "unlimited");
    let log = scene.wait_for_log(MESSAGES);
    let expected: Vec<String> = (0..MESSAGES).map(|number| format!("{number}|")).collect();
    assert_eq!(log, expected);
    service.stop();
    assert_eq!(scene.waiting(), Some(0));
    assert_eq!(scene.states(), vec!["succeeded"; MESSAGES]);
}
