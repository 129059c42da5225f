//! What dispatch asks for, and what it gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Announcement, AttemptEnd, Owner, RunId};
use crate::core::event::Key;
use crate::core::rules::{RuleNames, Stand};

/// What dispatch asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose the attempts will be.
    pub owner: Owner,
    /// The rules that the owner has. Runs of others are not for it to perform.
    pub rules: RuleNames,
    /// Attempts of this owner that are over. Their ends are recorded first, as [`record`](super::Work::record) does it, and in
    /// the same commit: so what takes their places is claimed by the commit that frees them.
    pub ended: Vec<AttemptEnd>,
    /// At most this many runs that await nothing.
    pub limit: usize,
    /// The rules of which ESI Leap is asked about the lease before an attempt.
    pub rechecked: RuleNames,
    /// At most this many runs of these rules. They do not count against `limit`, and begin later.
    pub rechecks: usize,
    /// Attempts of this owner that begin now, having been claimed to ask ESI Leap first. Until then a run has not
    /// started: one that is pointless or too old by now is in [`Claimed::to_end`].
    pub begun: Vec<(RunId, u32)>,
    /// At most this many runs that await their lease.
    pub awaiting: usize,
    /// At most this many runs to cancel, because no service has their rule.
    pub orphans: usize,
    /// The attempts of this owner that it knows of, by run and number. Others that are its own and open
    /// were claimed with an answer that was lost.
    pub held: Vec<(RunId, u32)>,
    /// How many runs of a rule with the same [`share`](super::PlannedRun::share) may run at once, by the rule's name.
    /// Runs of these rules without one, which were accepted before there was a limit, share one.
    pub limits: Arc<BTreeMap<String, u32>>,
}

/// A run whose next attempt dispatch is to perform now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedRun {
    /// Whose this attempt is.
    pub owner: Owner,
    /// The run.
    pub id: RunId,
    /// The number of this attempt, counted from 1, interrupted ones included.
    pub attempt: u32,
    /// How many attempts failed since the run was accepted, or last retried by the operator.
    pub failures: u32,
    /// The name of its rule.
    pub rule: String,
    /// What it is ordered by.
    pub key: Key,
    /// How far it has come, if it has several steps and is not at its first.
    pub stand: Option<Stand>,
    /// The event as JSON text.
    pub event: String,
    /// Whether the event's lease has to be shown first. Then the rule is yet to be decided.
    pub awaits_lease: bool,
    /// How many times ESI Leap did not show the event's lease.
    pub lease_failures: u32,
    /// Whether it tells of other events, too ([`RunDetail::batch`](super::RunDetail::batch)).
    pub is_batch: bool,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// At most as many runs as asked for: those that were claimed before, with an answer that was lost, then
    /// others, both in order of acceptance; `running` from now on.
    pub runs: Vec<ClaimedRun>,
    /// The same of rules that no service has: their attempts are claimed to cancel them.
    pub orphans: Vec<ClaimedRun>,
    /// The attempts in `ended` that have ended in another way, or are not of this owner, by run and number:
    /// nothing was recorded of them.
    pub lost: Vec<(RunId, u32)>,
    /// How long to wait, by the journal's clock, until the first run is due that is `scheduled`, or is
    /// `retryable` and nothing else holds back.
    pub wait: Option<Duration>,
    /// The attempts of this owner that are to be ended, because their runs are cancelled.
    pub to_end: Vec<ToEnd>,
    /// What is to become an event, the first of it; nothing if no runs were asked for. It is handed out until it is
    /// [announced](super::Work::announce).
    pub announcements: Vec<Announcement>,
}

/// An attempt that is to be ended, because its run is cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToEnd {
    /// The run.
    pub run: RunId,
    /// Which of its attempts.
    pub attempt: u32,
    /// Why the run is cancelled.
    pub reason: String,
}
