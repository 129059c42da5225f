//! A message of any service → its event, or an entry of the quarantine. Pure but for the id of an event that has none.

use jiff::Timestamp;
use lapin::types::{AMQPValue, ShortString};
use serde_json::{Map, Number, Value, json};

use crate::core::event::{Event, Found, PayloadPath};
use crate::core::python_json;
use crate::core::redact::near;
use crate::sources::amqp::decode::unpacked;
use crate::sources::amqp::form::Sent;
use crate::sources::amqp::notification::{DecodeError, LARGEST_BODY};
use crate::sources::{Arrival, Decoded, Interest, KeyPath, for_quarantine};

/// Tables and lists within each other that are kept of a header; the sender may nest them as deep as a frame
/// has room.
const DEEPEST: usize = 20;

/// What the messages of a source mean.
#[derive(Clone, Debug)]
pub(in crate::sources::amqp) struct Messages {
    /// What the operator calls the source.
    name: String,
    /// Where the id of a message is, if not in its property.
    id: Option<PayloadPath>,
    /// Where the key of an event is; without it, that is the name of the source.
    key: KeyPath,
}

impl Messages {
    pub(super) fn new(name: String, id: Option<PayloadPath>, key: KeyPath) -> Self {
        Self { name, id, key }
    }

    /// What a message of this queue is decoded to, `now`; nothing, if no rule wants the events of the source.
    ///
    /// One that cannot be decoded holds up nothing: which events it belongs to cannot be told.
    pub(in crate::sources::amqp) fn decoded(
        &self,
        interest: &Interest,
        source: &str,
        queue: &str,
        sent: &Sent,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Option<Decoded> {
        let shown = message_id(sent).unwrap_or_default();
        if !interest.wants(&self.name, &shown) {
            return None;
        }
        let labels = sent.labels();
        let body = match unpacked(source, queue, &labels, body, |_| None) {
            Ok(body) => body,
            Err(kept) => return Some(Decoded::Undecodable(*kept)),
        };
        Some(match self.event(queue, sent, &body, now) {
            Ok(event) => Decoded::Event(Arrival {
                origin: queue.to_owned(),
                ..Arrival::whole(event)
            }),
            Err(why) => {
                let reason = format!("{why}{labels}");
                Decoded::Undecodable(for_quarantine(source, queue, reason, &body, None))
            }
        })
    }

    /// The event that a message is. Its time is what the sender says, else `now`.
    fn event(
        &self,
        queue: &str,
        sent: &Sent,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Event, DecodeError> {
        let told = sent.properties.timestamp().as_ref();
        let told = told.and_then(|seconds| i64::try_from(*seconds).ok());
        let time = told.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let payload = json!({ "body": json_of(body)?, "meta": meta(queue, sent) });
        let mut event = Event::new(
            String::new(),
            self.name.clone(),
            time.unwrap_or(now).to_string(),
            sent.properties
                .app_id()
                .as_ref()
                .map(ShortString::to_string),
            payload,
        );
        let at_path = self.id.as_ref().and_then(|path| match path.find(&event) {
            found @ Found::One(Value::String(_) | Value::Number(_)) => Some(found.to_text()),
            _ => None,
        });
        let told = at_path.filter(|id| !id.is_empty());
        event.id = told.or_else(|| message_id(sent)).unwrap_or_else(new_id);
        Ok(self.key.key(event, &self.name))
    }
}

/// What the body says.
fn json_of(body: &[u8]) -> Result<Value, DecodeError> {
    if body.len() > LARGEST_BODY {
        return Err(DecodeError::TooLarge { size: body.len() });
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(DecodeError::Malformed {
            expected: "JSON",
            found: "the body is empty".to_owned(),
        });
    }
    python_json::read(body).map_err(|unreadable| {
        let near = near(unreadable.text(body), unreadable.offset(body));
        DecodeError::Malformed {
            expected: "JSON",
            found: format!("{unreadable}{near}"),
        }
    })
}

/// How the sender tells the message from others, if it does.
fn message_id(sent: &Sent) -> Option<String> {
    let id = sent.properties.message_id().as_ref();
    id.map(ShortString::to_string).filter(|id| !id.is_empty())
}

/// An id that no other event has.
fn new_id() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// What is told of the message itself: where it came from, and what its sender said of it.
fn meta(queue: &str, sent: &Sent) -> Map<String, Value> {
    let properties = &sent.properties;
    let mut meta = Map::new();
    meta.insert("queue".to_owned(), queue.into());
    meta.insert("exchange".to_owned(), sent.exchange.as_str().into());
    meta.insert("routing_key".to_owned(), sent.routing_key.as_str().into());
    for (name, property) in [
        ("message_id", properties.message_id()),
        ("correlation_id", properties.correlation_id()),
        ("reply_to", properties.reply_to()),
        ("type", properties.kind()),
        ("app_id", properties.app_id()),
        ("content_type", properties.content_type()),
    ] {
        if let Some(text) = property {
            meta.insert(name.to_owned(), text.as_str().into());
        }
    }
    let headers = properties.headers().as_ref();
    let headers = headers
        .map(|table| table.inner().iter().map(named))
        .map(Map::from_iter);
    let headers = Value::Object(headers.unwrap_or_default());
    // Some names of keys would be misread in the journal: text that is read so has none of them.
    let headers = python_json::read_text(&headers.to_string()).unwrap_or_default();
    meta.insert("headers".to_owned(), headers);
    meta
}

fn named((name, value): (&ShortString, &AMQPValue)) -> (String, Value) {
    (name.to_string(), json_value(value, DEEPEST))
}

/// A header's value. What nests deeper than this, or what JSON has not, becomes null.
fn json_value(value: &AMQPValue, deepest: usize) -> Value {
    match value {
        AMQPValue::Boolean(value) => (*value).into(),
        AMQPValue::ShortShortInt(number) => (*number).into(),
        AMQPValue::ShortShortUInt(number) => (*number).into(),
        AMQPValue::ShortInt(number) => (*number).into(),
        AMQPValue::ShortUInt(number) => (*number).into(),
        AMQPValue::LongInt(number) => (*number).into(),
        AMQPValue::LongUInt(number) => (*number).into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        AMQPValue::Timestamp(number) => (*number).into(),
        AMQPValue::Float(number) => (*number).into(),
        AMQPValue::Double(number) => (*number).into(),
        AMQPValue::DecimalValue(decimal) => {
            let text = format!("{}e-{}", decimal.value, decimal.scale);
            text.parse::<Number>().map_or(Value::Null, Value::Number)
        }
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into(),
        AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into(),
        AMQPValue::FieldArray(items) if deepest > 0 => {
            let items = items.as_slice().iter();
            items.map(|item| json_value(item, deepest - 1)).collect()
        }
        AMQPValue::FieldTable(table) if deepest > 0 => {
            let fields = table.inner().iter();
            let field = |(name, value): (&ShortString, &AMQPValue)| {
                (name.to_string(), json_value(value, deepest - 1))
            };
            Value::Object(fields.map(field).collect())
        }
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) | AMQPValue::Void => Value::Null,
    }
}

#[cfg(test)]
mod tests;
