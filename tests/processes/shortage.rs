//! No room on the machine for another process: no run is given up for it, the service goes on, and
//! so do the runs once there is room again.

use std::fs;
use std::time::Duration;

use super::{all_ended, outcome, scene};
use crate::support::broker::Broker;
use crate::support::history::{self, accepted, event};
use crate::support::openstack::lease_of;
use crate::support::ordinary::Ordinary;
use crate::support::poller::Poller;
use crate::support::proxy::Proxy;
use crate::support::scene::{FULFILL, Scene, Service, lease, lives, wait_until};

/// Lets the service open so many more files, and no others.
fn leave_files(service: &Service, free: usize) {
    let open = service.open_files();
    let mut closed = (0..).filter(|number| !open.contains(number));
    let limit = closed.nth(free).expect("a number");
    service.limit("nofile", &limit.to_string());
}

/// Two runs come when there is no room; neither is given up, though none is to be made twice.
fn waits_for_room(
    scene: &Scene,
    service: &mut Service,
    why: &str,
    make_room: impl FnOnce(&Service),
) {
    scene.publish_all([("two", "a"), ("three", "b")].map(|(purpose, node)| lease(purpose, node)));
    service.wait_for("there is no room for another process");
    wait_until("both to be on record", || {
        scene.states() == ["succeeded", "retryable", "retryable"]
    });
    for run in [2, 3] {
        let outcome = outcome(scene, run);
        assert!(
            outcome.starts_with("not started: there is no room for another process")
                && outcome.contains(why),
            "{outcome}"
        );
    }
    assert!(service.is_alive());
    make_room(service);
    wait_until("all runs to succeed", || scene.states() == ["succeeded"; 3]);
    let mut log = scene.log();
    log.sort_unstable();
    assert_eq!(log, ["one", "three", "two"]);
}

/// Answers what lies beside it.
const CLIENT: &str = r#"cd "${0%/*}" && case $2 in
event) exec cat cloud/rows.json ;;
*) exec cat lease.json ;;
esac"#;

const TELL: &str = r#"echo "$1" >>"$LOG""#;

#[test]
fn without_file_descriptors_runs_wait_and_are_not_given_up() {
    let scene = scene("no-files", TELL, "");
    let mut service = scene.listen();
    scene.publish(lease("one", "a"));
    wait_until("the first run", || scene.states() == ["succeeded"]);
    let before = service.files_at_rest();
    leave_files(&service, 3);
    waits_for_room(&scene, &mut service, "Too many open files", |service| {
        service.limit("nofile", "1024");
    });
    wait_until("no more files than before", || {
        service.open_files().len() <= before
    });
    service.stop();
}

#[test]
fn without_processes_runs_wait_and_are_not_given_up() {
    let scene = scene("no-processes", TELL, "");
    let user = Ordinary::owning(&scene, 61_203);
    let mut service = Service::start(&mut user.runs(&scene, &scene.program("listen")));
    service.wait_for(&format!("consuming queue {}", scene.queue));
    scene.publish(lease("one", "a"));
    wait_until("the first run", || scene.states() == ["succeeded"]);
    service.limit("nproc", "1");
    waits_for_room(
        &scene,
        &mut service,
        "Resource temporarily unavailable",
        |service| service.limit("nproc", "1000"),
    );
    assert_eq!(service.zombies(), 0);
    service.stop();
}

#[test]
fn without_threads_the_broker_is_looked_for_again() {
    let mut scene = scene("no-threads", TELL, "");
    let proxy = Proxy::to(Broker::shared());
    scene
        .replace("host", "localhost")
        .replace("port", &proxy.port().to_string());
    let user = Ordinary::owning(&scene, 61_205);
    let mut service = Service::start(&mut user.runs(&scene, &scene.program("listen")));
    let connected = format!("connected to localhost:{}", proxy.port());
    service.wait_for(&connected);
    // Longer than a thread of the runtime's waits for work, which could look the host up.
    std::thread::sleep(Duration::from_secs(12));
    service.limit("nproc", "1");
    proxy.reset();
    service.wait_for("failed to look up the host: Resource temporarily unavailable");
    service.wait_for("trying again in");
    assert!(service.is_alive());
    scene.publish(lease("one", "a"));
    service.limit("nproc", "1000");
    service.wait_for(&connected);
    wait_until("the run", || scene.states() == ["succeeded"]);
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn without_processes_a_poller_asks_again_until_it_can() {
    let mut poller = Poller::recording(FULFILL);
    // Python may lie where this user may not look.
    let client = poller.script("client.sh", CLIENT);
    poller.replace("openstack_command", client.to_str().expect("UTF-8"));
    let shown = lease_of(&history::lease(1), &history::node(1));
    fs::write(poller.path("lease.json"), shown.to_string()).expect("a lease");
    poller.openstack.rows(&[event(1, 1, 1)]);
    let user = Ordinary::owning(&poller, 61_204);
    let arguments = ["--from-start", "--every", "1s"];
    let mut service = Service::start(&mut user.runs(&poller, &poller.polling(&arguments)));
    service.wait_for("succeeded");
    service.limit("nproc", "1");
    service.wait_for("Resource temporarily unavailable");
    service.wait_for("trying again in");
    poller.openstack.rows(&[event(1, 1, 1), event(2, 1, 1)]);
    assert_eq!(poller.cursor(), Some(1));
    assert!(service.is_alive());
    service.limit("nproc", "1000");
    wait_until("all runs to succeed", || {
        poller.states() == ["succeeded"; 2]
    });
    assert_eq!(accepted(&poller), [1, 2]);
    service.stop();
}

#[test]
fn a_time_limit_is_kept_even_if_no_process_can_be_looked_for() {
    let scene = scene(
        "blind",
        r#"(trap '' TERM; echo "$(exec sh -c 'echo $PPID')" >pid; while :; do sleep 0.1; done) &
while [ ! -s pid ]; do sleep 0.02; done
echo "deaf" >>"$LOG"
trap 'exit 0' TERM
while :; do sleep 0.1; done"#,
        "timeout = 4s\nkill_grace = 200ms",
    );
    let service = scene.listen();
    scene.publish(lease("deaf", "a"));
    scene.wait_for_log(1);
    // Enough to list processes, not to look at any.
    leave_files(&service, 1);
    all_ended(&scene, 1);
    assert_eq!(outcome(&scene, 1), "ended after its time limit of 4s");
    let pid = fs::read_to_string(scene.path("pid")).expect("a pid");
    assert!(!lives(pid.trim()));
    service.stop();
}
