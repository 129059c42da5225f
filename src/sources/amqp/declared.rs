//! How a queue is declared, learned from a broker's refusals. Pure.
//!
//! AMQP has no method to ask for the arguments of a queue. But a client that declares a queue otherwise than it is is
//! refused, and told the first difference and what there is instead. So one declaration after the other says what is
//! known by then, and for one argument a value that no queue can have ([`Probe`]): the broker refuses it if the queue
//! is there, and if it is not, so nothing is ever made.

use std::collections::BTreeMap;
use std::fmt;

use lapin::types::{AMQPValue, FieldTable};

/// An argument that is asked about with a value that no queue can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// A length of time or a size, which cannot be negative.
    Size(&'static str),
    /// The kind of queue. RabbitMQ before 3.8 ignores it; there it would make again a queue that was deleted since the
    /// question before, as it was.
    Kind,
}

/// A queue that has had no consumer for this time is deleted.
pub(super) const EXPIRES: Probe = Probe::Size("x-expires");

/// All that is asked about.
pub(super) const PROBES: [Probe; 5] = [
    EXPIRES,
    Probe::Size("x-message-ttl"),
    Probe::Size("x-max-length"),
    Probe::Size("x-max-length-bytes"),
    Probe::Kind,
];

/// The argument that says the kind of a queue.
const KIND: &str = "x-queue-type";

impl Probe {
    fn name(self) -> &'static str {
        match self {
            Self::Size(name) => name,
            Self::Kind => KIND,
        }
    }

    fn value(self) -> Argument {
        match self {
            Self::Size(_) => Argument::Number(-1),
            Self::Kind => Argument::Text("impossible".to_owned()),
        }
    }
}

/// The value of an argument, of the types that RabbitMQ's own arguments have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Number(i64),
    Text(String),
    Switch(bool),
}

impl fmt::Display for Argument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
            Self::Switch(switch) => switch.fmt(formatter),
        }
    }
}

impl Argument {
    /// The value that a broker writes so, and of which type it says that it is.
    fn parse(text: &str, of_type: &str) -> Option<Self> {
        match of_type {
            "longstr" => Some(Self::Text(text.to_owned())),
            "bool" => text.parse().ok().map(Self::Switch),
            _ => text.parse().ok().map(Self::Number),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Number(_) => "signedint",
            Self::Text(_) => "longstr",
            Self::Switch(_) => "bool",
        }
    }

    fn on_wire(&self) -> AMQPValue {
        match self {
            Self::Number(number) => {
                i32::try_from(*number).map_or(AMQPValue::LongLongInt(*number), AMQPValue::LongInt)
            }
            Self::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Self::Switch(switch) => AMQPValue::Boolean(*switch),
        }
    }
}

/// How a queue is declared, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// Whether it is there after the broker has restarted.
    pub(super) durable: bool,
    /// Whether it goes with its last consumer.
    pub(super) auto_delete: bool,
    /// Those that it has, of the arguments that were asked about or named on the way.
    pub(super) arguments: BTreeMap<String, Argument>,
}

/// What a refusal has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// What was asked about.
    Answer,
    /// Something else, which is to be said with the next question.
    Difference,
}

impl Default for Declared {
    fn default() -> Self {
        Self {
            durable: true,
            auto_delete: false,
            arguments: BTreeMap::new(),
        }
    }
}

impl Declared {
    /// The value of an argument, if it is a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.arguments.get(name)? {
            Argument::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of an argument, if it is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.arguments.get(name)? {
            Argument::Text(text) => Some(text),
            _ => None,
        }
    }

    /// `classic`, `quorum` or `stream`.
    pub(super) fn kind(&self) -> &str {
        self.text(KIND).unwrap_or("classic")
    }

    /// Whether it stays when it has no consumer any more.
    pub(super) fn outlives_consumers(&self) -> bool {
        !self.auto_delete && !self.arguments.contains_key(EXPIRES.name())
    }

    /// Whether there is anything to ask: only durable queues are of a kind that they say.
    pub(super) fn leaves_open(&self, probe: Probe) -> bool {
        match probe {
            Probe::Kind => self.durable && !self.arguments.contains_key(KIND),
            Probe::Size(_) => true,
        }
    }

    /// The arguments to declare it with, of which one is impossible.
    pub(super) fn impossible(&self, probe: Probe) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in &self.arguments {
            table.insert(name.as_str().into(), value.on_wire());
        }
        table.insert(probe.name().into(), probe.value().on_wire());
        table
    }

    /// Takes in what the broker said against a declaration with [`Declared::impossible`]; `None` if that tells nothing.
    pub(super) fn learn(&mut self, probe: Probe, refusal: &str) -> Option<Learned> {
        let (name, current) = difference(refusal)?;
        let is_asked = name == probe.name();
        match name {
            "durable" => self.durable = current.switch()?,
            "auto_delete" => self.auto_delete = current.switch()?,
            _ if current.is_nothing() => {
                self.arguments.remove(name);
            }
            _ => {
                let sent = is_asked.then(|| probe.value());
                let sent = sent.or_else(|| self.arguments.get(name).cloned());
                // Newer brokers add the kind that is their default to what is declared without one.
                let sent = sent.or_else(|| (name == KIND).then(|| Probe::Kind.value()));
                let value = current.argument(sent.as_ref())?;
                self.arguments.insert(name.to_owned(), value);
            }
        }
        Some(if is_asked {
            Learned::Answer
        } else {
            Learned::Difference
        })
    }
}

/// What there is instead of what was declared, as the broker writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Current<'a>(&'a str);

impl<'a> Current<'a> {
    /// The value if its type is the same as that of what was declared.
    fn plain(self) -> Option<&'a str> {
        self.0.strip_prefix('\'')?.strip_suffix('\'')
    }

    fn switch(self) -> Option<bool> {
        self.plain()?.parse().ok()
    }

    fn is_nothing(self) -> bool {
        self.0 == "none"
    }

    /// The argument; `None` if it is of a type that is not known here.
    fn argument(self, sent: Option<&Argument>) -> Option<Argument> {
        if let Some(text) = self.plain() {
            return Argument::parse(text, sent?.type_name());
        }
        let (text, of_type) = self
            .0
            .strip_prefix("the value '")?
            .rsplit_once("' of type '")?;
        Argument::parse(text, of_type.strip_suffix('\'')?)
    }
}

/// What a queue that is there has otherwise, in a broker's refusal to make it.
fn difference(refusal: &str) -> Option<(&str, Current<'_>)> {
    let rest = refusal.strip_prefix("PRECONDITION_FAILED - inequivalent arg '")?;
    let (name, rest) = rest.split_once("' for queue")?;
    let (_, current) = rest.rsplit_once(" but current is ")?;
    Some((name, Current(current)))
}

#[cfg(test)]
mod tests;
