//! Bytes from the bus → a notification, and from that an event.
//!
//! oslo.messaging writes two forms: `messagingv2` wraps the notification, as JSON text, into an
//! envelope (`oslo.version`, `oslo.message`); `messaging` sends it bare. Both are read borrowed, and
//! the payload stays raw until a rule wants it: most messages on a bus concern no rule.
//!
//! What only Python takes for JSON is read too (`python_json`), once it was refused as JSON.
//!
//! What cannot be read is [`Undecodable`] with a reason that is safe to show: it never quotes the
//! message.

mod blank;
mod compression;
mod node;
mod python_json;

pub use blank::without_context;
pub use compression::Labels;
pub use node::{node_in_notification, node_in_row};

use std::borrow::Cow;
use std::cell::OnceCell;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::Event;

/// The largest body that is looked into. ESI Leap's are about 2 kB.
pub const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// Why a delivery is no notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Longer than [`LARGEST_BODY`].
    #[error("expected at most {LARGEST_BODY} bytes, but the body has {size}")]
    TooLarge {
        /// How long it is.
        size: usize,
    },
    /// Longer than [`LARGEST_BODY`] without its compression.
    #[error("expected at most {LARGEST_BODY} bytes once decompressed, but the body has more")]
    TooLargeOnceDecompressed,
    /// Compressed in a way that is not known here.
    #[error(
        "expected gzip or bzip2 in the header `compression`, but found `{compression}`: set \
         `kombu_compression` in esi-leap.conf to one of these, or leave it out"
    )]
    Compression {
        /// What the header says.
        compression: String,
    },
    /// Not what its header says, or damaged.
    #[error("the body cannot be decompressed as its header `compression` says: {found}")]
    Corrupt {
        /// What is wrong with it.
        found: String,
    },
    /// Not text.
    #[error("expected UTF-8 text, but byte {offset} of the body begins no character")]
    NotUtf8 {
        /// Where the text ends.
        offset: usize,
    },
    /// Not JSON, or not of this shape.
    #[error("expected {expected}, but {found}")]
    Malformed {
        /// Which part, and what it should be.
        expected: &'static str,
        /// What is wrong with it, and where.
        found: String,
    },
    /// A field without which there is no event.
    #[error("expected a notification with `{field}`, but the field is missing, null or empty")]
    Missing {
        /// The field.
        field: &'static str,
    },
}

/// A delivery whose envelope has been opened.
#[derive(Debug)]
pub struct Envelope<'a> {
    content: Content<'a>,
    /// The notification's text as JSON, if it was none as it came.
    as_json: OnceCell<String>,
}

#[derive(Debug)]
enum Content<'a> {
    /// The notification's own text, out of its envelope.
    Text(Cow<'a, str>),
    /// It had no envelope.
    Bare(Wire<'a>),
}

/// A notification whose payload has not been looked into.
#[derive(Debug)]
pub struct Notification<'a> {
    /// A UUID that the sender gave it.
    pub message_id: Cow<'a, str>,
    /// `esi_leap.lease.fulfill.end`, for one.
    pub event_type: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    publisher_id: Option<Cow<'a, str>>,
    payload: &'a RawValue,
}

/// The fields of both forms; every other one, `_context_*` above all, is passed over unread.
#[derive(Clone, Debug, Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "oslo.message")]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
    #[serde(borrow)]
    event_type: Option<Text<'a>>,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    publisher_id: Option<Text<'a>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Borrowed where the text has no escapes; serde would copy an `Option<Cow>`.
#[derive(Clone, Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Envelope<'a> {
    /// Opens the envelope of a body, if it has one.
    ///
    /// # Errors
    /// [`Undecodable`] if the body is no JSON object.
    pub fn open(body: &'a [u8]) -> Result<Self, Undecodable> {
        if body.len() > LARGEST_BODY {
            return Err(Undecodable::TooLarge { size: body.len() });
        }
        let text = std::str::from_utf8(body).map_err(|error| Undecodable::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        let content = if let Ok(mut wire) = Wire::read(text, "a JSON object") {
            match wire.message.take() {
                Some(Text(message)) => Content::Text(message),
                None => Content::Bare(wire),
            }
        } else {
            let text = python_json::to_json(text);
            let message = Wire::read(&text, "a JSON object")?.message;
            let message = message.map(|Text(message)| message.into_owned());
            Content::Text(Cow::Owned(message.unwrap_or(text)))
        };
        Ok(Self {
            content,
            as_json: OnceCell::new(),
        })
    }

    /// The notification inside.
    ///
    /// # Errors
    /// [`Undecodable`] if it is no JSON object, or has no id, type or payload.
    pub fn notification(&self) -> Result<Notification<'_>, Undecodable> {
        let wire = match &self.content {
            Content::Bare(wire) => wire.clone(),
            Content::Text(text) => {
                let expected = "a JSON object as text in `oslo.message`";
                if let Ok(wire) = Wire::read(text, expected) {
                    wire
                } else {
                    let text = self.as_json.get_or_init(|| python_json::to_json(text));
                    Wire::read(text, expected)?
                }
            }
        };
        Ok(Notification {
            message_id: required(wire.message_id, "message_id")?,
            event_type: required(wire.event_type, "event_type")?,
            timestamp: wire.timestamp.map(|Text(text)| text).unwrap_or_default(),
            publisher_id: wire.publisher_id.map(|Text(text)| text),
            payload: wire
                .payload
                .ok_or(Undecodable::Missing { field: "payload" })?,
        })
    }
}

impl<'a> Wire<'a> {
    fn read(text: &'a str, expected: &'static str) -> Result<Self, Undecodable> {
        let malformed = |found| Undecodable::Malformed { expected, found };
        // Said here, because serde would quote a whole text that stands in the place of the object.
        match text.trim_start().chars().next() {
            Some('{') => {}
            Some(other) => return Err(malformed(format!("it begins with {other:?}"))),
            None => return Err(malformed("it is empty".into())),
        }
        serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
    }
}

fn required<'a>(value: Option<Text<'a>>, field: &'static str) -> Result<Cow<'a, str>, Undecodable> {
    match value {
        Some(Text(text)) if !text.is_empty() => Ok(text),
        _ => Err(Undecodable::Missing { field }),
    }
}

impl Notification<'_> {
    /// The event, its payload parsed.
    ///
    /// # Errors
    /// [`Undecodable`] if the payload is neither JSON nor what Python takes for it.
    pub fn into_event(self) -> Result<Event, Undecodable> {
        let payload = parse(self.payload.get()).map_err(|error| Undecodable::Malformed {
            expected: "a payload of valid JSON",
            found: error.to_string(),
        })?;
        Ok(Event::new(
            self.message_id.into_owned(),
            self.event_type.into_owned(),
            self.timestamp.into_owned(),
            self.publisher_id.map(Cow::into_owned),
            payload,
        ))
    }
}

/// A payload's text, strictly first. One that may nest too deep to be read back from the journal
/// loses what does.
fn parse(text: &str) -> serde_json::Result<serde_json::Value> {
    let opened = text.bytes().filter(|byte| matches!(byte, b'[' | b'{'));
    if opened.count() <= python_json::DEEPEST
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    serde_json::from_str(&python_json::to_json(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decode(body: &[u8]) -> Result<Event, Undecodable> {
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
    fn what_is_no_notification_says_why_without_quoting_it() {
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
        let event = decode(include_bytes!("../tests/data/property-nan.body")).unwrap();
        assert!(event.event_type.starts_with("esi_leap.lease."));
        assert!(!event.node().is_empty());
    }
}
