//! What is told of a broker, in words: what is so, and what may lose messages. Pure.

use std::time::Duration;

use super::{Exchange, Found};
use crate::amqp::{Endpoint, LoginMethod, written_for_oslo};
use crate::config::{Problem, shown_command};
use crate::sources::Asking;
use crate::sources::amqp::declared::{Argument, Declared};
use crate::sources::amqp::form::on_missing;
use crate::sources::amqp::settings::{Amqp, DeclareQueues};

/// How ESI Leap's options come into force, when queue and exchange are there already.
const ANEW: &str = "in [oslo_messaging_rabbit] of esi-leap.conf; once the queue is empty, delete it and its exchange, and \
                    restart ESI Leap, which declares both anew. Services that share the exchange have to be set alike";

/// What a queue loses that has no consumer.
const WHILE_STOPPED: &str = "what is sent while this service is stopped";

/// What is needed to word it.
pub(super) struct Words<'a> {
    pub(super) amqp: &'a Amqp,
    /// Whether it is ESI Leap that sends.
    pub(super) of_bus: bool,
    pub(super) asking: &'a Asking<'a>,
}

/// That a host cannot be used, which keeps the source from working unless another one can be.
pub(super) fn unreached(why: &str, others_can: bool) -> Problem {
    let message = format!("failed to connect to the broker: {why}");
    if others_can {
        let hint = "look at this host: it is the one to go on with if another one fails";
        return Problem::warning(message, hint);
    }
    let hint = "correct what the message names, or look at the broker; a secret that only systemd hands to the service \
                can be read by root: `sudo esi-event-actions check --connect --user root`";
    Problem::error(message, hint)
}

impl Words<'_> {
    pub(super) fn logged_in(&self, endpoint: &Endpoint) -> String {
        let broker = &self.amqp.broker;
        let who = match broker.login_method {
            LoginMethod::External => "by its certificate".to_owned(),
            LoginMethod::Plain | LoginMethod::AmqPlain => format!("as `{}`", endpoint.user),
        };
        let tls = if broker.tls.is_some() {
            " with TLS"
        } else {
            ""
        };
        let (host, port, vhost) = (&endpoint.host, endpoint.port, &broker.vhost);
        format!("logged in at {host}:{port}{tls} {who}, virtual host `{vhost}`")
    }

    pub(super) fn queue(&self, queue: &str, found: &Found) -> String {
        let told = match found {
            Found::Missing if self.amqp.declare_queues == DeclareQueues::No => {
                format!("does not exist yet{}", on_missing(self.of_bus))
            }
            Found::Missing => {
                "does not exist yet; this service declares it when it starts".to_owned()
            }
            Found::Withheld(why) => format!("not told: {why}"),
            Found::Queue {
                ready,
                consumers,
                declared,
                ..
            } => {
                let how = match declared {
                    Ok(declared) => in_words(declared),
                    Err(why) if why.contains("ACCESS_REFUSED") => {
                        "how it is declared is told only to users who may configure it".to_owned()
                    }
                    Err(why) => format!("how it is declared is not told ({why})"),
                };
                let ready = counted(u64::from(*ready), "message");
                format!("{how}; {ready} ready, {}", self.consumers(*consumers))
            }
        };
        format!("queue {queue}: {told}")
    }

    fn consumers(&self, consumers: u32) -> String {
        let which = match (consumers, self.asking.listens) {
            (0, _) => return "no consumer".to_owned(),
            (1, Some(true)) => ": this service",
            (1, None) => ", which may be this service",
            (_, Some(true)) => ", one of which is this service",
            (_, Some(false) | None) => "",
        };
        format!("{}{which}", counted(u64::from(consumers), "consumer"))
    }

    /// A command for the broker's host, about this virtual host.
    fn command(&self, name: &str, columns: &[&str]) -> String {
        let words = ["rabbitmqctl", name, "-p", &self.amqp.broker.vhost];
        let words: Vec<String> = words
            .iter()
            .chain(columns)
            .map(|&it| it.to_owned())
            .collect();
        format!("`{}`", shown_command(&words))
    }

    /// What may lose messages, or keeps the queue from being consumed.
    pub(super) fn problems(&self, queue: &str, found: &Found) -> Vec<Problem> {
        let mut problems = Vec::new();
        match found {
            Found::Missing if self.amqp.declare_queues == DeclareQueues::No => {
                let message = format!("queue {queue} does not exist");
                let hint = format!(
                    "if it should by now, compare its name with those that {} shows",
                    self.command("list_queues", &["name"])
                );
                problems.push(Problem::warning(message, hint));
            }
            Found::Missing => {}
            Found::Withheld(why) => problems.push(unconsumed(queue, why)),
            Found::Queue {
                consumers,
                declared,
                withheld,
                ..
            } => {
                problems.extend(withheld.as_ref().map(|why| unconsumed(queue, why)));
                if let Ok(declared) = declared {
                    problems.extend(self.losses(queue, declared));
                }
                problems.extend(self.others(queue, *consumers));
            }
        }
        problems
    }

    fn others(&self, queue: &str, consumers: u32) -> Option<Problem> {
        let (others, other) = match self.asking.listens {
            Some(false) => (consumers, "consumer"),
            // Without knowing, one may be this service.
            Some(true) | None => (consumers.saturating_sub(1), "other consumer"),
        };
        if others == 0 {
            return None;
        }
        let but = match self.asking.listens {
            Some(false) => ", while no service with this journal runs",
            _ => "",
        };
        let message = format!(
            "queue {queue} has {}{but}, and each message goes to one consumer only",
            counted(u64::from(others), other)
        );
        let hint = format!(
            "give this service a queue of its own (`queues`); {} shows whose they are",
            self.command("list_consumers", &[])
        );
        Some(Problem::warning(message, hint))
    }

    /// How a queue that is declared so loses messages.
    fn losses(&self, queue: &str, declared: &Declared) -> Vec<Problem> {
        let mut losses = Vec::new();
        let mut lose = |message: String, hint: String| {
            losses.push(Problem::warning(format!("queue {queue} {message}"), hint));
        };
        let set = |option: &str, otherwise: &str| {
            if self.of_bus {
                format!("set {option} {ANEW}")
            } else {
                format!("have its owner declare it {otherwise}")
            }
        };
        if !declared.durable {
            lose(
                "is transient: when the broker restarts, it is gone with what is in it".to_owned(),
                set(
                    "`amqp_durable_queues = true` or `rabbit_quorum_queue = true`",
                    "durable",
                ),
            );
        }
        if declared.auto_delete {
            lose(
                format!("goes with its last consumer (auto-delete): {WHILE_STOPPED} is lost"),
                set("`amqp_auto_delete = false`", "without auto-delete"),
            );
        }
        if declared.kind() == "stream" {
            lose(
                format!("is a stream: {WHILE_STOPPED} is not delivered later"),
                "let it be declared as a quorum queue".to_owned(),
            );
        }
        let anew = |name: &str| format!("delete the queue and let it be declared without `{name}`");
        for (name, message) in limits(declared) {
            lose(message, anew(name));
        }
        losses
    }

    pub(super) fn exchange(&self, exchange: &Exchange) -> String {
        let name = &self.amqp.exchange;
        match exchange {
            Exchange::There => format!("exchange {name}: exists"),
            Exchange::Missing => format!(
                "exchange {name}: does not exist yet{}",
                on_missing(self.of_bus)
            ),
            Exchange::Unknown(why) => format!("exchange {name}: not told: {why}"),
        }
    }

    /// Where to find what a broker does not tell over AMQP, and what its sender has to know.
    pub(super) fn beyond_amqp(&self) -> Vec<String> {
        let beyond = format!(
            "bindings and policies, which can limit a queue as arguments do, are not told over AMQP: on the broker's host, \
             {} and {} show them",
            self.command("list_bindings", &[]),
            self.command(
                "list_queues",
                &["name", "durable", "auto_delete", "arguments", "policy"]
            ),
        );
        let url = format!(
            "ESI Leap's `transport_url` for this broker, in [oslo_messaging_notifications] of esi-leap.conf: {} (with the \
             password in place of `***`, its special characters percent-encoded, as `%40` for `@`)",
            written_for_oslo(&self.amqp.broker)
        );
        let url = self.of_bus.then_some(url);
        [beyond].into_iter().chain(url).collect()
    }
}

/// What the arguments of a queue take away, with their names.
fn limits(declared: &Declared) -> Vec<(&'static str, String)> {
    let number = |name| declared.number(name).and_then(|it| u64::try_from(it).ok());
    let time = |name| number(name).map(Duration::from_millis);
    let fate = match declared.text("x-dead-letter-exchange") {
        Some(exchange) => format!("goes to exchange `{exchange}` instead"),
        None => "is lost".to_owned(),
    };
    let overflow = declared.text("x-overflow").unwrap_or_default();
    let beyond = if overflow.starts_with("reject-publish") {
        "a new one is refused to its sender".to_owned()
    } else {
        format!("the oldest one {fate}")
    };
    let mut limits = Vec::new();
    if let Some(time) = time("x-expires") {
        let message =
            format!("is deleted with what is in it once it has had no consumer for {time:?}");
        limits.push(("x-expires", message));
    }
    if let Some(time) = time("x-message-ttl") {
        let message = format!("keeps messages for {time:?} only: an older one {fate}");
        limits.push(("x-message-ttl", message));
    }
    for (name, unit) in [("x-max-length", "message"), ("x-max-length-bytes", "byte")] {
        if let Some(most) = number(name) {
            let most = counted(most, unit);
            limits.push((
                name,
                format!("holds at most {most}: when it is full, {beyond}"),
            ));
        }
    }
    limits
}

fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// That the user may not have the messages of a queue.
fn unconsumed(queue: &str, why: &str) -> Problem {
    let message = format!("queue {queue} cannot be consumed: {why}");
    let hint =
        "let the user of the service read from this queue, and nobody else consume it exclusively";
    Problem::error(message, hint)
}

/// `quorum, durable, x-delivery-limit 5`
fn in_words(declared: &Declared) -> String {
    let mut words = vec![declared.kind().to_owned()];
    words.push(
        if declared.durable {
            "durable"
        } else {
            "transient"
        }
        .to_owned(),
    );
    if declared.auto_delete {
        words.push("auto-delete".to_owned());
    }
    let others = declared.arguments.iter();
    let others = others.filter(|(name, _)| *name != "x-queue-type");
    let shown = |(name, value): (&String, &Argument)| format!("{name} {value}");
    words.extend(others.map(shown));
    words.join(", ")
}

#[cfg(test)]
mod tests;
