//! A decoded delivery, and how a rule finds a value in it.
//!
//! An event comes from a source, is matched by [`rules`](crate::core::rules), rests in the journal as
//! JSON text, and is what a script reads on its standard input:
//!
//! ```json
//! {"id":"94e02d82-…","type":"esi_leap.lease.fulfill.end","time":"2026-11-21 08:50:08.227045",
//!  "publisher":"esi-leap-manager.host","payload":{"esi_leap_object.data":{"node_name":"…"}}}
//! ```

mod key;
mod made;
mod path;

pub use key::Key;
pub use made::{
    DEEPEST, MadeBy, MadeEvent, OF_RUNS, ends, is_about_runs, tells_of_end, type_of_end,
};
pub use path::{Found, InvalidPath, PayloadPath, Text, first_path_end};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Keys that begin so carry a request's context, the user's token among it; no event keeps them.
pub(crate) const SECRET_PREFIX: &str = "_context_";

/// Versioned objects lie under `NAMESPACE_object.data`: `esi_leap_object.data`, for one.
pub(crate) const DATA_SUFFIX: &str = "_object.data";

/// Something that happened, as rules and scripts see it. Its fields are public to read; it is made
/// by [`Event::new`], which drops what must not be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// What tells it from every other event of its source: a notification's `message_id`.
    pub id: String,
    /// `esi_leap.lease.fulfill.end`, for one.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it was sent, as the sender wrote it.
    pub time: String,
    /// Who sent it, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// What runs for it are ordered by, if its source says so; else the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The run that made it, if no source sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_by: Option<Box<MadeBy>>,
    /// What it is about.
    pub payload: Value,
    /// As a later step of a run sees it: the results of the steps before, by their names. Else null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    steps: Value,
}

impl Event {
    /// An event, without any `_context_*` field its payload may hold.
    #[must_use]
    pub fn new(
        id: String,
        event_type: String,
        time: String,
        publisher: Option<String>,
        mut payload: Value,
    ) -> Self {
        drop_secrets(&mut payload);
        Self {
            id,
            event_type,
            time,
            publisher,
            key: None,
            made_by: None,
            payload,
            steps: Value::Null,
        }
    }

    /// The same event, of a source that says what runs for it are ordered by: among all events of that
    /// source, which is named by their type or by what is before its first dot.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        let key = Some(key.into());
        Self { key, ..self }
    }

    /// The same event, which this run has made.
    #[must_use]
    pub fn with_maker(self, made_by: MadeBy) -> Self {
        let made_by = Some(Box::new(made_by));
        Self { made_by, ..self }
    }

    /// The run that made it; `None` if a source sent it.
    #[must_use]
    pub fn made_by(&self) -> Option<&MadeBy> {
        self.made_by.as_deref()
    }

    /// How many runs were in a row before it, each for an event that the one before had made.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.made_by().map_or(0, |made_by| made_by.depth)
    }

    /// Whether it tells of the end of a run, or comes of such an event.
    #[must_use]
    pub fn is_after_end(&self) -> bool {
        self.made_by().is_some_and(|made_by| made_by.after_end)
    }

    /// The same event as a later step of a run sees it, with the results of the steps before.
    #[must_use]
    pub fn with_steps(self, results: Map<String, Value>) -> Self {
        let steps = if results.is_empty() {
            Value::Null
        } else {
            results.into()
        };
        Self { steps, ..self }
    }

    /// The results of the steps before, by their names; null if there are none.
    #[must_use]
    pub fn steps(&self) -> &Value {
        &self.steps
    }

    /// The part of the payload that rules are about: the versioned object's data (the lease), or
    /// the payload itself where the sender has no such wrapping.
    #[must_use]
    pub fn data(&self) -> &Value {
        let versioned = self.payload.as_object().and_then(|fields| {
            fields
                .iter()
                .find(|(name, _)| name.ends_with(DATA_SUFFIX))
                .map(|(_, data)| data)
        });
        versioned.unwrap_or(&self.payload)
    }

    /// What runs for this event are ordered by, unless their rule has an `order_by`: what its source says, or what
    /// the run that made it was ordered by, else the node.
    #[must_use]
    pub fn key(&self) -> Key {
        let source = self.event_type.split('.').next().unwrap_or_default();
        match (&self.made_by, &self.key) {
            (Some(made_by), _) => made_by.key.clone(),
            (None, Some(text)) => Key::of_source(source, text.as_str()),
            (None, None) => Key::node(self.node()),
        }
    }

    /// The node that the event is about. Events without a node are ordered among themselves, under the
    /// empty key.
    #[must_use]
    pub fn node(&self) -> String {
        let data = self.data();
        key::NODE_FIELDS
            .iter()
            .filter_map(|name| data.get(name))
            .find(|value| !value.is_null())
            .map(|value| Found::One(value).to_text())
            .unwrap_or_default()
    }

    /// The lease that the event is about, if ESI Leap says that it is about one, or that the event of the run was about
    /// which made it.
    #[must_use]
    pub fn lease(&self) -> Option<&str> {
        if let Some(made_by) = &self.made_by {
            return made_by.lease.as_deref();
        }
        let is_of_lease = self.event_type.starts_with("esi_leap.lease.");
        let uuid = self.data().get("uuid").filter(|_| is_of_lease)?;
        uuid.as_str().filter(|uuid| !uuid.is_empty())
    }

    /// The event as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and text-keyed objects always serialize")
    }
}

fn drop_secrets(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.starts_with(SECRET_PREFIX));
            fields.values_mut().for_each(drop_secrets);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_secrets),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(payload: Value) -> Event {
        Event::new("1".into(), "t".into(), "now".into(), None, payload)
    }

    #[test]
    fn data_is_the_versioned_object_or_the_payload_itself() {
        let cases = [
            (
                json!({"esi_leap_object.data": {"a": 1}, "esi_leap_object.name": "n"}),
                json!({"a": 1}),
            ),
            (json!({"ironic_object.data": {"a": 1}}), json!({"a": 1})),
            (json!({"a": 1}), json!({"a": 1})),
            (json!([1]), json!([1])),
        ];
        for (payload, data) in cases {
            assert_eq!(*event(payload).data(), data);
        }
    }

    #[test]
    fn the_node_is_the_first_of_two_names_that_says_something() {
        let cases = [
            (json!({"node_uuid": "n", "resource_uuid": "r"}), "n"),
            (json!({"node_uuid": null, "resource_uuid": "r"}), "r"),
            (json!({"resource_uuid": 7}), "7"),
            (json!({"other": 7}), ""),
            (json!(null), ""),
        ];
        for (data, node) in cases {
            assert_eq!(event(json!({"esi_leap_object.data": data})).node(), node);
        }
    }

    #[test]
    fn a_key_of_the_source_replaces_the_node_and_lasts() {
        let payload = json!({"node_uuid": "n", "meta": {"endpoint": "e"}});
        let event = Event::new("1".into(), "hook.kind".into(), "now".into(), None, payload);
        assert_eq!(event.key(), Key::node("n"));
        let event = event.with_key("e");
        let again: Event = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!((again.key(), again), (Key::of_source("hook", "e"), event));
    }

    #[test]
    fn what_a_run_made_is_about_what_that_run_was_about() {
        let payload = json!({"node_uuid": "n", "uuid": "other"});
        let event = event(payload);
        assert_eq!((event.depth(), event.is_after_end()), (0, false));
        let made_by = MadeBy {
            run: 7,
            depth: 2,
            key: Key::of_source("hook", "e"),
            lease: Some("l".to_owned()),
            after_end: true,
        };
        let event = event.with_maker(made_by.clone());
        let again: Event = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(again.made_by(), Some(&made_by));
        assert_eq!((again.key(), again.lease()), (made_by.key, Some("l")));
        assert_eq!((again.depth(), again.is_after_end()), (2, true));
    }

    #[test]
    fn context_fields_are_dropped_at_any_depth() {
        let event =
            event(json!({"_context_auth_token": "t", "a": [{"_context_user": "u", "b": 1}]}));
        assert_eq!(event.payload, json!({"a": [{"b": 1}]}));
    }

    #[test]
    fn json_text_and_back_keeps_numbers_as_they_were_written() {
        let text = r#"{"id":"1","type":"t","time":"now","payload":{"n":123456789012345678901234567890,"x":1.10}}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!(event.to_json(), text);
    }
}
