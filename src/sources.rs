//! Where events come from: `trait Source`. There are the AMQP queues and the event history.
//!
//! A source knows its transport, decodes what arrives there, and knows nothing of rules or journals but
//! which types of event are wanted. Intake receives from it, puts the decisions on disk, and only then
//! settles.

pub mod alertmanager;
pub mod amqp;
mod batch;
mod check;
pub mod eda;
pub mod elasticsearch;
mod enrich;
pub mod exec;
pub mod facts;
mod fields;
pub mod history;
pub mod kafka;
pub mod load;
mod looking;
mod part;
mod posted;
mod program;
pub mod sensor;
pub mod timer;
pub mod url;
pub mod watch;
pub mod webhook;
mod yaml;

use std::pin::Pin;

pub use crate::config::Reply;
pub use batch::{
    Arrival, Batch, Decode, Decoded, Decoders, Interest, KEPT_IN_QUARANTINE, Lacks, NOT_KEPT,
    Received, decode_event, for_quarantine,
};
pub use check::{Asking, FeedCheckup, FeedFile, FeedSettings};
pub use enrich::{Enrich, Incomplete, NotNow, NothingToAdd};
use looking::{Look, Looked, Looking};
pub use part::{Opening, ReadCursor, Setup, SourcePart};
pub use posted::KeyPath;
pub(crate) use program::python::{PYTHON, Python, doing};
pub(crate) use program::{
    KILL_GRACE, Line, NoEvent, ProgramSource, Question, RESTART, Said, plain_text,
};
pub use program::{LONGEST_LINE, Lines, Program, RawLine};

/// What is to be waited for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The most deliveries that share one commit.
const LARGEST_BATCH: usize = 1_000;

/// A feed of events.
///
/// A source keeps the receipt of what it has handed over and not settled yet: [`Source::settle`] settles
/// all of that. So one batch is received, put on disk and settled, and then the next one is received.
pub trait Source: Send {
    /// The name that, with an event's id, makes its identity in the journal. What is before its first
    /// colon is the kind of the source.
    fn name(&self) -> &str;

    /// Waits for deliveries and hands over those that are there, decoded; of many, or of large ones, the
    /// first, so that what a batch takes in memory is bounded. Dropping the future loses nothing: what was
    /// taken is handed over the next time, or comes again.
    ///
    /// # Errors
    /// When waiting longer cannot help, or was not asked for. Faults that pass are not errors: the source
    /// tells of them and tries again by itself.
    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>>;

    /// Says that what was handed over, and what was to be noted with it, is on disk and need not come
    /// again. It may all the same, and the journal's identity makes that harmless; so this cannot
    /// fail.
    fn settle(&mut self) -> Pending<'_, ()>;

    /// Says that what was received cannot be put on disk for a while. A source that can leaves it where it
    /// came from, and takes nothing until [`Source::receive`] is called again. What was not settled may come
    /// again then, and may be settled all the same. Dropping the future loses nothing.
    fn give_back(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Disconnects. What was not settled comes again.
    fn close(&mut self) -> Pending<'_, ()>;
}

/// Why a source has given up, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What it means for who started the service.
    pub kind: SourceErrorKind,
    /// What has happened.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// What the end of a source means for who started the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// Another service is in the way: the same may be tried again later.
    Temporary,
    /// Something is wrong that does not pass by itself.
    Failed,
    /// What was asked for on the command line cannot be done.
    Usage,
}

#[cfg(test)]
mod tests;
