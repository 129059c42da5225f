//! What events are made of: bodies, rows, lines, requests, messages, files.

use esi_event_actions::app::parts::Config;
use esi_event_actions::core::event::{Event, PayloadPath};
use esi_event_actions::http::posts::Post;
use esi_event_actions::http::refusal::Refusal;
use esi_event_actions::sources::alertmanager::Alerts;
use esi_event_actions::sources::amqp::messages as queues;
use esi_event_actions::sources::history::record::Row;
use esi_event_actions::sources::kafka::{self, Message, Messages};
use esi_event_actions::sources::webhook::{Identity, Webhook};
use esi_event_actions::sources::{
    Decoded, Interest, KeyPath, decode_event, eda, exec, facts as files, history as event_history,
};

use super::{any_rules, decided, interest, names_context, written};

/// Decides a row of the event history or a record, if it is one.
fn row_decided(config: &Config, body: &[u8]) {
    match event_history::decode(body, &interest(config)) {
        Ok(Some(arrival)) => written(config, "history:c", arrival, None),
        Ok(None) => {}
        Err(why) => assert!(!why.is_empty()),
    }
}

/// A body from the bus.
pub(crate) fn envelope(data: &[u8]) {
    decided(any_rules(), data);
}

/// What a program writes.
pub(crate) fn lines(data: &[u8]) {
    said(data, "exec:feed", |pieces| {
        exec::decoded(&interest(any_rules()), "feed", pieces)
    });
}

/// What the program that runs a plugin writes.
pub(crate) fn puts(data: &[u8]) {
    said(data, "eda:feed", |pieces| {
        eda::decoded(&interest(any_rules()), "feed", pieces)
    });
}

/// Lines of a program: the same events however their bytes come, and each can be decided.
fn said(data: &[u8], source: &str, read: impl Fn(&[&[u8]]) -> Vec<Decoded>) {
    let whole = read(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(format!("{whole:?}"), format!("{:?}", read(&bytes)));
    for decoded in whole {
        match decoded {
            Decoded::Event(arrival) => {
                let event_type = &arrival.event.event_type;
                assert!(event_type == "feed" || event_type.starts_with("feed."));
                assert!(arrival.event.payload.is_object());
                written(any_rules(), source, arrival, None);
            }
            Decoded::Undecodable(entry) => assert!(!entry.reason.is_empty()),
        }
    }
}

/// A message of any service: its properties as they are on the wire, and then its body.
pub(crate) fn messages(data: &[u8]) {
    let path = |text| PayloadPath::parse(text).expect("a path");
    let keys = [KeyPath::default(), KeyPath::at(path("body.key"))];
    for (id, key) in [None, Some(path("$..id"))].into_iter().zip(keys) {
        let wanted = interest(any_rules());
        match queues::decoded(&wanted, "orders", (id, key), data) {
            None => {}
            Some(Decoded::Event(arrival)) => {
                assert!(!arrival.event.id.is_empty());
                assert!(arrival.event.payload["meta"]["headers"].is_object());
                written(any_rules(), "amqp:orders", arrival, None);
            }
            Some(Decoded::Undecodable(entry)) => assert!(!entry.reason.is_empty()),
        }
    }
}

/// The content of a file, as YAML and as JSON. What is JSON is YAML, too, but for what only one of them has.
pub(crate) fn facts(data: &[u8]) {
    for is_json in [false, true] {
        match files::objects(data, is_json) {
            Ok(objects) => {
                assert!(objects.iter().all(serde_json::Value::is_object));
                for object in objects {
                    let event = Event::new("1".into(), "facts".into(), "now".into(), None, object);
                    kept(Ok(vec![event]));
                }
            }
            Err(why) => assert!(!why.is_empty()),
        }
    }
}

/// A row of the event history, a record, or a list as the client prints it.
pub(crate) fn history(data: &[u8]) {
    row_decided(any_rules(), data);
    let rows = serde_json::from_slice::<Vec<Row>>(data).unwrap_or_default();
    for row in rows {
        let record = serde_json::to_vec(&row).expect("our own form");
        row_decided(any_rules(), &record);
    }
}

/// The body of a request to a webhook, and to a source of alerts.
pub(crate) fn posts(data: &[u8]) {
    let path = |text| PayloadPath::parse(text).expect("a path");
    let identities = ["payload.id", "$..id"].map(|text| Identity::Path(path(text)));
    let post = Post {
        endpoint: "a/b".to_owned(),
        body: data.to_vec(),
        ..Post::default()
    };
    let now = "2026-01-15T12:00:00Z".parse().expect("a time");
    for identity in identities.into_iter().chain([Identity::None]) {
        let webhook = Webhook {
            name: "s".to_owned(),
            identity,
            key: KeyPath::at(path("payload.id")),
        };
        kept(webhook.event(&post, now).map(|event| vec![event]));
    }
    for is_whole in [false, true] {
        let alerts = Alerts {
            name: "s".to_owned(),
            alerts: path(if is_whole { "alerts" } else { "$..alerts" }),
            is_whole,
            key: KeyPath::default(),
        };
        kept(alerts.of(&post, now));
    }
}

/// Events can be read back as they are kept, and have all that they need; where there are none, the sender is told why.
fn kept(events: Result<Vec<Event>, Refusal>) {
    for event in events.unwrap_or_else(|refusal| {
        assert!(!refusal.why.is_empty());
        Vec::new()
    }) {
        assert!(!event.id.is_empty() && !names_context(&event.payload));
        let again = decode_event(event.to_json().as_bytes(), &Interest::in_all());
        let again = again.expect("our own form").expect("all are wanted");
        assert_eq!(again.event, event);
    }
}

/// What a broker answers; and what a sender has compressed, by the codec of the first byte.
pub(crate) fn batches(data: &[u8]) {
    const ROOM: usize = 100_000;
    let spot = ("t".to_owned(), 0);
    if let Ok((messages, read)) = kafka::messages(data, &spot, 5, ROOM) {
        assert!(messages.iter().all(|message| message.offset >= 5));
        assert!(read <= data.len());
    }
    let Some((codec, packed)) = data.split_first() else {
        return;
    };
    match kafka::unpack(i16::from(codec % 6), packed, ROOM) {
        Ok(unpacked) => assert!(unpacked.len() <= ROOM),
        Err(why) => assert!(!why.is_empty()),
    }
}

/// A message of a topic: its key and a header before the first two line feeds, the rest is its value.
pub(crate) fn topics(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().map(<[u8]>::to_vec);
    let (key, header, value) = (part(), part().unwrap_or_default(), part());
    let name = String::from_utf8_lossy(&header[..header.len().min(12)]).into_owned();
    let message = Message {
        topic: "t".to_owned(),
        offset: 7,
        key,
        value: value.clone(),
        headers: [(name, header)].into(),
        millis: i64::try_from(data.len()).unwrap_or_default(),
        ..Message::default()
    };
    let path = PayloadPath::parse("meta.key").expect("a path");
    let source = Messages::new("s".to_owned(), KeyPath::at(path));
    let interest = Interest::in_all();
    let now = jiff::Timestamp::UNIX_EPOCH;
    match source.decoded(&interest, "kafka:s", &message, now) {
        Some(Decoded::Event(arrival)) => {
            // It is read back as it was, by whoever takes it out of the journal.
            let text = serde_json::to_vec(&arrival.event).expect("JSON");
            let again = decode_event(&text, &interest).expect("an event");
            assert_eq!(again.expect("wanted").event, arrival.event);
            assert_eq!(arrival.event.id, "t:0:7");
            if let Some(value) = value {
                assert!(std::str::from_utf8(&value).is_ok());
            }
        }
        Some(Decoded::Undecodable(entry)) => {
            let value = value.expect("what is nothing is null");
            assert!(std::str::from_utf8(&value).is_err());
            assert_eq!(entry.size, value.len() as u64);
        }
        None => panic!("all is wanted"),
    }
}
