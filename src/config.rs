//! Options become settings and rules: the step after [`ini`](crate::core::ini).
//!
//! How options are declared and read is here, for every part to declare and read its own; those of
//! rules and of the service itself are read here too. Every reader makes as much as it can out of its
//! input and collects all [`Problems`], so that the operator sees them in one report. Pure: nothing here
//! opens a file.

mod action;
mod chain;
mod command;
mod event_types;
mod fields;
mod filter_params;
mod json;
mod options;
mod reply;
mod rule;
mod schedule;
mod secret_place;
mod secrets;
mod settings;
mod source;
pub mod table;
mod template;
pub mod throttle;
mod when;
mod zone;

use std::path::Path;

pub use crate::core::ini::problem::{Problem, Problems};
pub use action::{ReadAction, RuleAction, RuleContext};
pub use command::command;
pub use fields::payload_path;
pub use json::JsonEntry;
pub use reply::Reply;
pub use schedule::{cron, every};
pub use secrets::{is_secret_variable, secrets_among, shown_command};
pub use settings::{Config, Fingerprints, Password, Purpose, Reading, SecretPlace};
pub use source::{Feeds, NamedSource, unheard_types};
pub use template::{SYNTAX, object_template};
pub use zone::zone;

pub use crate::core::duration::{duration, positive_duration};
use crate::core::ini::merged::{self, DEFAULT, Merged, Section};
use crate::core::ini::problem::nearest;
use crate::core::retention::Retention;
use crate::core::rules::RuleSet;
use options::report_unknown;
pub use options::{Options, Reported};
use table::{PartOptions, Table};

/// Reads the text of the configuration file at `path`, in which these options may stand, by `feed` how
/// to reach a feed, and by `action` what a rule does. Never fails: all that is wrong is among the problems,
/// all of it at once.
pub fn read<F, A: Clone>(
    table: Table,
    text: &str,
    path: &Path,
    feed: fn(&mut Feeds<'_>) -> Option<F>,
    action: ReadAction<A>,
) -> Reading<F, A> {
    let (mut merged, mut problems) = merged::read(text, &|name| table.is_secret(name));
    if let Some((corrected, misnamed)) = misnamed_default(table, text, &merged) {
        let mut reading = read(table, &corrected, path, feed, action);
        reading.problems.append(misnamed);
        reading.config = None;
        return reading;
    }
    let sources = source::take(table, &mut merged, &mut problems);
    report_unknown(table, &merged, &mut problems);
    let folder = path.parent().unwrap_or(Path::new(""));

    let mut rules = Vec::new();
    let mut actions = Vec::new();
    let steps = chain::steps(&merged.sections);
    let reader = chain::Reader {
        table,
        sections: &merged.sections,
        folder,
        read_action: action,
    };
    let is_rule = |section: &&Section| !steps.contains(&section.name);
    for section in merged.sections.iter().filter(is_rule) {
        let Some((rule, of_steps)) = rule::rule(&reader, section, &mut problems) else {
            continue;
        };
        for (step, action) in rule.chain.steps().zip(of_steps) {
            actions.push(RuleAction {
                rule: step.name.clone(),
                enabled: rule.enabled,
                action,
            });
        }
        rules.push(rule);
    }
    let reached: Vec<&str> = actions.iter().map(|one| one.rule.as_str()).collect();
    if !problems.has_errors() {
        chain::report_unreachable(&steps, &reached, &merged.sections, &mut problems);
    }
    if merged.sections.is_empty() && !problems.has_errors() {
        let found = if sources.is_empty() {
            "no section besides [DEFAULT]"
        } else {
            "none besides the sources"
        };
        problems.push(Problem::error(
            format!("expected at least one rule, but found {found}"),
            match essential(table).next() {
                Some(option) => format!("add a section with `events` and `{option}`"),
                None => "add a section with `events`".to_owned(),
            },
        ));
    }

    source::unheard(&sources, &rules, &mut problems);

    let mut feeds = Feeds {
        folder,
        table,
        defaults: &merged.defaults,
        sources: &sources,
        rules: &rules,
        problems: &mut problems,
    };
    let feed = feed(&mut feeds);
    let options = &mut feeds.defaults();
    let retention = Retention {
        age: options.duration("keep_for"),
        number: options.number("keep_events"),
    };
    let max_parallel = options.number("max_parallel");
    let stop_timeout = options.duration("stop_timeout");
    let state_dir = options.path("state_dir", folder);
    let http = options.address_or_file("http");
    let service = service_options(table, &merged.defaults);
    let config = feed.filter(|_| !problems.has_errors()).map(|feed| Config {
        path: path.to_owned(),
        feed,
        state_dir,
        max_parallel,
        stop_timeout,
        http,
        retention,
        rules: RuleSet::new(rules),
        actions: actions
            .iter()
            .map(|one| (one.rule.clone(), one.action.clone()))
            .collect(),
        service,
    });
    Reading {
        config,
        actions,
        secret: secret_place::secret_place(table, &merged, &sources),
        problems,
    }
}

/// What a section says of the service itself.
fn service_options(table: Table, defaults: &Section) -> Fingerprints {
    let options = defaults.options.iter();
    Fingerprints::of(options.filter(|(name, _)| table.is_of_service(name)))
}

/// What no rule can do without that has this action or that one.
fn essential(table: Table) -> impl Iterator<Item = &'static str> {
    let first = |action: &PartOptions| action.rows.first().map(|row| row.name);
    table.actions.iter().filter_map(first)
}

/// The text with `[DEFAULT]` instead of each section that was probably meant to be it, so that what
/// they say is not reported as missing; and those problems themselves. None, if there are none.
fn misnamed_default(table: Table, text: &str, merged: &Merged) -> Option<(String, Problems)> {
    let is_misnamed = |section: &&Section| {
        let own = |name| {
            let option = section.options.get(name);
            option.is_some_and(|option| !option.inherited)
        };
        let name = section.name.trim().to_uppercase();
        let is_rule = own("events") || essential(table).any(own);
        nearest(&name, [DEFAULT]).is_some() && !is_rule
    };
    let lines: Vec<&str> = crate::core::ini::lines(text).collect();
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
            format!("write exactly `[{DEFAULT}]`"),
        );
        problems.push(problem.at(section.position));
    }
    corrected.push_str(&text[done..]);
    (!problems.is_empty()).then_some((corrected, problems))
}
