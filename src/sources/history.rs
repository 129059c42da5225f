//! The feed for tenants: ESI Leap's event history, read row by row since the last event id.
//!
//! A pass asks for the rows since the cursor, puts those that are new in the order of their ids, and hands
//! them on in batches, each with the cursor that it leads to: intake writes both in one commit. The events
//! lack their leases, which [`Leases`] requests for those that rules may want. A failure of the client moves
//! nothing.

mod asking;
mod check;
mod client;
mod cloud_status;
mod leases;
mod native;
mod openstack;
pub mod options;
pub mod record;
pub mod sample;
mod source;
pub mod window;

pub use asking::ChosenClient;
pub use client::{Client, ClientError};
pub use leases::Leases;
pub use native::{Cloud, CloudProblem, NativeClient, Variables};
pub use openstack::OpenstackClient;
pub use record::decode;
pub use source::HistorySource;
use window::{Start, Window};

use super::{SourceError, SourceErrorKind};

/// The kind of this source: what its names begin with, before a colon and the cloud.
pub const HISTORY: &str = "history";

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Where it has come to.
    Cursor(Window),
    /// Anew.
    Anew {
        /// From where.
        start: Start,
        /// What it has read before, if it has: only another history may replace it.
        former: Option<Window>,
        /// Even if it is the same history.
        force: bool,
    },
}

/// Why there is nothing more to come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The client or the cloud failed, and trying again was not asked for.
    #[error("{0}")]
    Client(String),
    /// The history is another one than it was.
    #[error(
        "the event history of {cloud} ends at id {newest}, or has other events than before, but \
         was read up to {position}: ESI Leap's database is a new one, or these credentials are \
         another project's; no runs are made from it"
    )]
    Other {
        /// The cloud.
        cloud: String,
        /// The largest id there is.
        newest: i64,
        /// The largest id seen.
        position: i64,
    },
    /// A new start was asked for, but there is a cursor.
    #[error("the event history of {cloud} has been read up to id {position} already")]
    Begun {
        /// The cloud.
        cloud: String,
        /// The largest id seen.
        position: i64,
    },
}

impl From<HistoryError> for SourceError {
    fn from(error: HistoryError) -> Self {
        let (kind, hint) = match error {
            HistoryError::Client(_) => (
                SourceErrorKind::Temporary,
                "nothing is lost: the next pass begins where this one did; `esi-event-actions poll \
                 --status` shows what has been read",
            ),
            HistoryError::Other { .. } => (
                SourceErrorKind::Failed,
                "check which project these credentials belong to; if they are right, choose where \
                 to start in the new history: `poll --from-start`, `poll --from-id ID` or `poll \
                 --from-now`, once",
            ),
            HistoryError::Begun { .. } => (
                SourceErrorKind::Usage,
                "leave the `--from-…` out to continue from there, or add `--force` to start over",
            ),
        };
        Self {
            kind,
            message: error.to_string(),
            hint,
        }
    }
}

/// The cloud whose history has this name among the sources of a journal; `None` if it is no history.
#[must_use]
pub fn cloud_of(source: &str) -> Option<&str> {
    source.strip_prefix(HISTORY)?.strip_prefix(':')
}

/// The name of a cloud's history among the sources of a journal.
#[must_use]
pub fn source_name(cloud: &str) -> String {
    format!("{HISTORY}:{cloud}")
}
