//! The events of a search: what was found, what is over, and that a search fails. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::each::Finding;
use super::memory::Open;
use crate::core::event::{Event, Found, PayloadPath};
use crate::core::limits::limited;

/// By this name the payload of an event has the identity.
pub(super) const IDENTITY: &str = "identity";

/// How events are made of what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Making {
    /// Where what tells a finding from others is; nothing to go by its key, or by the index and id of a document.
    pub(super) identity: Vec<PayloadPath>,
    /// Names of fields of the payload, and where their values are.
    pub(super) map: Vec<(String, PayloadPath)>,
}

impl Making {
    /// What tells a finding from others, as text. It stays the same from answer to answer.
    pub(super) fn identity(&self, finding: &Finding) -> String {
        let value = Value::Object(finding.value.clone());
        let mut parts: Vec<Value> = if self.identity.is_empty() {
            finding.parts.clone()
        } else {
            let part = |path: &PayloadPath| at(path, &value).unwrap_or(Value::Null);
            self.identity.iter().map(part).collect()
        };
        let text = match (parts.pop(), parts.is_empty()) {
            (Some(Value::String(text)), true) => text,
            (Some(other), true) => other.to_string(),
            (last, _) => {
                parts.extend(last);
                Value::Array(parts).to_string()
            }
        };
        limited(&text).into_owned()
    }

    /// The payload of what was found: a field that `map` names anew has its new name alone.
    fn payload(&self, finding: &Finding, identity: &str) -> Value {
        let value = Value::Object(finding.value.clone());
        let mapped = self.map.iter();
        let mapped: Vec<_> = mapped
            .filter_map(|(name, path)| Some((name, path, at(path, &value)?)))
            .collect();
        let mut payload = finding.value.clone();
        for (_, path, _) in &mapped {
            payload.shift_remove(path.as_str());
        }
        for (name, _, value) in mapped {
            payload.insert(name.clone(), value);
        }
        payload.insert(IDENTITY.to_owned(), identity.into());
        payload.into()
    }

    /// The event that something was found; `id` tells it from others of the source.
    pub(super) fn found(
        &self,
        source: &str,
        finding: &Finding,
        identity: &str,
        id: String,
        at: Timestamp,
    ) -> Event {
        let payload = self.payload(finding, identity);
        event(source, "found", id, at, payload).with_key(identity)
    }
}

/// The id of the event that a document was found: whenever that is, it is the same.
pub(super) fn id_of_document(identity: &str) -> String {
    format!("found/{identity}")
}

/// The id of the event that something was found at this time.
pub(super) fn id_of_found(identity: &str, at: Timestamp) -> String {
    format!("found/{identity}@{at}")
}

/// The event that something is over.
pub(super) fn resolved(source: &str, identity: &str, open: &Open, at: Timestamp) -> Event {
    let payload = json!({
        IDENTITY: identity, "since": open.since.to_string(), "told": open.told.to_string(),
    });
    let id = format!("resolved/{identity}@{at}");
    event(source, "resolved", id, at, payload).with_key(identity)
}

/// The event that a search has failed since it was due at this time. It is the same for all of an outage.
pub(super) fn failed(source: &str, why: &str, since: Timestamp) -> Event {
    let payload = json!({"error": why, "since": since.to_string()});
    event(source, "failed", format!("failed@{since}"), since, payload).with_key(source)
}

fn event(source: &str, kind: &str, id: String, at: Timestamp, payload: Value) -> Event {
    Event::new(
        id,
        format!("{source}.{kind}"),
        at.to_string(),
        None,
        payload,
    )
}

/// What is at a path.
fn at(path: &PayloadPath, value: &Value) -> Option<Value> {
    match path.find_in(value) {
        Found::Nothing => None,
        Found::One(value) => Some(value.clone()),
        Found::Several(values) => Some(values.into_iter().cloned().collect()),
    }
}
