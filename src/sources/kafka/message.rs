//! A message → its event, or an entry of the quarantine. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::uuid;
use crate::core::event::Event;
use crate::core::python_json;
use crate::sources::{Arrival, Decoded, Interest, KeyPath, for_quarantine};

/// No longer bodies are made events.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// How `ansible.eda.kafka` writes when a message was sent, which has milliseconds or none.
const PRODUCED: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";
const PRODUCED_ON_THE_SECOND: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The header or the field of a body that names the message's own UUID.
const MESSAGE_UUID: &str = "message_uuid";

/// A message as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// Where it is in the partition.
    pub offset: i64,
    /// How many logs there were in the partition's place before.
    pub log: u32,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; none for what is called a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers; of those with the same name, the last.
    pub headers: BTreeMap<String, Vec<u8>>,
    /// When it was sent or put there, in milliseconds since 1970.
    pub millis: i64,
}

impl Message {
    /// `TOPIC:PARTITION:OFFSET`.
    fn place(&self) -> String {
        format!("{}:{}:{}", self.topic, self.partition, self.offset)
    }

    /// What the journal tells it from others by: its place; in a log that has taken the place of another, with the number
    /// of that log.
    fn id(&self) -> String {
        match self.log {
            0 => self.place(),
            log => format!("{}#{log}", self.place()),
        }
    }

    /// About how many bytes it takes in memory.
    pub(super) fn size(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        length(&self.key) + length(&self.value) + headers
    }
}

/// What the messages of a source mean.
#[derive(Clone, Debug)]
pub struct Messages {
    /// What the operator calls the source.
    name: String,
    /// Where the key of an event is; where there is none, that is the name of the source.
    key: KeyPath,
}

impl Messages {
    /// Those of the source of this name.
    #[must_use]
    pub fn new(name: String, key: KeyPath) -> Self {
        Self { name, key }
    }

    /// What a message is decoded to, `now`; nothing, if no rule wants the events of the source. `source` is what the
    /// journal calls it.
    #[must_use]
    pub fn decoded(
        &self,
        interest: &Interest,
        source: &str,
        message: &Message,
        now: Timestamp,
    ) -> Option<Decoded> {
        if !interest.wants(&self.name, &message.id()) {
            return None;
        }
        let place = message.place();
        Some(match body(message.value.as_deref()) {
            Ok(body) => Decoded::Event(Arrival {
                origin: message.topic.clone(),
                ..Arrival::whole(self.event(message, &body, now))
            }),
            Err(why) => {
                let reason = format!("{why} (message {place})");
                let value = message.value.as_deref().unwrap_or_default();
                // Which events it belongs to cannot be told, so it holds up nothing.
                let entry = for_quarantine(source, &message.topic, reason, value, None);
                Decoded::Undecodable(entry)
            }
        })
    }

    fn event(&self, message: &Message, body: &Value, now: Timestamp) -> Event {
        let sent = Timestamp::from_millisecond(message.millis).unwrap_or(now);
        let meta = meta(message, body, sent);
        let event = Event::new(
            message.id(),
            self.name.clone(),
            sent.to_string(),
            None,
            json!({ "body": body, "meta": meta }),
        );
        self.key.key(event, &self.name)
    }
}

/// What a value says: JSON, or else the text itself; nothing is null.
fn body(value: Option<&[u8]>) -> Result<Value, String> {
    let Some(value) = value else {
        return Ok(Value::Null);
    };
    if value.len() > LARGEST_BODY {
        let size = value.len();
        return Err(format!(
            "expected at most {LARGEST_BODY} bytes, but the body has {size}"
        ));
    }
    let text = std::str::from_utf8(value).map_err(|error| {
        let at = error.valid_up_to();
        format!("expected JSON or text in UTF-8, but found other bytes at offset {at}")
    })?;
    Ok(python_json::read_text(text).unwrap_or_else(|_| text.into()))
}

/// What is told of the message itself.
fn meta(message: &Message, body: &Value, sent: Timestamp) -> Map<String, Value> {
    let place = message.place();
    let format = match sent.subsec_millisecond() {
        0 => PRODUCED_ON_THE_SECOND,
        _ => PRODUCED,
    };
    let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes));
    let headers = message.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), text(value)));
    let headers = Value::Object(headers.collect());
    let mut meta = Map::new();
    let mut own = headers.get(MESSAGE_UUID).cloned();
    own = own.or_else(|| body.get(MESSAGE_UUID).cloned());
    meta.insert("source_offset".to_owned(), place.as_str().into());
    meta.insert(
        "produced_at".to_owned(),
        sent.strftime(format).to_string().into(),
    );
    // Some names of keys would be misread in the journal: text that is read so has none of them.
    let headers = python_json::read_text(&headers.to_string()).unwrap_or_default();
    meta.insert("headers".to_owned(), headers);
    if let Some(key) = &message.key {
        meta.insert("key".to_owned(), text(key));
    }
    let is_said = |value: &Value| {
        !matches!(value, Value::Null | Value::Bool(false))
            && *value != json!("")
            && *value != json!(0)
    };
    let uuid = match own.filter(is_said) {
        Some(Value::String(text)) if uuid::is_uuid(&text) => text,
        Some(other) => {
            meta.insert("message_id".to_owned(), other);
            uuid::of_name(&place)
        }
        None => uuid::of_name(&place),
    };
    meta.insert("uuid".to_owned(), uuid.into());
    meta
}
