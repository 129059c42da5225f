//! The journey over traits alone: deliveries in, runs out.
//!
//! [`intake`] takes what a source has into the journal, [`dispatch`] performs what is due there, and
//! [`recover`](mod@recover) comes first, after a crash. They meet only in the journal.

mod clock;
pub mod dispatch;
mod enrich;
mod handle;
pub mod intake;
mod recheck;
pub mod recover;
pub mod release;
pub mod requests;
pub mod rulebook;
pub mod stop;
mod unasked;
pub mod upkeep;
mod vigil;

#[cfg(test)]
pub(crate) mod tests;
