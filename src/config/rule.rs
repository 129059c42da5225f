//! A section of the file → a rule and the actions of its steps.

use crate::core::event::PayloadPath;
use crate::core::ini::merged::Section;
use crate::core::ini::problem::{Problem, Problems};
use crate::core::rules::{Chain, EventPattern, Filter, Rule};

use super::action::named;
use super::chain::{Reader, handled_is_success, unreachable};
use super::event_types;
use super::fields::payload_path;
use super::filter_params::{filter_any, filter_params};
use super::options::Options;
use super::throttle::{BATCH, throttle};
use super::when::when;

/// Reads a rule with its steps and their actions, its own first; `None` if a problem makes it no rule.
pub(super) fn rule<A>(
    reader: &Reader<'_, A>,
    section: &Section,
    problems: &mut Problems,
) -> Option<(Rule, Vec<A>)> {
    let options = &mut Options::new(reader.table, section, problems);
    let enabled = options.switch("enabled");
    let events = event_types(options, "events", unreachable(section, reader.sections));
    // Of what other services send nothing is known.
    let of_leases = enabled && !events.is_empty() && events.iter().all(EventPattern::is_esi_leap);
    let filters: Vec<Filter> = filter_params(options, of_leases);
    let alternatives = filter_any(options, of_leases);
    let order_by = one_path(
        options,
        "order_by",
        "choose the field by which runs are ordered",
        of_leases,
    );
    let when = when(options, of_leases, &events);
    let may_batch = named(reader.table, section).is_some_and(|action| action.has(BATCH.name));
    let throttle = throttle(options, of_leases, may_batch);
    let handled_is_success = handled_is_success(options);
    let mut parts = reader.parts(section, of_leases, problems).into_iter();
    let first = parts.next()?;
    let (action, mut asks) = first.action?;
    let mut actions = vec![action];
    let mut others = Vec::new();
    for part in parts {
        let (action, of_step) = part.action?;
        actions.push(action);
        asks.extend(of_step);
        others.push(part.step);
    }
    let rule = Rule {
        name: section.name.clone(),
        events,
        filters,
        alternatives,
        asks,
        order_by,
        chain: Chain::new(first.step, others, handled_is_success),
        when,
        throttle,
        enabled,
    };
    Some((rule, actions))
}

/// The types of events that the option `name` lists; `as_step` is the remedy if a section lacks `events` that may be meant
/// as a step.
pub(super) fn event_types(
    options: &mut Options<'_>,
    name: &'static str,
    as_step: Option<String>,
) -> Vec<EventPattern> {
    if name == "events" && options.lacks(name) {
        let hint = as_step.unwrap_or_else(|| {
            "name the types of event it is for, like `events = esi_leap.lease.fulfill.end`".into()
        });
        options.report_section("expected `events` in the rule, but found none", &hint);
    }
    let items = options.items_by(name, "a type of event", first_pattern_end);
    let Some(option) = options.get(name) else {
        return Vec::new();
    };
    let mut events = Vec::new();
    for (text, position) in items {
        let (mut position, unclosed) = (position, unclosed_class(text));
        let problem = match EventPattern::parse(text) {
            _ if is_list(text) => Problem::error(
                format!("expected types of events in `{name}`, but found `{text}`"),
                format!(
                    "write `{}`: there are no quotation marks here, and no brackets around a list",
                    without_list_marks(text)
                ),
            ),
            _ if text.contains(char::is_whitespace) => Problem::error(
                format!("expected a type of event in `{name}`, but found `{text}`"),
                "separate types with commas",
            ),
            Ok(pattern) => {
                let problem = event_types::problem(&pattern);
                events.push(pattern);
                let Some(problem) = problem else {
                    continue;
                };
                problem
            }
            Err(_) if unclosed.is_some() => {
                position = option.value.position_in(text, unclosed.unwrap_or_default());
                Problem::error(
                    format!(
                        "expected a type of event or a glob in `{name}`, but found `[` without its \
                         end in `{text}`"
                    ),
                    "close it, as in `esi_leap.lease.[df]*`, or remove it",
                )
            }
            Err(why) => Problem::error(
                format!(
                    "expected a type of event or a glob in `{name}`, but found `{text}`: {why}"
                ),
                "`*` stands for any text, like in `esi_leap.lease.*.error`",
            ),
        };
        options.report(problem, option, position);
    }
    events
}

/// Where the first pattern of a comma list ends, in bytes: a class like `[a,b]` is a part of it.
fn first_pattern_end(list: &str) -> usize {
    let mut at = 0;
    while let Some(next) = list[at..].find(['[', ',']).map(|next| at + next) {
        let class_end = list[next..].starts_with('[').then(|| class_end(list, next));
        match class_end {
            None => return next,
            Some(Some(end)) => at = end,
            // No class, then.
            Some(None) => at = next + 1,
        }
    }
    list.len()
}

/// Where the class of characters ends that begins with the `[` at this byte.
fn class_end(text: &str, begin: usize) -> Option<usize> {
    let inside = text[begin + 1..]
        .strip_prefix('!')
        .unwrap_or(&text[begin + 1..]);
    // Its first character may be a `]`.
    let first = inside.chars().next()?.len_utf8();
    let inside_at = text.len() - inside.len() + first;
    text[inside_at..].find(']').map(|end| inside_at + end + 1)
}

/// The first `[` of a glob without its `]`, in bytes.
fn unclosed_class(glob: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(begin) = glob[at..].find('[').map(|next| at + next) {
        let Some(end) = class_end(glob, begin) else {
            return Some(begin);
        };
        at = end;
    }
    None
}

/// Whether this is a JSON list, or a part of one, rather than a glob: no type has a quotation mark in
/// its name, and no class of characters needs whole names.
fn is_list(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    text.contains(['"', '\''])
        || inner.is_some_and(|inner| inner.contains(['.', ',']) && !inner.contains(']'))
}

fn without_list_marks(text: &str) -> String {
    let items = text.split(',').map(|item| {
        let marks = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '[' | ']');
        item.trim_matches(marks)
    });
    items
        .filter(|it| !it.is_empty())
        .collect::<Vec<_>>()
        .join(",")
}

/// The path that the option `name` says, which is one only.
pub(super) fn one_path(
    options: &mut Options<'_>,
    name: &'static str,
    remedy: &str,
    of_leases: bool,
) -> Option<PayloadPath> {
    let text = options.text(name)?;
    let option = options.get(name)?;
    if text.contains(',') && !text.starts_with('$') {
        let problem = Problem::error(
            format!("expected one path in `{name}`, but found `{text}`"),
            remedy,
        );
        options.report(problem, option, option.value.position());
        return None;
    }
    payload_path(options, option, name, text, of_leases)
}
