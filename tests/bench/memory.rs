//! What the service has resident: when it has done nothing yet, after very many messages that no rule is for,
//! and while very many runs wait.

use std::fs;
use std::time::Duration;

use super::bus;
use super::counts::Counts;
use super::measure::wait_for;
use super::sizes::Sizes;
use super::support::scene::{FULFILL, Scene, Service};
use super::table::{Goal, Row};

/// After that nothing is under way any more.
const REST: Duration = Duration::from_secs(1);

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let (idle, after) = not_wanted(sizes.not_wanted);
    let row = |what: &str, size, most| Row::alone(what, "MiB", size, Goal::AtMost(most));
    vec![
        row("resident: idle", idle, 10.0),
        row(
            &format!("resident: after {} not wanted", sizes.not_wanted),
            after,
            14.0,
        ),
        row(
            &format!("resident: {} runs waiting", sizes.waiting),
            waiting(sizes.waiting),
            32.0,
        ),
    ]
}

/// In MiB.
fn resident(service: &Service) -> f64 {
    std::thread::sleep(REST);
    let size = u32::try_from(service.size_now()).expect("less than 4 TiB");
    f64::from(size) / 1024.0
}

fn not_wanted(count: usize) -> (f64, f64) {
    let scene = bus::stage("bench-memory");
    let service = scene.listen();
    let idle = resident(&service);
    bus::publish_not_wanted(&scene, count);
    wait_for(&Counts::of(&scene), 1, "succeeded");
    let after = resident(&service);
    service.stop();
    scene.delete_queue();
    (idle, after)
}

fn waiting(count: usize) -> f64 {
    let mut scene = Scene::new("bench-waiting");
    scene.script(
        "held.sh",
        "while ! test -e \"${0%/*}/go\"; do sleep 0.1; done",
    );
    scene.rule("held", &format!("events = {FULFILL}\nscript = held.sh"));
    let service = scene.listen();
    // All of them are for the node of the one captured message: the first holds the others.
    bus::publish(&scene, FULFILL, count);
    wait_for(&Counts::of(&scene), count - 1, "due");
    let size = resident(&service);
    fs::write(scene.path("go"), "").expect("a file");
    service.stop();
    scene.delete_queue();
    size
}
