//! INI text becomes settings and rules, in three steps with a type each:
//!
//! ```text
//! text ──dialect, raw──▶ options as written ──merged──▶ options as meant ──▶ settings and rules
//! ```
//!
//! [`merged::read`] takes the first two; [`read`], with the option readers beside it, takes the
//! third. Every step makes as much as it can out of its input and collects all [`Problems`], so
//! that the operator sees them in one report. Pure: nothing here opens a file.

mod amqp;
mod command;
mod dialect;
mod event_types;
mod fields;
mod filter_params;
mod history;
mod interpolation;
pub mod merged;
mod options;
pub mod problem;
mod raw;
mod rule;
mod secret_place;
mod settings;
pub mod text;
mod transport_url;

use std::path::Path;
use std::time::Duration;

pub use command::{is_secret_variable, secrets_among, shown_command};
pub use problem::{Problem, Problems};
pub use settings::{
    Amqp, Config, DeclareQueues, Endpoint, History, HistoryClient, LoginMethod, Password, Reading,
    ScriptPlace, SecretPlace, Tls,
};

use crate::journal::Retention;
use crate::rules::RuleSet;
use merged::{DEFAULT, Merged, Section};
pub use options::duration;
use options::{Options, report_unknown};
use problem::nearest;

/// Reads the text of the configuration file at `path`, but nothing of how to reach a feed: for
/// commands that have to do with none. Never fails: whatever is wrong is among the problems, all of
/// it at once.
#[must_use]
pub fn read(text: &str, path: &Path) -> Reading {
    read_with(text, path, |_, _| Some(()))
}

/// The same for `listen`, with what it takes to reach the bus.
#[must_use]
pub fn read_for_bus(text: &str, path: &Path) -> Reading<Amqp> {
    read_with(text, path, amqp::amqp)
}

/// The same for `poll`, with what it takes to read the event history. Of the bus nothing is
/// expected, since tenants cannot reach it.
#[must_use]
pub fn read_for_history(text: &str, path: &Path) -> Reading<History> {
    read_with(text, path, |options, _| Some(history::history(options)))
}

fn read_with<F>(
    text: &str,
    path: &Path,
    feed: fn(&mut Options<'_>, &Path) -> Option<F>,
) -> Reading<F> {
    let (merged, mut problems) = merged::read(text);
    if let Some((corrected, misnamed)) = misnamed_default(text, &merged) {
        let mut reading = read_with(&corrected, path, feed);
        reading.problems.append(misnamed);
        reading.config = None;
        return reading;
    }
    report_unknown(&merged, &mut problems);
    let folder = path.parent().unwrap_or(Path::new(""));

    let mut rules = Vec::new();
    let mut scripts = Vec::new();
    for section in &merged.sections {
        if let Some((rule, script)) = rule::rule(section, &mut problems) {
            rules.push(rule);
            scripts.push(script);
        }
    }
    if merged.sections.is_empty() && !problems.has_errors() {
        problems.push(Problem::error(
            "expected at least one rule, but found no section besides [DEFAULT]",
            "add a section with `events` and `script`",
        ));
    }

    let options = &mut Options::new(&merged.defaults, &mut problems);
    let feed = feed(options, folder);
    let keep_for = options
        .duration("keep_for")
        .unwrap_or(Duration::from_secs(30 * 86_400));
    let keep_events = options
        .number("keep_events", 0, 1_000_000_000)
        .unwrap_or(100_000);
    let max_parallel = options.number("max_parallel", 1, 1_000).unwrap_or(8);
    let stop_timeout = options
        .duration("stop_timeout")
        .unwrap_or(Duration::from_secs(30));
    let state_dir = options.path("state_dir", folder);
    let config = feed.filter(|_| !problems.has_errors()).map(|feed| Config {
        path: path.to_owned(),
        feed,
        state_dir,
        max_parallel: usize::try_from(max_parallel).unwrap_or(usize::MAX),
        stop_timeout,
        retention: Retention {
            age: keep_for,
            number: keep_events,
        },
        rules: RuleSet::new(rules),
    });
    Reading {
        config,
        scripts,
        secret: secret_place::secret_place(&merged.defaults),
        problems,
    }
}

/// The text with `[DEFAULT]` instead of each section that was probably meant to be it, so that what
/// they say is not reported as missing; and those problems themselves. None, if there are none.
fn misnamed_default(text: &str, merged: &Merged) -> Option<(String, Problems)> {
    let is_misnamed = |section: &&Section| {
        let own = |name| {
            let option = section.options.get(name);
            option.is_some_and(|option| !option.inherited)
        };
        let name = section.name.trim().to_uppercase();
        nearest(&name, [DEFAULT]).is_some() && !own("events") && !own("script")
    };
    let lines: Vec<&str> = dialect::lines(text).collect();
    let mut corrected = String::new();
    let mut done = 0;
    let mut problems = Problems::default();
    for section in merged.sections.iter().filter(is_misnamed) {
        let number = usize::try_from(section.position.line).unwrap_or(usize::MAX);
        let line = lines.get(number.saturating_sub(1))?;
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        corrected.extend([&text[done..start], "[DEFAULT]"]);
        done = start + line.len();
        let problem = Problem::error(
            format!(
                "expected `[{DEFAULT}]`, but found `[{}]`, which is a rule",
                section.name
            ),
            format!("write `[{DEFAULT}]`, just so"),
        );
        problems.push(problem.at(section.position));
    }
    corrected.push_str(&text[done..]);
    (!problems.is_empty()).then_some((corrected, problems))
}

#[cfg(test)]
mod tests;
