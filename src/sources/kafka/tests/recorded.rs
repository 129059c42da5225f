//! What Ansible's `kafka` source did with messages (`tests/data/eda/kafka.json`, recorded with a real protocol), and what ours
//! makes of the same bytes.

use std::fmt::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::{Message, Messages, uuid};
use crate::app::parts;
use crate::core::event::PayloadPath;
use crate::sources::tests::recorded::cases;
use crate::sources::{Decoded, Interest, KeyPath};

/// When the messages were sent that do not say when, in milliseconds: 2026-11-26T01:02:03.456Z.
const SENT: i64 = 1_795_654_923_456;

/// The cases in which ours does otherwise.
const DIFFERENT: [(&str, &[u32]); 8] = [
    (
        "false, 0, empty texts, objects and lists, and null are events; so are tombstones",
        &[6, 14, 50],
    ),
    ("NaN is what JSON has for it", &[9]),
    (
        "of a header that is no text, what is no text is replaced; the others stay",
        &[17],
    ),
    ("topics are named, not matched by a pattern", &[31]),
    (
        "brokers that cannot be reached are waited for",
        &[43, 44, 45],
    ),
    (
        "no other program has to answer: offsets move with the commit that accepts",
        &[47, 49],
    ),
    (
        "the case goes on where the one before was left, of which this comparison knows nothing",
        &[29],
    ),
    (
        "there is no Avro: such a source is refused",
        &[51, 52, 53, 55, 56, 61, 62],
    ),
];

/// The section that says the same as the arguments of a case.
fn section(args: &Value) -> String {
    let mut text = "type = kafka\n".to_owned();
    let mut option = |name: &str, value: &str| writeln!(text, "{name} = {value}").unwrap();
    for (name, value) in args.as_object().unwrap() {
        let written = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        match name.as_str() {
            "host" => {
                let port = args["port"].as_str().unwrap().replace("$PORT", "9092");
                option("brokers", &format!("{written}:{port}"));
            }
            // With us there is nothing to say of these.
            "port" | "group_id" | "feedback" | "feedback_timeout" => {}
            "topic" => option("topics", "T"),
            "topics" => {
                let topics = value.as_array().unwrap().iter();
                let topics: Vec<&str> = topics.map(|it| it.as_str().unwrap()).collect();
                option("topics", &topics.join(","));
            }
            "offset" => option("start", &written),
            "cafile" => {
                option("ssl", "yes");
                option("ssl_ca_file", &written);
            }
            "security_protocol" if written == "SASL_PLAINTEXT" => option("ssl", "no"),
            "security_protocol" => option("ssl", &written),
            "sasl_mechanism" => {
                option("sasl", &written);
                option("user", "u");
                option("password_file", "p");
            }
            name => option(name, &written),
        }
    }
    text
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        value if value.get("$bytes_base64").is_some() => BASE64_STANDARD
            .decode(value["$bytes_base64"].as_str().unwrap())
            .unwrap(),
        value => {
            let count = usize::try_from(value["$count"].as_u64().unwrap()).unwrap();
            value["$repeat"]
                .as_str()
                .unwrap()
                .repeat(count)
                .into_bytes()
        }
    }
}

/// The messages that a source with these options reads.
fn messages(case: &Value) -> Vec<Message> {
    if let Some(topics) = case["args"]["topics"].as_array() {
        // One lies in each.
        let one = |topic: &Value| Message {
            topic: topic.as_str().unwrap().to_owned(),
            value: Some(
                json!({"in": &topic.as_str().unwrap()[7..]})
                    .to_string()
                    .into(),
            ),
            millis: SENT,
            ..Message::default()
        };
        return topics.iter().map(one).collect();
    }
    let list = |name: &str| case["input"][name].as_array().cloned().unwrap_or_default();
    let (before, after) = (list("messages"), list("messages_after_start"));
    let is_latest = case["args"].get("offset").is_none();
    let skipped = if is_latest { before.len() } else { 0 };
    let one = |(offset, written): (i64, Value)| {
        let header = |header: &Value| (header[0].as_str().unwrap().to_owned(), bytes(&header[1]));
        let headers = written["headers"].as_array().into_iter().flatten();
        let base64 = written["value_base64"].as_str();
        let base64 = base64.map(|text| BASE64_STANDARD.decode(text).unwrap());
        let value = written.get("value").filter(|value| !value.is_null());
        Message {
            topic: "T".to_owned(),
            offset,
            key: written["key"].as_str().map(|key| key.as_bytes().to_vec()),
            value: base64.or_else(|| value.map(bytes)),
            headers: headers.map(header).collect(),
            millis: written["timestamp"].as_i64().unwrap_or(SENT),
            ..Message::default()
        }
    };
    let all = (0..).zip(before.into_iter().chain(after));
    all.skip(skipped).map(one).collect()
}

/// The payloads of the events; nothing if there is no such source.
fn ours(case: &Value) -> Option<Vec<Value>> {
    let text = format!(
        "[source:s]\n{}[r]\nevents = *\nscript = true\n",
        section(&case["args"])
    );
    parts::read_for_listen(&text, std::path::Path::new("/nowhere/listener.conf")).config?;
    let key = KeyPath::at(PayloadPath::parse("meta.key").unwrap());
    let source = Messages::new("s".to_owned(), key);
    let decode = |message: &Message| {
        let now = jiff::Timestamp::UNIX_EPOCH;
        source.decoded(&Interest::in_all(), "kafka:s", message, now)
    };
    let payload = |decoded| match decoded {
        Decoded::Event(arrival) => Some(arrival.event.payload),
        // Theirs drops it; ours keeps it there.
        Decoded::Undecodable(_) => None,
    };
    let decoded = messages(case);
    let decoded = decoded.iter().filter_map(decode).filter_map(payload);
    Some(decoded.collect())
}

fn theirs(case: &Value) -> Option<Vec<Value>> {
    if case["main"]["state"] == "raised" {
        return None;
    }
    let events = case["events"].as_array().unwrap().iter();
    let event = |event: &Value| {
        let text = event.to_string().replace("$TOPIC", "T");
        let mut event: Value = serde_json::from_str(&text).unwrap();
        let place = event["meta"]["source_offset"].as_str().unwrap().to_owned();
        let meta = event["meta"].as_object_mut().unwrap();
        // Where it follows from the place, the topic of that run is in it.
        if meta["uuid"] == "uuid5(NAMESPACE_OID, source_offset)" || meta.contains_key("message_id")
        {
            meta.insert("uuid".to_owned(), uuid::of_name(&place).into());
        }
        event
    };
    Some(events.map(event).collect())
}

#[test]
fn each_recorded_case_is_the_same_or_listed_as_different() {
    let all = cases(include_str!("../../../../tests/data/eda/kafka.json"));
    let mut wrong = Vec::new();
    for (number, case) in &all {
        let is_listed = DIFFERENT
            .iter()
            .any(|(_, numbers)| numbers.contains(number));
        let (ours, theirs) = (ours(case), theirs(case));
        if (ours != theirs) != is_listed {
            wrong.push(format!(
                "{number} {}, listed: {is_listed}\n  theirs {theirs:?}\n  ours   {ours:?}",
                case["title"]
            ));
        }
    }
    for number in DIFFERENT.iter().flat_map(|(_, numbers)| *numbers) {
        if !all.iter().any(|(known, _)| known == number) {
            wrong.push(format!("{number} is listed, but there is no such case"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
