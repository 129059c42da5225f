//! What the shim says → an event. Pure.

use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::sources::{Line, NoEvent, Said, doing, plain_text};

/// The event that was put, or what was put and is no JSON; or why the plugin ends.
pub(super) fn read(mut object: Map<String, Value>, line: &Line<'_>) -> Result<Said, NoEvent> {
    if let Some(payload @ Value::Object(_)) = object.remove("event") {
        return Ok(Said::Event(Box::new(event(payload, line))));
    }
    if let Some(doing) = doing(&object) {
        return Ok(doing);
    }
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    Err(NoEvent {
        reason: format!("expected an event that JSON can hold, but: {}", text("bad")),
        body: text("text").as_bytes().to_vec(),
    })
}

/// Its id is the one that the plugin has set, if it sets any: the same one twice is one event.
fn event(payload: Value, line: &Line<'_>) -> Event {
    let meta = |name: &str| payload.get("meta")?.get(name).and_then(plain_text);
    let id = meta("uuid").unwrap_or_else(|| line.own_id());
    let time = meta("received_at").unwrap_or_else(|| line.now.to_string());
    let event = Event::new(id, line.source.to_owned(), time, None, payload);
    line.with_default_key(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::event::Key;
    use crate::sources::program::Doing;

    fn said(object: Value) -> Result<Said, NoEvent> {
        let Value::Object(object) = object else {
            panic!("an object");
        };
        let line = Line {
            source: "bus",
            start: "start",
            number: 7,
            now: "2026-01-15T02:00:00Z".parse().unwrap(),
        };
        read(object, &line)
    }

    #[test]
    fn what_was_put_is_the_payload_and_its_meta_says_which_event_it_is() {
        let payload = json!({
            "type": "x", "id": 9, "meta": {"uuid": "u", "received_at": "then", "hosts": ["h"]},
        });
        let Ok(Said::Event(event)) = said(json!({"event": payload})) else {
            panic!("an event");
        };
        let found = (&*event.id, &*event.event_type, &*event.time);
        assert_eq!(found, ("u", "bus", "then"));
        assert_eq!(
            (&event.payload, event.key()),
            (&payload, Key::of_source("bus", "bus"))
        );

        let Ok(Said::Event(event)) = said(json!({"event": {"node_uuid": "n"}})) else {
            panic!("an event");
        };
        assert_eq!(
            (&*event.id, &*event.time),
            ("start-7", "2026-01-15T02:00:00Z")
        );
        assert_eq!(event.key(), Key::node("n"));
    }

    #[test]
    fn what_is_no_json_is_kept_as_text() {
        let said = said(json!({"bad": "not serializable", "text": "{'b': b'x'}"}));
        let Err(NoEvent { reason, body }) = said else {
            panic!("no event");
        };
        assert!(reason.ends_with(": not serializable"), "{reason}");
        assert_eq!(body, b"{'b': b'x'}");
    }

    #[test]
    fn a_plugin_that_ends_says_why() {
        let why = "ConnectionError: no broker";
        let Ok(Said::Doing(doing)) = said(json!({ "failing": why })) else {
            panic!("it fails");
        };
        assert_eq!(doing, Doing::Failing(why.to_owned()));
    }
}
