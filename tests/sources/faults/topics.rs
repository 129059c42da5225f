//! A topic of Kafka, as a source that the faults befall.

use super::Fed;
use crate::support::kafka::{Door, Kafka};
use crate::support::shim::Shim;
use crate::support::stage::Stage;

pub(super) struct Topics {
    stage: Stage,
    kafka: Kafka,
    door: Door,
    each: usize,
}

impl Topics {
    pub(super) fn new(each: usize) -> Self {
        let kafka = Kafka::with("alarms", 1);
        let door = Door::to(&kafka);
        Self {
            stage: Stage::new(""),
            kafka,
            door,
            each,
        }
    }
}

impl Fed for Topics {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "alarms"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let brokers = self.door.address();
        let options =
            format!("type = kafka\nbrokers = {brokers}\ntopics = alarms\nstart = earliest");
        Some(("alarms", options))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let offsets = self.kafka.send_texts("alarms", &vec!["{}"; self.each]);
        let id = |offset| format!("alarms:0:{offset}");
        offsets.into_iter().map(id).collect()
    }
}
