//! `trait Enrich`: completes an event that lacks something.

use super::Pending;
use crate::core::event::Event;
use crate::core::retry::RetryPolicy;

/// Completes events just before a run needs them.
pub trait Enrich: Send + Sync + 'static {
    /// The event with what it lacked, or why that cannot be had; an event that lacks nothing as it is. An
    /// answer that was given before serves again, and unless it is asked `again`, so does a refusal.
    fn complete(&self, event: Event, again: bool) -> Pending<'_, Result<Event, Incomplete>>;

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

/// For services whose sources send complete events.
#[derive(Clone, Copy, Debug)]
pub struct NothingToAdd;

impl Enrich for NothingToAdd {
    fn complete(&self, _: Event, _: bool) -> Pending<'_, Result<Event, Incomplete>> {
        let why = "the event lacks its lease, which only `poll` can ask for";
        let incomplete = Incomplete::Unreachable(why.to_owned());
        Box::pin(std::future::ready(Err(incomplete)))
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
