//! A line → an event. Pure.
//!
//! The payload is the whole object. Of its fields, `id`, `type`, `time` and `key` say what else an event has.

use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::sources::{Line, NoEvent, Said, plain_text};

/// The most characters of what stands behind the source's name in the type of an event.
const LONGEST_TYPE: usize = 100;

/// The event that an object is.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is a `Read`, and lines of others may hold no event"
)]
pub(super) fn read(object: Map<String, Value>, line: &Line<'_>) -> Result<Said, NoEvent> {
    let field = |name: &str| object.get(name).and_then(plain_text);
    let id = field("id").unwrap_or_else(|| line.own_id());
    let event_type = match field("type").filter(|text| is_type(text)) {
        Some(kind) => format!("{}.{kind}", line.source),
        None => line.source.to_owned(),
    };
    let time = field("time").unwrap_or_else(|| line.now.to_string());
    let key = field("key");
    let event = Event::new(id, event_type, time, None, Value::Object(object));
    let event = match key {
        Some(key) => event.with_key(key),
        None => line.with_default_key(event),
    };
    Ok(Said::Event(Box::new(event)))
}

/// Whether this can be a part of a type of event.
fn is_type(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= LONGEST_TYPE && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::event::Key;

    #[test]
    fn fields_of_the_line_say_what_an_event_has_and_the_rest_has_defaults() {
        let now = "2026-01-15T02:00:00Z";
        let feed = || Key::of_source("feed", "feed");
        let cases = [
            (json!({}), ["start-7", "feed", now], feed()),
            (
                json!({"id": "a", "type": "x.y", "time": "then", "key": "k"}),
                ["a", "feed.x.y", "then"],
                Key::of_source("feed", "k"),
            ),
            (
                json!({"id": 12, "type": 5, "time": 1.50, "key": 3}),
                ["12", "feed.5", "1.5"],
                Key::of_source("feed", "3"),
            ),
            (
                json!({"id": "", "type": "", "time": null, "key": {}}),
                ["start-7", "feed", now],
                feed(),
            ),
            (json!({"type": "a b"}), ["start-7", "feed", now], feed()),
            (
                json!({"type": "x".repeat(101)}),
                ["start-7", "feed", now],
                feed(),
            ),
            (
                json!({"node_uuid": "n", "type": "up"}),
                ["start-7", "feed.up", now],
                Key::node("n"),
            ),
        ];
        for (object, [id, event_type, time], key) in cases {
            let Value::Object(fields) = object.clone() else {
                panic!("an object");
            };
            let line = Line {
                source: "feed",
                start: "start",
                number: 7,
                now: now.parse().unwrap(),
            };
            let Ok(Said::Event(event)) = read(fields, &line) else {
                panic!("{object} is an event");
            };
            assert_eq!(
                [&event.id, &event.event_type, &event.time],
                [id, event_type, time],
                "{object}"
            );
            assert_eq!((event.key(), &event.payload), (key, &object));
        }
    }
}
