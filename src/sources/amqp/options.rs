//! The options that say how to reach a broker and what to consume there, and those of `[DEFAULT]` for the bus.

mod rows;

use std::path::Path;

pub use rows::OPTIONS;
pub(super) use rows::{BROKER, HEARTBEAT, PREFETCH, with_broker};

use super::settings::{Amqp, DeclareQueues};
use crate::amqp;
use crate::config::Options;
use crate::core::ini::problem::Problem;

/// Where people find what to write for the bus.
const OF_BUS: Place = Place {
    section: "[DEFAULT]",
    url: amqp::options::OF_BUS,
    queues: "write `queues = esi_leap_versioned_notifications.info,esi_leap_versioned_notifications.error`",
};

/// Where the options stand, and what to do about one that is missing.
pub(super) struct Place {
    /// The section.
    pub(super) section: &'static str,
    /// Where the URL is to be had.
    pub(super) url: &'static str,
    /// How queues are written.
    pub(super) queues: &'static str,
}

/// Reads them; `None` if a problem was found without which there is nothing to connect to.
pub fn read(options: &mut Options<'_>, folder: &Path) -> Option<Amqp> {
    let amqp = consumed(options, folder, &OF_BUS);
    let hint = "leave it out: a queue declared with other arguments than ESI Leap's stops ESI \
                Leap's own publishing";
    let declare_queues = declared(options, "declare_queues", hint);
    let exchange = options.text_or_default("exchange");
    Some(Amqp {
        declare_queues,
        exchange,
        ..amqp?
    })
}

/// Whether the option of this name has missing queues declared, and how.
pub(super) fn declared(options: &mut Options<'_>, name: &str, hint: &str) -> DeclareQueues {
    let how = options.parse(name, hint, |text| {
        match text.to_ascii_lowercase().as_str() {
            "no" => Some(DeclareQueues::No),
            "transient" => Some(DeclareQueues::Transient),
            "durable" => Some(DeclareQueues::Durable),
            "quorum" => Some(DeclareQueues::Quorum),
            _ => None,
        }
    });
    how.unwrap_or_default()
}

/// Reads how to reach the broker and what to consume there. No queue is declared.
pub(super) fn consumed(options: &mut Options<'_>, folder: &Path, place: &Place) -> Option<Amqp> {
    let broker = amqp::options::read_with(options, folder, place.url);
    let queues = queues(options, place);
    let amqp = Amqp {
        broker,
        queues,
        declare_queues: DeclareQueues::No,
        exchange: String::new(),
        bindings: Vec::new(),
        prefetch: options.number("prefetch"),
    };
    (!amqp.broker.endpoints.is_empty() && !amqp.queues.is_empty()).then_some(amqp)
}

fn queues(options: &mut Options<'_>, place: &Place) -> Vec<String> {
    if options.lacks("queues") {
        let message = format!("expected `queues` in {}, but found none", place.section);
        options.report_section(&message, place.queues);
    }
    let items = options.items("queues", "the name of a queue");
    let Some(option) = options.get("queues") else {
        return Vec::new();
    };
    let mut queues: Vec<String> = Vec::new();
    for (name, position) in items {
        if name.len() > 255 {
            let problem = Problem::error(
                "expected the name of a queue, but found one of more than 255 bytes",
                "separate names with commas",
            );
            options.report(problem, option, position);
        } else if queues.iter().any(|known| known == name) {
            let problem = Problem::warning(
                format!("queue `{name}` is named twice"),
                "remove the second one",
            );
            options.report(problem, option, position);
        } else {
            queues.push(name.to_owned());
        }
    }
    queues
}
