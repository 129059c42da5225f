//! A section of the file → a rule.

use std::time::Duration;

use crate::event::PayloadPath;
use crate::retry::RetryPolicy;
use crate::rules::{EventPattern, Filter, Rule, Script};

use super::command::command;
use super::filter_params::filter_params;
use super::merged::{MergedOption, Section};
use super::options::{Options, duration};
use super::problem::{Problem, Problems, nearest_within};
use super::settings::ScriptPlace;
use super::text::Position;

const KILL_GRACE: Duration = Duration::from_secs(10);
const RETRY_DELAY: Duration = Duration::from_secs(10);

const TIMEOUT_HINT: &str = "write it like `500ms`, `30s`, `10m` or `2h`; a bare number means \
                            seconds; without a limit leave `timeout` out";

/// What ESI Leap sends.
const EVENT_TYPES: [&str; 6] = [
    "esi_leap.lease.delete.end",
    "esi_leap.lease.delete.error",
    "esi_leap.lease.delete.start",
    "esi_leap.lease.fulfill.end",
    "esi_leap.lease.fulfill.error",
    "esi_leap.lease.fulfill.start",
];

/// Reads a rule and where its script is named; `None` if a problem makes it no rule.
pub(super) fn rule(section: &Section, problems: &mut Problems) -> Option<(Rule, ScriptPlace)> {
    let options = &mut Options::new(section, problems);
    let events = events(options);
    let script = script(options);
    let params = params(options);
    let filters: Vec<Filter> = filter_params(options);
    let order_by = order_by(options);
    let retries = options.number("retries", 0, 1_000_000).unwrap_or(0);
    let timeout = timeout(options);
    let retry = RetryPolicy {
        retries: u32::try_from(retries).unwrap_or(u32::MAX),
        first_delay: options.duration("retry_delay").unwrap_or(RETRY_DELAY),
    };
    let kill_grace = options.duration("kill_grace").unwrap_or(KILL_GRACE);
    let enabled = options.switch("enabled").unwrap_or(true);
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
    let items = options.items("events", "a type of event");
    let Some(option) = options.get("events") else {
        return Vec::new();
    };
    let mut events = Vec::new();
    for (text, position) in items {
        if text.contains(char::is_whitespace) {
            let problem = Problem::error(
                format!("expected a type of event in `events`, but found `{text}`"),
                "separate types with commas",
            );
            options.report(problem, option, position);
            continue;
        }
        match EventPattern::parse(text) {
            Ok(pattern) => {
                if let Some(meant) = misspelt(text) {
                    let problem = Problem::warning(
                        format!("ESI Leap sends no events of type `{text}`"),
                        format!("did you mean `{meant}`?"),
                    );
                    options.report(problem, option, position);
                }
                events.push(pattern);
            }
            Err(why) => {
                let problem = Problem::error(
                    format!(
                        "expected a type of event or a glob in `events`, but found `{text}`: {why}"
                    ),
                    "`*` stands for any text, like in `esi_leap.lease.*.error`",
                );
                options.report(problem, option, position);
            }
        }
    }
    events
}

/// The type of ESI Leap's events that was probably meant. Other services have their own, which may
/// look alike, but not so much.
fn misspelt(text: &str) -> Option<&'static str> {
    nearest_within(2, text, EVENT_TYPES).filter(|known| *known != text)
}

fn params(options: &mut Options<'_>) -> Vec<PayloadPath> {
    let items = options.items("script_params", "a field's path");
    let Some(option) = options.get("script_params") else {
        return Vec::new();
    };
    let mut params = Vec::new();
    for (text, position) in items {
        if text.contains(char::is_whitespace) && !text.starts_with('$') {
            let problem = Problem::warning(
                format!("`{text}` in `script_params` is one field with a blank in its name"),
                "separate fields with commas",
            );
            options.report(problem, option, position);
        }
        params.extend(path(options, option, text, position));
    }
    params
}

fn order_by(options: &mut Options<'_>) -> Option<PayloadPath> {
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
    path(options, option, text, option.value.position())
}

fn path(
    options: &mut Options<'_>,
    option: &MergedOption,
    text: &str,
    position: Position,
) -> Option<PayloadPath> {
    PayloadPath::parse(text)
        .map_err(|invalid| {
            let problem = Problem::error(invalid.message, invalid.hint);
            options.report(problem, option, position);
        })
        .ok()
}

fn timeout(options: &mut Options<'_>) -> Option<Duration> {
    let expected = "a length of time above 0";
    options.parse("timeout", expected, TIMEOUT_HINT, |text| {
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
