//! The feeds that have a section of their own: a timer, files, a program, queues of another service.

use std::collections::HashSet;
use std::process::Command;

use esi_event_actions::crash::Point;

use super::feeds::{
    EVENTS, Feed, NODES, assert_committed, assert_in_queue, on_disk, unacknowledged,
};
use crate::support::orders::{Orders, SECTION};
use crate::support::shim::Shim;
use crate::support::spool;
use crate::support::stage::Stage;
use crate::support::timer::{drain, set_clock_to};

/// `listen`, with a timer that has missed its times, all of which fire.
pub(super) struct Timer {
    stage: Stage,
    shim: Shim,
}

impl Feed for Timer {
    fn with_events(_: Point) -> Self {
        let mut stage = Stage::new("");
        let options = "type = timer\ncron = 0 * * * *\ntimezone = UTC\nmissed = all";
        stage.rule("source:nightly", options);
        let options = "events = nightly\nscript = timed.sh nightly\nscript_params = i";
        stage.rule("timed", options);
        stage.script("timed.sh", crate::support::repeats::TIMED);
        let shim = Shim::new(&stage);
        set_clock_to(&shim, "2026-06-01T00:30:00Z");
        drain(&stage, &shim);
        set_clock_to(&shim, &format!("2026-06-01T0{EVENTS}:30:00Z"));
        Self { stage, shim }
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn command(&self) -> Command {
        let mut command = self.stage.program("listen");
        self.shim.below(&mut command).arg("--until-idle");
        command
    }

    fn ids(&self) -> HashSet<String> {
        let hours = 1..=EVENTS;
        hours
            .map(|hour| format!("nightly@2026-06-01T0{hour}:00:00Z"))
            .collect()
    }

    fn keys() -> usize {
        1
    }

    fn assert_kept(&self, point: Point) {
        assert_one_commit(self.stage(), point);
    }
}

/// All events are in one commit.
fn assert_one_commit(stage: &Stage, point: Point) {
    let runs = on_disk(stage, point);
    assert_committed(point, runs);
    assert!(runs == 0 || runs == EVENTS, "one commit: {runs}");
}

/// A file that holds all of them.
pub(super) struct Facts {
    stage: Stage,
}

impl Feed for Facts {
    fn with_events(_: Point) -> Self {
        let mut stage = Stage::new("");
        stage.rule("source:inventory", "type = facts\nfiles = facts.yml");
        let options = "events = inventory\nscript = timed.sh inventory\nscript_params = i";
        stage.rule("timed", options);
        stage.script("timed.sh", crate::support::repeats::TIMED);
        let numbers = 1..=EVENTS;
        let facts: Vec<String> = numbers.map(|i| format!("- {{i: {i}}}\n")).collect();
        std::fs::write(stage.path("facts.yml"), facts.concat()).expect("a file");
        Self { stage }
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn ids(&self) -> HashSet<String> {
        let file = self.stage.path("facts.yml");
        let id = |number| format!("inventory:{}#1.{number}", file.display());
        (1..=EVENTS).map(id).collect()
    }

    fn keys() -> usize {
        1
    }

    fn assert_kept(&self, point: Point) {
        assert_one_commit(self.stage(), point);
    }
}

/// A program that ends once all that it has written was acknowledged.
pub(super) struct Exec {
    stage: Stage,
}

impl Feed for Exec {
    fn with_events(_: Point) -> Self {
        let mut stage = Stage::new("");
        spool::set_up(&stage);
        spool::spool_on(&stage, 1..=EVENTS, NODES);
        stage.rule("source:feed", &format!("{} end", spool::SPOOLING));
        let options = "events = feed\nscript = timed.sh\nscript_params = key, i";
        stage.rule("timed", options);
        Self { stage }
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn ids(&self) -> HashSet<String> {
        (1..=EVENTS).map(|number| format!("e{number}")).collect()
    }

    fn assert_kept(&self, point: Point) {
        let runs = on_disk(&self.stage, point);
        assert_committed(point, runs);
        let kept = EVENTS - spool::acknowledged(&self.stage);
        assert!(
            kept >= unacknowledged(point, runs),
            "{kept} with {runs} on disk"
        );
    }
}

/// A queue of another service.
pub(super) struct Messages {
    orders: Orders,
    ids: HashSet<String>,
}

impl Feed for Messages {
    fn with_events(point: Point) -> Self {
        let mut orders = Orders::declared(&format!("crash-{}", point.name()));
        let section = orders.section("key = body.node");
        orders.stage.rule(&format!("source:{SECTION}"), &section);
        let params = "script_params = body.node, body.order";
        let options = format!("events = {SECTION}\nscript = timed.sh\n{params}");
        orders.stage.rule("timed", &options);
        let publish = |number: usize| {
            let (id, node) = (number.to_string(), number % NODES);
            let body = format!(r#"{{"order": {number}, "node": "node-{node}"}}"#);
            orders.publish_as(&orders.queue, Some(&id), &body);
            id
        };
        let ids = (1..=EVENTS).map(publish).collect();
        Self { orders, ids }
    }

    fn stage(&self) -> &Stage {
        &self.orders.stage
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.orders.stage
    }

    fn ids(&self) -> HashSet<String> {
        self.ids.clone()
    }

    fn assert_kept(&self, point: Point) {
        let runs = on_disk(self.stage(), point);
        assert_committed(point, runs);
        assert_in_queue(&self.orders, unacknowledged(point, runs));
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        // It is durable, and the broker may be one that others use.
        if !std::thread::panicking() {
            self.orders.delete_queue();
        }
    }
}
