//! The journal alone: beside an empty one when it has very many finished runs, and beside what SQLite takes to
//! write the same bytes.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use esi_event_actions::sources::Interest;
use esi_event_actions::sources::amqp::decode;

use super::bare::Bare;
use super::counts::LONGEST;
use super::measure::{median, rate};
use super::peers::{self, DRAIN};
use super::sizes::Sizes;
use super::support::scene::{FULFILL, Scene, notification};
use super::table::{Goal, Row};
use super::worked::Worked;

/// Events of a batch.
const BATCH: usize = 100;

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let mut full = Worked::with_finished(sizes.finished);
    vec![
        finished(sizes, &mut full),
        batches(sizes),
        start(sizes, full),
    ]
}

/// Accepting and claiming, with finished runs and without.
fn finished(sizes: &Sizes, full: &mut Worked) -> Row {
    let mut empty = Worked::with_finished(0);
    let worked = |journal: &mut Worked| {
        let round = journal.round(BATCH);
        rate(BATCH, round.accept + round.claim)
    };
    let (mut of_full, mut of_empty) = (Vec::new(), Vec::new());
    for _ in 0..sizes.batches {
        of_empty.push(worked(&mut empty));
        of_full.push(worked(full));
    }
    Row::of(
        &format!("accept and claim with {} finished runs", sizes.finished),
        "runs/s",
        median(&of_full),
        ("empty journal", median(&of_empty)),
        Goal::AtLeast(0.9),
    )
}

/// Accepting in batches, and bare commits of the same bytes.
fn batches(sizes: &Sizes) -> Row {
    let message = notification(FULFILL).body;
    let decoded = decode(message.as_bytes(), &Interest::in_all());
    // What a journal keeps of a message.
    let body = decoded.expect("an event").expect("one that is wanted");
    let body = body.event.to_json();
    let mut journal = Worked::new(&body);
    let mut bare = Bare::new();
    let (mut accepted, mut committed) = (Vec::new(), Vec::new());
    for _ in 0..sizes.batches {
        let texts = vec![body.clone(); BATCH];
        committed.push(rate(BATCH, bare.commit(&texts)));
        accepted.push(rate(BATCH, journal.accept(BATCH)));
    }
    Row::of(
        "accepts in batches of 100",
        "events/s",
        median(&accepted),
        ("bare SQLite commits", median(&committed)),
        Goal::AtLeast(0.6),
    )
}

/// From the start of a process until the broker has its consumer: the service with such a journal, and a bare
/// consumer.
fn start(sizes: &Sizes, full: Worked) -> Row {
    let mut scene = Scene::new("bench-start");
    scene.rule("r", &format!("events = {FULFILL}\nscript = /bin/true"));
    let folder = full.close();
    fs::rename(folder.path().join("state"), scene.state()).expect("a journal that is moved");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        let drain = || peers::own(DRAIN, &[&scene.queue, "1"]).spawn();
        bare.push(consuming(&scene, || drain().expect("this program"), end));
        ours.push(consuming(
            &scene,
            || scene.start(&[]),
            |service| {
                service.stop();
            },
        ));
    }
    scene.delete_queue();
    Row::alone(
        &format!(
            "start to consuming with {} runs, beyond a bare consumer's",
            sizes.finished
        ),
        "ms",
        median(&ours) - median(&bare),
        Goal::AtMost(50.0),
    )
}

fn end(mut child: Child) {
    child.kill().expect("kill");
    child.wait().expect("a child");
}

/// How long it took this to be a consumer of the queue, in milliseconds.
fn consuming<T>(scene: &Scene, start: impl FnOnce() -> T, end: impl FnOnce(T)) -> f64 {
    let consumers = || {
        let counted = scene.as_publisher(async |publisher| publisher.counts(&scene.queue).await);
        counted.map(|(_, consumers)| consumers)
    };
    let wait_for = |count| {
        let began = Instant::now();
        while consumers() != Some(count) {
            assert!(began.elapsed() < LONGEST, "{count} consumers");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let began = Instant::now();
    let process = start();
    wait_for(1);
    let took = began.elapsed();
    end(process);
    wait_for(0);
    took.as_secs_f64() * 1_000.0
}
