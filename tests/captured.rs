//! The captured notifications and their variations are what ESI Leap sends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::captured::{self, Driver};

#[test]
fn there_are_captured_notifications_of_all_six_types_in_both_forms() {
    for driver in Driver::ALL {
        let types: BTreeSet<String> = captured::all(driver)
            .into_iter()
            .map(|each| each.event_type)
            .collect();
        let expected = [
            "delete.end",
            "delete.error",
            "delete.start",
            "fulfill.end",
            "fulfill.error",
            "fulfill.start",
        ];
        assert_eq!(
            types,
            expected.map(|end| format!("esi_leap.lease.{end}")).into(),
            "{driver:?}"
        );
    }
}

#[test]
fn writing_a_notification_again_gives_every_byte_of_it() {
    for driver in Driver::ALL {
        let all = captured::all(driver);
        assert!(all.len() >= 30, "{driver:?}: {}", all.len());
        for each in all {
            assert_eq!(each.edited(|_| ()), each);
        }
    }
}

#[test]
fn a_variation_differs_in_what_was_asked_for_only() {
    for driver in Driver::ALL {
        let original = captured::first(driver, "esi_leap.lease.fulfill.end");
        let varied = original
            .fresh()
            .with("purpose", "büro 🚀 \"x\"\n\u{7f}")
            .with("id", json!(7))
            .without("node_name");

        assert_ne!(varied.message_id, original.message_id);
        assert_eq!(varied.message_id.len(), 36);
        assert!(varied.body.is_ascii(), "{}", varied.body);
        assert_eq!(
            (&varied.queue, &varied.event_type),
            (&original.queue, &original.event_type)
        );

        let data = varied.data();
        assert_eq!(data["purpose"], "büro 🚀 \"x\"\n\u{7f}");
        assert_eq!(data["id"], json!(7));
        assert!(!data.contains_key("node_name"));

        let mut restored = varied.notification();
        for field in ["message_id", "_unique_id"] {
            restored[field] = original.notification()[field].clone();
        }
        restored["payload"]["esi_leap_object.data"] = Value::Object(original.data());
        assert_eq!(restored, original.notification());
    }
}

#[test]
fn two_fresh_messages_are_two() {
    let original = captured::first(Driver::MessagingV2, "esi_leap.lease.delete.end");
    assert_ne!(original.fresh().message_id, original.fresh().message_id);
}
