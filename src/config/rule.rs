//! A section of the file → a rule.

use std::time::Duration;

use crate::core::event::{PayloadPath, first_path_end};
use crate::core::retry::RetryPolicy;
use crate::core::rules::{EventPattern, Filter, Rule, Script};

use super::command::command;
use super::event_types::remedy;
use super::fields::warn_of_unknown;
use super::filter_params::filter_params;
use super::options::{Options, duration};
use super::settings::ScriptPlace;
use super::table::Table;
use crate::core::ini::merged::{MergedOption, Section};
use crate::core::ini::problem::{Problem, Problems};
use crate::core::ini::text::Position;

const TIMEOUT_HINT: &str = "write it like `500ms`, `30s`, `10m` or `2h`; a bare number means \
                            seconds; without a limit leave `timeout` out";

/// Reads a rule and where its script is named; `None` if a problem makes it no rule.
pub(super) fn rule(
    table: Table,
    section: &Section,
    problems: &mut Problems,
) -> Option<(Rule, ScriptPlace)> {
    let options = &mut Options::new(table, section, problems);
    let enabled = options.switch("enabled");
    let events = events(options);
    // Of what other services send nothing is known.
    let of_leases = enabled && !events.is_empty() && events.iter().all(EventPattern::is_esi_leap);
    let script = script(options);
    let params = params(options, of_leases);
    let filters: Vec<Filter> = filter_params(options, of_leases);
    let order_by = order_by(options, of_leases);
    let timeout = timeout(options);
    let retry = RetryPolicy {
        retries: options.number("retries"),
        first_delay: options.duration("retry_delay"),
    };
    let kill_grace = options.duration("kill_grace");
    let (words, position) = script?;
    let place = ScriptPlace {
        rule: section.name.clone(),
        program: words[0].clone(),
        position,
        enabled,
    };
    let script = Script { words, params };
    let name = section.name.clone();
    let rule = Rule {
        name,
        events,
        filters,
        script,
        order_by,
        timeout,
        kill_grace,
        retry,
        enabled,
    };
    Some((rule, place))
}

fn events(options: &mut Options<'_>) -> Vec<EventPattern> {
    if options.lacks("events") {
        options.report_section(
            "expected `events` in the rule, but found none",
            "name the types of event it is for, like `events = esi_leap.lease.fulfill.end`",
        );
    }
    let items = options.items_by("events", "a type of event", first_pattern_end);
    let Some(option) = options.get("events") else {
        return Vec::new();
    };
    let mut events = Vec::new();
    for (text, position) in items {
        let (mut position, unclosed) = (position, unclosed_class(text));
        let problem = match EventPattern::parse(text) {
            _ if is_list(text) => Problem::error(
                format!("expected types of events in `events`, but found `{text}`"),
                format!(
                    "write `{}`: there are no quotation marks here, and no brackets around a list",
                    without_list_marks(text)
                ),
            ),
            _ if text.contains(char::is_whitespace) => Problem::error(
                format!("expected a type of event in `events`, but found `{text}`"),
                "separate types with commas",
            ),
            Ok(pattern) => {
                let remedy = remedy(&pattern);
                events.push(pattern);
                let Some(remedy) = remedy else {
                    continue;
                };
                let message = format!("ESI Leap sends no events of type `{text}`");
                Problem::warning(message, remedy)
            }
            Err(_) if unclosed.is_some() => {
                position = option.value.position_in(text, unclosed.unwrap_or_default());
                Problem::error(
                    format!(
                        "expected a type of event or a glob in `events`, but found `[` without its \
                         end in `{text}`"
                    ),
                    "close it, as in `esi_leap.lease.[df]*`, or remove it",
                )
            }
            Err(why) => Problem::error(
                format!(
                    "expected a type of event or a glob in `events`, but found `{text}`: {why}"
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

fn params(options: &mut Options<'_>, of_leases: bool) -> Vec<PayloadPath> {
    let items = options.items_by("script_params", "a field's path", first_path_end);
    let Some(option) = options.get("script_params") else {
        return Vec::new();
    };
    let mut params = Vec::new();
    for (text, position) in items {
        let blank = text.contains(char::is_whitespace) && !text.starts_with('$');
        if blank {
            let problem = Problem::warning(
                format!("`{text}` in `script_params` is one field with a blank in its name"),
                "separate fields with commas",
            );
            options.report(problem, option, position);
        }
        params.extend(path(
            options,
            option,
            "script_params",
            text,
            of_leases && !blank,
        ));
    }
    params
}

fn order_by(options: &mut Options<'_>, of_leases: bool) -> Option<PayloadPath> {
    let text = options.text("order_by")?;
    let option = options.get("order_by")?;
    if text.contains(',') && !text.starts_with('$') {
        let problem = Problem::error(
            format!("expected one path in `order_by`, but found `{text}`"),
            "choose the field by which runs are ordered",
        );
        options.report(problem, option, option.value.position());
        return None;
    }
    path(options, option, "order_by", text, of_leases)
}

/// The path that `text`, a part of the option's value, is.
fn path(
    options: &mut Options<'_>,
    option: &MergedOption,
    name: &str,
    text: &str,
    of_leases: bool,
) -> Option<PayloadPath> {
    match PayloadPath::parse(text) {
        Ok(path) => {
            if of_leases {
                let position = option.value.position_in(text, 0);
                warn_of_unknown(options, option, name, &path, position);
            }
            Some(path)
        }
        Err(invalid) => {
            let position = option.value.position_in(text, invalid.offset);
            let problem = Problem::error(invalid.message, invalid.hint);
            options.report(problem, option, position);
            None
        }
    }
}

fn timeout(options: &mut Options<'_>) -> Option<Duration> {
    options.parse("timeout", TIMEOUT_HINT, |text| {
        duration(text).filter(|time| !time.is_zero())
    })
}

/// The script's words, of which there is at least one, and where they stand.
fn script(options: &mut Options<'_>) -> Option<(Vec<String>, Position)> {
    if options.lacks("script") {
        options.report_section(
            "expected `script` in the rule, but found none",
            "name the program to run, like `script = fulfill.sh`",
        );
    }
    command(options, "script", "fulfill.sh")
}
