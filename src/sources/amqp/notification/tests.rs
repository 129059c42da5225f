use super::*;
use serde_json::json;

fn decode(body: &[u8]) -> Result<Event, DecodeError> {
    Envelope::open(body)?.notification()?.into_event()
}

fn notification() -> serde_json::Value {
    json!({
        "message_id": "94e02d82-0a0f-42d7-ad75-7f6623c7d5ec",
        "publisher_id": "esi-leap-manager.esi-leap-1",
        "event_type": "esi_leap.lease.fulfill.end",
        "priority": "INFO",
        "payload": {"esi_leap_object.data": {"purpose": "a \u{fc} \"q\"", "id": 1}},
        "timestamp": "2026-11-21 08:50:08.227045",
        "_context_auth_token": "gAAAAsecret",
    })
}

fn enveloped(message: &str) -> Vec<u8> {
    json!({"oslo.version": "2.0", "oslo.message": message})
        .to_string()
        .into_bytes()
}

#[test]
fn both_forms_give_the_same_event_without_the_context() {
    let bare = notification().to_string();
    let event = decode(bare.as_bytes()).unwrap();
    assert_eq!(decode(&enveloped(&bare)).unwrap(), event);
    assert_eq!(event.id, "94e02d82-0a0f-42d7-ad75-7f6623c7d5ec");
    assert_eq!(event.event_type, "esi_leap.lease.fulfill.end");
    assert_eq!(event.time, "2026-11-21 08:50:08.227045");
    assert_eq!(
        event.publisher.as_deref(),
        Some("esi-leap-manager.esi-leap-1")
    );
    assert_eq!(event.data()["purpose"], "a \u{fc} \"q\"");
    assert!(!event.to_json().contains("secret"));
}

#[test]
fn the_envelope_of_plain_text_is_borrowed() {
    let bare = notification().to_string().replace("\\\"q\\\"", "");
    let envelope = Envelope::open(bare.as_bytes()).unwrap();
    let read = envelope.notification().unwrap();
    assert!(matches!(read.event_type, Cow::Borrowed(_)));
}

#[test]
fn what_is_no_notification_says_why_without_quoting_its_context() {
    let without = |field: &str| {
        let mut fields = notification();
        fields.as_object_mut().unwrap().remove(field);
        fields.to_string().into_bytes()
    };
    let with = |field: &str, value| {
        let mut fields = notification();
        fields[field] = value;
        fields.to_string().into_bytes()
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases = [
        (b"".to_vec(), "expected a JSON object, but it is empty"),
        (
            b"{not json".to_vec(),
            "expected a JSON object, but key must be a string",
        ),
        (
            b"\"_context_auth_token gAAAAsecret\"".to_vec(),
            "it begins with '\"'",
        ),
        (b"h\0\xff".to_vec(), "byte 2 of the body"),
        (deep.into_bytes(), "it begins with '['"),
        (
            enveloped("not json"),
            "as text in `oslo.message`, but it begins with 'n'",
        ),
        (enveloped("{}"), "with `message_id`"),
        (b"{}".to_vec(), "with `message_id`"),
        (without("event_type"), "with `event_type`"),
        (without("payload"), "with `payload`"),
        (with("event_type", json!(null)), "with `event_type`"),
        (with("message_id", json!("")), "with `message_id`"),
        (with("event_type", json!(7)), "expected a string"),
        (
            br#"{"_context_auth_token": "gAAAAsecret", "a": 1e}"#.to_vec(),
            "[blanked]\", \"a\": 1e}`",
        ),
        (
            enveloped(r#"{"a": NaN, "_context_roles": ["gAAAAsecret"], 7}"#),
            "_context_roles\": null, 7}`",
        ),
        (
            String::from_utf8(with("payload", json!("HERE")))
                .unwrap()
                .replace("\"HERE\"", "{\"a\": NaN, \"b\": .5}")
                .into_bytes(),
            ".5}",
        ),
        (
            vec![b' '; LARGEST_BODY + 1],
            "expected at most 4194304 bytes",
        ),
    ];
    for (body, part) in cases {
        let reason = decode(&body).unwrap_err().to_string();
        assert!(reason.contains(part), "{reason} has no {part}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[test]
fn the_time_and_the_publisher_may_be_missing() {
    let mut fields = notification();
    fields["timestamp"] = json!(null);
    fields.as_object_mut().unwrap().remove("publisher_id");
    let event = decode(fields.to_string().as_bytes()).unwrap();
    assert_eq!((event.time.as_str(), event.publisher), ("", None));
}

#[test]
fn what_only_python_takes_for_json_costs_that_value_in_both_forms() {
    let deep = format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000));
    let properties = format!(r#"{{"nan":NaN,"\ud800":"\udfff","d":{deep},"n":1.10}}"#);
    let bare = notification().to_string().replace(
        r#"{"purpose""#,
        &format!(r#"{{"properties":{properties},"purpose""#),
    );
    let event = decode(bare.as_bytes()).unwrap();
    assert_eq!(event.data()["properties"]["nan"], json!(null));
    assert_eq!(event.data()["properties"]["\u{fffd}"], "\u{fffd}");
    assert_eq!(event.data()["properties"]["n"].to_string(), "1.10");
    assert_eq!(event.data()["id"], 1);
    let again: Event = serde_json::from_str(&event.to_json()).unwrap();
    assert_eq!(again.to_json(), event.to_json());
    assert_eq!(decode(&enveloped(&bare)).unwrap().data(), event.data());
}

#[test]
fn a_real_notification_with_nan_in_the_properties_is_an_event() {
    let event = decode(include_bytes!("../../../../tests/data/property-nan.body")).unwrap();
    assert!(event.event_type.starts_with("esi_leap.lease."));
    assert!(!event.node().is_empty());
}

#[test]
fn of_a_field_that_comes_twice_the_last_one_counts() {
    let bare = notification().to_string().replacen(
        '{',
        r#"{"payload":NaN,"message_id":"first","event_type":null,"timestamp":"first","#,
        1,
    );
    let event = decode(notification().to_string().as_bytes()).unwrap();
    assert_eq!(decode(bare.as_bytes()).unwrap(), event);
    let twice = format!(
        r#"{{"oslo.message":"first",{}"#,
        &String::from_utf8(enveloped(&bare)).unwrap()[1..]
    );
    assert_eq!(decode(twice.as_bytes()).unwrap(), event);
}
