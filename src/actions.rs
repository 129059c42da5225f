//! What a rule does when an event matches: `trait Action`. Running a script is the one there is.
//!
//! Dispatch hands an action an [`Order`] and gets back how the attempt ended. An action owns
//! nothing durable: recording is dispatch's work. What an action leaves behind when the service dies is
//! for its [`Recovery`], which finds it by the handle that the action gave.

mod output;
pub mod script;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::core::event::Event;
use crate::core::retry::Again;
use crate::core::rules::Rule;
use crate::core::run::Outcome;
use crate::journal::{Blame, OpenAttempt, RunId};

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
    /// What the action says of another attempt, if it failed.
    pub again: Again,
    /// How long it took, by a clock that never steps.
    pub duration: Duration,
    /// The last of what was written to standard output and standard error, in order of arrival.
    pub output: Vec<u8>,
    /// How many bytes before that are not kept.
    pub output_dropped: u64,
    /// What of it lives on and cannot be ended. Until that has gone, the attempt is not over.
    pub remains: Option<Box<dyn Remains>>,
}

impl Performed {
    /// An attempt of which there is no more to say than how it ended, and how long it took.
    #[must_use]
    pub fn new(outcome: Outcome, duration: Duration) -> Self {
        Self {
            outcome,
            blame: Blame::Run,
            again: Again::AsTheRuleSays,
            duration,
            output: Vec::new(),
            output_dropped: 0,
            remains: None,
        }
    }
}

/// Performs attempts.
pub trait Action: Send + Sync + 'static {
    /// The kind of action, in one word: what `action` says in a rule, and how its handles begin.
    fn kind(&self) -> &'static str;

    /// Performs one attempt and comes back only when nothing of it is left, but for what cannot be ended.
    ///
    /// As soon as something exists that would outlive the service, by what it can be found goes to
    /// `started`. When `stop` is cancelled the attempt is ended early: asked to end, then forced, and its
    /// outcome is [`Outcome::Interrupted`] unless it ended by itself meanwhile. Nothing here fails: what
    /// goes wrong is an outcome.
    fn perform(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed>;
}

/// What of an attempt lives on and cannot be ended.
pub trait Remains: fmt::Debug + Send {
    /// What is still there, in words for the operator; nothing once all of it has gone. Ends what can be
    /// ended by now.
    fn left(&mut self) -> BoxFuture<'_, Option<String>>;
}

/// What is done about attempts of one kind of action that were open when an earlier service ended.
pub trait Recovery: Send {
    /// The kind of action.
    fn kind(&self) -> &'static str;

    /// How the outcome of such an attempt is told.
    fn interrupted(&self) -> &'static str;

    /// Ends what is left of these attempts. Answers what lives on all the same; the other attempts are
    /// closed. Asked again, more and more rarely, about those that stay open.
    ///
    /// The handles are those that the action gave. An attempt without one may be of any kind, or the crash
    /// came before its handle was on record.
    ///
    /// # Errors
    /// Why nothing can be said of what is left, in words.
    fn end(&mut self, open: Vec<OpenAttempt>) -> BoxFuture<'_, Result<Vec<Living>, String>>;
}

/// That something of an attempt lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// The attempt's run.
    pub run: RunId,
    /// What it is, in words for the operator.
    pub left: String,
}

#[cfg(test)]
mod tests;
