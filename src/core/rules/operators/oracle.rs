//! What `StackStorm` itself answered to 2,200 operators and 179 whole criteria, beside what we answer: the
//! same, or something else for a reason of this short list. A difference without a reason fails, and so does a
//! reason without a difference. So are the conditions of ansible-rulebook (`conditions`).

mod conditions;
mod criteria;

use serde_json::{Value, json};

use super::search::path_within;
use super::{Reader, operator};
use crate::core::event::{Event, PayloadPath};
use crate::core::rules::number::Decimal;
use crate::core::rules::{Given, Pattern};

const ORACLE: &str = include_str!("../../../../tests/data/stackstorm/operators.json");

/// The clock of the recording, in seconds since 1970.
const NOW: f64 = 1_768_478_400.0;

/// Patterns that Python refuses and our engine takes. None of them matches what was recorded.
const TAKEN: [&str; 3] = ["a{2,1}", "(?P<a>x)(?P<a>y)", "x(?i)y"];

/// What we answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ours {
    Holds(bool),
    /// `check` tells of a mistake.
    Refused,
    Undecidable,
}

/// A recorded call of an operator.
struct Case<'a> {
    operator: &'a str,
    value: &'a Value,
    pattern: &'a Value,
    condition: Option<&'a Value>,
    /// Whether it held there; an exception is a criterion that does not.
    holds: bool,
    /// The exception.
    error: Option<&'a str>,
}

fn answer(filter: &Value, value: &Value) -> Ours {
    let Some(filter) = Reader::default().filter_of("field", filter) else {
        return Ours::Refused;
    };
    let payload = json!({ "field": value });
    let event = Event::new("1".into(), "t".into(), "now".into(), None, payload);
    let now = "2026-01-15T12:00:00Z".parse().expect("a time");
    match filter.mismatch(&event, &Given::at(now)) {
        Ok(mismatch) => Ours::Holds(mismatch.is_none()),
        Err(_) => Ours::Undecidable,
    }
}

/// A reason to answer something else, and what we answer then.
type Reason = (&'static str, fn(&Case<'_>) -> Option<Ours>);

const REASONS: [Reason; 9] = [
    (
        "a pattern that the operator cannot use is found by check",
        |case| {
            let is_usable = match case.operator {
                "search" => return None,
                "equals" | "eq" | "nequals" | "neq" | "contains" | "ncontains" => {
                    !case.pattern.is_null()
                }
                "lessthan" | "lt" | "greaterthan" | "gt" => {
                    case.pattern.is_number() || case.pattern.is_string()
                }
                "inside" | "in" | "ninside" | "nin" => case
                    .pattern
                    .as_array()
                    .is_some_and(|items| !items.is_empty() && !items.iter().any(Value::is_null)),
                "exists" | "nexists" => case.pattern.is_boolean(),
                "timediff_lt" | "td_lt" | "timediff_gt" | "td_gt" => number(case.pattern).is_some(),
                _ => case.pattern.is_string(),
            };
            (!is_usable).then_some(Ours::Refused)
        },
    ),
    (
        "what is no pattern is found by check, and characters by their names are not known",
        |case| {
            let is_named = case.pattern.as_str().is_some_and(|it| it.contains(r"\N{"));
            let is_taken = case.pattern.as_str().is_some_and(|it| TAKEN.contains(&it));
            let is_wrong = case.error == Some("re.error") && !is_taken;
            (is_wrong || (is_named && case.operator.contains("regex"))).then_some(Ours::Refused)
        },
    ),
    (
        "a search that cannot be evaluated is found by check",
        |case| (case.operator == "search" && !is_sound(case)).then_some(Ours::Refused),
    ),
    ("a text is no list of characters", |case| {
        (case.operator == "search" && case.value.is_string() && case.holds)
            .then_some(Ours::Holds(false))
    }),
    ("`exists: false` is `nexists`", |case| {
        (case.operator.ends_with("exists") && *case.pattern == json!(false))
            .then_some(Ours::Holds(!case.holds))
    }),
    (
        "a negative operator holds for what the positive one cannot be put to",
        |case| {
            (["ncontains", "incontains"].contains(&case.operator) && case.error.is_some())
                .then_some(Ours::Holds(true))
        },
    ),
    (
        "no boolean is a number, and a text that is a number is one",
        |case| {
            let differs = |a: &Value, b: &Value| theirs(a, b) != ours(a, b);
            let any = |items: &Value, same: fn(&Value, &Value) -> bool, one: &Value| {
                items
                    .as_array()
                    .is_some_and(|items| items.iter().any(|item| same(item, one)))
            };
            let answers = match case.operator {
                "equals" | "eq" | "nequals" | "neq" => differs(case.value, case.pattern),
                "contains" | "ncontains" => {
                    any(case.value, theirs, case.pattern) != any(case.value, ours, case.pattern)
                }
                "inside" | "in" | "ninside" | "nin" => {
                    any(case.pattern, theirs, case.value) != any(case.pattern, ours, case.value)
                }
                "lessthan" | "lt" | "greaterthan" | "gt" => {
                    let is_bool = case.value.is_boolean() && case.holds;
                    let both_text = case.value.is_string() && case.pattern.is_string();
                    let as_numbers = number(case.value)
                        .zip(number(case.pattern))
                        .filter(|_| !both_text);
                    let is_less = case.operator.starts_with('l');
                    let holds =
                        as_numbers.is_some_and(|(a, b)| if is_less { a < b } else { a > b });
                    is_bool || (holds && case.error.is_some())
                }
                _ => false,
            };
            answers.then_some(Ours::Holds(!case.holds))
        },
    ),
    (
        "times are those of RFC 3339, of ESI Leap, and seconds since 1970",
        |case| {
            let is_less = match case.operator {
                "timediff_lt" | "td_lt" => true,
                "timediff_gt" | "td_gt" => false,
                _ => return None,
            };
            let form =
                r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?\Z";
            let form = Pattern::parse(form).expect("a pattern");
            let is_ours =
                |text: &str| form.matches(text) == Ok(true) && !text.starts_with("9999-12-31");
            if case.holds && case.value.as_str().is_some_and(|text| !is_ours(text)) {
                return Some(Ours::Holds(false));
            }
            let (seconds, than) = number(case.value).zip(number(case.pattern))?;
            let is_second = case.value.is_number() || seconds > 1e9;
            let age = NOW - seconds;
            let holds = if is_less { age < than } else { age > than };
            (is_second && holds && case.error.is_some()).then_some(Ours::Holds(true))
        },
    ),
    ("upper case İ is no i to the engine of patterns", |case| {
        let pattern = case.pattern.as_str()?;
        let has = case.operator == "iregex" && case.value.as_str()?.contains('İ');
        (has && case.holds && (pattern == "i" || pattern.contains("a-z")))
            .then_some(Ours::Holds(false))
    }),
];

/// A number, or a text that is one.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => Decimal::of_text(text).and_then(|_| text.parse().ok()),
        _ => None,
    }
}

/// Python's equality.
fn theirs(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| theirs(a, b))
        }
        _ => a == b || number(a).is_some_and(|a| number(b) == Some(a)),
    }
}

/// Ours: no boolean is a number, and text that is one is compared as one where a number is.
fn ours(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            let strict =
                |(a, b): (&Value, &Value)| theirs(a, b) && a.is_boolean() == b.is_boolean();
            a.len() == b.len() && a.iter().zip(b).all(strict)
        }
        (Value::String(_), Value::Number(_)) | (Value::Number(_), Value::String(_)) => {
            number(a).is_some_and(|a| number(b) == Some(a))
        }
        _ => theirs(a, b) && a.is_boolean() == b.is_boolean(),
    }
}

/// Whether a search has a condition and criteria that can be evaluated.
fn is_sound(case: &Case<'_>) -> bool {
    let known = |condition: &Value| {
        ["any", "all", "any2any", "all2any"]
            .iter()
            .any(|it| condition == it)
    };
    let criteria = case
        .pattern
        .as_object()
        .filter(|criteria| !criteria.is_empty());
    case.condition.is_some_and(known)
        && criteria.is_some_and(|criteria| {
            criteria.iter().all(|(key, criterion)| {
                let path = path_within(key);
                path.is_some_and(|path| PayloadPath::parse(&path).is_ok())
                    && is_criterion(criterion)
            })
        })
}

fn is_criterion(criterion: &Value) -> bool {
    let Some(parts) = criterion.as_object() else {
        return false;
    };
    let known = ["type", "pattern", "condition"];
    let kind = parts
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_lowercase();
    let pattern = parts.get("pattern").unwrap_or(&Value::Null);
    let is_template = pattern
        .as_str()
        .is_some_and(|it| it.contains("{{") || it.contains("{%") || it.contains("{#"));
    if kind == "search" {
        return is_sound(&Case {
            operator: "search",
            value: &Value::Null,
            pattern,
            condition: parts.get("condition"),
            holds: false,
            error: None,
        });
    }
    operator(&kind).is_some()
        && parts.keys().all(|name| known.contains(&name.as_str()))
        && (!pattern.is_null() || kind.ends_with("exists"))
        && !is_template
        && (!kind.contains("regex") || pattern != "(")
        && (!kind.contains("in") || kind.contains("contains") || pattern.is_array())
}

/// What is wrong with an answer, beside what was recorded and what the reasons say.
fn objection(recorded: bool, answer: Ours, reason: Option<(&str, Ours)>) -> Option<String> {
    match reason {
        None if answer == Ours::Holds(recorded) => None,
        None => Some(format!("{answer:?}, and no reason for it")),
        Some((reason, expected)) if expected != answer => {
            Some(format!("{answer:?}, not {expected:?}, although {reason}"))
        }
        Some((reason, expected)) if expected == Ours::Holds(recorded) => {
            Some(format!("no difference, although {reason}"))
        }
        Some(_) => None,
    }
}

fn reason(case: &Case<'_>) -> Option<(&'static str, Ours)> {
    let mut reasons = REASONS.into_iter();
    reasons.find_map(|(reason, answer)| Some((reason, answer(case)?)))
}

#[test]
fn every_operator_answers_as_stackstorm_does_or_differs_for_a_listed_reason() {
    let oracle: Value = serde_json::from_str(ORACLE).expect("JSON");
    let cases = oracle["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 2_200);
    let mut objections = Vec::new();
    let mut used = [0; REASONS.len()];
    for recorded in cases {
        let case = Case {
            operator: recorded["operator"].as_str().expect("a name"),
            value: &recorded["value"],
            pattern: &recorded["pattern"],
            condition: recorded["extra"].get("condition"),
            holds: recorded["result"] == true,
            error: recorded["result"]["error"].as_str(),
        };
        let filter = if case.operator == "search" {
            let mut search = json!({ "pattern": case.pattern });
            if let Some(condition) = case.condition {
                search["condition"] = condition.clone();
            }
            json!({ "search": search })
        } else {
            json!({ case.operator: case.pattern })
        };
        let reason = reason(&case);
        if let Some((reason, _)) = reason {
            let place = REASONS.iter().position(|(known, _)| *known == reason);
            used[place.expect("a reason")] += 1;
        }
        let objection = objection(case.holds, answer(&filter, case.value), reason);
        objections.extend(objection.map(|it| format!("{it}: {recorded}")));
    }
    assert!(objections.is_empty(), "{}", objections.join("\n"));
    assert!(used.iter().all(|times| *times > 0), "{used:?}");
}
