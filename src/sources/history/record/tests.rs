use serde_json::json;

use super::*;
use crate::sources::fields::{bus_field, history_field};

fn row() -> Row {
    Row {
        id: 6,
        event_type: "esi_leap.lease.fulfill.end".into(),
        event_time: "2026-11-21T08:50:12.243638".into(),
        object_type: "lease".into(),
        object_uuid: "l".into(),
        resource_type: Some("ironic_node".into()),
        resource_uuid: Some("n".into()),
        lessee_id: Some("tenant".into()),
        owner_id: Some("owner".into()),
    }
}

fn find(event: &Event, path: &str) -> String {
    PayloadPath::parse(path).unwrap().find(event).to_text()
}

#[test]
fn a_lease_is_filled_in_under_the_names_of_the_notification() {
    let lease = json!({
        "uuid": "l", "resource": "node 1", "resource_properties": {"cpus": "64"},
        "properties": {"vendor": "foo"}, "fulfill_time": null, "status": "active",
        "start_time": "2026-11-21T08:50:11.717117", "end_time": "2026-11-22T08:50:10",
    });
    let record = Record {
        row: row(),
        lease: lease.as_object().cloned(),
    };
    assert!(record.is_whole());
    let event = record.into_event();
    assert!(lacks(&event).is_none());
    assert_eq!(event.id, "6");
    assert_eq!(event.time, "2026-11-21T08:50:12.243638");
    let cases = [
        ("node_name", "node 1"),
        ("node_uuid", "n"),
        ("node_properties.cpus", "64"),
        ("properties.vendor", "foo"),
        ("start_time", "2026-11-21T08:50:11Z"),
        ("end_time", "2026-11-22T08:50:10Z"),
        ("fulfill_time", ""),
        ("event_id", "6"),
        ("event_time", "2026-11-21T08:50:12.243638"),
        ("lessee_id", "tenant"),
        ("project_id", "tenant"),
        ("esi_leap_object.data.uuid", "l"),
    ];
    for (path, text) in cases {
        assert_eq!(find(&event, path), text, "{path}");
    }
    assert_eq!(event.node(), "n");
    assert_eq!(Row::of(&event), Some(row()));
}

#[test]
fn without_its_lease_an_event_has_what_the_row_says() {
    let record = Record {
        row: row(),
        lease: None,
    };
    assert!(!record.is_whole());
    let event = record.into_event();
    assert!(lacks(&event).is_some());
    for name in ROW_FIELDS {
        assert!(!find(&event, name).is_empty(), "{name}");
    }
    assert_eq!(Row::of(&event), Some(row()));
    let offer = Row {
        object_type: "offer".into(),
        ..row()
    };
    assert!(
        Record {
            row: offer,
            lease: None
        }
        .is_whole()
    );
}

#[test]
fn rows_are_read_by_the_names_of_the_client_and_of_the_api() {
    let printed = json!({
        "ID": 6, "Event Type": "esi_leap.lease.fulfill.end",
        "Event Time": "2026-11-21T08:50:12.243638", "Object Type": "lease", "Object UUID": "l",
        "Resource Type": "ironic_node", "Resource UUID": "n", "Lessee ID": "tenant",
        "Owner ID": "owner",
    });
    let api = json!({
        "id": 6, "event_type": "esi_leap.lease.fulfill.end",
        "event_time": "2026-11-21T08:50:12.243638", "object_type": "lease", "object_uuid": "l",
        "resource_type": "ironic_node", "resource_uuid": "n", "lessee_id": "tenant",
        "owner_id": "owner", "links": [],
    });
    let record = Record {
        row: row(),
        lease: Some(Lease::new()),
    };
    let several = json!([printed, printed]).to_string();
    let refused = Record::decode(several.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "expected a row of the event history, but it is a list"
    );
    for body in [printed, api] {
        let decoded = Record::decode(body.to_string().as_bytes()).unwrap();
        assert_eq!(decoded.row, row());
        assert_eq!(decoded.lease, None);
    }
    let text = serde_json::to_vec(&record).unwrap();
    assert_eq!(Record::decode(&text).unwrap(), record);
    let error = Record::decode(br#"{"ID": 6}"#).unwrap_err().to_string();
    assert!(
        error.starts_with("expected a row of the event history"),
        "{error}"
    );
}

#[test]
fn what_only_the_history_has_is_known_with_what_both_feeds_have() {
    let cases = [
        ("event_id", Some(("event_id", None))),
        ("$['lessee_id']", Some(("lessee_id", Some("project_id")))),
        (
            "resource_properties.vendor",
            Some(("resource_properties", Some("node_properties"))),
        ),
        ("resource_uuid", None),
        ("properties.owner", None),
    ];
    for (text, expected) in cases {
        let path = PayloadPath::parse(text).unwrap();
        assert_eq!(history_field(&path), expected, "{text}");
    }
}

#[test]
fn paths_are_known_by_who_can_answer_them() {
    let cases = [
        ("node_uuid", false, None),
        ("event_time", false, None),
        ("lessee_id", false, None),
        ("node_name", true, None),
        ("properties.id", true, None),
        ("ids", true, None),
        ("$.uuid", true, None),
        ("id", true, Some("id")),
        ("node_power_state", true, Some("node_power_state")),
        ("esi_leap_object.data.id", true, Some("id")),
        ("esi_leap_object.data.properties.id", true, None),
        (
            "esi_leap_object.version",
            true,
            Some("esi_leap_object.version"),
        ),
        ("$.node_power_state", true, Some("node_power_state")),
        (
            "$['node_provision_state']",
            true,
            Some("node_provision_state"),
        ),
        ("$.node_uuid", true, None),
        ("$.id", true, Some("id")),
        ("$['esi_leap_object.data'].id", true, Some("id")),
        ("$.properties.id", true, None),
        ("$.node_power_states", true, None),
        ("@create.ip", false, None),
    ];
    for (text, needs, bus) in cases {
        let path = PayloadPath::parse(text).unwrap();
        assert_eq!(
            (needs_lease(&path), bus_field(&path)),
            (needs, bus),
            "{text}"
        );
    }
}
