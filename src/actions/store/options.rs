//! The options of a rule that changes a value of the store.

use std::time::Duration;

use serde_json::Value;

use super::{StoreAction, What, whole_number};
use crate::actions::scope::{SYNTAX, looked_up, object_template};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, Reported, RuleContext, positive_duration};
use crate::core::store::check_name;
use crate::core::template::{JsonTemplate, Place, Template};

/// What can be done.
const OPERATIONS: [&str; 3] = ["set", "delete", "incr"];

/// The options of a rule that changes a value of the store.
pub(super) const OPTIONS: [OptionRow; 4] = [
    OptionRow {
        name: "name",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the name of the value to change: a template of at most 1024 bytes when it is filled in",
    },
    OptionRow {
        name: "op",
        scope: Scope::Rule,
        kind: Kind::Choice(&OPERATIONS),
        default: Some(OPERATIONS[0]),
        meaning: "what is done with it: `incr` adds `value`, or 1, to a whole number, or to 0 if there is none",
    },
    OptionRow {
        name: "value",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "JSON, in which texts are templates and one that is a single expression keeps the type of its \
                  value; or a template, which becomes text. At most 64 KiB",
    },
    OptionRow {
        name: "ttl",
        scope: Scope::Rule,
        kind: Kind::PositiveDuration,
        default: None,
        meaning: "how long the value stays; without it, until it is set anew or deleted. With `incr` it counts from \
                  the first time",
    },
];

const VALUE_FORM: &str =
    r#"write it like `yes`, `{{ end_time }}` or `{"node": "{{ node_name }}"}`"#;

/// Reads them; `None` if a problem makes it no action.
pub(super) fn read(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Option<StoreAction> {
    let name = name(options);
    let operation = options.parse("op", "write `set`, `delete` or `incr`", |text| {
        let mut operations = OPERATIONS.into_iter();
        operations.find(|operation| operation.eq_ignore_ascii_case(text))
    });
    let value = value(options);
    let ttl = options.parse(
        "ttl",
        "write it like `90s`, `1h` or `7d`",
        positive_duration,
    );
    let (name, operation, value) = (name?, operation?, value.ok()?);
    let mut asks = looked_up(options, rule, "name", &name.names());
    if let Some(value) = &value {
        asks.extend(looked_up(options, rule, "value", &value.names()));
    }
    let what = what(options, operation, value, ttl)?;
    Some(StoreAction {
        rule: rule.name.to_owned(),
        name,
        what,
        asks,
    })
}

fn name(options: &mut Options<'_>) -> Option<Template> {
    if options.lacks("name") {
        options.report_section(
            "expected `name` in the rule, but found none",
            "name the value to change, like `name = count.{{ node_name }}`",
        );
        return None;
    }
    let text = options.text("name")?;
    let template = template(options, "name", text)?;
    if is_fixed(text)
        && let Err(error) = check_name(text)
    {
        let problem = Problem::error(format!("`name`: {error}"), error.remedy());
        options.report_value("name", problem);
        return None;
    }
    Some(template)
}

/// The value, if there is one.
fn value(options: &mut Options<'_>) -> Result<Option<JsonTemplate>, Reported> {
    if options.lacks("value") {
        return Ok(None);
    }
    let text = options.get("value").ok_or(Reported)?.value.as_str().trim();
    let is_object = text.starts_with('{') && is_fixed(&text[..text.len().min(2)]);
    if is_object {
        let template = object_template(options, "value", VALUE_FORM);
        return template.map(Some).ok_or(Reported);
    }
    let json = match serde_json::from_str::<Value>(text) {
        Ok(json) => json,
        Err(error) if text.starts_with('[') => {
            let message = format!("expected JSON in `value`, but found a mistake in it: {error}");
            options.report_value("value", Problem::error(message, VALUE_FORM));
            return Err(Reported);
        }
        Err(_) => Value::from(text),
    };
    let template = JsonTemplate::parse(&json);
    template.map(Some).map_err(|error| {
        let message = format!("`value`: {error}");
        options.report_value("value", Problem::error(message, SYNTAX));
        Reported
    })
}

/// What is done, if the other options are those that it needs.
fn what(
    options: &mut Options<'_>,
    operation: &str,
    value: Option<JsonTemplate>,
    ttl: Option<Duration>,
) -> Option<What> {
    match operation {
        "delete" => {
            let mut is_alone = true;
            for name in ["value", "ttl"] {
                if options.is_own(name) && !options.lacks(name) {
                    let message = format!("expected no `{name}` with `op = delete`, but found one");
                    options.report_value(name, Problem::error(message, "remove it"));
                    is_alone = false;
                }
            }
            is_alone.then_some(What::Delete)
        }
        "incr" => {
            let by = value.unwrap_or_else(|| JsonTemplate::Fixed(Value::from(1)));
            let told = match &by {
                JsonTemplate::Fixed(number) => whole_number(number).err(),
                JsonTemplate::Text(text) if is_fixed(text.source()) => {
                    whole_number(&Value::from(text.source())).err()
                }
                JsonTemplate::Text(_) => None,
                JsonTemplate::List(_) | JsonTemplate::Object(_) => {
                    Some("`value`: expected a whole number to add, but found JSON".to_owned())
                }
            };
            if let Some(why) = told {
                let hint = "write a whole number, like `1`, or a template that gives one";
                options.report_value("value", Problem::error(why, hint));
                return None;
            }
            Some(What::Incr(by, ttl))
        }
        _ => {
            if value.is_none() {
                options.report_section(
                    "expected `value` in the rule, but found none",
                    "say what is stored, like `value = {{ end_time }}`, or choose another `op`",
                );
            }
            Some(What::Set(value?, ttl))
        }
    }
}

fn template(options: &mut Options<'_>, name: &str, text: &str) -> Option<Template> {
    let found = Template::parse(text, Place::Text);
    if let (Err(error), Some(option)) = (&found, options.get(name)) {
        let problem = Problem::error(format!("`{name}`: {error}"), SYNTAX);
        options.report(problem, option, option.value.position_in(text, error.at));
    }
    found.ok()
}

/// Whether a template says the same for every event.
fn is_fixed(text: &str) -> bool {
    !["{{", "{%", "{#"].iter().any(|begin| text.contains(begin))
}
