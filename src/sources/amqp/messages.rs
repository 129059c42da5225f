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

pub(super) use message::Messages;

use super::check::{check_files, secret_files};
use super::form::Form;
use super::{Amqp, AmqpSource};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::core::event::PayloadPath;
use crate::journal::Placement;
use crate::sources::{FeedCheckup, KeyPath, Opening, Setup, Source, SourcePart, decode_event};

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

    fn secret_files(&self) -> Vec<(PathBuf, &'static str)> {
        secret_files(&self.amqp).collect()
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        check_files(&self.amqp, section)
    }
}
