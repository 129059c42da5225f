//! Where partitions are begun and gone on with, and what messages become.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::memory::{Loss, Memory, Place, Seen, Span, Start, Topics};
use super::*;
use crate::core::event::{Event, PayloadPath};
use crate::sources::{Decoded, Interest};

fn topics(all: &[(&str, &[i32])]) -> Topics {
    let one = |(topic, partitions): &(&str, &[i32])| {
        let partitions = partitions.iter().copied().collect::<BTreeSet<i32>>();
        ((*topic).to_owned(), partitions)
    };
    all.iter().map(one).collect()
}

fn spot(topic: &str, partition: i32) -> (String, i32) {
    (topic.to_owned(), partition)
}

fn at(next: i64) -> Place {
    Place {
        next,
        ..Place::default()
    }
}

/// Of topic `a`, partitions 0 and 1 were read.
fn memory() -> Memory {
    let mut memory = Memory::default();
    memory.put(&spot("a", 0), at(7));
    memory.put(&spot("a", 1), at(3));
    memory
}

fn asked(topics: &[&str]) -> Vec<String> {
    topics.iter().map(|&topic| topic.to_owned()).collect()
}

#[test]
fn a_topic_is_begun_as_said_and_what_is_added_to_it_later_at_its_beginning() {
    let mut memory = memory();
    let there = topics(&[("a", &[0, 1, 2]), ("b", &[0, 1]), ("other", &[0])]);
    let seen = memory.compare(&asked(&["a", "b"]), &there, Start::Latest);
    let expected = Seen {
        known: [spot("a", 0), spot("a", 1)].into(),
        new: [
            ("a".to_owned(), (Start::Earliest, [2].into())),
            ("b".to_owned(), (Start::Latest, [0, 1].into())),
        ]
        .into(),
        ..Seen::default()
    };
    assert_eq!(seen, expected);
    assert_eq!(memory.place(&spot("b", 0)), None, "not before it is known");
}

#[test]
fn what_is_not_there_is_told_and_remembered_as_gone() {
    let mut memory = memory();
    memory.put(&spot("c", 0), at(1));
    let there = topics(&[("a", &[1]), ("c", &[])]);
    let seen = memory.compare(&asked(&["a", "b", "c"]), &there, Start::Earliest);
    let expected = Seen {
        known: [spot("a", 1)].into(),
        missing: ["b".to_owned(), "c".to_owned()].into(),
        fewer: [spot("a", 0)].into(),
        ..Seen::default()
    };
    assert_eq!(seen, expected);
    let is_gone = |topic, partition| memory.place(&spot(topic, partition)).unwrap().gone;
    assert!(is_gone("a", 0) && is_gone("c", 0) && !is_gone("a", 1));
    // What is not asked for any more is forgotten.
    memory.compare(&asked(&["a"]), &there, Start::Earliest);
    assert_eq!(memory.place(&spot("c", 0)), None);
}

#[test]
fn a_partition_that_lost_its_place_goes_on_where_least_is_lost() {
    let span = |first, end, start| Span { first, end, start };
    let place = |next, log, gone| Place { next, log, gone };
    let cases = [
        // The broker has removed 7 to 9.
        (at(7), span(10, 20, 20), at(10), Some(Loss::Removed)),
        (
            place(7, 2, false),
            span(10, 20, 0),
            place(10, 2, false),
            Some(Loss::Removed),
        ),
        // Another log, begun where `start` says.
        (
            at(7),
            span(0, 5, 5),
            place(5, 1, false),
            Some(Loss::Shorter),
        ),
        (
            at(7),
            span(0, 5, 0),
            place(0, 1, false),
            Some(Loss::Shorter),
        ),
        // Of a topic that was seen to be gone, all is new.
        (
            place(7, 1, true),
            span(0, 5, 5),
            place(0, 2, false),
            Some(Loss::Shorter),
        ),
        // In range by now.
        (at(7), span(0, 7, 7), at(7), None),
        (at(7), span(7, 9, 7), at(7), None),
    ];
    for (before, span, after, loss) in cases {
        assert_eq!(
            before.after_loss(span),
            (after, loss),
            "{before:?} {span:?}"
        );
    }
}

#[test]
fn a_cursor_is_short_is_read_again_and_tells_how_far_it_is() {
    let mut memory = memory();
    memory.put(
        &spot("b", 0),
        Place {
            next: 2,
            log: 1,
            gone: true,
        },
    );
    let cursor = memory.cursor();
    assert_eq!(
        cursor.0,
        r#"{"a":{"0":{"next":7},"1":{"next":3}},"b":{"0":{"next":2,"log":1,"gone":true}}}"#
    );
    assert_eq!(serde_json::from_str::<Memory>(&cursor.0).unwrap(), memory);
    assert_eq!(reached(&cursor).unwrap(), "next a:0:7, a:1:3, b:0:2");
    for partition in 1..4 {
        memory.put(&spot("b", partition), at(0));
    }
    assert_eq!(
        memory.in_words(),
        "next a:0:7, a:1:3, b:0:2, b:1:0, and 2 partitions more"
    );
    assert_eq!(Memory::default().in_words(), "nothing begun");
}

fn message(value: Option<&[u8]>) -> Message {
    Message {
        topic: "alarms".to_owned(),
        partition: 1,
        offset: 42,
        value: value.map(<[u8]>::to_vec),
        millis: 1_700_000_000_001,
        ..Message::default()
    }
}

/// What becomes of a message to the source `s`.
fn decoded(message: &Message, key: &str) -> Decoded {
    let messages = Messages::new(
        "s".to_owned(),
        KeyPath::at(PayloadPath::parse(key).unwrap()),
    );
    let decoded = messages.decoded(
        &Interest::in_all(),
        "kafka:s",
        message,
        Timestamp::UNIX_EPOCH,
    );
    decoded.unwrap()
}

fn event(message: &Message, key: &str) -> Event {
    match decoded(message, key) {
        Decoded::Event(arrival) => arrival.event,
        Decoded::Undecodable(entry) => panic!("{entry:?}"),
    }
}

#[test]
fn a_message_is_known_by_its_place_and_by_the_log_that_it_is_in() {
    let mut message = message(Some(b"{}"));
    assert_eq!(event(&message, "meta.key").id, "alarms:1:42");
    message.log = 2;
    let event = event(&message, "meta.key");
    assert_eq!(event.id, "alarms:1:42#2");
    assert_eq!(event.payload["meta"]["source_offset"], "alarms:1:42");
    assert_eq!(event.event_type, "s");
    assert_eq!(event.time, "2023-11-14T22:13:20.001Z");
}

#[test]
fn the_key_of_a_message_orders_its_events_unless_another_path_is_said() {
    let key = |event: &Event| event.key().text.clone();
    let mut message = message(Some(br#"{"host":"n7"}"#));
    assert_eq!(key(&event(&message, "meta.key")), "s");
    message.key = Some(b"k\xff".to_vec());
    let event_of_key = event(&message, "meta.key");
    assert_eq!(key(&event_of_key), "k\u{fffd}");
    assert_eq!(event_of_key.payload["meta"]["key"], "k\u{fffd}");
    assert_eq!(key(&event(&message, "body.host")), "n7");
}

#[test]
fn what_is_json_or_text_is_an_event_and_what_is_neither_is_quarantined_whole() {
    let body = |value: Option<&[u8]>| event(&message(value), "meta.key").payload["body"].clone();
    for (value, expected) in [
        (Some(&b"{\"a\": 1}"[..]), json!({"a": 1})),
        (Some(b"0"), json!(0)),
        (Some(b""), json!("")),
        (Some(b"null"), Value::Null),
        (None, Value::Null),
        (Some(b"{\"a\": "), json!("{\"a\": ")),
        (Some(b"plain"), json!("plain")),
    ] {
        assert_eq!(body(value), expected, "{value:?}");
    }
    let large = vec![b'x'; 4 * 1024 * 1024 + 1];
    for (value, reason) in [
        (
            &b"ab\xff"[..],
            "expected JSON or text in UTF-8, but found other bytes at offset 2 (message alarms:1:42)",
        ),
        (
            &large,
            "expected at most 4194304 bytes, but the body has 4194305 (message alarms:1:42)",
        ),
    ] {
        let Decoded::Undecodable(entry) = decoded(&message(Some(value)), "meta.key") else {
            panic!("an event");
        };
        assert_eq!(entry.reason, reason);
        assert_eq!(
            (entry.source.as_str(), entry.origin.as_str()),
            ("kafka:s", "alarms")
        );
        assert_eq!(entry.size, value.len() as u64);
        assert!(value.starts_with(&entry.body) && entry.key.is_none());
    }
}

#[test]
fn a_message_without_a_time_is_of_now_and_headers_are_text() {
    let mut message = message(Some(b"1"));
    message.millis = i64::MAX;
    message.headers = BTreeMap::from([("h".to_owned(), b"a\xff".to_vec())]);
    let event = event(&message, "meta.key");
    assert_eq!(event.time, Timestamp::UNIX_EPOCH.to_string());
    assert_eq!(event.payload["meta"]["headers"], json!({"h": "a\u{fffd}"}));
}

#[test]
fn what_no_rule_wants_is_not_decoded() {
    let messages = Messages::new("s".to_owned(), KeyPath::default());
    let interest = Interest::new(|event_type| event_type != "s");
    let none = messages.decoded(&interest, "kafka:s", &message(None), Timestamp::UNIX_EPOCH);
    assert!(none.is_none());
}
