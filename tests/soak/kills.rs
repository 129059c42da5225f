//! Kills at random times under load, for both feeds: nothing lost, every repeat on record, the runs
//! of a node in order and never beside each other.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use super::faults::of_sources;
use super::finding::Finding;
use super::support::broker::Broker;
use super::support::history::{event, show};
use super::support::poller::Poller;
use super::support::proxy::{Proxy, Toward};
use super::support::repeats::{
    TIMED, assert_nothing_is_lost, assert_order, assert_these_ran, starts,
};
use super::support::scene::{FULFILL, Scene, notification};
use super::support::stage::{Stage, wait_until};

/// What is accepted between two kills, on average.
const PER_KILL: usize = 5;

const NODES: usize = 12;

/// Kills each feed's service so often.
pub(crate) fn attempt(count: u64) -> Vec<Finding> {
    vec![
        Finding::of("kill -9 of `listen` at random", count, || {
            of_listen(count, |_, _| {})
        }),
        Finding::of("the same, while its connections fail", count, || {
            of_listen(count, fail)
        }),
        Finding::of("kill -9 of `poll` at random", count, || of_poll(count)),
        Finding::of("20 kills amid 10,000 events of each source", 1, of_sources),
    ]
}

/// Lets a service, for which there is something to do, live until chance decides: at any time of its
/// life, if a few events take it so long, or while its first scripts run.
fn let_live(stage: &Stage, whole: Duration) {
    if fastrand::bool() {
        thread::sleep(whole.mul_f64(fastrand::f64() * 1.5));
    } else {
        let before = starts(stage);
        wait_until("a script", || starts(stage) > before);
        thread::sleep(Duration::from_millis(60).mul_f64(fastrand::f64()));
    }
}

fn timed_rule(number: &str) -> String {
    format!("events = {FULFILL}\nscript = timed.sh\nscript_params = node_uuid,{number}")
}

/// At any time of a life, the connection is reset, cut in the middle of a frame, or slow. It is not
/// silent: the broker would keep what it has delivered there, and deliver what comes after it.
fn fail(proxy: &Proxy, whole: Duration) {
    proxy.forward();
    thread::sleep(whole.mul_f64(fastrand::f64()));
    let toward = fastrand::choice([Toward::Broker, Toward::Service]).expect("a direction");
    match fastrand::u8(..3) {
        0 => proxy.reset(),
        1 => proxy.cut_after(toward, fastrand::usize(..4096)),
        _ => proxy.slow(Duration::from_millis(100).mul_f64(fastrand::f64())),
    }
}

/// `fail` does something to the way to the broker during each life.
fn of_listen(count: u64, fail: fn(&Proxy, Duration)) -> String {
    let mut scene = Scene::new("soak-kills");
    let proxy = Proxy::to(Broker::shared());
    scene
        .replace("host", "127.0.0.1")
        .replace("port", &proxy.port().to_string());
    // A part of the messages stays with the broker, so that acknowledging goes on all the time.
    scene.default("prefetch = 20");
    scene.script("timed.sh", TIMED);
    scene.rule("timed", &timed_rule("purpose"));
    let first = notification(FULFILL);
    let message = |number: usize| {
        let message = first.with("node_uuid", format!("node-{}", number % NODES));
        message.with("purpose", number.to_string()).fresh()
    };
    let mut published = HashSet::new();
    let mut next = |most: usize| -> Vec<_> {
        let numbers = published.len()..published.len() + fastrand::usize(1..=most);
        let batch: Vec<_> = numbers.map(message).collect();
        published.extend(batch.iter().map(|message| message.message_id.clone()));
        batch
    };
    scene.publish_all(next(PER_KILL).iter().map(|message| &message.body));
    let began = Instant::now();
    scene.drain();
    let whole = began.elapsed();
    for _ in 0..count {
        let batch = next(2 * PER_KILL);
        let service = scene.start(&[]);
        thread::scope(|threads| {
            // Some of them arrive before the kill, some after.
            threads.spawn(|| scene.publish_all(batch.iter().map(|message| &message.body)));
            threads.spawn(|| fail(&proxy, whole));
            let_live(&scene, whole);
            service.kill();
        });
    }
    proxy.forward();
    // What was under way on a connection that failed is in the queue once the broker knows of it.
    wait_until("all messages", || {
        scene.drain();
        scene.runs().len() == published.len()
    });
    assert_eq!(scene.waiting(), Some(0));
    account(&scene, &published)
}

fn of_poll(count: u64) -> String {
    /// So many events before the cursor are there to be read; more than are asked for again.
    const SHOWN_AGAIN: usize = 300;
    const LEASES: usize = 10 * NODES;
    let mut poller = Poller::new();
    poller.script("timed.sh", TIMED);
    poller.rule("timed", &timed_rule("event_id"));
    let number = |number: usize| i64::try_from(number).expect("a small number");
    for lease in 0..LEASES {
        show(&poller, number(lease), number(lease % NODES));
    }
    let tell = |read: usize, last: usize| {
        let row = |id| event(number(id), number(id % LEASES), number(id % NODES));
        // In whatever order.
        let first = read.saturating_sub(SHOWN_AGAIN).max(1);
        let mut rows: Vec<_> = (first..=last).map(row).collect();
        fastrand::shuffle(&mut rows);
        poller.openstack.rows(&rows);
    };
    let mut last = PER_KILL;
    let mut read = 0;
    tell(read, last);
    let began = Instant::now();
    poller.pass(&["--from-start"]);
    let whole = began.elapsed();
    for _ in 0..count {
        last += fastrand::usize(1..=2 * PER_KILL);
        tell(read, last);
        let service = poller.start(&["--every", "1h"]);
        let_live(&poller, whole);
        let log = service.kill();
        let cursor = poller.cursor().expect("a cursor");
        read = poller.runs().len();
        assert_eq!(cursor, number(read), "cursor and runs differ: {log}");
    }
    poller.pass(&[]);
    assert_eq!(poller.cursor(), Some(number(last)));
    account(&poller, &(1..=last).map(|id| id.to_string()).collect())
}

/// Every event has run, in order, and whatever ran more than once was interrupted.
fn account(stage: &Stage, ids: &HashSet<String>) -> String {
    let events = ids.len();
    assert_these_ran(stage, ids);
    let repeats = assert_nothing_is_lost(stage, events);
    assert_order(stage, events.min(NODES));
    format!("{events} events, 0 lost, {repeats} attempts interrupted and made again")
}
