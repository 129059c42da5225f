//! The steps of a rule: which action comes first, and which follows the end of another.
//!
//! A run of a rule with several steps is one run, with one turn of its key. What follows a step is decided
//! here when its last attempt has ended; the journal keeps the [`Stand`] with the run, so that a crash, or
//! the operator's retry, goes on at a step and not at the start. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::core::event::{Found, PayloadPath};
use crate::core::retry::RetryPolicy;
use crate::core::run::{Detail, Outcome, Transition};

/// What separates the name of a step from that of its rule, in the name of its section.
pub const SEPARATOR: char = '/';

/// One action of a rule, and what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The name of its section: the rule's own for the first step, `RULE/STEP` for the others.
    pub name: String,
    /// How often, and how far apart, a failed attempt of it is made again.
    pub retry: RetryPolicy,
    /// After which failures that is done.
    pub retry_on: RetryOn,
    /// The step that follows its success.
    pub on_success: Option<String>,
    /// The step that follows its failure.
    pub on_failure: Option<String>,
    /// What later steps see of what it wrote: the names, and where their values are.
    pub results: Vec<(String, PayloadPath)>,
}

/// After which failures a step is attempted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// After one that is not for want of time.
    pub failure: bool,
    /// After an attempt that was ended by its time limit.
    pub timeout: bool,
}

impl Default for RetryOn {
    fn default() -> Self {
        Self {
            failure: true,
            timeout: true,
        }
    }
}

/// All steps of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    first: Arc<Step>,
    others: Vec<Arc<Step>>,
    /// Whether a run in which a step failed, and another one dealt with that, has succeeded.
    handled_is_success: bool,
}

/// How far a run with several steps has come. Of a run of one step, or at its first, there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// The section of the step that is next, or was the last; the rule's own step if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The step that failed, if another one follows for that reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The results of the steps so far, by the last part of their names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub results: Map<String, Value>,
}

impl Stand {
    /// That a step failed and others were there for that, in words; nothing if none did.
    #[must_use]
    pub fn handled(&self) -> Option<String> {
        let (failed, last) = (self.failed.as_ref()?, self.step.as_ref()?);
        Some(format!("[{failed}] failed, handled by [{last}]"))
    }

    /// Where the run goes on when the operator asks for another round: at the step that failed.
    #[must_use]
    pub fn retried(self) -> Self {
        Self {
            step: self.failed.or(self.step),
            failed: None,
            results: self.results,
        }
    }
}

impl Step {
    /// By what later steps refer to it: what is behind the rule's name, or that name.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name
            .rsplit_once(SEPARATOR)
            .map_or(self.name.as_str(), |(_, name)| name)
    }

    /// Whether another attempt may follow one that ended so.
    #[must_use]
    pub fn retries_after(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::TimedOut(_) => self.retry_on.timeout,
            _ => self.retry_on.failure,
        }
    }

    /// What later steps see of an attempt: its exit status, if it has one, and what `results` finds in the
    /// JSON object that it wrote. A value that is not there is null.
    #[must_use]
    pub fn results_of(&self, outcome: &Outcome, output: &[u8]) -> Map<String, Value> {
        let mut found = Map::new();
        if let Outcome::Succeeded(Detail::Exited(status))
        | Outcome::Failed(Detail::Exited(status)) = outcome
        {
            found.insert("exit_status".to_owned(), (*status).into());
        }
        if self.results.is_empty() {
            return found;
        }
        let written = last_object(output).unwrap_or(Value::Null);
        for (name, path) in &self.results {
            let value = match path.find_in(&written) {
                Found::Nothing => Value::Null,
                Found::One(value) => value.clone(),
                Found::Several(values) => values.into_iter().cloned().collect(),
            };
            found.insert(name.clone(), value);
        }
        found
    }
}

/// The JSON object that was written: all of it, or its last line that is one.
fn last_object(output: &[u8]) -> Option<Value> {
    let object = |text: &[u8]| {
        let value: Option<Value> = serde_json::from_slice(text).ok();
        value.filter(Value::is_object)
    };
    object(output).or_else(|| output.rsplit(|byte| *byte == b'\n').find_map(object))
}

/// What follows an attempt after which its step has ended for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// [`Transition::Proceed`] to another step, or the end of the run.
    pub transition: Transition,
    /// How far the run has come by that.
    pub stand: Option<Stand>,
}

impl Chain {
    /// The steps of a rule.
    #[must_use]
    pub fn new(first: Step, others: Vec<Step>, handled_is_success: bool) -> Self {
        Self {
            first: Arc::new(first),
            others: others.into_iter().map(Arc::new).collect(),
            handled_is_success,
        }
    }

    /// One step.
    #[must_use]
    pub fn single(rule: &str, retry: RetryPolicy) -> Self {
        let first = Step {
            name: rule.to_owned(),
            retry,
            retry_on: RetryOn::default(),
            on_success: None,
            on_failure: None,
            results: Vec::new(),
        };
        Self::new(first, Vec::new(), false)
    }

    /// Every step, the first one first.
    pub fn steps(&self) -> impl Iterator<Item = &Arc<Step>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The step at which a run stands; none if the rule has no such step any more.
    #[must_use]
    pub fn step(&self, stand: Option<&Stand>) -> Option<&Arc<Step>> {
        match stand.and_then(|stand| stand.step.as_ref()) {
            Some(name) => self.steps().find(|step| step.name == *name),
            None => Some(&self.first),
        }
    }

    /// What follows for a run that stood there, once its step has succeeded or failed for good.
    ///
    /// A failure that another step deals with is a failure all the same, unless the rule says otherwise: the
    /// run goes on, and is discarded in the end.
    #[must_use]
    pub fn after(
        &self,
        step: &Step,
        stand: Option<&Stand>,
        ended: Transition,
        results: Map<String, Value>,
    ) -> Onward {
        let mut stand = stand.cloned().unwrap_or_default();
        stand
            .results
            .insert(step.short_name().to_owned(), results.into());
        let (next, failed) = match ended {
            Transition::Succeed => (&step.on_success, None),
            Transition::Discard => (&step.on_failure, Some(&step.name)),
            other => {
                return Onward {
                    transition: other,
                    stand: None,
                };
            }
        };
        if let Some(next) = next {
            stand.step = Some(next.clone());
            stand.failed = stand.failed.or_else(|| failed.cloned());
            return Onward {
                transition: Transition::Proceed,
                stand: Some(stand),
            };
        }
        let handled = stand.failed.is_some() && ended == Transition::Succeed;
        let transition = if handled && !self.handled_is_success {
            Transition::Discard
        } else {
            ended
        };
        Onward {
            transition,
            stand: (!self.others.is_empty()).then_some(stand),
        }
    }
}

#[cfg(test)]
mod tests;
