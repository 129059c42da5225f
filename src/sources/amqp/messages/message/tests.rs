use lapin::BasicProperties;
use lapin::types::{DecimalValue, FieldArray, FieldTable};

use super::*;

const NOW: &str = "2026-01-15T02:00:00Z";

fn messages(id: Option<&str>) -> Messages {
    let id = id.map(|text| PayloadPath::parse(text).expect("a path"));
    Messages::new("orders".to_owned(), id, KeyPath::default())
}

fn sent(properties: BasicProperties) -> Sent {
    Sent {
        exchange: "shop".into(),
        routing_key: "order.paid".into(),
        properties,
    }
}

fn decoded(messages: &Messages, sent: &Sent, body: &[u8]) -> Option<Decoded> {
    let interest = Interest::new(|event_type| event_type == "orders");
    let now = NOW.parse().expect("a time");
    messages.decoded(&interest, "amqp:orders", "q", sent, body.to_vec(), now)
}

fn event(messages: &Messages, sent: &Sent, body: &[u8]) -> Event {
    match decoded(messages, sent, body) {
        Some(Decoded::Event(arrival)) => {
            assert_eq!(arrival.origin, "q");
            arrival.event
        }
        other => panic!("{other:?}"),
    }
}

fn headers<const N: usize>(headers: [(&str, AMQPValue); N]) -> BasicProperties {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.into(), value);
    }
    BasicProperties::default().with_headers(table)
}

#[test]
fn a_message_is_an_event_with_what_it_came_with() {
    let properties = headers([("tenant", AMQPValue::LongString("a".into()))])
        .with_message_id("4711".into())
        .with_content_type("application/json".into())
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_type("order".into())
        .with_app_id("till".into())
        .with_timestamp(1_767_225_600);
    let event = event(&messages(None), &sent(properties), br#"{"order": 7.10}"#);
    let expected = json!({
        "id": "4711", "type": "orders", "time": "2026-01-01T00:00:00Z", "publisher": "till", "key": "orders",
        "payload": {
            "body": serde_json::from_str::<Value>(r#"{"order":7.10}"#).unwrap(),
            "meta": {
                "queue": "q", "exchange": "shop", "routing_key": "order.paid", "message_id": "4711",
                "correlation_id": "c", "reply_to": "r", "type": "order", "app_id": "till",
                "content_type": "application/json", "headers": {"tenant": "a"},
            },
        },
    });
    assert_eq!(serde_json::to_value(&event).unwrap(), expected);
}

#[test]
fn a_message_without_properties_is_an_event_of_its_own_that_has_just_happened() {
    let (messages, sent) = (messages(None), sent(BasicProperties::default()));
    let [one, other] = [(); 2].map(|()| event(&messages, &sent, b"[1]"));
    assert_eq!(one.time, NOW);
    assert_eq!(one.id.len(), 32);
    assert_ne!(one.id, other.id);
    assert_eq!(
        one.payload,
        json!({"body": [1], "meta": {
            "queue": "q", "exchange": "shop", "routing_key": "order.paid", "headers": {},
        }})
    );
}

#[test]
fn the_id_is_what_is_at_the_path_else_what_the_property_says() {
    let with_property = || sent(BasicProperties::default().with_message_id("m".into()));
    for (path, body, expected) in [
        (None, r#"{"order": 7}"#, "m"),
        (Some("body.order"), r#"{"order": 7}"#, "7"),
        (Some("body.order"), r#"{"order": "7-a"}"#, "7-a"),
        (Some("meta.routing_key"), "null", "order.paid"),
        (Some("body.order"), r#"{"order": ""}"#, "m"),
        (Some("body.order"), r#"{"order": null}"#, "m"),
        (Some("body.order"), r#"{"order": [7]}"#, "m"),
        (Some("body.order"), r#""text""#, "m"),
    ] {
        let event = event(&messages(path), &with_property(), body.as_bytes());
        assert_eq!(event.id, expected, "{path:?} {body}");
    }
    let empty = sent(BasicProperties::default().with_message_id("".into()));
    assert_eq!(event(&messages(None), &empty, b"1").id.len(), 32);
}

#[test]
fn the_key_is_what_is_at_the_path_else_the_name_of_the_source() {
    let path = PayloadPath::parse("body.customer").expect("a path");
    let messages = Messages::new("orders".to_owned(), None, KeyPath::at(path));
    for (body, expected) in [(r#"{"customer": "c"}"#, "c"), ("{}", "orders")] {
        let event = event(
            &messages,
            &sent(BasicProperties::default()),
            body.as_bytes(),
        );
        let event = serde_json::to_value(&event).unwrap();
        assert_eq!(event["key"], expected, "{body}");
    }
}

#[test]
fn headers_of_every_kind_become_json_that_the_journal_reads_back() {
    let mut nested = AMQPValue::Boolean(true);
    for _ in 0..200 {
        let mut list = FieldArray::default();
        list.push(nested);
        nested = AMQPValue::FieldArray(list);
    }
    let mut table = FieldTable::default();
    table.insert("count".into(), AMQPValue::LongLongInt(2));
    let properties = headers([
        ("short", AMQPValue::ShortShortInt(-1)),
        (
            "price",
            AMQPValue::DecimalValue(DecimalValue {
                scale: 2,
                value: 1250,
            }),
        ),
        ("ratio", AMQPValue::Double(0.5)),
        ("nan", AMQPValue::Double(f64::NAN)),
        ("void", AMQPValue::Void),
        ("bytes", AMQPValue::LongString(vec![b'a', 0xff].into())),
        ("x-death", AMQPValue::FieldTable(table)),
        (
            "$serde_json::private::Number",
            AMQPValue::LongString("1".into()),
        ),
        (
            "_context_auth_token",
            AMQPValue::LongString("hidden".into()),
        ),
        ("nested", nested),
    ]);
    let event = event(&messages(None), &sent(properties), b"{}");
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    assert!(!text.contains("hidden"), "{text}");
    let headers = &event.payload["meta"]["headers"];
    for (name, expected) in [
        ("short", "-1"),
        ("price", "1250e-2"),
        ("ratio", "0.5"),
        ("nan", "null"),
        ("void", "null"),
        ("bytes", "\"a\u{fffd}\""),
        ("x-death", r#"{"count":2}"#),
        ("\u{fffd}serde_json::private::Number", "\"1\""),
        (
            "nested",
            &format!("{}null{}", "[".repeat(20), "]".repeat(20)),
        ),
    ] {
        assert_eq!(headers[name].to_string(), expected, "{name} of {headers}");
    }
}

#[test]
fn what_is_no_json_goes_to_quarantine_with_the_reason_and_holds_up_nothing() {
    let large = " ".repeat(LARGEST_BODY + 1);
    let plain = BasicProperties::default;
    let compressed = || headers([("compression", AMQPValue::LongString("lzma".into()))]);
    for (body, properties, reason) in [
        ("", plain(), "expected JSON, but the body is empty"),
        (" \n", plain(), "expected JSON, but the body is empty"),
        (
            "hello",
            plain().with_content_type("text/plain".into()),
            "it came with content type `text/plain`",
        ),
        ("{\"a\": 1", plain(), "EOF while parsing an object"),
        (
            &large,
            plain(),
            "expected at most 4194304 bytes, but the body has 4194305",
        ),
        ("{}", compressed(), "but found `lzma`"),
    ] {
        let shown = &body[..body.len().min(20)];
        match decoded(&messages(None), &sent(properties), body.as_bytes()) {
            Some(Decoded::Undecodable(kept)) => {
                assert!(kept.reason.contains(reason), "{shown}: {}", kept.reason);
                assert_eq!((&*kept.source, &*kept.origin), ("amqp:orders", "q"));
                assert_eq!(kept.size, body.len() as u64);
                assert!(kept.key.is_none());
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
}

#[test]
fn a_body_is_unpacked_and_what_only_python_writes_is_read() {
    use std::io::Write as _;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"{\"load\": NaN, \"n\": 1}").unwrap();
    let zipped = headers([(
        "compression",
        AMQPValue::LongString("application/x-gzip".into()),
    )]);
    let event = event(&messages(None), &sent(zipped), &packed.finish().unwrap());
    assert_eq!(event.payload["body"], json!({"load": null, "n": 1}));
}

#[test]
fn what_no_rule_wants_is_not_looked_into() {
    let messages = Messages::new("other".to_owned(), None, KeyPath::default());
    assert!(decoded(&messages, &sent(BasicProperties::default()), b"no JSON").is_none());
}
