//! `trait Client`: asks ESI Leap for its event history and its leases.
//!
//! There are two: the `openstack` program ([`openstack`](super::openstack)), and our own
//! ([`native`](super::native)). Both answer in the same types and fail in the same two ways.

use std::future::Future;

use crate::sources::history::record::{Lease, Row};

/// Asks ESI Leap, each question once: when to ask again is the source's affair.
///
/// A future that is dropped leaves nothing behind. Every call has a time limit of its own.
pub trait Client: Send + Sync + 'static {
    /// The rows with an id greater than `after`, in any order.
    fn events(&self, after: i64) -> impl Future<Output = Result<Vec<Row>, ClientError>> + Send;

    /// One lease.
    fn lease(&self, uuid: &str) -> impl Future<Output = Result<Lease, ClientError>> + Send;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// ESI Leap was reached and does not show this lease: it knows none, denies access, or fails
    /// over it: the answer does not distinguish the two.
    #[error("{0}")]
    NotShown(String),
    /// The client, the cloud or the way there failed; what, what was expected, and the remedy where
    /// one is known.
    #[error("{0}")]
    Failed(String),
}
