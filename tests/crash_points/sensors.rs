//! A sensor of a pack, whose events are taken while the program dies.

use std::collections::HashSet;

use esi_event_actions::crash::Point;

use super::feeds::{EVENTS, Feed, assert_committed, on_disk};
use crate::support::pack;
use crate::support::stage::Stage;

/// A sensor that dispatches all of them, and keeps in the store how far it has come.
pub(super) struct Sensor {
    stage: Stage,
}

/// What it dispatches.
const COUNTED: &str = "demo.counted";

impl Feed for Sensor {
    fn with_events(_: Point) -> Self {
        let mut stage = Stage::new("");
        let sensor = pack::counting("Counter", EVENTS, 1);
        pack::write(&stage, "Counter", "", &sensor);
        stage.rule(
            "source:feed",
            &format!("{}\nrestart = no", pack::options("Counter")),
        );
        let options = format!("events = {COUNTED}\nscript = timed.sh feed\nscript_params = i");
        stage.rule("timed", &options);
        stage.script("timed.sh", crate::support::repeats::TIMED);
        Self { stage }
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn ids(&self) -> HashSet<String> {
        let id = |i: usize| pack::id(&format!("t{i}"), COUNTED, &serde_json::json!({ "i": i }));
        (1..=EVENTS).map(id).collect()
    }

    fn keys() -> usize {
        1
    }

    fn assert_kept(&self, point: Point) {
        let runs = on_disk(self.stage(), point);
        assert_committed(point, runs);
        let returned = pack::returned(&self.stage);
        assert!(
            returned.len() <= runs,
            "dispatched {returned:?}, but there are {runs} runs"
        );
    }
}
