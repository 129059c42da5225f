//! From the moment before a message is published until the first instruction of the script for it, by a
//! service that has nothing else to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use super::counts::LONGEST;
use super::measure::quantile;
use super::peers::{self, STAMP};
use super::sizes::Sizes;
use super::support::scene::{FULFILL, Scene, Service, notification};
use super::table::{Goal, Row};

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let ours = Waiting::new("bench-latency", |scene| Consumer::Ours(scene.listen()));
    let peer = Waiting::new("bench-latency-peer", |scene| {
        let file = stamps(scene);
        let script = script(&file);
        let script: Vec<&str> = script.iter().map(String::as_str).collect();
        let child = peers::amqp_consume(scene, &[], &script).spawn();
        Consumer::Peer(child.expect("amqp-consume"))
    });
    let (mut of_ours, mut of_peer) = (Vec::new(), Vec::new());
    // The first of each finds nothing warm.
    ours.publish_one(0);
    peer.publish_one(0);
    for number in 1..=sizes.awaited {
        of_ours.push(ours.publish_one(number));
        of_peer.push(peer.publish_one(number));
    }
    ours.stop();
    peer.stop();
    let row = |part, what: &str, most| {
        Row::of(
            what,
            "ms",
            quantile(&of_ours, part),
            ("amqp-consume", quantile(&of_peer, part)),
            Goal::AtMost(most),
        )
    };
    vec![
        row(0.5, "publish → first instruction, p50", 1.3),
        row(0.99, "publish → first instruction, p99", 2.0),
    ]
}

/// A queue, and who waits for what comes.
struct Waiting {
    scene: Scene,
    consumer: Consumer,
}

enum Consumer {
    Ours(Service),
    Peer(Child),
}

/// Where the scripts of a stage note when they began.
fn stamps(scene: &Scene) -> PathBuf {
    scene.path("stamps")
}

fn script(file: &Path) -> [String; 3] {
    let own = std::env::current_exe().expect("this program");
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    [path(&own), STAMP.to_owned(), path(file)]
}

impl Waiting {
    fn new(name: &str, start: impl FnOnce(&Scene) -> Consumer) -> Self {
        let mut scene = Scene::new(name);
        let script = script(&stamps(&scene)).join(" ");
        scene.rule("r", &format!("events = {FULFILL}\nscript = {script}"));
        let consumer = start(&scene);
        Self { scene, consumer }
    }

    /// Publishes a message after so many; answers how long its script was waited for, in milliseconds.
    fn publish_one(&self, before: usize) -> f64 {
        let message = notification(FULFILL);
        let published = peers::now();
        self.scene.publish(&message.body);
        let began = Instant::now();
        let stamped = loop {
            let text = fs::read_to_string(stamps(&self.scene)).unwrap_or_default();
            let is_whole = text.ends_with('\n');
            if let Some(line) = text.lines().nth(before).filter(|_| is_whole) {
                break line.parse::<u128>().expect("a time");
            }
            assert!(began.elapsed() < LONGEST, "no script was started");
            std::thread::sleep(Duration::from_millis(1));
        };
        let took = stamped.saturating_sub(published);
        // Whoever ran the script takes note of its end meanwhile.
        std::thread::sleep(Duration::from_millis(fastrand::u64(10..30)));
        Duration::from_nanos(u64::try_from(took).expect("a short time")).as_secs_f64() * 1_000.0
    }

    fn stop(self) {
        match self.consumer {
            Consumer::Ours(service) => drop(service.stop()),
            Consumer::Peer(mut child) => {
                child.kill().expect("kill");
                child.wait().expect("a child");
            }
        }
        self.scene.delete_queue();
    }
}
