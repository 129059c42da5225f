//! Bytes from the bus → a notification, and from that an event.
//!
//! oslo.messaging writes two forms: `messagingv2` wraps the notification, as JSON text, into an
//! envelope (`oslo.version`, `oslo.message`); `messaging` sends it bare. Both are read borrowed, and
//! the payload stays raw until a rule wants it: most messages on a bus concern no rule.
//!
//! What only Python accepts as JSON is read too (`python_json`), after the JSON parser has refused it.
//!
//! What cannot be read is [`DecodeError`] with a reason that is safe to show: it quotes a few words of
//! the message, but no context (`near`).

mod compression;
mod node;
mod wire;

pub use compression::Labels;
pub use node::node_in_notification;

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

use crate::core::event::Event;
use crate::core::python_json;
use crate::core::redact::near;
use wire::{Text, Wire, refusal};

/// The largest body that is looked into. ESI Leap's are about 2 kB.
pub const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// Around the payload nothing is built that could nest too deep, so nothing is cut off for that.
const NO_DEPTH: usize = usize::MAX;

/// Why a delivery is no notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
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
    #[error("expected UTF-8 text, but byte {offset} of the body is not part of a valid character")]
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

impl<'a> Envelope<'a> {
    /// Opens the envelope of a body, if it has one.
    ///
    /// # Errors
    /// [`DecodeError`] if the body is no JSON object.
    pub fn open(body: &'a [u8]) -> Result<Self, DecodeError> {
        if body.len() > LARGEST_BODY {
            return Err(DecodeError::TooLarge { size: body.len() });
        }
        let text = std::str::from_utf8(body).map_err(|error| DecodeError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        let content = if let Ok(mut wire) = Wire::read(text) {
            match wire.message.take() {
                Some(Text(message)) => Content::Text(message),
                None => Content::Bare(wire),
            }
        } else {
            let text = python_json::to_json(text, NO_DEPTH);
            let wire =
                Wire::read(&text).map_err(|error| refusal(&text, "a JSON object", &error))?;
            let message = wire.message.map(|Text(message)| message.into_owned());
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
    /// [`DecodeError`] if it is no JSON object, or has no id, type or payload.
    pub fn notification(&self) -> Result<Notification<'_>, DecodeError> {
        let wire = match &self.content {
            Content::Bare(wire) => wire.clone(),
            Content::Text(text) => {
                if let Ok(wire) = Wire::read(text) {
                    wire
                } else {
                    let text = self
                        .as_json
                        .get_or_init(|| python_json::to_json(text, NO_DEPTH));
                    let expected = "a JSON object as text in `oslo.message`";
                    Wire::read(text).map_err(|error| refusal(text, expected, &error))?
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
                .ok_or(DecodeError::Missing { field: "payload" })?,
        })
    }
}

fn required<'a>(value: Option<Text<'a>>, field: &'static str) -> Result<Cow<'a, str>, DecodeError> {
    match value {
        Some(Text(text)) if !text.is_empty() => Ok(text),
        _ => Err(DecodeError::Missing { field }),
    }
}

impl Notification<'_> {
    /// The event, its payload parsed.
    ///
    /// # Errors
    /// [`DecodeError`] if the payload is neither JSON nor what Python takes for it.
    pub fn into_event(self) -> Result<Event, DecodeError> {
        let text = self.payload.get();
        let payload = python_json::read_text(text).map_err(|unreadable| {
            let refused = unreadable.text(text.as_bytes());
            let near = near(refused, unreadable.offset(text.as_bytes()));
            DecodeError::Malformed {
                expected: "a payload of valid JSON",
                found: format!("{unreadable}{near}"),
            }
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

#[cfg(test)]
mod tests;
