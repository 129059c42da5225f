//! `trait Enrich`: completes an event that lacks something, and looks again at what it is about.

use std::time::Instant;

use super::Pending;
use crate::core::event::Event;
use crate::core::retry::RetryPolicy;

/// Completes events just before a run needs them.
pub trait Enrich: Send + Sync + 'static {
    /// The event with what it lacked, or why that cannot be had; an event that lacks nothing as it is. An
    /// answer that was given before serves again, and unless it is asked `again`, so does a refusal.
    fn complete(&self, event: Event, again: bool) -> Pending<'_, Result<Event, Incomplete>>;

    /// The event with its lease as that is now, and nothing else in its payload; or why that cannot be told. An
    /// answer that was asked for at `since` or later serves again.
    fn now<'a>(
        &'a self,
        event: &'a Event,
        lease: &'a str,
        since: Instant,
    ) -> Pending<'a, Result<Event, NotNow>>;

    /// What follows when what an event lacks is refused.
    fn retry_policy(&self) -> RetryPolicy;

    /// What events lack, in a word for messages.
    fn what(&self) -> &'static str;
}

/// Why an event cannot be completed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// It was asked for, and refused.
    Refused(String),
    /// The server could not be asked, or failed: that says nothing about this event.
    Unreachable(String),
}

/// Why nobody can say what a lease is like now, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// There is no such lease.
    Absent(String),
    /// It cannot be asked for, or is not shown: that may pass.
    Unknown(String),
}

/// For services whose sources send complete events.
#[derive(Clone, Copy, Debug)]
pub struct NothingToAdd;

impl Enrich for NothingToAdd {
    fn complete(&self, _: Event, _: bool) -> Pending<'_, Result<Event, Incomplete>> {
        let why = "the event lacks its lease, which only `poll` can ask for";
        let incomplete = Incomplete::Unreachable(why.to_owned());
        Box::pin(std::future::ready(Err(incomplete)))
    }

    fn now<'a>(
        &'a self,
        _: &'a Event,
        _: &'a str,
        _: Instant,
    ) -> Pending<'a, Result<Event, NotNow>> {
        let why = "the service was started when no rule had `recheck`: restart it";
        Box::pin(std::future::ready(Err(NotNow::Unknown(why.to_owned()))))
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries: 0,
            first_delay: std::time::Duration::from_secs(60),
        }
    }

    fn what(&self) -> &'static str {
        "lease"
    }
}
