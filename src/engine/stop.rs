//! The two tokens that stop the parts of the service.

use tokio_util::sync::CancellationToken;

/// What every task watches.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled: accept and claim nothing more.
    pub intake: CancellationToken,
    /// Cancelled: end what runs.
    pub work: CancellationToken,
}
