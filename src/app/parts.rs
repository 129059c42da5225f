//! The table of parts: which options there are, what to read for which service, and which source decodes
//! what.

use std::path::Path;

use crate::config::table::{RULE, SERVICE, Table};
use crate::config::{self, Reading};
use crate::sources::Decode;
use crate::sources::amqp::{self, Amqp};
use crate::sources::history::{self, options::History};

/// The options of every part, in the order in which people want to read of them.
pub const OPTIONS: Table = Table(&[
    &amqp::options::OPTIONS,
    &history::options::OPTIONS,
    &SERVICE,
    &RULE,
]);

/// Each kind of source, with what decodes its deliveries when they are taken out of quarantine.
const DECODERS: [(&str, Decode); 2] = [
    (amqp::BUS, amqp::decode),
    (history::HISTORY, history::decode),
];

/// What decodes the deliveries of the source of this name.
#[must_use]
pub fn decoder(source: &str) -> Option<Decode> {
    let kind = source.split(':').next()?;
    let of_kind = DECODERS.iter().find(|(name, _)| *name == kind);
    of_kind.map(|(_, decode)| *decode)
}

/// Reads the text of the configuration file at `path`, but nothing of how to reach a feed: for
/// commands that have to do with none.
#[must_use]
pub fn read(text: &str, path: &Path) -> Reading {
    config::read(OPTIONS, text, path, |_, _| Some(()))
}

/// The same for `listen`, with what it takes to reach the bus.
#[must_use]
pub fn read_for_bus(text: &str, path: &Path) -> Reading<Amqp> {
    config::read(OPTIONS, text, path, amqp::options::read)
}

/// The same for `poll`, with what it takes to read the event history. Of the bus nothing is
/// expected, since tenants cannot reach it.
#[must_use]
pub fn read_for_history(text: &str, path: &Path) -> Reading<History> {
    config::read(OPTIONS, text, path, |options, _| {
        Some(history::options::read(options))
    })
}

#[cfg(test)]
mod tests;
