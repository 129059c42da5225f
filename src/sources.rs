//! Where deliveries come from: `trait Source`. The AMQP queues are the one there is.
//!
//! A source knows its transport and nothing of rules or journals. Intake receives from it, puts
//! the decisions on disk, and only then settles.

pub mod amqp;
pub mod history;

use std::future::Future;

/// One message as it arrived, with a receipt to settle it by.
#[derive(Debug)]
pub struct Delivery<Receipt> {
    /// The queue it came from.
    pub origin: String,
    /// The bytes on the wire.
    pub body: Vec<u8>,
    /// For [`Source::settle`].
    pub receipt: Receipt,
}

/// What a source has to give.
#[derive(Debug)]
pub enum Received<Receipt> {
    /// At least one delivery.
    Deliveries(Vec<Delivery<Receipt>>),
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

    /// The name that, with an event's id, makes its identity in the journal.
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

    /// Says that these deliveries are on disk and need not come again. They may all the same, and
    /// the journal's identity makes that harmless; so this cannot fail.
    fn settle(&mut self, receipts: Vec<Self::Receipt>) -> impl Future<Output = ()> + Send;

    /// Takes leave. What was not settled comes again.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}
