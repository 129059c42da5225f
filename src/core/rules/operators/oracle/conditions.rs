//! What ansible-rulebook's conditions really select (`tests/data/eda/conditions.json`, recorded), beside what our
//! filters make of the same: equal, or listed here with the reason why ours differ, event by event; or there is
//! no such filter, for a reason of this list.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::core::event::Event;
use crate::core::rules::tests::rule;
use crate::core::rules::{Filter, Given, Reader, Rule, Verdict};

const FILE: &str = include_str!("../../../../../tests/data/eda/conditions.json");

/// What stands after `filter_params =` for a condition, and after `filter_any =`; a case of two rules has two rows.
const OURS: &[(u32, &str, &str)] = &[
    (1, r#"{"i": 1}"#, ""),
    (2, r#"{"s": {"eq": "a"}}"#, ""),
    (3, r#"{"s": {"eq": "a"}}"#, ""),
    (4, r#"{"i": {"eq": "1"}}"#, ""),
    (5, r#"{"f": 1.5}"#, ""),
    (6, r#"{"b": true}"#, ""),
    (7, r#"{"b": true}"#, ""),
    (8, r#"{"x": null}"#, ""),
    (9, r#"{"x": {"exists": true}}"#, ""),
    (10, r#"{"s": {"neq": "a"}}"#, ""),
    (11, r#"{"s": {"neq": "a"}}"#, ""),
    (12, r#"{"i": {"gt": 5}}"#, ""),
    (13, r#"{"i": {"gte": 5, "lte": 7}}"#, ""),
    (14, r#"{"i": [-5, 1.5e3]}"#, ""),
    (15, r#"{"s": {"lt": "b"}}"#, ""),
    (20, r#"{"outage": true}"#, ""),
    (21, r#"{"outage": false}"#, ""),
    (22, "{}", ""),
    (23, "{}", ""),
    (24, OFF, ""),
    (25, r#"{"a.b.c": 1}"#, ""),
    (26, r#"{"$.a['x.y/z']": 1}"#, ""),
    (27, r#"{"x-y": 1}"#, ""),
    (28, r#"{"x-y": 1}"#, ""),
    (29, r#"{"l.0": 1}"#, ""),
    (30, r#"{"$.l[-1]": 2}"#, ""),
    (31, r#"{"l.0.a": 1}"#, ""),
    (32, r#"{"s": {"in": ["a", "b"]}}"#, ""),
    (33, r#"{"i": [1, 2.5]}"#, ""),
    (34, r#"{"s": {"nin": ["a", "b"]}}"#, ""),
    (37, r#"{"l": {"any": {"eq": "a"}}}"#, ""),
    (38, r#"{"l": {"any": 1}}"#, ""),
    (39, r#"{"l": {"none": {"eq": "a"}}}"#, ""),
    (40, r#"{"a.b": {"exists": true}}"#, ""),
    (41, r#"{"a": {"exists": false}}"#, ""),
    (42, r#"{"s": "ab+"}"#, ""),
    (43, r#"{"s": "ab$"}"#, ""),
    (44, r#"{"s": {"regex": "ab"}}"#, ""),
    (45, r#"{"s": {"regex": "a.c"}}"#, ""),
    (46, r#"{"s": "(?i)ab"}"#, ""),
    (47, r#"{"s": {"iregex": "straße"}}"#, ""),
    (48, r#"{"s": {"regex": "(?m)^b"}}"#, ""),
    (49, r#"{"s": {"nregex": "ab"}}"#, ""),
    (51, r#"{"s": {"regex": "a\\.c"}}"#, ""),
    (52, r#"{"s": "\\d+\\w"}"#, ""),
    (53, r#"{"s": "(?P<x>a)"}"#, ""),
    (54, r#"{"s": "("}"#, ""),
    (55, r#"{"s": "(a+)+$"}"#, ""),
    (56, r#"{"l": {"any": {"gte": 10}}}"#, ""),
    (57, r#"{"l": {"any": {"regex": "ab"}}}"#, ""),
    (58, r#"{"l": {"any": {"lt": 10}}}"#, ""),
    (59, r#"{"l": {"any": {"in": [1]}}}"#, ""),
    (60, r#"{"l": {"any": {"age": {"gte": 20}}}}"#, ""),
    (61, r#"{"l": {"any": {"a.b": 1}}}"#, ""),
    (62, r#"{"l": {"any": {"n": {"regex": "ab"}}}}"#, ""),
    (63, r#"{"l": {"any": {"n": {"in": ["a", "b"]}}}}"#, ""),
    (64, r#"{"l": {"any": {"age": {"lt": 20}}}}"#, ""),
    (65, r#"{"l": {"any": {"age": {"lt": 20}}}}"#, ""),
    (66, r#"{"l": {"any": {"regex": "ab"}}}"#, ""),
    (67, r#"{"l": {"none": {"gte": 10}}}"#, ""),
    (68, r#"{"c": 1}"#, r#"[{"a": 1}, {"b": 1}]"#),
    (69, "{}", r#"[{"a": 1}, {"b": 1, "c": 1}]"#),
    (70, "{}", r#"[{"a": 1}, {"b": 1}]"#),
    (72, r#"{"a": {"neq": 1}}"#, ""),
    (74, r#"{"a": 1}"#, ""),
    (75, r#"{"a": {"eq": "yes"}}"#, ""),
    (76, r#"{"a": {"eq": "it's"}}"#, ""),
    (77, r#"{"a": {"eq": "say \"x\""}}"#, ""),
    (78, r#"{"a": {"eq": {"store": "name"}}}"#, ""),
    (79, r#"{"a": {"eq": {"store": "p.age"}}}"#, ""),
    (80, r#"{"a": {"in": {"store": "levels"}}}"#, ""),
    (81, r#"{"a": {"eq": {"store": "nothing"}}}"#, ""),
    (84, r#"{"i": 1}"#, ""),
    (85, r#"{"i": 9007199254740993}"#, ""),
    (86, r#"{"i": {"gt": 5}}"#, ""),
    (87, r#"{"i": 1}"#, ""),
    (88, r#"{"t": {"gt": "2026-01-01"}}"#, ""),
    (89, r#"{"i": {"gt": 0}}"#, ""),
    (89, r#"{"i": {"gt": 2}}"#, ""),
    (90, r#"{"i": {"gt": 0}}"#, ""),
    (90, r#"{"i": {"gt": 2}}"#, ""),
    (91, OFF, ""),
    (91, r#"{"i": {"gt": 0}}"#, ""),
    (106, "{}", r#"[{"i": 1}, {"j": 1}]"#),
    (107, "{}", r#"[{"i": 1}, {"j": 1}]"#),
    (108, "{}", r#"[{"i": 1}, {"j": 1}]"#),
    (109, r#"{"i": 1}"#, ""),
    (111, "{}", ""),
];

/// For a rule that never matches: `enabled = no`.
const OFF: &str = "off";

/// Conditions for which there is no filter.
const WITHOUT: &[(&str, &[u32])] = &[
    (
        "filters compare with what is written down, or with values of the store, not with other fields",
        &[16, 18, 19, 35, 50],
    ),
    ("filters do not calculate", &[17]),
    ("`in` is for lists, and refused by check for a text", &[36]),
    (
        "filters are JSON: what their language refuses, nobody can write",
        &[71, 73, 82, 83, 110],
    ),
    (
        "a rule of ours is about one event: what is to be known later is kept in the store",
        &[
            92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 112, 113, 114, 115, 116,
        ],
    ),
];

const NUMBERS: &str = "a text that is a number is one: OpenStack keeps numbers as text";
const NEGATIVE: &str =
    "a negative operator is the opposite of its positive one, also where nothing is";
const NULL: &str = "null and missing are the same to a filter: nothing is there";
const DOTS: &str = "a key may itself contain the dots of a path";
const HYPHEN: &str = "a hyphen is a part of a name";
const PREFIX: &str = "paths have no prefix";
const EXACT: &str = "no digit of a number is lost";
const ALONE: &str = "a value that is no list has no elements";
const EACH: &str = "rules do not compete: each that matches makes a run";

/// The events of which ours differs, counted from 0.
const DIFFERENT: &[(u32, usize, &str)] = &[
    (4, 0, NUMBERS),
    (8, 2, NULL),
    (10, 2, NEGATIVE),
    (10, 4, NEGATIVE),
    (11, 2, NEGATIVE),
    (12, 2, NUMBERS),
    (25, 2, DOTS),
    (28, 0, HYPHEN),
    (34, 2, NEGATIVE),
    (39, 2, NEGATIVE),
    (40, 1, NULL),
    (41, 2, NULL),
    (49, 2, NEGATIVE),
    (56, 3, ALONE),
    (56, 4, NUMBERS),
    (67, 2, NEGATIVE),
    (74, 0, PREFIX),
    (79, 1, NUMBERS),
    (85, 1, EXACT),
    (89, 1, EACH),
];

/// What theirs refuses when the rules are read, and ours takes.
const TAKEN: &[(u32, &str)] = &[
    (53, "patterns are Python's"),
    (59, "every operator may be asked of the elements of a list"),
    (77, "texts are JSON's, with its escapes"),
    (
        81,
        "the store may get the value at any time; until then the filter does not hold",
    ),
];

/// The rule of a row; nothing if it is refused.
fn ours(params: &str, any: &str) -> Option<Rule> {
    let mut reader = Reader::default();
    let mut filters = |object: &Value| -> Vec<Filter> {
        let entries = object.as_object().expect("an object").iter();
        let filters = entries.filter_map(|(path, wanted)| reader.filter_of(path, wanted));
        filters.collect()
    };
    let mut rule = rule("r", &["t"], &Value::Object(serde_json::Map::new()));
    rule.enabled = params != OFF;
    if rule.enabled {
        rule.filters = filters(&serde_json::from_str(params).expect("JSON"));
    }
    if !any.is_empty() {
        let any: Vec<Value> = serde_json::from_str(any).expect("JSON");
        rule.alternatives = any.iter().map(&mut filters).collect();
    }
    let mistakes = reader.into_mistakes();
    mistakes.is_empty().then_some(rule)
}

/// The variables of a case as values of the store, by their paths.
fn stored(prefix: &str, vars: &Value, values: &mut BTreeMap<String, Value>) {
    for (name, value) in vars.as_object().into_iter().flatten() {
        stored(&format!("{prefix}{name}."), value, values);
        values.insert(format!("{prefix}{name}"), value.clone());
    }
}

/// Which rules an event fires: by their places. An error of a filter fires nothing, and is no answer that could
/// equal theirs.
fn fired(rules: &[Rule], event: &Value, given: &Given<'_>) -> Result<Vec<String>, String> {
    let event = Event::new("1".into(), "t".into(), "now".into(), None, event.clone());
    let mut fired = Vec::new();
    for (place, rule) in (1..).zip(rules) {
        match rule.verdict(&event, given) {
            Verdict::Run { .. } => fired.push(format!("r{place}")),
            Verdict::Disabled | Verdict::Refused(_) => {}
            Verdict::FilterError(why) => return Err(why),
            Verdict::OtherType => panic!("all are for this type"),
        }
    }
    Ok(fired)
}

fn compare(number: u32, case: &Value, rules: &[Rule]) -> Vec<String> {
    let mut values = BTreeMap::new();
    stored("", &case["vars"], &mut values);
    let given = Given {
        stored: &values,
        ..Given::at(jiff::Timestamp::UNIX_EPOCH)
    };
    let mut objections = Vec::new();
    let events = case["events"].as_array().into_iter().flatten();
    for (place, recorded) in events.enumerate() {
        let theirs = recorded["fired"].as_array().expect("a list").iter();
        let theirs = theirs.map(|fired| fired["rule"].as_str().expect("a name").to_owned());
        let theirs = Ok(theirs.collect());
        let found = fired(rules, &recorded["event"], &given);
        let mut listed = DIFFERENT.iter();
        let listed = listed.find(|(of, event, _)| (*of, *event) == (number, place));
        match listed {
            None if found == theirs => {}
            Some(_) if found != theirs => {}
            _ => objections.push(format!(
                "{number}, {}: {found:?}, theirs {theirs:?}, listed {listed:?}",
                recorded["event"]
            )),
        }
    }
    objections
}

#[test]
fn every_condition_selects_the_same_or_differs_for_a_listed_reason() {
    let file: Value = serde_json::from_str(FILE).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 116);
    let mut objections = Vec::new();
    for (number, case) in (1_u32..).zip(cases) {
        assert_eq!(case["id"], format!("condition-{number:03}"));
        let rows = OURS.iter().filter(|(of, ..)| *of == number);
        let rules: Vec<Option<Rule>> = rows.map(|(_, params, any)| ours(params, any)).collect();
        let without = WITHOUT
            .iter()
            .filter(|(_, numbers)| numbers.contains(&number));
        // There is a filter or a reason why there is none, and not both.
        assert_eq!(without.count(), usize::from(rules.is_empty()), "{number}");
        let is_taken = TAKEN.iter().any(|(of, _)| *of == number);
        let refused = case.get("refused").is_some();
        match rules.into_iter().collect::<Option<Vec<Rule>>>() {
            Some(rules) if rules.is_empty() => {}
            Some(rules) => {
                assert_eq!(is_taken, refused, "{number}");
                objections.extend(compare(number, case, &rules));
            }
            None => assert!(refused && !is_taken, "{number} is refused by ours alone"),
        }
    }
    assert!(objections.is_empty(), "{}", objections.join("\n"));
    let listed = DIFFERENT.iter().map(|(of, ..)| of);
    let listed = listed.chain(TAKEN.iter().map(|(of, _)| of));
    for number in listed {
        assert!(
            OURS.iter().any(|(of, ..)| of == number),
            "{number} has no filter"
        );
    }
    let is_recorded = |(number, place, _): &&(u32, usize, &str)| {
        !cases[*number as usize - 1]["events"][place].is_null()
    };
    assert_eq!(
        DIFFERENT.iter().filter(is_recorded).count(),
        DIFFERENT.len()
    );
}
