//! Runs people's scripts when ESI Leap fulfils, expires or deletes a lease.
//!
//! The modules, in the order of an event's journey:
//!
//! ```text
//! source ──delivery──▶ decode ──event──▶ match ──planned runs──▶ accept (one transaction) ──▶ settle
//!                         │                                          │
//!                    quarantine ◀── undecodable                   journal
//!                                                                    │
//!                      record ◀──outcome── perform (action) ◀── claim due runs, one per key
//! ```
//!
//! Intake and dispatch meet only in the journal: intake never waits for a script, and a script never
//! holds a message. `ARCHITECTURE.md` says what must stay true.

// The rim: what people and systems touch, and who puts the parts together.
pub mod app;
pub mod cli;
pub mod ops;
pub mod supervisor;
pub mod telemetry;

// The journey, and the parts it is made of.
pub mod actions;
pub mod amqp;
pub mod engine;
pub mod http;
pub mod journal;
pub mod os;
pub mod sources;
pub mod state;

// What the file says.
pub mod config;

// The pure floor: no tokio, no files, no network; time is an argument.
pub mod core;

// Nothing, but for tests: where the program has itself killed.
pub mod crash;
