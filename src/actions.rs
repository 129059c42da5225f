//! What a rule does when an event matches: `trait Action`. Running a script, or sending a request.
//!
//! An action is one folder: its options, how they are read, what `check` and `explain` have to say of it, and
//! how it is performed. It is known to the rest by its [`ActionPart`], a row in the table of parts, and nothing
//! but that table names it.
//!
//! Dispatch hands an action an [`Order`] and gets back how the attempt ended. An action owns
//! nothing durable: recording is dispatch's work. What an action leaves behind when the service dies is
//! for its [`Recovery`], which finds it by the handle that the action gave.

mod answer;
pub mod awx;
pub mod event;
pub mod http;
pub mod publish;
mod remote;
mod rows;
mod scope;
pub mod script;
mod statuses;
pub mod store;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use crate::config::Purpose;
use crate::config::table::PartOptions;
use crate::config::{Options, Problem, Reply, RuleContext};
use crate::core::event::{Event, MadeEvent};
use crate::core::ini::text::Position;
use crate::core::retry::Again;
use crate::core::rules::{Asks, Rule};
use crate::core::run::Outcome;
use crate::core::store::Values;
use crate::journal::{CountsAgainst, OpenAttempt, RunId, Store};

/// One attempt to perform.
#[derive(Clone)]
pub struct Order {
    /// The run it belongs to.
    pub run: RunId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// For which rule.
    pub rule: Arc<Rule>,
    /// For which event.
    pub event: Arc<Event>,
    /// Of which events besides, if its run is of all events of a window.
    pub batch: Batch,
    /// The name of the journal that knows of it: a mark for what may outlive the service.
    pub journal_name: String,
    /// The named values that rules and commands share.
    pub store: Arc<dyn Store>,
    /// The attempts of the same step before this one, newest first: only for an action that
    /// [goes on](Action::goes_on).
    pub earlier: Vec<Earlier>,
    /// Cancelled when the service begins to stop: what goes on without it is not waited for.
    pub drains: CancellationToken,
    /// Cancelled before the attempt is stopped, if that is because its run is cancelled: what would go on
    /// is to be ended, too.
    pub cancelled: CancellationToken,
}

/// What a run is of besides its own event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Events of the same window, in order of acceptance.
    pub events: Arc<[Event]>,
    /// How many there are that are only counted.
    pub others: u64,
}

/// An attempt that was made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its number.
    pub attempt: u32,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When its end was noted.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The handle that the action gave.
    pub handle: Option<String>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("run", &self.run)
            .field("attempt", &self.attempt)
            .field("rule", &self.rule.name)
            .field("event", &self.event.id)
            .finish_non_exhaustive()
    }
}

/// How an attempt went.
#[derive(Debug)]
pub struct Performed {
    /// How it ended.
    pub outcome: Outcome,
    /// Whose failure it was, if it was one: the run's, or nobody's, if the machine had no room for
    /// another process.
    pub counts_against: CountsAgainst,
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
    /// The event that it makes, with the record of this attempt.
    pub made: Option<MadeEvent>,
}

impl Performed {
    /// An attempt of which there is no more to say than how it ended, and how long it took.
    #[must_use]
    pub fn new(outcome: Outcome, duration: Duration) -> Self {
        Self {
            outcome,
            counts_against: CountsAgainst::Retries,
            again: Again::AsTheRuleSays,
            duration,
            output: Vec::new(),
            output_dropped: 0,
            remains: None,
            made: None,
        }
    }
}

/// A kind of action, as the table of parts has it.
#[derive(Clone, Copy, Debug)]
pub struct ActionPart {
    /// What `action` says in a rule, and the options that the rule then has besides.
    pub options: PartOptions,
    /// Reads them.
    pub read: Read,
    /// Makes what recovers its attempts; `None` if nothing of an attempt can outlive the service.
    pub recovery: Option<MakeRecovery>,
}

/// Reads what a rule does; `None` if a problem makes it no action.
pub type Read = fn(&mut Options<'_>, &RuleContext<'_>) -> Option<Arc<dyn Action>>;

/// Makes what recovers attempts in the journal of this name.
pub type MakeRecovery = fn(&str) -> Box<dyn Recovery>;

/// What one rule does: as its options say, and until they are read again.
pub trait Action: fmt::Debug + Send + Sync + 'static {
    /// The kind of action, in one word: what `action` says in a rule, and how its handles begin.
    fn kind(&self) -> &'static str;

    /// What it looks up in an event, with the option that asks for it.
    fn asks(&self) -> Asks;

    /// What can be told beforehand, as things stand for the current user.
    fn check(&self) -> Checkup;

    /// Asks what it depends on whether it could be performed, without having anything done; `None` if there is nobody to
    /// ask.
    fn ask(&self) -> BoxFuture<'_, Option<Reply>> {
        Box::pin(std::future::ready(None))
    }

    /// The type of the events that it makes, and where the configuration says that; `None` if it makes none.
    fn makes(&self) -> Option<(&str, Position)> {
        None
    }

    /// Whether what it starts goes on without the service, so that the attempt after an interrupted one takes it up
    /// rather than start it anew. Its handle is on record before the attempt ends then.
    fn goes_on(&self) -> bool {
        false
    }

    /// What would be done for an event, with these values of the store.
    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description;

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

/// What can be told of an action before anything is performed.
#[derive(Debug, Default)]
pub struct Checkup {
    /// What keeps it from being performed, or may do so, each at its place in the configuration.
    pub problems: Vec<Problem>,
    /// The files that it depends on.
    pub files: Vec<FileInUse>,
}

/// A file that an action depends on, so that others must not have their way with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInUse {
    /// The file.
    pub path: PathBuf,
    /// What for.
    pub purpose: Purpose,
    /// Where the configuration names it.
    pub position: Position,
}

/// What would be done for an event, for people to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// In one line.
    pub line: String,
    /// The same for programs, and what it is called.
    pub whole: (&'static str, Value),
    /// What of the event's values is not in it, in words.
    pub losses: Vec<String>,
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
pub(crate) mod tests;
