//! Whole criteria: the keys, and what there is besides operators.

use serde_json::{Value, json};

use super::super::search::path_within;
use super::{Case, ORACLE, Ours, answer, is_criterion, objection, reason};
use crate::core::event::PayloadPath;

/// Why whole criteria are answered differently, apart from what the operator does.
fn reason_of_criteria(recorded: &Value) -> Option<(&'static str, Ours)> {
    let payload = &recorded["payload"];
    let criteria = recorded["criteria"].as_object().expect("criteria");
    let key = criteria.keys().next().map_or("", String::as_str);
    let st2 = recorded["result"] == true;
    if criteria.is_empty() {
        return Some(("criteria without any are left out", Ours::Refused));
    }
    if payload.is_null() && criteria.values().all(is_criterion) {
        return None;
    }
    let path = path_within(&within(key)).and_then(|path| PayloadPath::parse(&path).ok());
    let (Some(_), Some(criterion)) = (
        path,
        criteria
            .values()
            .find(|it| !is_criterion(it))
            .or(criteria.values().next()),
    ) else {
        return Some((
            "a key that cannot be looked up is found by check",
            Ours::Refused,
        ));
    };
    if !is_criterion(criterion) {
        return Some((
            "a criterion that cannot be evaluated is found by check",
            Ours::Refused,
        ));
    }
    let gathers = key.contains("[*]");
    if gathers && st2 && key.ends_with("[*]") {
        return Some(("`[*]` is for lists", Ours::Holds(false)));
    }
    if gathers && !st2 {
        return Some(("any of the hits will do", Ours::Holds(true)));
    }
    let is_found = ["trigger.0", "trigger.where", "trigger['*']"].contains(&key);
    if is_found {
        return Some(("every name can be looked up", Ours::Holds(true)));
    }
    if criteria.len() > 1 {
        return None;
    }
    let kind = criterion["type"].as_str()?.to_lowercase();
    if *payload == json!({}) && kind.starts_with('n') && !st2 {
        return Some((
            "an empty payload is one without this field",
            Ours::Holds(true),
        ));
    }
    if kind.ends_with("exists") {
        return None;
    }
    let pointer = key.strip_prefix("trigger")?.replace('.', "/");
    reason(&Case {
        operator: &kind,
        value: payload.pointer(&pointer).unwrap_or(&Value::Null),
        pattern: &criterion["pattern"],
        condition: criterion.get("condition"),
        holds: st2,
        error: recorded["failure"]["error"].as_str(),
    })
}

/// The key within an element that means the same as one within the payload.
fn within(key: &str) -> String {
    key.strip_prefix("trigger")
        .map_or_else(|| format!("no {key}"), |rest| format!("item{rest}"))
}

/// A payload is a list of one, whose element fulfils all criteria.
#[test]
fn whole_criteria_answer_as_stackstorm_does_or_differ_for_a_listed_reason() {
    let oracle: Value = serde_json::from_str(ORACLE).expect("JSON");
    let all = oracle["criteria"].as_array().expect("criteria");
    assert_eq!(all.len(), 179);
    let mut objections = Vec::new();
    for recorded in all {
        let criteria = recorded["criteria"].as_object().expect("criteria");
        let pattern: serde_json::Map<String, Value> = criteria
            .iter()
            .map(|(key, criterion)| (within(key), criterion.clone()))
            .collect();
        let filter = json!({"search": {"condition": "all", "pattern": pattern}});
        let answer = answer(&filter, &recorded["payload"]);
        let objection = objection(
            recorded["result"] == true,
            answer,
            reason_of_criteria(recorded),
        );
        objections.extend(objection.map(|it| format!("{it}: {recorded}")));
    }
    assert!(objections.is_empty(), "{}", objections.join("\n"));
}
