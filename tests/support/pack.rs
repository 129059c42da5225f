//! A `StackStorm` pack with a sensor, beside the configuration.

use std::fs;

use esi_event_actions::core::limits::hashed;
use serde_json::Value;

use super::stage::Stage;

/// The methods that every sensor has to have, and most leave empty.
const EMPTY: &str = "
    def setup(self):
        pass

    def cleanup(self):
        pass

    def add_trigger(self, trigger):
        pass

    def update_trigger(self, trigger):
        pass

    def remove_trigger(self, trigger):
        pass
";

/// Writes the pack `demo` with a sensor of this class: what its metadata say besides, and its file.
pub(crate) fn write(stage: &Stage, class: &str, metadata: &str, python: &str) {
    let folder = stage.path("packs/demo/sensors");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(stage.path("packs/demo/pack.yaml"), "name: demo\n").expect("a pack");
    let name = class.to_lowercase();
    let text = format!("---\nclass_name: \"{class}\"\nentry_point: \"{name}.py\"\n{metadata}\n");
    fs::write(folder.join(format!("{name}.yaml")), text).expect("metadata");
    fs::write(folder.join(format!("{name}.py")), python).expect("a sensor");
}

/// The options of a source with that sensor.
pub(crate) fn options(class: &str) -> String {
    format!("type = sensor\npack = packs/demo\nclass = {class}")
}

/// The file of a class derived from `Sensor` with these methods; those that they lack are empty.
pub(crate) fn passive(class: &str, methods: &str) -> String {
    sensor("Sensor", class, methods)
}

/// The same derived from `PollingSensor`.
pub(crate) fn polling(class: &str, methods: &str) -> String {
    sensor("PollingSensor", class, methods)
}

fn sensor(base: &str, class: &str, methods: &str) -> String {
    let methods = methods.trim_matches('\n').replace('\n', "\n    ");
    format!(
        "import os\n\nimport eventlet\n\nfrom st2reactor.sensor.base import {base}\n\n\nclass {class}({base}):{EMPTY}\n    {methods}\n"
    )
}

/// A sensor that dispatches `demo.counted` from 1 to this number, keeps each that many can be divided by in the store, as the
/// last, and each whose dispatch came back in a file; and then ends.
pub(crate) fn counting(class: &str, to: usize, many: usize) -> String {
    let run = format!(
        r#"
def run(self):
    last = int(self.sensor_service.get_value("last") or 0)
    for i in range(last + 1, {to} + 1):
        self.sensor_service.dispatch("demo.counted", {{"i": i}}, trace_tag="t%d" % i)
        with open("returned", "a") as file:
            file.write("%d\n" % i)
        if i % {many} == 0:
            self.sensor_service.set_value("last", i)
"#
    );
    passive(class, &run)
}

/// The numbers that such a sensor noted after their dispatch, each once.
pub(crate) fn returned(stage: &Stage) -> Vec<usize> {
    let text = fs::read_to_string(stage.path("returned")).unwrap_or_default();
    let mut numbers: Vec<usize> = text
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The id of an event that was dispatched with this tag.
pub(crate) fn id(tag: &str, trigger: &str, payload: &Value) -> String {
    format!(
        "{tag} {}",
        hashed(format!("{trigger} {payload}").as_bytes())
    )
}
