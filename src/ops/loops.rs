//! Rules that make events for each other: which of them may go round in circles, as far as the file tells.

use std::collections::HashMap;
use std::sync::Arc;

use crate::actions::Action;
use crate::config::{Problem, Problems, RuleAction};
use crate::core::event::DEEPEST;
use crate::core::ini::text::Position;
use crate::core::rules::{RuleSet, SEPARATOR};

/// An event that a step makes.
struct Made<'a> {
    /// The section of the step.
    step: &'a str,
    event_type: &'a str,
    position: Position,
}

/// Warns of events that are made for no rule, and of rules that make events for themselves, be it by others in
/// between. Whether their filters end that nobody can tell beforehand.
pub(super) fn made_events(rules: &RuleSet, actions: &[RuleAction<Arc<dyn Action>>]) -> Problems {
    let mut by_rule: HashMap<&str, Vec<Made<'_>>> = HashMap::new();
    for RuleAction { rule, action, .. } in actions.iter().filter(|one| one.enabled) {
        if let Some((event_type, position)) = action.makes() {
            let made = Made {
                step: rule,
                event_type,
                position,
            };
            by_rule.entry(rule_of(rule)).or_default().push(made);
        }
    }
    let mut problems = Problems::default();
    let mut told: Vec<&str> = Vec::new();
    for rule in rules.all() {
        for made in by_rule.get(&*rule.name).into_iter().flatten() {
            let placed = |problem: Problem| problem.at(made.position).within(made.step);
            if !rules.wants(made.event_type) {
                problems.push(placed(Problem::warning(
                    format!(
                        "no rule is for the events `{}` that this makes",
                        made.event_type
                    ),
                    format!(
                        "add a rule with `events = {}`, or correct `type`",
                        made.event_type
                    ),
                )));
            }
            let Some(circle) = circle(rules, &by_rule, &rule.name, made) else {
                continue;
            };
            if circle.iter().any(|name| told.contains(name)) {
                continue;
            }
            let names: Vec<String> = circle.iter().map(|name| format!("[{name}]")).collect();
            problems.push(placed(Problem::warning(
                format!(
                    "the event `{}` may come back to this rule: by {}",
                    made.event_type,
                    names.join(", then ")
                ),
                format!(
                    "see that filters end this; else it ends with a failure, after {DEEPEST} events made of \
                     each other"
                ),
            )));
            told.extend(circle);
        }
    }
    problems
}

/// The rule that a step is of.
fn rule_of(step: &str) -> &str {
    step.split(SEPARATOR).next().unwrap_or(step)
}

/// The rules by which an event comes back to the rule that made it, in order, that rule the last.
fn circle<'a>(
    rules: &'a RuleSet,
    by_rule: &HashMap<&str, Vec<Made<'a>>>,
    back_to: &str,
    made: &Made<'a>,
) -> Option<Vec<&'a str>> {
    // What is reached, and from where: the shortest way is found first.
    let mut reached: Vec<(&str, Option<usize>)> = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    let mut reach = |event_type: &str, from: Option<usize>, reached: &mut Vec<_>| {
        for rule in rules.concerned(event_type) {
            if by_rule.contains_key(&*rule.name) && !known.contains(&&*rule.name) {
                known.push(&rule.name);
                reached.push((&*rule.name, from));
            }
        }
    };
    reach(made.event_type, None, &mut reached);
    let mut next = 0;
    while let Some((name, _)) = reached.get(next).copied() {
        if name == back_to {
            let mut way = Vec::new();
            let mut at = Some(next);
            while let Some((name, from)) = at.and_then(|at| reached.get(at)) {
                way.push(*name);
                at = *from;
            }
            way.reverse();
            return Some(way);
        }
        for made in by_rule.get(name).into_iter().flatten() {
            reach(made.event_type, Some(next), &mut reached);
        }
        next += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::app::parts;

    /// What is told of rules that make events: each its name, what it is for, and what it makes.
    fn told(rules: &[(&str, &str, &str)]) -> Vec<String> {
        let rules = rules.iter().map(|(name, events, makes)| {
            let does = match *makes {
                "" => "script = true".to_owned(),
                made => format!("action = event\ntype = {made}"),
            };
            format!("[{name}]\nevents = {events}\n{does}\n")
        });
        let text: String = rules.collect();
        let reading = parts::read(&text, Path::new("f"));
        let config = reading
            .config
            .unwrap_or_else(|| panic!("{:?}", reading.problems));
        let problems = made_events(&config.rules, &reading.actions);
        problems
            .iter()
            .map(|problem| problem.message.clone())
            .collect()
    }

    #[test]
    fn events_that_come_back_are_told_once_a_circle_with_the_way() {
        let none: [&str; 0] = [];
        assert_eq!(
            told(&[("a", "x", "y"), ("b", "y", "z"), ("c", "z", "")]),
            none
        );
        assert_eq!(
            told(&[("a", "x", "x")]),
            ["the event `x` may come back to this rule: by [a]"]
        );
        assert_eq!(
            told(&[
                ("a", "x", "y"),
                ("b", "y", "z"),
                ("c", "z", ""),
                ("d", "z", "x")
            ]),
            ["the event `y` may come back to this rule: by [b], then [d], then [a]"]
        );
        assert_eq!(
            told(&[("a", "*", "y"), ("b", "q", "q")]),
            [
                "the event `y` may come back to this rule: by [a]",
                "the event `q` may come back to this rule: by [b]"
            ]
        );
        // What is made of the end of a run has no end to tell of.
        assert_eq!(told(&[("a", "run.*", "y"), ("b", "y", "")]), none);
    }

    #[test]
    fn events_for_no_rule_are_told() {
        assert_eq!(
            told(&[("a", "x", "y")]),
            ["no rule is for the events `y` that this makes"]
        );
    }
}
