//! The feeds, each with as many events, and what must be where after a kill: the bus and the history.

use std::collections::HashSet;
use std::process::Command;

use esi_event_actions::crash::Point;
use serde_json::Value;

use crate::support::history::{accepted, event, lease, retry, show};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, notification, wait_until};
use crate::support::stage::Stage;

/// So many events there are, in turn on each of so many nodes.
pub(super) const EVENTS: usize = 6;
pub(super) const NODES: usize = 3;

/// A feed that can be read to its end again and again.
pub(super) trait Feed {
    /// A stage where events wait, ready to come to this point; its rule runs `timed.sh`, which is
    /// yet to be written.
    fn with_events(point: Point) -> Self;

    fn stage(&self) -> &Stage;

    fn stage_mut(&mut self) -> &mut Stage;

    /// The program, which reads and does all there is.
    fn command(&self) -> Command {
        let mut command = self.stage().program("listen");
        command.arg("--until-idle");
        command
    }

    /// The ids of the events.
    fn ids(&self) -> HashSet<String>;

    /// In how many orders its events come.
    fn keys() -> usize {
        NODES
    }

    /// Nothing is settled that is not on disk.
    fn assert_kept(&self, point: Point);
}

/// How many runs are on disk after a kill at this point. Just before the tables there is no journal
/// to look at.
pub(super) fn on_disk(stage: &Stage, point: Point) -> usize {
    match point {
        Point::JournalMade | Point::MigrationHalfWay => 0,
        _ => stage.runs().len(),
    }
}

/// What is not committed has not happened, and what is, has.
pub(super) fn assert_committed(point: Point, runs: usize) {
    match point {
        Point::DeliveryReceived
        | Point::DeliveryDecoded
        | Point::CursorMoved
        | Point::AcceptedUncommitted => assert_eq!(runs, 0),
        Point::Accepted | Point::Settled | Point::RunClaimed => assert!(runs > 0),
        _ => {}
    }
}

/// How many events the sender still has after a kill at this point at least, with so many of them on disk.
pub(super) fn unacknowledged(point: Point, runs: usize) -> usize {
    match point {
        Point::JournalMade
        | Point::MigrationHalfWay
        | Point::Migrated
        | Point::DeliveryReceived
        | Point::DeliveryDecoded
        | Point::AcceptedUncommitted
        | Point::Accepted => EVENTS,
        _ => EVENTS - runs,
    }
}

/// Waits until the broker knows of the kill.
pub(super) fn assert_in_queue(scene: &Scene, number: usize) {
    wait_until("what is not on disk to be in the queue again", || {
        let waiting = scene.waiting().expect("the queue");
        usize::try_from(waiting).is_ok_and(|waiting| waiting >= number)
    });
}

/// The last parameter is one that a row of the history does not have, without its lease.
fn rule(stage: &mut Stage, number: &str) {
    let params = format!("node_uuid,{number},status");
    let options = format!("events = {FULFILL}\nscript = timed.sh\nscript_params = {params}");
    stage.rule("timed", &options);
}

/// `listen`, with a queue.
pub(super) struct Bus {
    scene: Scene,
    ids: HashSet<String>,
}

impl Feed for Bus {
    fn with_events(point: Point) -> Self {
        let mut scene = Scene::new(&format!("crash-{}", point.name()));
        rule(&mut scene, "purpose");
        let message = |number: usize| {
            let message = notification(FULFILL).with("purpose", number.to_string());
            message.with("node_uuid", format!("node-{}", number % NODES))
        };
        let messages: Vec<_> = (1..=EVENTS).map(message).collect();
        scene.publish_all(messages.iter().map(|message| &message.body));
        let ids = messages.into_iter().map(|message| message.message_id);
        Self {
            scene,
            ids: ids.collect(),
        }
    }

    fn stage(&self) -> &Stage {
        &self.scene
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.scene
    }

    fn ids(&self) -> HashSet<String> {
        self.ids.clone()
    }

    fn assert_kept(&self, point: Point) {
        let runs = on_disk(self.stage(), point);
        assert_committed(point, runs);
        assert_in_queue(&self.scene, unacknowledged(point, runs));
    }
}

/// `poll`, with a history.
pub(super) struct History(Poller);

impl Feed for History {
    fn with_events(point: Point) -> Self {
        let mut poller = Poller::new();
        rule(&mut poller, "event_id");
        let number = |number: usize| i64::try_from(number).expect("a small number");
        let row = |id| event(number(id), number(id % NODES), number(id % NODES));
        let rows: Vec<Value> = (1..=EVENTS).rev().map(row).collect();
        poller.openstack.rows(&rows);
        for of_node in 0..NODES {
            show(&poller, number(of_node), number(of_node));
        }
        if matches!(point, Point::LateLeaseShown | Point::LeaseCompleted) {
            poller.openstack.deny(&lease(2));
            poller.script("timed.sh", crate::support::repeats::TIMED);
            poller.pass(&["--from-start"]);
            show(&poller, 2, 2);
            retry(&poller, 2);
        }
        Self(poller)
    }

    fn stage(&self) -> &Stage {
        &self.0
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.0
    }

    fn command(&self) -> Command {
        // As long as nothing is on disk, where to begin has to be said again.
        let has_begun = self.0.run(&["poll", "--status", "--format", "json"]);
        let has_begun = serde_json::from_slice(&has_begun.stdout)
            .is_ok_and(|sources: Vec<Value>| !sources.is_empty());
        let beginning: &[&str] = if has_begun { &[] } else { &["--from-start"] };
        self.0.polling(beginning)
    }

    fn ids(&self) -> HashSet<String> {
        (1..=EVENTS).map(|id| id.to_string()).collect()
    }

    fn assert_kept(&self, point: Point) {
        assert_committed(point, on_disk(self.stage(), point));
        if on_disk(self.stage(), point) == 0 {
            return;
        }
        let cursor = self.0.cursor().expect("a cursor");
        assert_eq!(accepted(&self.0), (1..=cursor).collect::<Vec<i64>>());
    }
}
