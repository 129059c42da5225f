//! One configuration, both feeds, the same leases: what real notifications said and what the real
//! client said of the same events become the same arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::support::captured::{self, Driver};
use crate::support::openstack::{LEASES_SHOWN, printed};
use crate::support::poller::Poller;
use crate::support::scene::Scene;
use crate::support::stage::Stage;

/// A notification says them of the moment when it was sent, a lease of the moment when it is shown.
const OF_THE_MOMENT: [&str; 3] = ["expire_time", "fulfill_time", "status"];

/// Only the bus says them.
const OF_THE_BUS: [&str; 3] = ["id", "node_power_state", "node_provision_state"];

/// Deeper within the lease; and one that no lease has.
const DEEPER: [&str; 8] = [
    "properties.vendor",
    "properties.rack",
    "properties.rack.tags.1",
    "properties.city",
    "properties.nothing",
    "node_properties.vendor",
    "node_properties.local_gb",
    "properties.no_such_property",
];

/// Keeps its arguments, a file each, by the number of the run.
const KEEP: &str = r#"mkdir "kept-$ESI_RUN_ID"
number=0
for argument in "$@"; do
  printf %s "$argument" >"kept-$ESI_RUN_ID/$number"
  number=$((number + 1))
done"#;

/// What a script got for each field of an event, which its lease and its type name: the leases here
/// have one event of a type each.
type Arguments = BTreeMap<(String, String), BTreeMap<String, String>>;

/// All fields of a notification, and what is within them.
fn fields() -> Vec<String> {
    let first = captured::first(Driver::MessagingV2, "esi_leap.lease.fulfill.end");
    let deeper = DEEPER.map(str::to_owned);
    first.data().keys().cloned().chain(deeper).collect()
}

/// One rule for either feed, which keeps all fields and filters by some that both have.
fn rule(stage: &mut Stage) {
    stage.script("keep.sh", KEEP);
    stage.rule(
        "keep",
        &format!(
            "events = esi_leap.lease.*\nscript = keep.sh\nscript_params = {}\n\
             filter_params = {{\"owner_id\": \"2222|3333\", \"resource_type\": [\"ironic_node$\", \"dummy\"]}}",
            fields().join(",")
        ),
    );
    // What is refused has to be refused by both.
    stage.rule(
        "foo",
        "events = esi_leap.lease.*\nscript = record.sh\nscript_params = uuid,node_name\n\
         filter_params = {\"properties.vendor\": \"fo\", \"purpose\": [\"test$\", \"x\"]}",
    );
}

fn kept(stage: &Stage) -> Arguments {
    let mut kept = Arguments::new();
    for run in stage.runs() {
        assert_eq!(run["state"], "succeeded", "{run}");
        if run["rule"] != "keep" {
            continue;
        }
        let folder = stage.path(&format!("kept-{}", run["id"]));
        let value = |(number, field): (usize, String)| {
            let value = fs::read_to_string(folder.join(number.to_string())).expect("an argument");
            (field, value)
        };
        let values: BTreeMap<String, String> =
            fields().into_iter().enumerate().map(value).collect();
        let event_type = run["event_type"].as_str().expect("text").to_owned();
        let former = kept.insert((values["uuid"].clone(), event_type), values);
        assert!(former.is_none(), "{former:?} came twice");
    }
    kept
}

#[test]
fn the_same_leases_give_the_same_arguments_through_both_feeds() {
    let mut poller = Poller::new();
    rule(&mut poller);
    let mut uuids = BTreeSet::new();
    for name in LEASES_SHOWN {
        let lease = printed(name);
        let uuid = lease["uuid"].as_str().expect("text").to_owned();
        poller.openstack.lease(&uuid, lease);
        uuids.insert(uuid);
    }
    let rows = printed("01-event-list-admin");
    let mut rows: Vec<Value> = rows.as_array().expect("rows").clone();
    rows.retain(|row| uuids.contains(row["Object UUID"].as_str().expect("text")));
    poller.openstack.rows(&rows);
    poller.pass(&["--from-start"]);

    let mut scene = Scene::new("both-feeds");
    rule(&mut scene);
    let notified = captured::all(Driver::MessagingV2).into_iter();
    let notified: Vec<_> = notified
        .filter(|each| uuids.contains(each.data()["uuid"].as_str().expect("text")))
        .collect();
    scene.publish_all(notified.iter().map(|each| &each.body));
    scene.drain();

    let (of_history, of_bus) = (kept(&poller), kept(&scene));
    assert_eq!(of_bus.len(), notified.len());
    assert!(of_bus.len() >= 20, "{}", of_bus.len());
    assert!(of_history.keys().eq(of_bus.keys()));
    let mut differ = BTreeSet::new();
    for (event, on_bus) in &of_bus {
        for (field, value) in on_bus {
            let in_history = &of_history[event][field];
            if OF_THE_BUS.contains(&field.as_str()) {
                assert_eq!(in_history, "", "{field} of {event:?}");
                assert_ne!(value, "", "{field} of {event:?}");
            } else if in_history != value {
                differ.insert(field.as_str());
            }
        }
    }
    assert!(differ.into_iter().eq(OF_THE_MOMENT));
    // They are there in both, once both are about the same moment.
    let full = (
        "81347eb5-1a17-4689-9511-5005e5d1fb8c".to_owned(),
        "esi_leap.lease.delete.end".to_owned(),
    );
    let fulfilled = &of_bus[&full]["fulfill_time"];
    assert!(!fulfilled.is_empty());
    assert_eq!(&of_history[&full]["fulfill_time"], fulfilled);
    for field in ["properties.rack.tags.1", "node_properties.local_gb"] {
        assert_ne!(of_bus[&full][field], "", "{field}");
    }

    let sorted = |stage: &Stage| {
        let mut log = stage.log();
        log.sort();
        log
    };
    assert_eq!(sorted(&poller), sorted(&scene));
    assert_eq!(scene.log().len(), 4, "{:?}", scene.log());
}
