//! Messages of any service on any broker: each with JSON is an event.
//!
//! ```ini
//! [source:orders]
//! type = amqp
//! transport_url = amqps://events@rabbit.example.org/shop
//! password_file = orders-password
//! queues = orders.for-events
//! declare = quorum
//! exchange = shop
//! binding = order.paid, order.refunded
//! ```
//!
//! The event is of type `orders`. Its payload has the form of ansible-rulebook's sources of messages:
//!
//! ```json
//! {"body":{"order":7},"meta":{"queue":"orders.for-events","exchange":"shop","routing_key":"order.paid",
//!  "message_id":"4711","headers":{"tenant":"a"}}}
//! ```
//!
//! `message.rs` makes it of a message; how queues are consumed and acknowledged is that of the bus.

mod message;
mod options;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use lapin::protocol::basic;
pub(super) use message::Messages;

use super::check::{check_files, secret_files};
use super::form::{Form, Sent};
use super::inspect::ask;
use super::{Amqp, AmqpSource};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::core::event::PayloadPath;
use crate::journal::Placement;
use crate::sources::{
    Asking, Decoded, FeedCheckup, Interest, KeyPath, Opening, Pending, Reply, Setup, Source,
    SourcePart, decode_event,
};

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "amqp",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: decode_event,
    reached: None,
};

/// What a message to the source of this name is decoded to, whose bytes are its properties, as they are on the wire, and
/// then its body; nothing, if there are no such properties, or no rule wants its event. `id` and `key` are where an event
/// has them.
#[must_use]
pub fn decoded(
    interest: &Interest,
    name: &str,
    (id, key): (Option<PayloadPath>, KeyPath),
    bytes: &[u8],
) -> Option<Decoded> {
    let (body, properties) = basic::parse_properties(bytes).ok()?;
    let sent = Sent {
        properties,
        ..Sent::default()
    };
    let (messages, identity) = (
        Messages::new(name.to_owned(), id, key),
        format!("amqp:{name}"),
    );
    let now = Timestamp::UNIX_EPOCH;
    messages.decoded(interest, &identity, "queue", &sent, body.to_vec(), now)
}

/// Queues with messages, as the options say.
#[derive(Clone, Debug)]
struct MessagesSetup {
    amqp: Amqp,
    /// Where the id of a message is, if not in its property.
    id: Option<PayloadPath>,
    key: KeyPath,
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let setup = options::read(options, folder)?;
    Some(Arc::new(setup))
}

impl Setup for MessagesSetup {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        let form = Form::Messages(Messages::new(
            opening.name.clone(),
            self.id.clone(),
            self.key.clone(),
        ));
        Box::new(AmqpSource::new(self.amqp.clone(), form, opening))
    }

    fn placement(&self) -> Placement {
        self.amqp.placement()
    }

    fn summary(&self) -> String {
        Setup::summary(&self.amqp)
    }

    fn ask<'a>(&'a self, asking: &'a Asking<'a>) -> Pending<'a, Option<Reply>> {
        Box::pin(async move { Some(ask(&self.amqp, false, asking).await) })
    }

    fn secret_files(&self) -> Vec<(PathBuf, &'static str)> {
        secret_files(&self.amqp).collect()
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        check_files(&self.amqp, section)
    }
}
