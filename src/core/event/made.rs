//! Events that no source sends: a run makes them, by its end or by what it does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Key;
use crate::core::run::State;

/// What the journal calls the source of these events.
pub const OF_RUNS: &str = "run";

/// How the types of events begin that tell of the end of a run.
const BEGINNING: &str = "run.";

/// The ends of a run, and the types of the events that tell of them.
const ENDS: [(State, &str); 3] = [
    (State::Succeeded, "run.succeeded"),
    (State::Discarded, "run.discarded"),
    (State::Cancelled, "run.cancelled"),
];

/// So many runs may make an event of the event of the one before; what they make is no deeper.
pub const DEEPEST: u32 = 5;

/// The ends of a run, with the types of the events that tell of them.
pub fn ends() -> impl Iterator<Item = (State, &'static str)> {
    ENDS.into_iter()
}

/// The type of the event that tells that a run has come to this state; `None` if that is not its end.
#[must_use]
pub fn type_of_end(state: State) -> Option<&'static str> {
    ends().find_map(|(end, event_type)| (end == state).then_some(event_type))
}

/// Whether events of this type tell of the ends of runs.
#[must_use]
pub fn tells_of_end(event_type: &str) -> bool {
    ends().any(|(_, of_end)| of_end == event_type)
}

/// Whether a type of event, or a glob, begins as those do that tell of the ends of runs.
#[must_use]
pub fn is_about_runs(text: &str) -> bool {
    text.starts_with(BEGINNING)
}

/// Which run made an event, and what the event has of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// The run.
    pub run: i64,
    /// 1 if a source sent the event of that run, else one more than the depth of that event.
    pub depth: u32,
    /// What that run was ordered by, and so what runs for this event are ordered by.
    pub key: Key,
    /// The lease that the event of that run is about, and so this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// It tells of the end of a run, or a run for such an event made it: no event tells of the ends of its own
    /// runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_end: bool,
}

/// What an action has to say of an event that it makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeEvent {
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it is about.
    pub payload: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_final_state_has_an_event_and_no_other_state_has() {
        for state in State::ALL {
            let event_type = type_of_end(state);
            assert_eq!(event_type.is_some(), state.is_final(), "{state}");
            if let Some(event_type) = event_type {
                assert_eq!(event_type, format!("run.{state}"));
                assert!(tells_of_end(event_type) && is_about_runs(event_type));
            }
        }
        for other in [
            "run",
            "run.",
            "run.failed",
            "run.succeeded.twice",
            "runs.cancelled",
        ] {
            assert!(!tells_of_end(other), "{other}");
        }
    }
}
