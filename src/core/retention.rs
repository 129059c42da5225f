//! How long finished runs and events are kept.

use std::time::Duration;

use serde::Serialize;

/// How long finished things are kept. Unfinished runs and their events stay in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Events that have had nothing left to do for longer than this go, and their identity with
    /// them; and deliveries that have been in quarantine for longer.
    pub age: Duration,
    /// This many of the newest finished events stay; of quarantined deliveries too.
    pub number: u64,
}
