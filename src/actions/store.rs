//! Changes a named value of the store: sets it, deletes it, or counts it up.
//!
//! The change is in the journal before the end of the attempt is. So it is asked for in the name of the run: the
//! attempt that repeats one which a crash or a stop interrupted finds it done, and counts nothing twice.

mod options;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::scope::{run_value, scope, unborn};
use super::{Action, ActionPart, Checkup, Description, Order, Performed};
use crate::config::table::PartOptions;
use crate::core::event::Event;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::{Operation, Values};
use crate::core::template::{JsonTemplate, Scope, Template};
use crate::crash::{self, Point};
use crate::journal::{
    ChangeId, Changed, JournalError, StoreChange, retry_while_unavailable, with_values,
};

/// What `action` says in a rule.
const KIND: &str = "store";

/// The row in the table of parts. Nothing of an attempt outlives the service.
pub const PART: ActionPart = ActionPart {
    options: PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    },
    read: |options, rule| Some(Arc::new(options::read(options, rule)?)),
    recovery: None,
};

/// So much of a value is told.
const SHOWN: usize = 200;

/// Changes the value that a rule names.
#[derive(Debug)]
struct StoreAction {
    /// The name of the rule.
    rule: String,
    /// The name of the value.
    name: Template,
    what: What,
    /// What the templates look up, and by which option.
    asks: Asks,
}

/// What is done with it, to be filled in.
#[derive(Debug)]
enum What {
    Set(JsonTemplate, Option<Duration>),
    Delete,
    Incr(JsonTemplate, Option<Duration>),
}

impl StoreAction {
    /// The name and the change of its value.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn fill(&self, scope: &Scope) -> Result<(String, Operation), String> {
        let name = self.name.fill(scope);
        let name = name.map_err(|error| format!("`name`: {error}"))?;
        let value = |template: &JsonTemplate| {
            let value = template.fill(scope);
            value.map_err(|error| format!("`value`: {error}"))
        };
        let operation = match &self.what {
            What::Set(template, ttl) => Operation::Set {
                value: value(template)?,
                ttl: *ttl,
                if_absent: false,
            },
            What::Delete => Operation::Delete,
            What::Incr(template, ttl) => Operation::Incr {
                by: whole_number(&value(template)?)?,
                ttl: *ttl,
            },
        };
        operation.check(&name).map_err(|error| error.to_string())?;
        Ok((name, operation))
    }

    async fn change(
        &self,
        order: &Order,
        stop: &CancellationToken,
    ) -> Result<(Outcome, Vec<u8>), JournalError> {
        let store = &*order.store;
        let run = run_value(&self.rule, order.run, order.attempt);
        let filled = with_values(store, stop, |values| {
            self.fill(&scope(&order.event, &run, values))
        });
        let (name, operation) = match filled.await? {
            Ok(filled) => filled,
            Err(why) => return Ok((Outcome::NotStarted(why), Vec::new())),
        };
        let change = StoreChange {
            id: ChangeId::Run(order.run),
            name: name.clone(),
            operation: operation.clone(),
        };
        // One time for all tries: an answer may be lost after the commit.
        let now = Timestamp::now();
        let asking = retry_while_unavailable(stop, || store.change_value(change.clone(), now));
        let Changed { is_done, value } = asking.await?;
        crash::point(Point::StoreChanged);
        let told = match (&operation, &value) {
            (Operation::Incr { by, .. }, Some(sum)) => format!("added {by} to `{name}`: {sum}"),
            (Operation::Delete, _) if is_done => format!("deleted `{name}`"),
            (Operation::Delete, _) => format!("there was no `{name}` to delete"),
            (_, value) => format!("set `{name}` to {}", shown(value.as_ref())),
        };
        let output = json!({"name": name, "value": value, "done": is_done});
        let output = format!("{output}\n").into_bytes();
        Ok((Outcome::Succeeded(Detail::Told(told)), output))
    }
}

/// A number to add, or a text that is one.
fn whole_number(value: &Value) -> Result<i64, String> {
    let of_text = || value.as_str().and_then(|text| text.trim().parse().ok());
    value.as_i64().or_else(of_text).ok_or_else(|| {
        let shown = shown(Some(value));
        format!("`value`: expected a whole number to add, but found {shown}")
    })
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map(Value::to_string).unwrap_or_default();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Action for StoreAction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn asks(&self) -> Asks {
        self.asks.clone()
    }

    fn check(&self) -> Checkup {
        Checkup::default()
    }

    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description {
        let filled = self.fill(&scope(event, &unborn(&self.rule), values));
        let lasting = |ttl: &Option<Duration>| ttl.map(|ttl| ttl.as_secs_f64());
        let (line, whole) = match filled {
            Err(why) => (
                format!("changes a value, which cannot be filled in: {why}"),
                json!({"problem": why}),
            ),
            Ok((name, Operation::Set { value, ttl, .. })) => (
                format!("sets `{name}` to {}{}", shown(Some(&value)), within(ttl)),
                json!({"op": "set", "name": name, "value": value, "ttl": lasting(&ttl)}),
            ),
            Ok((name, Operation::Delete)) => (
                format!("deletes `{name}`"),
                json!({"op": "delete", "name": name}),
            ),
            Ok((name, Operation::Incr { by, ttl })) => (
                format!("adds {by} to `{name}`{}", within(ttl)),
                json!({"op": "incr", "name": name, "value": by, "ttl": lasting(&ttl)}),
            ),
        };
        Description {
            line,
            whole: ("store", whole),
            losses: Vec::new(),
        }
    }

    /// Its time is that of a commit: a stop waits for it, unless the journal cannot be written.
    fn perform(
        &self,
        order: Order,
        _: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        Box::pin(async move {
            let begin = Instant::now();
            let (outcome, output) = match self.change(&order, &stop).await {
                Ok(changed) => changed,
                Err(JournalError::Store(error)) => {
                    let told = Detail::Told(error.to_string());
                    (Outcome::Failed(told), Vec::new())
                }
                // It may have taken effect: the attempt that repeats this one finds out.
                Err(error) if error.is_temporary() => {
                    let why = format!("the service stopped: {error}");
                    (Outcome::Interrupted(why), Vec::new())
                }
                Err(error) => (Outcome::NotStarted(error.to_string()), Vec::new()),
            };
            Performed {
                output,
                ..Performed::new(outcome, begin.elapsed())
            }
        })
    }
}

fn within(ttl: Option<Duration>) -> String {
    ttl.map_or_else(String::new, |ttl| format!(", for {ttl:?}"))
}

#[cfg(test)]
mod tests;
