//! What a rule does when an event matches: `trait Action`. Running a script is the one there is.
//!
//! Dispatch hands an action an [`Order`] and gets back how the attempt ended. An action owns
//! nothing durable: recording is dispatch's work.

mod output;
pub mod script;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::core::event::Event;
use crate::core::rules::Rule;
use crate::core::run::Outcome;
use crate::journal::{Blame, ProcessIdentity, RunId};

/// One attempt to perform.
#[derive(Clone, Debug)]
pub struct Order {
    /// The run it belongs to.
    pub run: RunId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// What to do.
    pub rule: Arc<Rule>,
    /// For which event.
    pub event: Arc<Event>,
}

/// How an attempt went.
#[derive(Debug)]
pub struct Performed {
    /// How it ended.
    pub outcome: Outcome,
    /// Whose failure it was, if it was one: the run's, or nobody's, if the machine had no room for
    /// another process.
    pub blame: Blame,
    /// How long it took, by a clock that never steps.
    pub duration: Duration,
    /// The last of what was written to standard output and standard error, in order of arrival.
    pub output: Vec<u8>,
    /// How many bytes before that are not kept.
    pub output_dropped: u64,
    /// What of it lives on and cannot be ended. Until that has gone, the attempt is not over.
    pub remains: Option<crate::os::process::Group>,
}

/// Performs attempts.
pub trait Action: Send + Sync + 'static {
    /// Performs one attempt and comes back only when nothing of it is left, but for what cannot be ended.
    ///
    /// As soon as a process exists its identity goes to `started`. When `stop` is cancelled the
    /// attempt is ended early: asked to end, then forced, and its outcome is
    /// [`Outcome::Interrupted`] unless it ended by itself meanwhile. Nothing here fails: what goes
    /// wrong is an outcome.
    fn perform(
        &self,
        order: Order,
        started: oneshot::Sender<ProcessIdentity>,
        stop: CancellationToken,
    ) -> impl Future<Output = Performed> + Send;
}

#[cfg(test)]
mod tests;
