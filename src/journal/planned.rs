//! The runs that an event is to have, and those that it makes pointless.

use jiff::Timestamp;

use crate::core::event::Key;
use crate::core::throttle::Throttled;

/// A run that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// The name of the rule: its section in the configuration.
    pub rule: String,
    /// What the run is ordered by: runs with the same key never overlap.
    pub key: Key,
    /// Whether the rule can be decided, and its action performed, only with the lease that the event
    /// is about, which could not be shown yet.
    pub awaits_lease: bool,
    /// When it starts.
    pub start: Start,
    /// It is cancelled if it has not started by then.
    pub start_by: Option<Timestamp>,
    /// Of all runs of the rule with the same text here only so many run at once ([`Claim::limits`](super::Claim::limits)); `None` if
    /// the rule has no limit.
    pub share: Option<String>,
    /// What may hold it back, or put it off. It is asked in the commit that makes the run, unless that awaits its
    /// lease or never starts.
    pub throttle: Option<Throttled>,
}

/// What an event makes pointless: runs of earlier events about the same lease or, if it is about none, with the
/// same key. Those that wait are cancelled in the commit that accepts it. One that runs is cancelled unless its
/// attempt succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancels {
    /// The name of their rule.
    pub rule: String,
    /// What an event that is about no lease cancels.
    pub key: Key,
    /// Whether the attempt of one that runs is ended for it.
    pub running: bool,
}

/// When a run starts that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// When it has its turn.
    Now,
    /// Not before this. Until then it is `scheduled`, and takes no place in the order of its key; then it comes
    /// behind all that are there. A time that is over is now.
    At(Timestamp),
    /// Never, and why: it is on record as `cancelled`, for this reason. The operator may retry it.
    Never(String),
}
