//! What the templates of every action see, and what rules look up by them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::{JsonEntry, Options, Problem, RuleContext, payload_path};
use crate::core::event::Event;
use crate::core::rules::Asks;
use crate::core::store::Values;
use crate::core::template::{JsonTemplate, STORE, Scope};
use crate::journal::RunId;

/// What of an event is no field of the lease, by the names that templates use.
const KNOWN: [&str; 4] = ["event", "payload", "run", "steps"];

/// How the syntax of templates is told.
pub(super) const SYNTAX: &str = "write it as in Jinja, like `{{ node_name }}`";

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

/// The JSON object in an option, whose texts are templates; `form` tells how to write one. `None` if there is none, or a
/// mistake in it.
pub(super) fn object_template(
    options: &mut Options<'_>,
    name: &str,
    form: &'static str,
) -> Option<JsonTemplate> {
    let entries = options.json_object(name, form)?;
    let field = |entry: &JsonEntry| {
        let template = JsonTemplate::parse(&entry.value);
        if let (Err(error), Some(option)) = (&template, options.get(name)) {
            let message = format!("`{name}`: {}: {error}", entry.name);
            options.report(Problem::error(message, SYNTAX), option, entry.position);
        }
        Some((entry.name.clone(), template.ok()?))
    };
    // Each mistake is told, not only the first.
    let fields: Vec<_> = entries.iter().map(field).collect();
    let fields: Option<_> = fields.into_iter().collect();
    fields.map(JsonTemplate::Object)
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
