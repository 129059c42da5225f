//! What commands do, callable without a terminal: each takes what it needs as arguments, and answers with
//! plain values.
//!
//! Where the configuration and the journal are, which user looks, and what is printed is the command's own
//! affair. What a part knows comes through its trait, or out of the table of parts as an argument.

pub mod check;
pub mod explain;
mod permissions;
pub mod quarantine;
pub mod runs;
