//! The options of a rule that makes an event.

use super::EventAction;
use crate::actions::scope::{looked_up, object_template};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, RuleContext};
use crate::core::event::is_about_runs;
use crate::core::template::JsonTemplate;

/// The options of a rule that makes an event.
pub(super) const OPTIONS: [OptionRow; 2] = [
    OptionRow {
        name: "type",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the type of the event, like `node.ready`: no template, and no type that begins with \
                  `run.` or `esi_leap.`, which are those of others",
    },
    OptionRow {
        name: "payload",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "the payload: JSON whose texts are templates; one that is a single expression keeps the \
                  type of its value. At most 256 KiB",
    },
];

/// The most bytes of a type.
const LONGEST_TYPE: usize = 255;

const PAYLOAD_FORM: &str = r#"write it like `{"node": "{{ node_name }}"}`"#;

/// Reads them; `None` if a problem makes it no action.
pub(super) fn read(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Option<EventAction> {
    let event_type = event_type(options);
    let payload = if options.lacks("payload") {
        Some(JsonTemplate::Object(Vec::new()))
    } else {
        object_template(options, "payload", PAYLOAD_FORM)
    };
    let (event_type, payload) = (event_type?, payload?);
    Some(EventAction {
        rule: rule.name.to_owned(),
        event_type: event_type.to_owned(),
        position: options.get("type")?.value.position(),
        asks: looked_up(options, rule, "payload", &payload.names()),
        payload,
    })
}

fn event_type<'a>(options: &mut Options<'a>) -> Option<&'a str> {
    const FORM: &str =
        "write it like `type = node.ready`, and name it in the `events` of other rules";
    if options.lacks("type") {
        options.report_section("expected `type` in the rule, but found none", FORM);
        return None;
    }
    let text = options.text("type")?;
    let (message, hint) = if is_about_runs(text) {
        (
            format!("expected a type of your own in `type`, but found `{text}`"),
            "choose another one: types that begin with `run.` tell of the ends of runs",
        )
    } else if text.starts_with("esi_leap.") {
        (
            format!("expected a type of your own in `type`, but found `{text}`"),
            "choose another one: types that begin with `esi_leap.` are those that ESI Leap sends, and \
             rules trust what they say of leases",
        )
    } else if text.contains("{{") || text.contains("{%") {
        (
            format!("expected a type without templates in `type`, but found `{text}`"),
            "write what differs between events into `payload`, for `filter_params` to look at",
        )
    } else if text.len() > LONGEST_TYPE
        || text.contains(|c: char| c.is_whitespace() || c.is_control() || "*?[],\"'".contains(c))
    {
        (
            format!("expected a type of event in `type`, but found `{text}`"),
            FORM,
        )
    } else {
        return Some(text);
    };
    options.report_value("type", Problem::error(message, hint));
    None
}
