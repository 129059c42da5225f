//! Messages that make no run: such that no rule is for, and such that a filter refuses. Whole processes, from
//! their start until a last message has been taken.

use std::time::{Duration, Instant};

use super::counts::Counts;
use super::measure::{median, rate, wait_for};
use super::peers::{self, DRAIN};
use super::sizes::Sizes;
use super::support::scene::{DELETE, FULFILL, Scene, notification};
use super::table::{Goal, Row};

/// No rule is for it.
const NOT_WANTED: &str = "esi_leap.lease.fulfill.start";

/// Messages that are published before the broker is waited for.
const PUBLISHED_AT_ONCE: usize = 10_000;

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let count = sizes.messages;
    let (mut drained, mut not_wanted, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        drained.push(rate(count, bare_drain(count)));
        not_wanted.push(rate(count, service(NOT_WANTED, count)));
        refused.push(rate(count, service(FULFILL, count)));
    }
    let [drained, not_wanted, refused] = [drained, not_wanted, refused].map(|rates| median(&rates));
    vec![
        Row::of(
            "not wanted",
            "events/s",
            not_wanted,
            ("bare drain", drained),
            Goal::AtLeast(0.9),
        ),
        Row::of(
            "refused by a filter",
            "events/s",
            refused,
            ("not wanted", not_wanted),
            Goal::AtLeast(0.7),
        ),
    ]
}

/// A stage with a rule that refuses what it is for, and one for a last message.
pub(crate) fn stage(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.default("keep_events = 1000000");
    scene.rule(
        "refuses",
        &format!(
            "events = {FULFILL}\nscript = /bin/true\nfilter_params = {{\"purpose\": \"never\"}}"
        ),
    );
    scene.rule("last", &format!("events = {DELETE}\nscript = /bin/true"));
    scene
}

/// Publishes so many messages of a type, each with an id of its own if a journal is to keep them.
pub(crate) fn publish(scene: &Scene, event_type: &str, count: usize) {
    let first = notification(event_type);
    let is_kept = event_type != NOT_WANTED;
    let mut left = count;
    while left > 0 {
        let step = left.min(PUBLISHED_AT_ONCE);
        if is_kept {
            scene.publish_all((0..step).map(|_| first.fresh().body));
        } else {
            scene.publish_all(std::iter::repeat_n(&first.body, step));
        }
        left -= step;
    }
}

/// The same of the type that no rule is for, and a last message.
pub(crate) fn publish_not_wanted(scene: &Scene, count: usize) {
    publish(scene, NOT_WANTED, count);
    publish(scene, DELETE, 1);
}

fn bare_drain(count: usize) -> Duration {
    let scene = stage("bench-drain");
    publish_not_wanted(&scene, count);
    let all = (count + 1).to_string();
    let took = peers::timed(&mut peers::own(DRAIN, &[&scene.queue, &all]));
    scene.delete_queue();
    took
}

fn service(event_type: &str, count: usize) -> Duration {
    let scene = stage("bench-bus");
    publish(&scene, event_type, count);
    publish(&scene, DELETE, 1);
    let began = Instant::now();
    let service = scene.start(&["--quiet"]);
    wait_for(&Counts::of(&scene), 1, "succeeded");
    let took = began.elapsed();
    service.stop();
    scene.delete_queue();
    took
}
