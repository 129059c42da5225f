//! What the original Python listener got wrong, case by case, and what is right now.
//!
//! `tests/data/original-gap.json` records its behaviour in 44 cases, each run for real. Each case
//! has a test of its name here, which says first what the original did.

mod broker;
mod configuration;
mod queues;
mod scripts;
mod settings;
mod values;

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::captured::{self, Captured, Driver};
use super::support::scene::{FULFILL, Scene};

/// The node of the lease that [`lease`] is about.
const NODE: &str = "MOC-R4PAC08U33-S1A";

/// A notification, as ESI Leap sent it, of a lease as the documented example asks for: its purpose
/// is `test` and `properties.vendor` is `foo`.
fn lease(event_type: &str) -> Captured {
    let all = captured::all(Driver::MessagingV2);
    let one = all
        .iter()
        .find(|one| one.event_type == event_type && one.data()["purpose"] == "test");
    one.expect("a captured notification").fresh()
}

/// A stage whose one rule runs `record.sh` on fulfilled leases.
fn recording(name: &str, options: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.rule(
        "case",
        &format!("events = {FULFILL}\nscript = record.sh\n{options}"),
    );
    scene
}

/// Sends these messages, and gives what the scripts have logged when all is done: nothing may be
/// left in the queue or fail.
fn ran(scene: &Scene, messages: &[Captured]) -> Vec<String> {
    scene.publish_all(messages.iter().map(|message| &message.body));
    scene.drain();
    assert_eq!(scene.waiting(), Some(0));
    assert!(scene.states().iter().all(|state| state == "succeeded"));
    scene.log()
}

#[test]
fn every_case_of_the_original_has_a_test_of_its_name() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let cases = fs::read(here.join("data/original-gap.json")).expect("the cases");
    let cases: Vec<Value> = serde_json::from_slice(&cases).expect("JSON");
    assert_eq!(cases.len(), 44);
    let mut sources = String::new();
    for entry in fs::read_dir(here.join("original_gap")).expect("the folder") {
        let path = entry.expect("the folder").path();
        sources += &fs::read_to_string(path).expect("a source");
    }
    let mut forgotten = Vec::new();
    for case in &cases {
        let name = case["case"].as_str().expect("a name").replace('-', "_");
        if !sources.contains(&format!("#[test]\nfn {name}() {{")) {
            forgotten.push(name);
        }
    }
    assert_eq!(forgotten, Vec::<String>::new());
}
