//! The fields of a notification and of its envelope, read borrowed.
//!
//! Of a field that comes several times the last one counts, as for Python.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::DecodeError;
use crate::core::python_json::offset;
use crate::core::redact::near;

/// The fields of both forms; every other one, `_context_*` above all, is passed over unread.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire<'a> {
    pub(super) message: Option<Text<'a>>,
    pub(super) message_id: Option<Text<'a>>,
    pub(super) event_type: Option<Text<'a>>,
    pub(super) timestamp: Option<Text<'a>>,
    pub(super) publisher_id: Option<Text<'a>>,
    pub(super) payload: Option<&'a RawValue>,
}

/// Borrowed where the text has no escapes; serde would copy an `Option<Cow>`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    #[serde(rename = "oslo.message")]
    Message,
    MessageId,
    EventType,
    Timestamp,
    PublisherId,
    Payload,
    #[serde(other)]
    Other,
}

impl<'a> Wire<'a> {
    pub(super) fn read(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

/// Why a text is not what was expected.
pub(super) fn refusal(
    text: &str,
    expected: &'static str,
    error: &serde_json::Error,
) -> DecodeError {
    let found = match text.trim_start().chars().next() {
        Some('{') => {
            let place = offset(text.as_bytes(), error.line(), error.column());
            format!("{error}{}", near(text.as_bytes(), place))
        }
        // Said here, because serde would quote a whole text that stands in the place of the object.
        Some(other) => format!("it begins with {other:?}"),
        None => "it is empty".into(),
    };
    DecodeError::Malformed { expected, found }
}

impl<'de> Deserialize<'de> for Wire<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Wire<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wire<'de>, A::Error> {
        let mut wire = Wire::default();
        while let Some(field) = map.next_key()? {
            match field {
                Field::Message => wire.message = map.next_value()?,
                Field::MessageId => wire.message_id = map.next_value()?,
                Field::EventType => wire.event_type = map.next_value()?,
                Field::Timestamp => wire.timestamp = map.next_value()?,
                Field::PublisherId => wire.publisher_id = map.next_value()?,
                Field::Payload => wire.payload = map.next_value()?,
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(wire)
    }
}
