//! The condition of the source, for systemd.

use crate::telemetry;

/// How the source is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    /// There is no connection yet, or none any more.
    #[default]
    Connecting,
    /// Connected, and consuming the queues that can be consumed.
    Consuming {
        /// The queues that are consumed; none, if all are waited for.
        queues: Vec<String>,
        /// Those that are waited for.
        missing: Vec<String>,
    },
}

impl Condition {
    /// As it is told of the source of this name; without one, of the bus.
    pub(super) fn told(&self, source: Option<&str>) -> telemetry::Condition {
        let words = self.in_words();
        telemetry::Condition {
            is_ready: matches!(self, Self::Consuming { queues, .. } if !queues.is_empty()),
            words: match source {
                Some(source) => format!("{source}: {words}"),
                None => words,
            },
            ..telemetry::Condition::default()
        }
    }

    fn in_words(&self) -> String {
        let Self::Consuming { queues, missing } = self else {
            return "connecting to the broker".to_owned();
        };
        let mut parts = Vec::new();
        if !queues.is_empty() {
            parts.push(format!("consuming {}", queues.join(", ")));
        }
        if !missing.is_empty() {
            parts.push(format!("waiting for {}", missing.join(", ")));
        }
        parts.join("; ")
    }
}
