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

impl ClientError {
    /// Whether ESI Leap says that there is no such lease. An unknown UUID is a fault of the server to it, of which
    /// only the words can be told from others; every other refusal may pass, or be about who asks.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        let Self::NotShown(why) = self else {
            return false;
        };
        let of_client = why.contains("Client Error for url") && why.contains("not found");
        of_client || why.contains("answers 404 ") || why.contains(UNKNOWN)
    }
}

/// What ESI Leap says when it looks for a lease by a UUID and finds none.
const UNKNOWN: &str = "'NoneType' object has no attribute 'owner_id'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_there_is_no_such_lease_is_its_absence() {
        let by_program = |why: &str| format!("No Lease found for x: {why}");
        let cases = [
            (
                by_program(
                    "Server Error for url: http://leap/v1/leases/x, 'NoneType' object has no attribute \
                     'owner_id'",
                ),
                true,
            ),
            (
                by_program(
                    "Client Error for url: http://leap/v1/leases/x, Lease with name or uuid x not found.",
                ),
                true,
            ),
            (
                by_program(
                    "Client Error for url: http://leap/v1/leases/x, Access was denied to lease x.",
                ),
                false,
            ),
            (
                by_program("Server Error for url: http://leap/v1/leases/x, Node 7 not found"),
                false,
            ),
            (
                "http://leap/v1/leases/x: answers 500 Internal Server Error: 'NoneType' object has no \
                 attribute 'owner_id'"
                    .to_owned(),
                true,
            ),
            (
                "http://leap/v1/leases/x: answers 404 Not Found: no lease x".to_owned(),
                true,
            ),
            (
                "http://leap/v1/leases/x: answers 403 Forbidden: Access was denied".to_owned(),
                false,
            ),
            (
                "http://leap/v1/leases/x: answers 500 Internal Server Error: the database is gone"
                    .to_owned(),
                false,
            ),
        ];
        for (why, expected) in cases {
            assert_eq!(
                ClientError::NotShown(why.clone()).is_absence(),
                expected,
                "{why}"
            );
            assert!(!ClientError::Failed(why).is_absence());
        }
    }
}
