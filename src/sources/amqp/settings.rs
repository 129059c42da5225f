//! What to consume, and where, validated.

use crate::amqp::Broker;

/// How to reach RabbitMQ, and what to consume there.
#[derive(Clone, Debug)]
pub struct Amqp {
    /// How to reach it.
    pub broker: Broker,
    /// The queues to consume; never empty.
    pub queues: Vec<String>,
    /// Whether to make queues that are missing, and how.
    pub declare_queues: DeclareQueues,
    /// The exchange to bind queues to that are made; if it is empty, they are not bound.
    pub exchange: String,
    /// The routing keys to bind them by; if there are none, by the name of the queue.
    pub bindings: Vec<String>,
    /// How many deliveries the broker may have under way to us, for each queue.
    pub prefetch: u16,
}

/// Whether queues that are missing are made, with their binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeclareQueues {
    /// They are waited for: ESI Leap makes them with its first message.
    #[default]
    No,
    /// Classic, gone with the broker: oslo.messaging's default.
    Transient,
    /// Classic and durable: oslo's `amqp_durable_queues`.
    Durable,
    /// Replicated: oslo's `rabbit_quorum_queue`.
    Quorum,
}
