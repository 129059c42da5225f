//! Messages that run scripts: for one node one after another, and for many nodes several at a time with their
//! output captured. Whole processes, from their start until the last script has ended.

use std::time::{Duration, Instant};

use super::counts::Counts;
use super::measure::{median, rate, wait_for};
use super::peers::{self, COMMIT, SPAWN, WRITES};
use super::sizes::Sizes;
use super::support::scene::{FULFILL, Scene, notification};
use super::table::{Goal, Row};

const NODES: usize = 64;

/// What the service has for `max_parallel` unless told.
const PARALLEL: &str = "8";

/// It reads its standard input to the end: `amqp-consume` ends itself if a program does not.
const READS: &str = "/usr/bin/wc";

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let (one, many) = (sizes.one_node, sizes.many_nodes);
    let (mut ours, mut consumed, mut committed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ours_of_many, mut spawned) = (Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        consumed.push(rate(one, amqp_consume(one)));
        let took = peers::timed(&mut peers::own(COMMIT, &[READS, &one.to_string()]));
        committed.push(rate(one, took));
        ours.push(rate(one, service(READS, one, 1)));
        let count = many.to_string();
        let took = peers::timed(&mut peers::own(SPAWN, &[&count, PARALLEL]));
        spawned.push(rate(many, took));
        ours_of_many.push(rate(many, service(&WRITES.join(" "), many, NODES)));
    }
    vec![
        Row::of(
            "one node, one after another",
            "runs/s",
            median(&ours),
            ("amqp-consume", median(&consumed)),
            Goal::AtLeast(1.0),
        ),
        Row::of(
            "one node, beside what is bound to wait for the disk",
            "runs/s",
            median(&ours),
            ("bare loop with a commit each", median(&committed)),
            Goal::AtLeast(0.75),
        ),
        Row::of(
            "64 nodes, eight at a time, output captured",
            "runs/s",
            median(&ours_of_many),
            ("bare spawn loop", median(&spawned)),
            Goal::AtLeast(0.75),
        ),
    ]
}

/// A stage whose queue has so many messages, over so many nodes, for a rule with this script.
fn stage(script: &str, count: usize, nodes: usize) -> Scene {
    let mut scene = Scene::new("bench-scripts");
    scene.rule("r", &format!("events = {FULFILL}\nscript = {script}"));
    let first = notification(FULFILL);
    scene.publish_all((0..count).map(|number| {
        let node = format!("node-{}", number % nodes);
        first.with("node_uuid", node).fresh().body
    }));
    scene
}

fn service(script: &str, count: usize, nodes: usize) -> Duration {
    let scene = stage(script, count, nodes);
    let began = Instant::now();
    let service = scene.start(&["--quiet"]);
    wait_for(&Counts::of(&scene), count, "succeeded");
    let took = began.elapsed();
    service.stop();
    scene.delete_queue();
    took
}

fn amqp_consume(count: usize) -> Duration {
    let scene = stage(READS, count, 1);
    let all = format!("--count={count}");
    let took = peers::timed(&mut peers::amqp_consume(&scene, &[&all], &[READS]));
    scene.delete_queue();
    took
}
