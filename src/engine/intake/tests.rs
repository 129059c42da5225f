mod commits;
mod history;
mod sources;

use std::path::Path;

use serde_json::json;

use super::*;
use crate::core::event::{Event, Key};
use crate::core::rules::RuleSet;
use crate::sources::amqp::notification::Labels;
use crate::sources::{Interest, KEPT_IN_QUARANTINE, NOT_KEPT, amqp};

/// Rules for type `t`: two that always match, one with filters, one that some texts make undecidable,
/// one that is off, and one ordered by the owner; and one for `u` alone.
const RULES: &str = r#"
[DEFAULT]
transport_url = rabbit://u:p@h/
queues = q
script = s

[all]
events = t

[owners]
events = *
order_by = owner

[filtered]
events = t
filter_params = {"purpose": "test$", "count": 1}

[hard]
events = t
filter_params = {"puzzle": "(?:(a*)*)*\\1b(?=c)"}

[off]
events = t
enabled = no

[other]
events = u
"#;

/// Rules for type `t` alone.
const ONE_RULE: &str = "
[DEFAULT]
transport_url = rabbit://u:p@h/
queues = q

[only]
events = t
script = s
filter_params = {\"purpose\": \"test\"}
";

fn rules(text: &str) -> RuleSet {
    let reading = crate::app::parts::read(text, Path::new("f"));
    let report = reading.problems.report("f").to_string();
    reading.config.unwrap_or_else(|| panic!("{report}")).rules
}

fn given() -> Given<'static> {
    Given::at(Timestamp::UNIX_EPOCH)
}

fn notification(event_type: &str, data: &serde_json::Value) -> String {
    json!({
        "message_id": "m1", "event_type": event_type, "timestamp": "2026-11-21 08:41:21.631021",
        "_context_auth_token": "hidden",
        "payload": {"esi_leap_object.data": data},
    })
    .to_string()
}

/// What is written down for a message.
fn of_message(rules: &RuleSet, labels: &Labels, body: &[u8]) -> Vec<Entry> {
    let interest = Interest::of(Arc::new(rules.clone()));
    match amqp::decoded(&interest, "bus", "q.info", labels, body.to_vec()) {
        None => Vec::new(),
        Some(Decoded::Undecodable(entry)) => vec![Entry::Quarantine(entry)],
        Some(Decoded::Event(arrival)) => {
            let decision = Decision::of(rules, arrival, &given()).expect("somebody wants it");
            decision.into_entries("bus")
        }
    }
}

/// What is written down, a line for each entry.
fn decided(rules: &RuleSet, body: &[u8]) -> Vec<String> {
    let shown = of_message(rules, &Labels::default(), body)
        .into_iter()
        .map(|entry| match entry {
            Entry::Event(event) => {
                let read: Event = serde_json::from_str(&event.body).expect("an event");
                assert_eq!(
                    (event.source.as_str(), read.id, read.event_type),
                    ("bus", event.id.clone(), event.event_type.clone())
                );
                assert!(!event.body.contains("hidden"), "{}", event.body);
                let runs = event
                    .runs
                    .iter()
                    .map(|run| format!(" {}@{}", run.rule, run.key));
                format!(
                    "{} {}:{}",
                    event.id,
                    event.event_type,
                    runs.collect::<String>()
                )
            }
            Entry::Quarantine(kept) => {
                assert_eq!(
                    (kept.source.as_str(), kept.origin.as_str()),
                    ("bus", "q.info")
                );
                assert_eq!(kept.size, body.len() as u64);
                let text = String::from_utf8_lossy(&kept.body);
                assert!(!text.contains("hidden"), "{text}");
                let node = kept.key.map(|key| format!(" of {key}"));
                format!("quarantine{}: {}", node.unwrap_or_default(), kept.reason)
            }
            Entry::Progress(progress) => panic!("decided: {progress:?}"),
        });
    shown.collect()
}

#[test]
fn each_kind_of_delivery_is_decided() {
    let all = rules(RULES);
    let one = rules(ONE_RULE);
    let long = "a".repeat(60);
    let enveloped = |inner: &str| json!({"oslo.version": "2.0", "oslo.message": inner}).to_string();
    let node = json!({"node_uuid": "n", "owner": "o"});
    let cases: Vec<(&RuleSet, String, &[&str])> = vec![
        (&all, notification("t", &node), &["m1 t: all@n owners@o"]),
        (
            &all,
            enveloped(&notification("t", &node)),
            &["m1 t: all@n owners@o"],
        ),
        (&all, notification("u", &node), &["m1 u: owners@o other@n"]),
        (
            &all,
            notification(
                "t",
                &json!({"resource_uuid": "r", "purpose": "test", "count": 1}),
            ),
            &["m1 t: all@r owners@ filtered@r"],
        ),
        // Null, missing and other values match no pattern.
        (
            &all,
            notification("t", &json!({"purpose": null, "count": 1})),
            &["m1 t: all@ owners@"],
        ),
        (
            &all,
            notification("t", &json!({"purpose": "testing", "count": 1})),
            &["m1 t: all@ owners@"],
        ),
        // What cannot be decided holds up no other rule.
        (
            &all,
            notification("t", &json!({"node_uuid": "n", "puzzle": long})),
            &[
                "m1 t: all@n owners@",
                "quarantine: rule [hard] cannot be decided: the pattern `(?:(a*)*)*\\1b(?=c)` \
                 needs too many steps: max limit for backtracking count exceeded: write a pattern \
                 with fewer nested repetitions, or fewer lists within lists, and retry the delivery",
            ],
        ),
        // An event that every rule refuses is written down, so that `explain` can tell why.
        (
            &one,
            notification("t", &json!({"purpose": "a test"})),
            &["m1 t:"],
        ),
        (&one, notification("T", &node), &[]),
        (&one, notification("other", &node), &[]),
        // A type that concerns nobody is not looked into further.
        (
            &one,
            r#"{"message_id": "m", "event_type": "x", "payload": {"a": 1}}"#.into(),
            &[],
        ),
        (
            &one,
            r#"{"message_id": "m", "event_type": "t", "payload": {"purpose": "test"}}"#.into(),
            &["m t: only@"],
        ),
        (
            &one,
            r#"{"message_id": "m", "event_type": "t"}"#.into(),
            &[
                "quarantine: expected a notification with `payload`, but the field is missing, null or empty",
            ],
        ),
        (
            &one,
            r#"{"event_type": "t", "payload": {"node_uuid": "n"}}"#.into(),
            &[
                "quarantine of n: expected a notification with `message_id`, but the field is missing, null or empty",
            ],
        ),
        (
            &one,
            enveloped(r#"{"event_type": "t"}"#),
            &[
                "quarantine: expected a notification with `message_id`, but the field is missing, null or empty",
            ],
        ),
    ];
    for (rules, body, expected) in cases {
        assert_eq!(decided(rules, body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn what_is_no_notification_is_kept_with_the_reason() {
    let rules = rules(RULES);
    let cases: [(&[u8], &str); 6] = [
        (b"", "quarantine: expected"),
        (
            b"{\"event_type\": \"t\", \"_context_auth_token\": \"hidden\"",
            "quarantine: expected",
        ),
        (b"[]", "quarantine: expected"),
        (b"\xff{}", "quarantine: expected UTF-8 text, but byte 0"),
        (b"{\"oslo.message\": \"{\"}", "quarantine: expected"),
        (b"{\"oslo.message\": 1}", "quarantine: expected"),
    ];
    for (body, reason) in cases {
        let found = decided(&rules, body);
        let body = String::from_utf8_lossy(body);
        assert_eq!(found.len(), 1, "{body}: {found:?}");
        assert!(found[0].starts_with(reason), "{body}: {}", found[0]);
    }
}

#[test]
fn a_compressed_delivery_is_kept_as_text_without_secrets_or_not_at_all() {
    let rules = rules(RULES);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let text =
        br#"{"payload": {"node_uuid": "n"}, "_context_auth_token": "hidden", "message_id": "m1"}"#;
    std::io::Write::write_all(&mut encoder, text).unwrap();
    let whole = encoder.finish().unwrap();
    let labels = Labels::new(None, None, Some("application/x-gzip"));
    let kept = |body: &[u8]| match &of_message(&rules, &labels, body)[..] {
        [Entry::Quarantine(kept)] => kept.clone(),
        other => panic!("{} entries", other.len()),
    };
    let read = kept(&whole);
    assert_eq!(
        String::from_utf8_lossy(&read.body),
        r#"{"payload": {"node_uuid": "n"}, "_context_auth_token": "[blanked]", "message_id": "m1"}"#
    );
    assert_eq!(read.size, text.len() as u64);
    assert_eq!(read.key, Some(Key::node("n")));
    let told = "`event_type`, but the field is missing, null or empty; it came with compression `application/x-gzip`";
    assert!(read.reason.ends_with(told), "{}", read.reason);

    let cut = kept(&whole[..whole.len() - 9]);
    assert!(cut.body.starts_with(NOT_KEPT.as_bytes()));
    assert_eq!(cut.size, whole.len() as u64 - 9);
    assert_eq!(cut.key, Some(Key::node("n")));
    assert_ne!(cut.body, kept(&whole[1..whole.len() - 8]).body);
}

#[test]
fn of_a_large_delivery_the_head_is_kept() {
    let rules = rules(RULES);
    for size in [KEPT_IN_QUARANTINE, KEPT_IN_QUARANTINE + 1, 20 << 20] {
        let body = vec![b'x'; size];
        let entries = of_message(&rules, &Labels::default(), &body);
        let [Entry::Quarantine(kept)] = &entries[..] else {
            panic!("{} entries", entries.len());
        };
        assert_eq!(kept.size, size as u64);
        assert_eq!(kept.body, &body[..KEPT_IN_QUARANTINE]);
    }
}
