//! The table of parts: which options there are, and what to read for which service.

use std::path::Path;

use crate::config::table::{RULE, SERVICE, Table};
use crate::config::{self, Reading};
use crate::sources::amqp::{Amqp, options as amqp};
use crate::sources::history::options::{self as history, History};

/// The options of every part, in the order in which people want to read of them.
pub const OPTIONS: Table = Table(&[&amqp::OPTIONS, &history::OPTIONS, &SERVICE, &RULE]);

/// Reads the text of the configuration file at `path`, but nothing of how to reach a feed: for
/// commands that have to do with none.
#[must_use]
pub fn read(text: &str, path: &Path) -> Reading {
    config::read(OPTIONS, text, path, |_, _| Some(()))
}

/// The same for `listen`, with what it takes to reach the bus.
#[must_use]
pub fn read_for_bus(text: &str, path: &Path) -> Reading<Amqp> {
    config::read(OPTIONS, text, path, amqp::read)
}

/// The same for `poll`, with what it takes to read the event history. Of the bus nothing is
/// expected, since tenants cannot reach it.
#[must_use]
pub fn read_for_history(text: &str, path: &Path) -> Reading<History> {
    config::read(OPTIONS, text, path, |options, _| {
        Some(history::read(options))
    })
}

#[cfg(test)]
mod tests;
