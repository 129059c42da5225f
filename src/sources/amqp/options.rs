//! The options of `[DEFAULT]` that say how to reach the bus, and what to consume.

mod rows;

use std::path::Path;

pub use rows::OPTIONS;

use super::settings::{Amqp, DeclareQueues};
use crate::amqp;
use crate::config::Options;
use crate::core::ini::problem::Problem;

/// Reads them; `None` if a problem was found without which there is nothing to connect to.
pub fn read(options: &mut Options<'_>, folder: &Path) -> Option<Amqp> {
    let broker = amqp::options::read(options, folder);
    let queues = queues(options);
    let hint = "leave it out: a queue declared with other arguments than ESI Leap's stops ESI \
                Leap's own publishing";
    let declare_queues = options.parse("declare_queues", hint, |text| {
        match text.to_ascii_lowercase().as_str() {
            "no" => Some(DeclareQueues::No),
            "transient" => Some(DeclareQueues::Transient),
            "durable" => Some(DeclareQueues::Durable),
            "quorum" => Some(DeclareQueues::Quorum),
            _ => None,
        }
    });
    let amqp = Amqp {
        broker,
        queues,
        declare_queues: declare_queues.unwrap_or_default(),
        exchange: options.text_or_default("exchange"),
        prefetch: options.number("prefetch"),
    };
    (!amqp.broker.endpoints.is_empty() && !amqp.queues.is_empty()).then_some(amqp)
}

fn queues(options: &mut Options<'_>) -> Vec<String> {
    if options.lacks("queues") {
        options.report_section(
            "expected `queues` in [DEFAULT], but found none",
            "write `queues = esi_leap_versioned_notifications.info,esi_leap_versioned_notifications.error`",
        );
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
