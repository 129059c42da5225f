//! Publishes a message: JSON, to an exchange of the bus or of another RabbitMQ, under a routing key.
//!
//! An attempt succeeds once the broker has confirmed that the message is in a queue. One during which the service or
//! the connection ended may have published it: it is published again, under the same message id, by which consumers
//! that must not act twice know it.

mod options;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::scope::{run_value, scope, unborn};
use super::{Action, ActionPart, Checkup, Description, Order, Performed};
use crate::amqp::{Message, Publisher};
use crate::config::Reply;
use crate::config::table::PartOptions;
use crate::core::event::Event;
use crate::core::limits::limited_to;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
use crate::core::template::{JsonTemplate, Scope, Template};
use crate::journal::with_values;

/// What `action` says in a rule.
const KIND: &str = "publish";

/// The row in the table of parts. Nothing of an attempt outlives the service.
pub const PART: ActionPart = ActionPart {
    options: PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    },
    read: |options, rule| Some(Arc::new(options::read(options, rule)?)),
    recovery: None,
};

/// So many bytes a name may have on the bus (AMQP's short string).
const LONGEST_NAME: usize = 255;

/// What to do if the broker does not answer.
const LOOK: &str = "correct what the message names, or look at the broker";

/// Publishes the messages of one rule.
#[derive(Debug)]
struct PublishAction {
    /// The name of the rule, or of the step.
    rule: String,
    /// As the rule names it.
    exchange: String,
    routing_key: Template,
    body: JsonTemplate,
    /// What the templates look up, and by which option.
    asks: Asks,
    timeout: Duration,
    publisher: Arc<Publisher>,
}

/// The parts of a message that an event fills in.
struct Parts {
    routing_key: String,
    body: Value,
}

impl PublishAction {
    /// Fills in the parts.
    ///
    /// # Errors
    /// Why that fails, in words.
    fn parts(&self, scope: &Scope) -> Result<Parts, String> {
        let routing_key = self.routing_key.fill(scope);
        let routing_key = routing_key.map_err(|error| format!("`routing_key`: {error}"))?;
        let length = routing_key.len();
        if length > LONGEST_NAME {
            return Err(format!(
                "`routing_key`: expected at most {LONGEST_NAME} bytes, but found {length}"
            ));
        }
        let body = self.body.fill(scope);
        let body = body.map_err(|error| format!("`body`: {error}"))?;
        Ok(Parts { routing_key, body })
    }

    async fn publish(&self, order: &Order, stop: &CancellationToken) -> Outcome {
        let run = run_value(&self.rule, order.run, order.attempt);
        let filled = with_values(&*order.store, stop, |values| {
            self.parts(&scope(&order.event, &run, values))
        });
        let parts = match filled.await {
            Ok(Ok(parts)) => parts,
            Ok(Err(why)) => return Outcome::NotStarted(why),
            Err(error) => return Outcome::NotStarted(error.to_string()),
        };
        let message = Message {
            exchange: exchange_name(&self.exchange).into(),
            routing_key: parts.routing_key.as_str().into(),
            body: parts.body.to_string().into_bytes(),
            id: message_id(&order.journal_name, order.run, &self.rule).into(),
        };
        let (exchange, key) = (&self.exchange, &parts.routing_key);
        let place = format!("exchange `{exchange}`, routing key `{key}`");
        let publishing = self.publisher.publish(message);
        match tokio::time::timeout(self.timeout, publishing).await {
            Ok(Ok(())) => Outcome::Succeeded(Detail::Told(format!("confirmed: {place}"))),
            Ok(Err(why)) => Outcome::Failed(Detail::Told(format!("{place}: {why}"))),
            Err(_) => {
                // Whatever holds it up may hold up all others.
                self.publisher.disconnect().await;
                Outcome::TimedOut(self.timeout)
            }
        }
    }
}

/// The exchange as the protocol names it.
fn exchange_name(exchange: &str) -> &str {
    if exchange == options::DEFAULT_EXCHANGE {
        ""
    } else {
        exchange
    }
}

/// The same for each attempt of a step of a run, and no other's.
fn message_id(journal: &str, run: i64, rule: &str) -> String {
    let id = format!("{journal}:{run}:{rule}");
    limited_to(&id, LONGEST_NAME).into_owned()
}

impl Action for PublishAction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn asks(&self) -> Asks {
        self.asks.clone()
    }

    fn check(&self) -> Checkup {
        Checkup::default()
    }

    fn ask(&self) -> BoxFuture<'_, Option<Reply>> {
        Box::pin(async {
            let asking = self.publisher.has_exchange(exchange_name(&self.exchange));
            let answer = tokio::time::timeout(self.timeout, asking).await;
            self.publisher.disconnect().await;
            let exchange = &self.exchange;
            Some(match answer {
                Ok(Ok(true)) => Reply::fact(format!("exchange {exchange}: exists")),
                Ok(Ok(false)) => Reply::refusal(
                    format!("there is no exchange `{exchange}` to publish to"),
                    "have it declared by whoever consumes the messages, or correct `exchange`",
                ),
                Ok(Err(why)) => Reply::refusal(why.to_string(), LOOK),
                Err(_) => {
                    let why = format!("the broker did not answer within {:?}", self.timeout);
                    Reply::refusal(why, LOOK)
                }
            })
        })
    }

    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description {
        let exchange = &self.exchange;
        let parts = self.parts(&scope(event, &unborn(&self.rule), values));
        let (line, whole) = match parts {
            Ok(Parts { routing_key, body }) => (
                format!(
                    "publishes to exchange `{exchange}` with routing key `{routing_key}`: {body}"
                ),
                json!({"exchange": exchange, "routing_key": routing_key, "body": body}),
            ),
            Err(why) => (
                format!("publishes to exchange `{exchange}`, which cannot be filled in: {why}"),
                json!({"exchange": exchange, "problem": why}),
            ),
        };
        Description {
            line,
            whole: ("message", whole),
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
            let outcome = stop.run_until_cancelled(self.publish(&order, &stop)).await;
            let outcome = outcome.unwrap_or_else(|| {
                let why = "the service stopped before the broker confirmed the message";
                Outcome::Interrupted(why.to_owned())
            });
            Performed::new(outcome, begin.elapsed())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_the_same_for_each_attempt_and_fits() {
        assert_eq!(message_id("j", 7, "r/s"), "j:7:r/s");
        let long = message_id("j", 7, &"é".repeat(300));
        assert!(
            long.len() <= LONGEST_NAME && long.starts_with("j:7:é"),
            "{long}"
        );
        assert_ne!(long, message_id("j", 7, &"é".repeat(301)));
    }

    #[test]
    fn the_default_exchange_has_a_name_here_and_none_on_the_bus() {
        assert_eq!(exchange_name("amq.default"), "");
        assert_eq!(exchange_name("amq.topic"), "amq.topic");
    }
}
