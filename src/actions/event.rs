//! Makes an event, which rules decide like those of any source.
//!
//! The attempt itself changes nothing: what it makes is on disk in the commit that records its end, and becomes an
//! event from there. So an attempt that a crash interrupted has made none, and one that is on record has made one.

mod options;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::scope::{run_value, scope, unborn};
use super::{Action, ActionPart, Checkup, Description, Order, Performed};
use crate::config::table::PartOptions;
use crate::core::event::{DEEPEST, Event, MadeEvent};
use crate::core::ini::text::Position;
use crate::core::retry::Again;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
use crate::core::template::{JsonTemplate, Scope};
use crate::journal::{JournalError, with_values};

/// What `action` says in a rule.
const KIND: &str = "event";

/// The row in the table of parts. Nothing of an attempt outlives the service.
pub const PART: ActionPart = ActionPart {
    options: PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    },
    read: |options, rule| Some(Arc::new(options::read(options, rule)?)),
    recovery: None,
};

/// The largest payload, in bytes of JSON.
const LARGEST: usize = 256 * 1024;

/// Makes an event of the type that a rule says.
#[derive(Debug)]
struct EventAction {
    /// The name of the rule.
    rule: String,
    event_type: String,
    /// Where the configuration says it.
    position: Position,
    payload: JsonTemplate,
    /// What the templates look up.
    asks: Asks,
}

impl EventAction {
    /// The event that it makes of this one.
    ///
    /// # Errors
    /// Why it makes none.
    fn make(&self, event: &Event, scope: &Scope) -> Result<MadeEvent, Outcome> {
        let failed = |why| Outcome::Failed(Detail::Told(why));
        if event.depth() >= DEEPEST {
            return Err(failed(format!(
                "no event is made of this one: {DEEPEST} runs in a row have each made an event of the one before. \
                 Look for rules that make events for each other"
            )));
        }
        let payload = self.payload.fill(scope);
        let payload =
            payload.map_err(|error| Outcome::NotStarted(format!("`payload`: {error}")))?;
        let size = payload.to_string().len();
        if size > LARGEST {
            return Err(failed(format!(
                "expected a payload of at most {LARGEST} bytes, but found one of {size} bytes"
            )));
        }
        Ok(MadeEvent {
            event_type: self.event_type.clone(),
            payload,
        })
    }

    async fn made(
        &self,
        order: &Order,
        stop: &CancellationToken,
    ) -> Result<Result<MadeEvent, Outcome>, JournalError> {
        let run = run_value(&self.rule, order.run, order.attempt);
        let make =
            |values: &Arc<Values>| self.make(&order.event, &scope(&order.event, &run, values));
        with_values(&*order.store, stop, make).await
    }
}

impl Action for EventAction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn asks(&self) -> Asks {
        self.asks.clone()
    }

    fn check(&self) -> Checkup {
        Checkup::default()
    }

    fn makes(&self) -> Option<(&str, Position)> {
        Some((&self.event_type, self.position))
    }

    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description {
        let made = self.make(event, &scope(event, &unborn(&self.rule), values));
        let (line, whole) = match made {
            Err(why) => (
                format!("makes an event `{}`, which fails: {why}", self.event_type),
                json!({"type": self.event_type, "problem": why.to_string()}),
            ),
            Ok(MadeEvent {
                event_type,
                payload,
            }) => (
                format!("makes an event `{event_type}`"),
                json!({"type": event_type, "payload": payload}),
            ),
        };
        Description {
            line,
            whole: ("makes", whole),
            losses: Vec::new(),
        }
    }

    fn perform(
        &self,
        order: Order,
        _: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        Box::pin(async move {
            let begin = Instant::now();
            let (outcome, made) = match self.made(&order, &stop).await {
                Ok(Ok(made)) => {
                    let told = format!("made an event `{}`", made.event_type);
                    (Outcome::Succeeded(Detail::Told(told)), Some(made))
                }
                Ok(Err(why)) => (why, None),
                Err(error) if error.is_temporary() => {
                    let why = format!("the service stopped: {error}");
                    (Outcome::Interrupted(why), None)
                }
                Err(error) => (Outcome::NotStarted(error.to_string()), None),
            };
            let payload = made.as_ref().map(|made: &MadeEvent| &made.payload);
            // What fails is too deep or too large, and stays so.
            let again = match &outcome {
                Outcome::Failed(_) => Again::Useless,
                _ => Again::AsTheRuleSays,
            };
            Performed {
                again,
                output: payload.map_or_else(Vec::new, line),
                made,
                ..Performed::new(outcome, begin.elapsed())
            }
        })
    }
}

/// What the attempt is recorded to have written: `results` find values in it.
fn line(payload: &Value) -> Vec<u8> {
    format!("{payload}\n").into_bytes()
}

#[cfg(test)]
mod tests;
