//! What the service takes when it has nothing to do: what it has resident, when it has done nothing yet, after very many
//! messages that no rule is for, and while very many runs wait; and how often it wakes up.

use std::fs;
use std::time::Duration;

use super::bus;
use super::counts::Counts;
use super::measure::{per, wait_for};
use super::sizes::Sizes;
use super::support::scene::{FULFILL, Scene, Service};
use super::table::{Goal, Row};

/// After that nothing is under way any more.
const REST: Duration = Duration::from_secs(1);

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let Idle {
        size: idle,
        after,
        wake_ups,
    } = not_wanted(sizes);
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
        Row::alone(
            "wake-ups, idle",
            "a minute",
            wake_ups,
            // Those of heartbeats, of which RabbitMQ wants one every 30 s and sends as many.
            Goal::AtMost(20.0),
        ),
    ]
}

/// In MiB.
fn resident(service: &Service) -> f64 {
    std::thread::sleep(REST);
    let size = u32::try_from(service.size_now()).expect("less than 4 TiB");
    f64::from(size) / 1024.0
}

/// A service that has nothing to do.
struct Idle {
    /// What it has resident, in MiB.
    size: f64,
    /// The same after very many messages.
    after: f64,
    /// How often its threads go on in a minute.
    wake_ups: f64,
}

fn not_wanted(sizes: &Sizes) -> Idle {
    let scene = bus::stage("bench-memory");
    let service = scene.listen();
    let size = resident(&service);
    let before = wake_ups(&service);
    std::thread::sleep(Duration::from_secs(sizes.idle_seconds));
    let woken = per(wake_ups(&service) - before, 1.0);
    let minutes = Duration::from_secs(sizes.idle_seconds).as_secs_f64() / 60.0;
    bus::publish_not_wanted(&scene, sizes.not_wanted);
    wait_for(&Counts::of(&scene), 1, "succeeded");
    let after = resident(&service);
    service.stop();
    scene.delete_queue();
    Idle {
        size,
        after,
        wake_ups: woken / minutes,
    }
}

/// How often the threads of a service have gone on after they had nothing to do.
fn wake_ups(service: &Service) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", service.pid())).expect("its threads");
    let of_task = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let mut lines = status.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        count.trim().parse::<usize>().ok()
    };
    tasks.flatten().filter_map(of_task).sum()
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
