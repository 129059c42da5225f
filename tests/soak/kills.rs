//! Kills at random times under load, for both feeds: nothing lost, every repeat on record, the runs
//! of a node in order and never beside each other.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use super::finding::Finding;
use super::support::history::{event, show};
use super::support::poller::Poller;
use super::support::repeats::{TIMED, assert_nothing_is_lost, assert_order, assert_these_ran};
use super::support::scene::{FULFILL, Scene, notification};
use super::support::stage::Stage;

/// What is accepted between two kills, on average.
const PER_KILL: usize = 5;

const NODES: usize = 12;

/// No service lives longer than this: long enough for some scripts to end.
const LONGEST_LIFE: Duration = Duration::from_millis(1_200);

/// Kills each feed's service so often.
pub(crate) fn attempt(count: u64) -> Vec<Finding> {
    vec![
        Finding::of("kill -9 of `listen` at random", count, || of_listen(count)),
        Finding::of("kill -9 of `poll` at random", count, || of_poll(count)),
    ]
}

/// More often early than late: beginnings are recovery, which is to be met too.
fn life() -> Duration {
    LONGEST_LIFE.mul_f64(fastrand::f64() * fastrand::f64())
}

fn timed_rule(number: &str) -> String {
    format!("events = {FULFILL}\nscript = timed.sh\nscript_params = node_uuid,{number}")
}

fn of_listen(count: u64) -> String {
    let mut scene = Scene::new("soak-kills");
    // A part of the messages stays with the broker, so that acknowledging goes on all the time.
    scene.default("prefetch = 20");
    scene.script("timed.sh", TIMED);
    scene.rule("timed", &timed_rule("purpose"));
    let first = notification(FULFILL);
    let mut published = HashSet::new();
    for _ in 0..count {
        let batch: Vec<_> = (0..fastrand::usize(0..=2 * PER_KILL))
            .map(|ahead| {
                let number = published.len() + ahead;
                let message = first.with("node_uuid", format!("node-{}", number % NODES));
                message.with("purpose", number.to_string()).fresh()
            })
            .collect();
        let service = scene.start(&[]);
        thread::scope(|threads| {
            // Some of them arrive before the kill, some after.
            threads.spawn(|| scene.publish_all(batch.iter().map(|message| &message.body)));
            thread::sleep(life());
            service.kill();
        });
        published.extend(batch.into_iter().map(|message| message.message_id));
    }
    scene.drain();
    assert_eq!(scene.waiting(), Some(0));
    account(&scene, &published)
}

fn of_poll(count: u64) -> String {
    /// Of so many events each time the client is told; more than is asked for again.
    const SHOWN: usize = 300;
    const LEASES: usize = 10 * NODES;
    let mut poller = Poller::new();
    poller.script("timed.sh", TIMED);
    poller.rule("timed", &timed_rule("event_id"));
    let number = |number: usize| i64::try_from(number).expect("a small number");
    for lease in 0..LEASES {
        show(&poller, number(lease), number(lease % NODES));
    }
    let tell = |last: usize| {
        let row = |id| event(number(id), number(id % LEASES), number(id % NODES));
        // In whatever order.
        let mut rows: Vec<_> = (last.saturating_sub(SHOWN).max(1)..=last)
            .map(row)
            .collect();
        fastrand::shuffle(&mut rows);
        poller.openstack.rows(&rows);
    };
    poller.pass(&["--from-now"]);
    let mut last = 0;
    for _ in 0..count {
        last += fastrand::usize(0..=2 * PER_KILL);
        tell(last);
        let service = poller.start(&["--every", "1h"]);
        thread::sleep(life());
        let log = service.kill();
        let cursor = poller.cursor().expect("a cursor");
        let runs = poller.runs().len();
        assert_eq!(
            cursor,
            number(runs),
            "the cursor and the runs differ: {log}"
        );
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
