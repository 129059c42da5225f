//! A sensor of a pack as a source, which keeps in the store how much of a file it has dispatched.

use serde_json::json;

use super::Fed;
use crate::support::pack;
use crate::support::shim::Shim;
use crate::support::stage::Stage;

/// A sensor that polls a file, and keeps in the store how far it has come.
pub(super) struct Sensor {
    stage: Stage,
    each: usize,
    last: usize,
}

impl Sensor {
    pub(super) fn new(each: usize) -> Self {
        let stage = Stage::new("");
        std::fs::write(stage.path("spool"), "").expect("a file");
        let poll = r#"
def poll(self):
    last = int(self.sensor_service.get_value("last") or 0)
    with open("spool") as file:
        tags = file.read().split("\n")[:-1]
    for number in range(last, len(tags)):
        tag = tags[number]
        self.sensor_service.dispatch("demo.spooled", {"tag": tag}, trace_tag=tag)
        self.sensor_service.set_value("last", number + 1)
"#;
        let metadata = "poll_interval: 0.1";
        pack::write(&stage, "Spool", metadata, &pack::polling("Spool", poll));
        let last = 0;
        Self { stage, each, last }
    }
}

impl Fed for Sensor {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "demo.spooled"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("feed", pack::options("Spool")))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += self.each;
        let tags: Vec<String> = (before..self.last).map(|id| format!("e{id}")).collect();
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(self.stage.path("spool"));
        let lines = tags.join("\n") + "\n";
        std::io::Write::write_all(&mut file.expect("a file"), lines.as_bytes()).expect("a write");
        let id = |tag: &String| pack::id(tag, "demo.spooled", &json!({"tag": tag}));
        tags.iter().map(id).collect()
    }
}
