//! What the shim says → an event, a question, or how the sensor is doing. Pure.

use serde_json::{Map, Value};

use crate::core::event::{Event, is_about_runs};
use crate::core::limits::hashed;
use crate::sources::{Line, NoEvent, Question, Said, doing};

/// The most bytes of a trigger's name.
const LONGEST_TRIGGER: usize = 255;

/// What was dispatched or asked, or what was dispatched and can be no event.
pub(super) fn read(mut object: Map<String, Value>, line: &Line<'_>) -> Result<Said, NoEvent> {
    if object.contains_key("ask") {
        return Ok(Said::Question(Question::read(object, line)));
    }
    if let Some(doing) = doing(&object) {
        return Ok(doing);
    }
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    if let Some(bad) = text("bad") {
        return Err(NoEvent {
            reason: bad.to_owned(),
            body: text("text").unwrap_or_default().as_bytes().to_vec(),
        });
    }
    let trigger = text("trigger").unwrap_or_default();
    if let Err(reason) = check_trigger(trigger) {
        return Err(NoEvent {
            reason,
            body: Value::Object(object).to_string().into_bytes(),
        });
    }
    let (trigger, tag) = (trigger.to_owned(), text("trace_tag").map(str::to_owned));
    let payload = object.remove("payload").unwrap_or_default();
    let id = match tag {
        Some(tag) => id_by_tag(&tag, &trigger, &payload),
        None => line.own_id(),
    };
    let event = Event::new(id, trigger, line.now.to_string(), None, payload);
    Ok(Said::Event(Box::new(line.with_default_key(event))))
}

/// A tag stands for a thing of which there may be several events: the same one is one only if all of it is the same.
fn id_by_tag(tag: &str, trigger: &str, payload: &Value) -> String {
    format!(
        "{tag} {}",
        hashed(format!("{trigger} {payload}").as_bytes())
    )
}

/// Whether a trigger can be a type of event.
fn check_trigger(trigger: &str) -> Result<(), String> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_reference = trigger
        .split_once('.')
        .is_some_and(|(pack, name)| !pack.is_empty() && !name.is_empty());
    if !is_reference || trigger.len() > LONGEST_TRIGGER || !trigger.chars().all(known) {
        let shown: String = trigger.chars().take(100).collect();
        return Err(format!(
            "expected a trigger like `pack.name`, but found `{shown}`"
        ));
    }
    if is_about_runs(trigger) || trigger.starts_with("esi_leap.") {
        return Err(format!(
            "expected a trigger of a pack, but found `{trigger}`: types that begin with `run.` or `esi_leap.` are those of others"
        ));
    }
    Ok(())
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
            source: "jira",
            start: "start",
            number: 7,
            now: "2026-01-15T02:00:00Z".parse().unwrap(),
        };
        read(object, &line)
    }

    fn event(object: Value) -> Event {
        match said(object) {
            Ok(Said::Event(event)) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_trigger_is_the_type_and_its_payload_is_the_payload() {
        let payload = json!({"id": "X-1", "type": "y"});
        let found = event(json!({"trigger": "jira.issues", "payload": payload}));
        assert_eq!(
            (&*found.id, &*found.event_type, &*found.time),
            ("start-7", "jira.issues", "2026-01-15T02:00:00Z")
        );
        assert_eq!(
            (found.key(), &found.payload),
            (Key::of_source("jira", "jira"), &payload)
        );
        let found = event(json!({"trigger": "a.b.c", "payload": {"node_uuid": "n"}}));
        assert_eq!((&*found.event_type, found.key()), ("a.b.c", Key::node("n")));
    }

    #[test]
    fn an_event_with_a_tag_is_the_same_if_all_of_it_is() {
        let id = |tag: &str, trigger: &str, number: i32| {
            let object = json!({"trigger": trigger, "payload": {"n": number}, "trace_tag": tag});
            event(object).id
        };
        let known = id("X-1", "jira.issues", 1);
        assert!(known.starts_with("X-1 "), "{known}");
        assert_eq!(id("X-1", "jira.issues", 1), known);
        for other in [
            id("X-2", "jira.issues", 1),
            id("X-1", "jira.closed", 1),
            id("X-1", "jira.issues", 2),
        ] {
            assert_ne!(other, known);
        }
    }

    #[test]
    fn what_can_be_no_event_is_kept_with_the_reason() {
        for (object, told, kept) in [
            (
                json!({"bad": "expected x", "text": "{1}"}),
                "expected x",
                "{1}",
            ),
            (
                json!({"trigger": "jira", "payload": 1}),
                "like `pack.name`, but found `jira`",
                r#"{"trigger":"jira","payload":1}"#,
            ),
            (json!({"trigger": ".x"}), "but found `.x`", "x"),
            (json!({"trigger": "a b.c"}), "but found `a b.c`", "c"),
            (
                json!({"trigger": format!("a.{}", "b".repeat(254))}),
                "like `pack.name`",
                "b",
            ),
            (json!({}), "but found ``", "{}"),
            (
                json!({"trigger": "run.succeeded"}),
                "of a pack, but found `run.succeeded`",
                "run",
            ),
            (
                json!({"trigger": "esi_leap.lease.delete.end"}),
                "are those of others",
                "lease",
            ),
        ] {
            let Err(NoEvent { reason, body }) = said(object.clone()) else {
                panic!("{object} is no event");
            };
            let body = String::from_utf8(body).unwrap();
            assert!(
                reason.contains(told) && body.contains(kept),
                "{reason}: {body}"
            );
        }
    }

    #[test]
    fn a_sensor_asks_and_says_how_it_is_doing() {
        assert!(matches!(
            said(json!({"ask": 1, "get": "n"})),
            Ok(Said::Question(_))
        ));
        let Ok(Said::Doing(doing)) = said(json!({"failing": "poll raised"})) else {
            panic!("it fails");
        };
        assert_eq!(doing, Doing::Failing("poll raised".to_owned()));
        assert!(matches!(
            said(json!({"failing": null})),
            Ok(Said::Doing(Doing::Well))
        ));
    }
}
