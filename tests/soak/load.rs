//! Much at once: many messages over many nodes, a storm of retries, and one node with a long queue of
//! its own. Memory stays bounded, and nobody waits for what concerns somebody else.

use std::fs;
use std::time::{Duration, Instant};

use super::counts::{Counts, LONGEST};
use super::finding::Finding;
use super::support::captured::Captured;
use super::support::scene::{FULFILL, Scene, notification};
use super::support::service::Service;

/// Of the service, in MiB. A message is about 2 kB, so that the messages of a trial alone would not fit.
const LARGEST: u64 = 128;

/// How much slower others may be for one node's queue; measured twice, on a machine that is shared.
const SLOWER: f64 = 2.0;

/// The number of messages; retries are half as many, and one node's runs a tenth.
pub(crate) fn attempt(count: u64) -> Vec<Finding> {
    let (retries, queue) = (count / 2, count / 10);
    vec![
        Finding::of("messages over a hundredth as many nodes", count, || {
            messages(count)
        }),
        Finding::of("retries due at once", retries, || storm(retries)),
        Finding::of("runs of one node that wait", queue, || {
            one_long_queue(queue)
        }),
    ]
}

/// A stage that keeps what it has done, with a rule that runs `script`.
fn stage(name: &str, script: &str, options: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.default("keep_events = 1000000");
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = {script}\nscript_params = node_uuid\n{options}"),
    );
    scene
}

/// Messages for so many nodes in turn.
fn spread(count: u64, nodes: u64) -> impl Iterator<Item = Captured> {
    let first = notification(FULFILL);
    (0..count).map(move |number| {
        let node = format!("node-{}", number % nodes);
        first.with("node_uuid", node).fresh()
    })
}

fn publish(scene: &Scene, messages: impl Iterator<Item = Captured>) {
    scene.publish_all(messages.map(|message| message.body));
}

fn assert_bounded(service: &Service) -> u64 {
    let size = service.largest_size();
    assert!(size <= LARGEST, "{size} MiB resident, more than {LARGEST}");
    size
}

fn a_second(count: u64, took: Duration) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a figure for people"
    )]
    let rate = (count as f64 / took.as_secs_f64()).round() as u64;
    rate
}

fn messages(count: u64) -> String {
    let scene = stage("soak-load", "/bin/true", "");
    let service = scene.start(&["--quiet"]);
    let counts = Counts::of(&scene);
    let began = Instant::now();
    publish(&scene, spread(count, (count / 100).max(1)));
    let published = began.elapsed();
    counts.wait_for(count, "succeeded");
    let took = began.elapsed();
    assert_eq!(counts.now().unfinished(), 0);
    assert_eq!(counts.now().quarantined, 0);
    assert_eq!(scene.waiting(), Some(0));
    let size = assert_bounded(&service);
    service.stop();
    format!(
        "{} runs/s, published in {published:.0?}, {size} MiB",
        a_second(count, took)
    )
}

/// All of them fail once, the service is stopped until all are due again, and started.
fn storm(count: u64) -> String {
    // Half of it passes at least: time enough for all of them to fail once.
    let delay = Duration::from_secs(10 + count / 100);
    let options = format!("retries = 3\nretry_delay = {}s", delay.as_secs());
    let scene = stage("soak-storm", "fails.sh", &options);
    scene.script("fails.sh", "test -e \"${0%/*}/mended\"");
    let service = scene.start(&["--quiet"]);
    let counts = Counts::of(&scene);
    // A node each: otherwise the first of a node would hold the others.
    publish(&scene, spread(count, count));
    let began = Instant::now();
    while counts.in_state("due") > 0 || counts.now().unfinished() < count {
        assert!(began.elapsed() < LONGEST, "{:?}", counts.now());
        std::thread::sleep(Duration::from_millis(50));
    }
    service.stop();
    fs::write(scene.path("mended"), "").expect("a file");
    std::thread::sleep(delay);
    let due = counts.in_state("retryable");
    let service = scene.start(&["--quiet"]);
    let began = Instant::now();
    counts.wait_for(count, "succeeded");
    let took = began.elapsed();
    assert_eq!(counts.now().unfinished(), 0);
    let size = assert_bounded(&service);
    service.stop();
    format!("{due} due, {} runs/s, {size} MiB", a_second(due, took))
}

/// The same messages for other nodes, without and with a node whose runs wait.
fn one_long_queue(count: u64) -> String {
    const OTHERS: u64 = 2_000;
    let mut scene = stage(
        "soak-queue",
        "/bin/true",
        "filter_params = {\"purpose\": \"x\"}",
    );
    scene.rule(
        "held",
        &format!("events = {FULFILL}\nscript = held.sh\nfilter_params = {{\"purpose\": \"held\"}}"),
    );
    scene.script(
        "held.sh",
        "while ! test -e \"${0%/*}/go\"; do sleep 0.1; done",
    );
    let service = scene.start(&["--quiet"]);
    let counts = Counts::of(&scene);
    let others = |so_far: u64| {
        let began = Instant::now();
        publish(
            &scene,
            spread(OTHERS, 100).map(|message| message.with("purpose", "x")),
        );
        counts.wait_for(so_far + OTHERS, "succeeded");
        began.elapsed()
    };
    others(0);
    let alone = others(OTHERS);
    let held = notification(FULFILL)
        .with("node_uuid", "held")
        .with("purpose", "held");
    publish(&scene, (0..count).map(|_| held.fresh()));
    counts.wait_for(count - 1, "due");
    let beside = others(2 * OTHERS);
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    assert!(
        ratio < SLOWER,
        "the runs of other nodes take {ratio:.1} times as long"
    );
    let size = assert_bounded(&service);
    fs::write(scene.path("go"), "").expect("a file");
    counts.wait_for(3 * OTHERS + count, "succeeded");
    service.stop();
    format!("others take {ratio:.2} times as long, {size} MiB")
}
