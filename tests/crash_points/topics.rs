//! Topics of Kafka whose events are taken while the program dies.

use std::collections::HashSet;

use esi_event_actions::crash::Point;

use super::feeds::{EVENTS, Feed, assert_committed, on_disk};
use crate::support::kafka::{Door, Kafka, Sent};
use crate::support::stage::Stage;

/// Two partitions that hold all of them.
pub(super) struct Topics {
    stage: Stage,
    _kafka: Kafka,
    _door: Door,
    ids: HashSet<String>,
}

impl Feed for Topics {
    fn with_events(_: Point) -> Self {
        let kafka = Kafka::with("alarms", 2);
        let door = Door::to(&kafka);
        let mut stage = Stage::new("");
        let brokers = door.address();
        let options =
            format!("type = kafka\nbrokers = {brokers}\ntopics = alarms\nstart = earliest");
        stage.rule("source:bus", &format!("{options}\nkey = body.of"));
        let options = "events = bus\nscript = timed.sh\nscript_params = body.of, body.i";
        stage.rule("timed", options);
        stage.script("timed.sh", crate::support::repeats::TIMED);
        let send = |partition: i32, numbers: std::ops::Range<usize>| {
            let bodies = numbers.map(|i: usize| format!(r#"{{"i": {i}, "of": {partition}}}"#));
            let bodies: Vec<String> = bodies.collect();
            let sent: Vec<_> = bodies.iter().map(|it| Sent::text(it)).collect();
            let offsets = kafka.send("alarms", partition, &sent);
            offsets
                .into_iter()
                .map(move |it| format!("alarms:{partition}:{it}"))
        };
        let ids = send(0, 0..EVENTS / 2)
            .chain(send(1, EVENTS / 2..EVENTS))
            .collect();
        Self {
            stage,
            _kafka: kafka,
            _door: door,
            ids,
        }
    }

    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn stage_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn ids(&self) -> HashSet<String> {
        self.ids.clone()
    }

    fn keys() -> usize {
        2
    }

    fn assert_kept(&self, point: Point) {
        let runs = on_disk(self.stage(), point);
        // The first commits have where it begins, and nothing else.
        if !matches!(point, Point::Accepted | Point::Settled) {
            assert_committed(point, runs);
        }
        assert!(runs <= EVENTS, "{runs}");
    }
}
