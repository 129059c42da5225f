//! Where deliveries come from: `trait Source`. There are the AMQP queues and the event history.
//!
//! A source knows its transport and nothing of rules or journals. Intake receives from it, puts
//! the decisions on disk, and only then settles.

pub mod amqp;
pub mod history;

use std::future::Future;

use crate::core::event::Event;
use crate::core::retry::RetryPolicy;
use crate::journal::Progress;
use crate::notification::Labels;

/// What the names of sources begin with whose deliveries are rows of the event history.
pub const HISTORY: &str = "history:";

/// One message as it arrived, with a receipt to settle it by.
#[derive(Debug)]
pub struct Delivery<Receipt> {
    /// The queue it came from; empty where there is none.
    pub origin: String,
    /// How the sender labelled them.
    pub labels: Labels,
    /// The bytes on the wire, or a [`Record`](crate::history::Record).
    pub body: Vec<u8>,
    /// For [`Source::settle`].
    pub receipt: Receipt,
}

/// What a source has to give.
#[derive(Debug)]
pub enum Received<Receipt> {
    /// At least one delivery.
    Deliveries(Vec<Delivery<Receipt>>),
    /// From a source that keeps a cursor: deliveries, if any, and what to note in the same commit.
    Read(Vec<Delivery<Receipt>>, Progress),
    /// Nothing is waiting, and the source was asked to say so rather than wait.
    Drained,
}

/// A feed of deliveries.
pub trait Source: Send {
    /// What a delivery is settled by.
    type Receipt: Send;
    /// Why the source cannot go on. Faults that pass are not errors: the source tells of them and
    /// tries again by itself.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The name that, with an event's id, makes its identity in the journal. It begins with
    /// [`HISTORY`] for records of the event history, and with nothing of the kind for notifications.
    fn name(&self) -> &str;

    /// Waits for deliveries and takes up to `limit` of those that are there. Dropping the future
    /// loses nothing: what was taken comes again.
    ///
    /// # Errors
    /// When waiting longer cannot help, or was not asked for.
    fn receive(
        &mut self,
        limit: usize,
    ) -> impl Future<Output = Result<Received<Self::Receipt>, Self::Error>> + Send;

    /// Says that these deliveries, and what was to be noted with them, are on disk and need not come
    /// again. They may all the same, and the journal's identity makes that harmless; so this cannot
    /// fail.
    fn settle(&mut self, receipts: Vec<Self::Receipt>) -> impl Future<Output = ()> + Send;

    /// Says that what was received cannot be put on disk for a while. A source that can leaves it where it
    /// came from, and takes nothing until [`Source::receive`] is called again. What was not settled may come
    /// again then, and may be settled all the same. Dropping the future loses nothing.
    fn give_back(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Takes leave. What was not settled comes again.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// What a source is about, for whoever watches the service.
pub trait Condition: Clone + Send + Sync + 'static {
    /// Whether deliveries come in.
    fn is_ready(&self) -> bool;

    /// In words, for `systemctl status`.
    fn in_words(&self) -> String;
}

/// Shows the leases that events lack.
pub trait Leases: Send + Sync + 'static {
    /// The event with its lease, or why there is none. A `first` try may be answered with what was
    /// found out when the event was accepted.
    fn complete(
        &self,
        event: Event,
        first: bool,
    ) -> impl Future<Output = Result<Event, NoLease>> + Send;

    /// What follows when a lease cannot be shown.
    fn retry_policy(&self) -> RetryPolicy;
}

/// Why an event has no lease, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLease {
    /// It was asked for, and not shown.
    NotShown(String),
    /// It was not asked for, because there is nobody to ask just now.
    NotAsked(String),
}

/// Events of the bus lack nothing. This serves a feed that cannot ask for leases.
#[derive(Clone, Copy, Debug)]
pub struct NoLeases;

impl Leases for NoLeases {
    async fn complete(&self, _: Event, _: bool) -> Result<Event, NoLease> {
        let why = "the event lacks its lease, which only `poll` can ask for";
        Err(NoLease::NotAsked(why.to_owned()))
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries: 0,
            first_delay: std::time::Duration::from_secs(60),
        }
    }
}
