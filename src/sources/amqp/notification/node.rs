//! Finds the node that an undecodable body is about, so that the node's later runs can wait for
//! it. Pure.
//!
//! The body may be cut off, too large, damaged, or lack a field. It is read from its beginning as far as
//! it is JSON, and the node is known only if its UUID stands as a whole value in the place in which an
//! event has it: directly in the lease's data, never within a value there. What a tenant writes into
//! `purpose` or `properties` is such a value, so it cannot name the node of another tenant.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::LARGEST_BODY;
use crate::core::event::DATA_SUFFIX;
use crate::core::python_json;

/// The longest text that is taken for a node; ESI Leap's have 36 characters.
const LONGEST: usize = 255;

/// The node that an undecodable notification is about, as [`Event::node`](crate::core::event::Event::node)
/// would have it. Of a larger body the first [`LARGEST_BODY`] bytes are looked at.
#[must_use]
pub fn node_in_notification(body: &[u8]) -> Option<String> {
    let text = readable(body);
    let envelope = Found::read(&with_last_string_closed(&text), Place::Envelope);
    let found = match envelope.message {
        Some(message) => Found::read(
            &python_json::to_json(&message, python_json::DEEPEST),
            Place::Notification,
        ),
        None => Found::read(&text, Place::Notification),
    };
    found.into_node()
}

/// The beginning of a body as JSON text, as far as that is possible.
fn readable(body: &[u8]) -> String {
    let head = &body[..body.len().min(LARGEST_BODY)];
    python_json::to_json(&String::from_utf8_lossy(head), python_json::DEEPEST)
}

/// The same text; if it ends within a string, that is closed, without the rest of an escape. So the
/// part of an enveloped notification that is there can be read.
fn with_last_string_closed(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let (mut at, mut is_open, mut last_escape) = (0, false, bytes.len());
    while at < bytes.len() {
        match bytes[at] {
            b'"' => is_open = !is_open,
            b'\\' if is_open => {
                last_escape = at;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    if !is_open {
        return Cow::Borrowed(text);
    }
    let escape = &text[last_escape..];
    let is_cut = escape == "\\" || (escape.starts_with("\\u") && escape.len() < 6);
    let end = if is_cut { last_escape } else { text.len() };
    Cow::Owned(format!("{}\"", &text[..end]))
}

/// Where in a body a value stands, as far as that matters.
#[derive(Clone, Copy)]
enum Place {
    Envelope,
    Message,
    Notification,
    Payload,
    Data,
    NodeUuid,
    ResourceUuid,
}

/// What has been found so far. It outlives the error that ends the reading.
#[derive(Default)]
struct Found {
    message: Option<String>,
    has_data: bool,
    node: Option<String>,
    resource: Option<String>,
}

impl Found {
    fn read(text: &str, place: Place) -> Self {
        let mut found = Self::default();
        let seed = Look {
            place,
            found: &mut found,
        };
        // Where the text is no JSON any more, nothing further is looked at.
        drop(seed.deserialize(&mut serde_json::Deserializer::from_str(text)));
        found
    }

    fn into_node(self) -> Option<String> {
        self.node
            .or(self.resource)
            .filter(|node| (1..=LONGEST).contains(&node.len()))
    }

    /// The place of the value of a field, if it matters.
    fn within(&mut self, place: Place, field: &str) -> Option<Place> {
        match (place, field) {
            (Place::Envelope, "oslo.message") => Some(Place::Message),
            (Place::Notification, "payload") => Some(Place::Payload),
            // From the first versioned object on, only its data counts, as in an event.
            (Place::Payload, _) if self.has_data => None,
            (Place::Payload, name) if name.ends_with(DATA_SUFFIX) => {
                *self = Self {
                    has_data: true,
                    ..Self::default()
                };
                Some(Place::Data)
            }
            (Place::Payload | Place::Data, "node_uuid") => Some(Place::NodeUuid),
            (Place::Payload | Place::Data, "resource_uuid") => Some(Place::ResourceUuid),
            _ => None,
        }
    }

    fn keep(&mut self, place: Place, text: &str) {
        let kept = match place {
            Place::Message => &mut self.message,
            Place::NodeUuid => &mut self.node,
            Place::ResourceUuid => &mut self.resource,
            _ => return,
        };
        *kept = Some(text.to_owned());
    }
}

/// Reads the value at a place.
struct Look<'f> {
    place: Place,
    found: &'f mut Found,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(field) = fields.next_key::<String>()? {
            match self.found.within(self.place, &field) {
                Some(place) => {
                    let found = &mut *self.found;
                    fields.next_value_seed(Look { place, found })?;
                }
                None => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.found.keep(self.place, text);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NODE: &str = "7a1c3c5e-0001-4f6e-9d53-1d9b1c6f0a01";
    const VICTIM: &str = "7a1c3c5e-0002-4f6e-9d53-1d9b1c6f0a02";

    fn enveloped(message: &str) -> String {
        json!({"oslo.version": "2.0", "oslo.message": message}).to_string()
    }

    /// A notification whose tenant tries everything to name the node of somebody else.
    fn hostile() -> Value {
        let data = json!({"esi_leap_object.data": {"node_uuid": VICTIM, "resource_uuid": VICTIM}});
        let notification = json!({"payload": data});
        let text = format!(
            "\", \"node_uuid\": \"{VICTIM}\", \"x\": \"}}}}, \"payload\": {data}, \"{}",
            enveloped(&notification.to_string())
        );
        json!({
            "payload": {
                "esi_leap_object.name": "LeaseCRUDPayload",
                "esi_leap_object.data": {
                    "purpose": text,
                    "properties": {
                        "node_uuid": VICTIM, "resource_uuid": VICTIM, "payload": data,
                        "esi_leap_object.data": {"node_uuid": VICTIM},
                        "oslo.message": notification.to_string(),
                        "list": [{"node_uuid": VICTIM}], (text): null,
                    },
                    "resource_uuid": NODE, "more": {"node_uuid": VICTIM}, "node_uuid": NODE,
                    "node_properties": {"node_uuid": VICTIM},
                },
            },
            "event_type": "esi_leap.lease.fulfill.end",
        })
    }

    #[test]
    fn the_node_is_found_where_it_stands_in_its_place() {
        let bare = |data: Value| json!({"payload": {"esi_leap_object.data": data}}).to_string();
        let cases: Vec<(String, Option<&str>)> = vec![
            (bare(json!({"node_uuid": "n", "resource_uuid": "r"})), Some("n")),
            (bare(json!({"node_uuid": null, "resource_uuid": "r"})), Some("r")),
            (enveloped(&bare(json!({"node_uuid": "n"}))), Some("n")),
            // No versioned object.
            (r#"{"payload": {"node_uuid": "n"}}"#.into(), Some("n")),
            (
                r#"{"payload": {"node_uuid": "p", "x_object.data": {"node_uuid": "n"}, "node_uuid": "p"}}"#.into(),
                Some("n"),
            ),
            (
                r#"{"payload": {"node_uuid": "p", "x_object.data": {"a": 1.5}}}"#.into(),
                None,
            ),
            // Cut off, or no JSON from somewhere on.
            (r#"{"payload": {"x_object.data": {"node_uuid": "n""#.into(), Some("n")),
            (r#"{"payload": {"x_object.data": {"node_uuid": "n"#.into(), None),
            (r#"{"payload": {"x_object.data": {"node_uuid": "n", broken"#.into(), Some("n")),
            (r#"{"payload": {"x_object.data": {broken, "node_uuid": "n"}}}"#.into(), None),
            (r#"{"payload": {"x_object.data": {"a": NaN, "node_uuid": "n"}}"#.into(), Some("n")),
            (r#"{"oslo.message": "{\"payload\": {\"node_uuid\": \"n\"#.into(), None),
            (r#"{"oslo.message": "{\"payload\": {\"node_uuid\": \"n\""#.into(), Some("n")),
            (r#"{"oslo.message": "{\"payload\": {\"node_uuid\": \"n\", \"a\": \"\u00"#.into(), Some("n")),
            // Not in its place, or no node.
            (r#"{"node_uuid": "n"}"#.into(), None),
            (r#"[{"payload": {"node_uuid": "n"}}]"#.into(), None),
            (r#"{"payload": [{"node_uuid": "n"}]}"#.into(), None),
            (bare(json!({"node_uuid": ["n"], "properties": {"node_uuid": "n"}})), None),
            (bare(json!({"node_uuid": ""})), None),
            (bare(json!({"node_uuid": "n".repeat(256)})), None),
            (bare(json!({"node_uuid": 7, "x": true})), None),
            (String::new(), None),
            ("no JSON".into(), None),
        ];
        for (body, node) in cases {
            assert_eq!(
                node_in_notification(body.as_bytes()).as_deref(),
                node,
                "{body}"
            );
        }
    }

    #[test]
    fn it_is_found_in_a_real_notification_wherever_that_is_cut_off_behind_it() {
        let body = include_bytes!("../../../../tests/data/property-nan.body");
        let key = b"\\\"resource_uuid\\\": \\\"";
        let place = memchr::memmem::find(body, key).unwrap() + key.len() + NODE.len() + 2;
        for cut in 0..=body.len() {
            let node = node_in_notification(&body[..cut]);
            assert_eq!(node.as_deref(), (cut >= place).then_some(NODE), "{cut}");
        }
    }

    #[test]
    fn a_tenant_cannot_name_the_node_of_another_tenant() {
        let bare = hostile().to_string();
        for body in [enveloped(&bare), bare] {
            let body = body.into_bytes();
            assert_eq!(node_in_notification(&body).as_deref(), Some(NODE));
            for at in 0..body.len() {
                let mut damaged = body.clone();
                damaged[at] = 0xff;
                for body in [&body[..at], &damaged] {
                    let node = node_in_notification(body);
                    // A damaged UUID is nobody's.
                    let is_theirs = node.as_deref() == Some(VICTIM);
                    assert!(!is_theirs, "{}", String::from_utf8_lossy(body));
                }
            }
        }
    }

    #[test]
    fn of_a_large_body_the_beginning_is_looked_at() {
        let body = |before: usize| {
            let (before, after) = ("x".repeat(before), "y".repeat(LARGEST_BODY));
            json!({"payload": {"x_object.data": {"a": before, "node_uuid": "n", "b": after}}})
        };
        for (before, node) in [(10, Some("n")), (LARGEST_BODY, None)] {
            let bare = body(before).to_string();
            assert_eq!(node_in_notification(bare.as_bytes()).as_deref(), node);
            let enveloped = enveloped(&bare);
            assert_eq!(node_in_notification(enveloped.as_bytes()).as_deref(), node);
        }
    }
}
