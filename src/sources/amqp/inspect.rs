//! Asks a broker, for `check --connect`, what it would be like to consume from it. Nothing is consumed, made or changed.

mod words;

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use super::Unreachable;
use super::declared::{Declared, Learned, PROBES, Probe};
use super::link::{Link, Refusal, count};
use super::settings::Amqp;
use crate::amqp::{Broker, Endpoint};
use crate::sources::{Asking, Reply};
use words::{Words, unreached};

/// No queue has so many arguments that it takes more questions.
const MOST_QUESTIONS: usize = 32;

/// What is told of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// There is none of this name.
    Missing,
    /// The broker says nothing of it: why.
    Withheld(String),
    /// It is there.
    Queue {
        /// How many messages are ready.
        ready: u32,
        /// How many consumers it has.
        consumers: u32,
        /// How it is declared, or why that is not told.
        declared: Result<Declared, String>,
        /// Why it cannot be consumed, if the user may not.
        withheld: Option<String>,
    },
}

/// What is told of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exchange {
    /// It is there.
    There,
    /// There is none of this name.
    Missing,
    /// The broker does not say: why.
    Unknown(String),
}

/// Asks each of the hosts whether it lets us in, and the first that does about the queues and the exchange.
pub(super) async fn ask(amqp: &Amqp, of_bus: bool, asking: &Asking<'_>) -> Reply {
    let mut reply = Reply::default();
    let words = Words {
        amqp,
        of_bus,
        asking,
    };
    let mut refused = Vec::new();
    let mut asked = false;
    for endpoint in &amqp.broker.endpoints {
        let link = match Link::open(&of_host(amqp, endpoint)).await {
            Ok(link) => link,
            Err(Unreachable::Broker(reasons)) => {
                refused.extend(reasons);
                continue;
            }
            Err(other) => {
                refused.push(other.to_string());
                continue;
            }
        };
        reply.facts.push(words.logged_in(endpoint));
        if !asked {
            asked = true;
            link.tell(&words, &mut reply).await;
        }
        link.close().await;
    }
    let failures = refused.iter().map(|why| unreached(why, asked));
    reply.problems.extend(failures);
    reply
}

/// The same settings, for one host.
fn of_host(amqp: &Amqp, endpoint: &Endpoint) -> Amqp {
    Amqp {
        broker: Broker {
            endpoints: vec![endpoint.clone()],
            ..amqp.broker.clone()
        },
        ..amqp.clone()
    }
}

impl Link {
    /// Adds what this broker tells.
    async fn tell(&self, words: &Words<'_>, reply: &mut Reply) {
        for queue in &words.amqp.queues {
            let found = self.find(queue).await;
            reply.facts.push(words.queue(queue, &found));
            reply.problems.extend(words.problems(queue, &found));
        }
        if !words.amqp.exchange.is_empty() {
            let exchange = self.exchange(&words.amqp.exchange).await;
            reply.facts.push(words.exchange(&exchange));
        }
        reply.facts.extend(words.beyond_amqp());
    }

    async fn find(&self, queue: &str) -> Found {
        let asking = async {
            let channel = self.connection.create_channel().await?;
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let none = FieldTable::default();
            channel.queue_declare(queue.into(), options, none).await?;
            Ok(count(channel, queue.to_owned()).await)
        };
        let tally = match self.answer(asking).await {
            Ok(Some(tally)) => tally,
            Ok(None) => return Found::Withheld("the broker did not count its messages".to_owned()),
            Err(Refusal::Missing) => return Found::Missing,
            Err(refusal) => return Found::Withheld(refusal.to_string()),
        };
        Found::Queue {
            ready: tally.ready,
            consumers: tally.consumers,
            declared: self.declared(queue, &PROBES).await,
            withheld: self.withheld(queue).await,
        }
    }

    /// How a queue that is there is declared, as far as these questions tell. Each costs a channel.
    ///
    /// # Errors
    /// Why that is not told, in words.
    pub(super) async fn declared(&self, queue: &str, probes: &[Probe]) -> Result<Declared, String> {
        let mut declared = Declared::default();
        let mut left = MOST_QUESTIONS;
        for probe in probes {
            while declared.leaves_open(*probe) {
                if left == 0 {
                    return Err(format!(
                        "more than {MOST_QUESTIONS} questions were not enough"
                    ));
                }
                left -= 1;
                match self
                    .answer(self.declare_impossible(queue, &declared, *probe))
                    .await
                {
                    // A queue of this kind cannot have the argument, so the broker does not look at it.
                    Ok(()) => break,
                    Err(Refusal::Other(text)) => match declared.learn(*probe, &text) {
                        Some(Learned::Answer) => break,
                        Some(Learned::Difference) => {}
                        None => return Err(text),
                    },
                    Err(refusal) => return Err(refusal.to_string()),
                }
            }
        }
        Ok(declared)
    }

    async fn declare_impossible(
        &self,
        queue: &str,
        declared: &Declared,
        probe: Probe,
    ) -> lapin::Result<()> {
        let options = QueueDeclareOptions {
            durable: declared.durable,
            auto_delete: declared.auto_delete,
            ..QueueDeclareOptions::default()
        };
        let channel = self.connection.create_channel().await?;
        let asking = channel.queue_declare(queue.into(), options, declared.impossible(probe));
        asking.await.map(drop)
    }

    /// Why the user may not consume a queue, if that is so.
    ///
    /// That is asked by a consumer whose priority is no number, which is looked at after permissions: none is ever made.
    async fn withheld(&self, queue: &str) -> Option<String> {
        let asking = async {
            let channel = self.connection.create_channel().await?;
            // In case a broker does take it, for the moment until the channel is closed.
            channel.basic_qos(1, BasicQosOptions::default()).await?;
            let mut arguments = FieldTable::default();
            arguments.insert(
                "x-priority".into(),
                AMQPValue::LongString("impossible".into()),
            );
            let options = BasicConsumeOptions::default();
            let consuming = channel.basic_consume(queue.into(), "".into(), options, arguments);
            drop(consuming.await?);
            channel.close(200, "asked".into()).await
        };
        match self.answer(asking).await {
            Ok(()) => None,
            Err(Refusal::Other(text)) if text.starts_with("PRECONDITION_FAILED") => None,
            Err(refusal) => Some(refusal.to_string()),
        }
    }

    async fn exchange(&self, exchange: &str) -> Exchange {
        let asking = async {
            let channel = self.connection.create_channel().await?;
            let options = ExchangeDeclareOptions {
                passive: true,
                ..ExchangeDeclareOptions::default()
            };
            // Of one that is there, the kind is not looked at.
            let kind = lapin::ExchangeKind::Topic;
            let none = FieldTable::default();
            channel
                .exchange_declare(exchange.into(), kind, options, none)
                .await
        };
        match self.answer(asking).await {
            Ok(()) => Exchange::There,
            Err(Refusal::Missing) => Exchange::Missing,
            Err(refusal) => Exchange::Unknown(refusal.to_string()),
        }
    }
}
