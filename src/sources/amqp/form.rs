//! What the messages of a source are, and so what decodes them; and what they came with.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, ShortString};

use super::decode::decoded;
use super::messages::Messages;
use super::notification::Labels;
use crate::sources::{Decoded, Interest};

/// What the messages of a source are.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Notifications, as oslo.messaging sends them.
    Notifications,
    /// Any JSON of another service.
    Messages(Messages),
}

/// What a message came with.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    /// The exchange that it was published to; empty for the default one.
    pub(super) exchange: ShortString,
    /// By what it was routed.
    pub(super) routing_key: ShortString,
    /// What its sender said of it.
    pub(super) properties: BasicProperties,
}

impl Form {
    /// What a message of this queue is decoded to; nothing, if no rule wants its type of event.
    pub(super) fn decoded(
        &self,
        interest: &Interest,
        source: &str,
        queue: &str,
        sent: &Sent,
        body: Vec<u8>,
    ) -> Option<Decoded> {
        match self {
            Self::Notifications => decoded(interest, source, queue, &sent.labels(), body),
            Self::Messages(messages) => {
                messages.decoded(interest, source, queue, sent, body, Timestamp::now())
            }
        }
    }

    /// What else there is to say of a queue that does not exist yet.
    pub(super) fn on_missing(&self) -> &'static str {
        on_missing(matches!(self, Self::Notifications))
    }
}

/// The same, of what ESI Leap sends to, or others do.
pub(super) fn on_missing(of_bus: bool) -> &'static str {
    if of_bus {
        "; ESI Leap declares it with its first message"
    } else {
        "; its owner declares it, or this service does with `declare`"
    }
}

impl Sent {
    /// How the sender labelled the body. A header that is not text is reported, not read.
    pub(super) fn labels(&self) -> Labels {
        let header = self.properties.headers().as_ref();
        let compression = match header.and_then(|table| table.inner().get("compression")) {
            None | Some(AMQPValue::Void) => None,
            Some(AMQPValue::LongString(text)) => Some(String::from_utf8_lossy(text.as_bytes())),
            Some(AMQPValue::ShortString(text)) => Some(text.as_str().into()),
            Some(_) => Some("a value that is not text".into()),
        };
        let text = |property: &Option<ShortString>| property.as_ref().map(ShortString::to_string);
        Labels::new(
            text(self.properties.content_type()).as_deref(),
            text(self.properties.content_encoding()).as_deref(),
            compression.as_deref(),
        )
    }
}
