//! What commands do, callable without a terminal: each takes what it needs as arguments, and answers with
//! plain values.
//!
//! Where the configuration and the journal are, which user looks, and what is printed is the command's own
//! affair. What a part knows comes through its trait, or out of the table of parts as an argument.

pub mod check;
pub mod explain;
pub mod histories;
pub mod journal;
mod loops;
mod permissions;
pub mod quarantine;
pub mod runs;
pub mod sources;
pub mod store;
pub mod watch;

use std::fmt;

/// Who asks for something, and by which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user of this machine, by a command.
    Command {
        /// The user's name.
        user: String,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { user } => write!(formatter, "user {user}, by a command"),
        }
    }
}
