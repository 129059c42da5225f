//! Runs people's scripts when ESI Leap fulfils, expires or deletes a lease.
//!
//! The modules, in the order of an event's journey:
//!
//! ```text
//! source ──delivery──▶ decode ──event──▶ match ──planned runs──▶ accept (one transaction) ──▶ settle
//!                         │                                          │
//!                    quarantine ◀── undecodable                   journal
//!                                                                    │
//!                      record ◀──outcome── perform (script) ◀── claim due runs, one per key
//! ```
//!
//! Intake and dispatch meet only in the journal: intake never waits for a script, and a script never
//! holds a message. `ARCHITECTURE.md` says what must stay true.

// The rim: what people and systems touch.
pub mod cli;
pub mod daemon;
pub mod report;
pub mod stop;
pub mod telemetry;

// The journey.
pub mod actions;
pub mod dispatch;
pub mod intake;
pub mod journal;
pub mod recover;
pub mod sources;

// The pure floor: no tokio, no files, no network; time is an argument.
pub mod clock;
pub mod config;
pub mod event;
pub mod history;
pub mod notification;
pub mod outage;
pub mod printable;
pub mod python_json;
pub mod retry;
pub mod rules;
pub mod run;

// Nothing, but for tests: where the program has itself killed.
pub mod crash;
