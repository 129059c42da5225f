//! The states of a run, and one pure function for every change of them.
//!
//! A run is one rule matched by one event. Intake makes it `due`, `scheduled` if its time is still to come, or
//! `cancelled` if there is a reason why it never starts;
//! dispatch, recovery and the operator move it on, always through [`State::after`].
//!
//! ```text
//! scheduled ──wake, retry──▶ due
//!
//! scheduled, due, retryable ──cancel──▶ cancelled
//!
//! due ──claim──▶ running ──succeed──▶ succeeded
//!  ▲ ▲              ├─────fail──────▶ retryable ──wake──▶ due
//!  │ └──interrupt,──┤
//!  │     proceed    │
//!  │                ├─────discard───▶ discarded
//!  │                ├─cancel, refuse▶ cancelled
//!  │                └─schedule──────▶ scheduled
//!  └──retry── succeeded, retryable, discarded, cancelled
//! ```

use std::fmt;
use std::time::Duration;

/// Where a run stands. The words are those of the command line and of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Its time has not come. Until then it takes no place in the order of its key, and holds nothing.
    Scheduled,
    /// Waits for its turn: for the runs of its key before it, and for a free place.
    Due,
    /// An attempt is under way, or was when the process died.
    Running,
    /// An attempt did its work: a script ended with exit status 0, for one. Final.
    Succeeded,
    /// An attempt failed; the next one has its time. The run keeps its place before later ones.
    Retryable,
    /// The last attempt failed and no further one is allowed. Final.
    Discarded,
    /// Given up because its rule is gone or switched off, or because a filter refuses the lease, once
    /// that could be shown; or never started, for a reason that is on record. Final.
    Cancelled,
}

/// What can happen to a run, each with who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Dispatch starts an attempt.
    Claim,
    /// Dispatch: the attempt succeeded.
    Succeed,
    /// Dispatch: a step of the run has ended, and another one follows.
    Proceed,
    /// Dispatch: the attempt failed, another one follows.
    Fail,
    /// Dispatch: the attempt failed, and was the last.
    Discard,
    /// Dispatch on stopping, or recovery after a crash: the attempt never came to its end.
    Interrupt,
    /// Dispatch: the time of the run, or of its next attempt, has come.
    Wake,
    /// Enrichment: the event is complete, and says that the time of the run is still to come.
    Schedule,
    /// Dispatch: no rule of this name is in force any more. An event, the operator or the run's age: it is
    /// pointless.
    Cancel,
    /// Dispatch: the lease could be shown at last, and a filter of the rule refuses it; or the run was cancelled
    /// while its attempt was under way. Nothing has failed.
    Refuse,
    /// The operator asks for another round.
    Retry,
}

/// A transition that the state does not allow: a request of the operator that cannot be met now, or else a
/// defect of this program. Never ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct IllegalTransition {
    /// Where the run stood.
    pub state: State,
    /// What was asked of it.
    pub transition: Transition,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, transition } = self;
        let because = match state {
            State::Scheduled => "it is `scheduled`: its time has not come yet",
            State::Due => "it is `due`: it waits for its turn and starts by itself",
            State::Running => "it is `running`: an attempt is under way",
            State::Retryable => "it is `retryable`: its next attempt has not come yet",
            State::Succeeded => "it has `succeeded`",
            State::Discarded => "it is `discarded`: its last attempt failed",
            State::Cancelled => "it is `cancelled`",
        };
        write!(f, "cannot {}: {because}", transition.request())
    }
}

impl Transition {
    /// What is asked for with this transition, for a message.
    fn request(self) -> &'static str {
        match self {
            Self::Claim => "start an attempt of it",
            Self::Succeed => "record that its attempt succeeded",
            Self::Fail | Self::Discard => "record that its attempt failed",
            Self::Proceed => "go on to its next step",
            Self::Interrupt => "record that its attempt was interrupted",
            Self::Wake => "make it due",
            Self::Schedule => "schedule it",
            Self::Cancel | Self::Refuse => "cancel it",
            Self::Retry => "retry it",
        }
    }
}

impl State {
    /// Every state, in the order of most runs' lives.
    pub const ALL: [Self; 7] = [
        Self::Due,
        Self::Running,
        Self::Succeeded,
        Self::Retryable,
        Self::Discarded,
        Self::Cancelled,
        Self::Scheduled,
    ];

    /// The state after `transition`.
    ///
    /// # Errors
    /// [`IllegalTransition`] if a run in this state cannot take it.
    pub fn after(self, transition: Transition) -> Result<Self, IllegalTransition> {
        match (self, transition) {
            (Self::Due, Transition::Claim) => Ok(Self::Running),
            (Self::Running, Transition::Succeed) => Ok(Self::Succeeded),
            (Self::Running, Transition::Fail) => Ok(Self::Retryable),
            (Self::Running, Transition::Discard) => Ok(Self::Discarded),
            (Self::Running, Transition::Cancel | Transition::Refuse)
            | (Self::Scheduled | Self::Due | Self::Retryable, Transition::Cancel) => {
                Ok(Self::Cancelled)
            }
            (Self::Running, Transition::Schedule) => Ok(Self::Scheduled),
            (Self::Running, Transition::Interrupt | Transition::Proceed)
            | (Self::Scheduled | Self::Retryable, Transition::Wake | Transition::Retry)
            | (Self::Succeeded | Self::Discarded | Self::Cancelled, Transition::Retry) => {
                Ok(Self::Due)
            }
            (state, transition) => Err(IllegalTransition { state, transition }),
        }
    }

    /// Whether the run is over, unless the operator retries it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Discarded | Self::Cancelled)
    }

    /// The word for this state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Due => "due",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Retryable => "retryable",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The action did its work.
    Succeeded(Detail),
    /// The action was performed and failed.
    Failed(Detail),
    /// The attempt was ended because it took longer than this, its limit.
    TimedOut(Duration),
    /// Nothing was performed, and why: a script that is not executable, a lease that cannot be shown.
    NotStarted(String),
    /// The service stopped or died meanwhile.
    Interrupted(String),
}

/// How an action ended that was performed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A process exited with this status.
    Exited(i32),
    /// A process was ended by this signal.
    Signalled(i32),
    /// In the action's own words: the answer of a server, for one.
    Told(String),
}

impl Outcome {
    /// Of a process that exited with this status; 0 is success.
    #[must_use]
    pub fn exited(status: i32) -> Self {
        match status {
            0 => Self::Succeeded(Detail::Exited(0)),
            _ => Self::Failed(Detail::Exited(status)),
        }
    }

    /// Whether the attempt did its work.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded(_))
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::Told(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded(detail) | Self::Failed(detail) => detail.fmt(f),
            Self::TimedOut(limit) => write!(f, "ended after its time limit of {limit:?}"),
            Self::NotStarted(why) => write!(f, "not started: {why}"),
            Self::Interrupted(why) => write!(f, "interrupted: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_step_is_decided_as_the_picture_says() {
        use State::{Cancelled, Discarded, Due, Retryable, Running, Scheduled, Succeeded};
        let legal = [
            (Scheduled, Transition::Wake, Due),
            (Scheduled, Transition::Cancel, Cancelled),
            (Scheduled, Transition::Retry, Due),
            (Due, Transition::Cancel, Cancelled),
            (Retryable, Transition::Cancel, Cancelled),
            (Running, Transition::Schedule, Scheduled),
            (Due, Transition::Claim, Running),
            (Running, Transition::Succeed, Succeeded),
            (Running, Transition::Fail, Retryable),
            (Running, Transition::Discard, Discarded),
            (Running, Transition::Cancel, Cancelled),
            (Running, Transition::Refuse, Cancelled),
            (Running, Transition::Interrupt, Due),
            (Running, Transition::Proceed, Due),
            (Retryable, Transition::Wake, Due),
            (Succeeded, Transition::Retry, Due),
            (Retryable, Transition::Retry, Due),
            (Discarded, Transition::Retry, Due),
            (Cancelled, Transition::Retry, Due),
        ];
        let steps = [
            Transition::Claim,
            Transition::Succeed,
            Transition::Fail,
            Transition::Discard,
            Transition::Interrupt,
            Transition::Proceed,
            Transition::Wake,
            Transition::Cancel,
            Transition::Refuse,
            Transition::Retry,
        ];
        for state in State::ALL {
            for transition in steps {
                let expected = legal
                    .iter()
                    .find(|(from, by, _)| (*from, *by) == (state, transition))
                    .map(|(_, _, to)| *to)
                    .ok_or(IllegalTransition { state, transition });
                assert_eq!(state.after(transition), expected, "{state} {transition:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_done_is_reported_in_the_words_of_the_list_of_runs() {
        let cases = [
            (
                State::Running,
                Transition::Retry,
                "cannot retry it: it is `running`: an attempt is under way",
            ),
            (
                State::Discarded,
                Transition::Interrupt,
                "cannot record that its attempt was interrupted: it is `discarded`: its last attempt failed",
            ),
        ];
        for (state, transition, expected) in cases {
            assert_eq!(state.after(transition).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn words_and_states_are_one_to_one() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.as_str()), Some(state));
        }
        assert_eq!(State::from_word("done"), None);
    }
}
