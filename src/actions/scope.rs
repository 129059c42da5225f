//! What the templates of every action see, and what rules look up by them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::{Options, RuleContext, payload_path};
pub(super) use crate::config::{SYNTAX, object_template};
use crate::core::event::Event;
use crate::core::rules::Asks;
use crate::core::store::Values;
use crate::core::template::{STORE, Scope};
use crate::journal::RunId;

/// What of an event is no field of the lease, by the names that templates use.
const KNOWN: [&str; 4] = ["event", "payload", "run", "steps"];

/// What templates see as `run`.
pub(super) fn run_value(rule: &str, id: RunId, attempt: u32) -> Value {
    json!({"id": id, "rule": rule, "attempt": attempt})
}

/// The same where there is no run: with a number that no run has.
pub(super) fn unborn(rule: &str) -> Value {
    run_value(rule, 0, 1)
}

/// The names that templates can use: the lease's fields, what is known of the event and the run, and the values of
/// the store.
pub(super) fn scope(event: &Event, run: &Value, values: &Arc<Values>) -> Scope {
    let whole = serde_json::to_value(event).unwrap_or_default();
    let fields = event.data().as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name.as_str(), value));
    let known = KNOWN
        .into_iter()
        .zip([&whole, &event.payload, run, event.steps()]);
    Scope::with_store(fields.chain(known), values)
}

/// The paths of the lease that the templates in an option look up by these names.
pub(super) fn looked_up(
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
    option: &'static str,
    names: &BTreeSet<String>,
) -> Asks {
    let Some(place) = options.get(option) else {
        return Asks::new();
    };
    let of_lease = |name: &&String| {
        let first = name.split('.').next().unwrap_or_default();
        first != STORE && !KNOWN.contains(&first)
    };
    let paths = names.iter().filter(of_lease).filter_map(|name| {
        let text = place.value.as_str();
        let name = text
            .find(name.as_str())
            .map_or(&name[..], |at| &text[at..at + name.len()]);
        let path = payload_path(options, place, option, name, rule.of_leases)?;
        Some((option, path))
    });
    paths.collect()
}
