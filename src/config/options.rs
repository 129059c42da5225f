//! The options there are, and reading them as what they should be.
//!
//! Every reader takes an option of one section, and either gives its value or puts the problem on
//! the list: what was expected, what was found, how to fix it.

use std::path::PathBuf;
use std::time::Duration;

use super::merged::{DEFAULT, Merged, MergedOption, Section};
use super::problem::{Problem, Problems, nearest};
use super::text::{Position, at_comma};

/// Options of `[DEFAULT]` alone.
const SERVICE_OPTIONS: [&str; 28] = [
    "client",
    "client_timeout",
    "declare_queues",
    "exchange",
    "heartbeat",
    "history_overlap",
    "host",
    "keep_events",
    "keep_for",
    "lease_retries",
    "lease_retry_delay",
    "max_parallel",
    "openstack_command",
    "password",
    "password_file",
    "port",
    "prefetch",
    "queues",
    "rabbit_login_method",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_key_file",
    "state_dir",
    "stop_timeout",
    "transport_url",
    "user",
    "vhost",
];

/// Options of a rule; in `[DEFAULT]` they hold for every rule that does not say otherwise.
const RULE_OPTIONS: [&str; 10] = [
    "enabled",
    "events",
    "filter_params",
    "kill_grace",
    "order_by",
    "retries",
    "retry_delay",
    "script",
    "script_params",
    "timeout",
];

/// Options whose value nothing may show: no problem, no log, no argument.
pub(super) const SECRET_OPTIONS: [&str; 2] = ["password", "transport_url"];

/// How lengths of time are written.
pub(super) const DURATIONS: &str = "write it like `500ms`, `30s`, `10m`, `2h` or `7d`, up to a \
                                    hundred years; a bare number means seconds";

/// Reports options that are nowhere known, or not in this place. One that others refer to with
/// `%(name)s` needs no other use.
pub(super) fn report_unknown(merged: &Merged, problems: &mut Problems) {
    let sections = std::iter::once(&merged.defaults).chain(&merged.sections);
    for section in sections {
        let rule = section.name != DEFAULT;
        for (name, option) in section
            .options
            .iter()
            .filter(|(_, option)| !option.inherited)
        {
            let (here, elsewhere) = (
                RULE_OPTIONS.contains(&name.as_str()),
                SERVICE_OPTIONS.contains(&name.as_str()),
            );
            if here || (elsewhere && !rule) || option.used_as_variable {
                continue;
            }
            let problem = if elsewhere {
                Problem::error(
                    format!(
                        "expected an option of a rule, but found `{name}`, which concerns the whole service"
                    ),
                    format!("move `{name}` to [DEFAULT]"),
                )
            } else {
                let known = RULE_OPTIONS.into_iter().chain(SERVICE_OPTIONS);
                let hint = match nearest(name, known) {
                    _ if name.starts_with(['"', '{', '}', ']']) => {
                        "indent the line: it seems to continue the JSON above".into()
                    }
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "remove it, or refer to it with `%(…)s` if it is a value of your own".into()
                    }
                };
                Problem::error(format!("there is no option `{name}`"), hint)
            };
            problems.push(problem.at(option.position).within(&section.name));
        }
    }
}

/// The options of one section, read with their problems.
pub(super) struct Options<'a> {
    section: &'a Section,
    problems: &'a mut Problems,
}

impl<'a> Options<'a> {
    pub(super) fn new(section: &'a Section, problems: &'a mut Problems) -> Self {
        Self { section, problems }
    }

    /// The option, if it is there and says something. A placeholder that is still to be filled in
    /// says nothing, and neither does what took in a secret and is not one itself.
    pub(super) fn get(&mut self, name: &str) -> Option<&'a MergedOption> {
        let option = self.section.options.get(name)?;
        if let Some(unresolved) = &option.unresolved {
            self.problems.push(unresolved.clone());
            return None;
        }
        if let Some(reference) = option.secret
            && !SECRET_OPTIONS.contains(&name)
        {
            // What such an option says is shown: in problems, in the log, in the list of processes.
            let problem = Problem::error(
                format!("`{name}` takes in `password` or `transport_url`, which would show it"),
                "remove that reference; what needs the password, like a script, can read it from a \
                 file of its own",
            );
            self.report(problem, option, reference);
            return None;
        }
        let text = option.value.as_str().trim();
        if text.len() > 1 && text.starts_with('<') && text.ends_with('>') {
            let problem = if SECRET_OPTIONS.contains(&name) {
                // It may be the secret itself.
                Problem::error(
                    format!("expected a value in `{name}`, but found a placeholder in `<` and `>`"),
                    "fill it in from transport_url in esi-leap.conf; a password that does look like this \
                     can be kept in a `password_file`",
                )
            } else {
                let wanted = text[1..text.len() - 1].trim_start_matches("the ");
                Problem::error(
                    format!("expected a value in `{name}`, but found the placeholder `{text}`"),
                    format!("fill in the {wanted}"),
                )
            };
            self.report(problem, option, option.value.position());
            return None;
        }
        (!text.is_empty()).then_some(option)
    }

    /// Whether the section says nothing of the option, not even something wrong.
    pub(super) fn lacks(&self, name: &str) -> bool {
        let option = self.section.options.get(name);
        option.is_none_or(|option| option.value.as_str().trim().is_empty())
    }

    /// Puts a problem with an option on the list. One that is inherited is a problem of `[DEFAULT]`,
    /// and told once.
    pub(super) fn report(&mut self, problem: Problem, option: &MergedOption, position: Position) {
        let section = if option.inherited {
            DEFAULT
        } else {
            &self.section.name
        };
        self.problems.push(problem.at(position).within(section));
    }

    /// Reports that the section as a whole lacks something.
    pub(super) fn report_section(&mut self, message: &str, hint: &str) {
        let problem = Problem::error(message, hint).at(self.section.position);
        self.problems.push(problem.within(&self.section.name));
    }

    /// The option's text.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let option = self.get(name)?;
        let text = option.value.as_str().trim();
        if is_quoted(text) {
            let problem = Problem::warning(
                format!("the quotation marks in `{name}` are a part of its value"),
                "remove them, unless they are meant",
            );
            self.report(problem, option, option.value.position());
        }
        Some(text)
    }

    /// The items of a comma list, each of which should be `what`, with their places.
    pub(super) fn items(&mut self, name: &str, what: &str) -> Vec<(&'a str, Position)> {
        self.items_by(name, what, at_comma)
    }

    /// The same of items that may hold commas: `end` tells where the first item of a text ends.
    pub(super) fn items_by(
        &mut self,
        name: &str,
        what: &str,
        end: fn(&str) -> usize,
    ) -> Vec<(&'a str, Position)> {
        let Some(option) = self.get(name) else {
            return Vec::new();
        };
        let mut items = option.value.items(end);
        if items.is_empty() {
            let problem = Problem::error(
                format!("expected {what} in `{name}`, but found only commas"),
                "write the items between the commas",
            );
            self.report(problem, option, option.value.position());
        }
        items.retain(|(text, position)| {
            let quoted = is_quoted(text);
            if quoted {
                let problem = Problem::error(
                    format!("expected {what} in `{name}`, but found `{text}`"),
                    "remove the quotation marks: they would be a part of it",
                );
                self.report(problem, option, *position);
            }
            !quoted
        });
        items
    }

    /// The option as whatever `read` makes of its text; `expected` and `hint` are for the problem.
    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        expected: &str,
        hint: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let option = self.get(name)?;
        let text = option.value.as_str().trim();
        let value = read(text);
        if value.is_none() {
            let found = if SECRET_OPTIONS.contains(&name) {
                "something else".into()
            } else {
                format!("`{text}`")
            };
            let problem = Problem::error(
                format!("expected {expected} in `{name}`, but found {found}"),
                hint,
            );
            self.report(problem, option, option.value.position());
        }
        value
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let expected = format!("a number from {least} to {most}");
        let hint = "write digits only, and choose a number within these bounds";
        self.parse(name, &expected, hint, |text| {
            text.parse()
                .ok()
                .filter(|number| (least..=most).contains(number))
        })
    }

    /// Yes or no, in the words that Python's `configparser` knows.
    pub(super) fn switch(&mut self, name: &str) -> Option<bool> {
        self.parse(
            name,
            "`yes` or `no`",
            "write `yes` or `no`",
            |text| match text.to_ascii_lowercase().as_str() {
                "1" | "yes" | "true" | "on" => Some(true),
                "0" | "no" | "false" | "off" => Some(false),
                _ => None,
            },
        )
    }

    /// A length of time.
    pub(super) fn duration(&mut self, name: &str) -> Option<Duration> {
        self.parse(name, "a length of time", DURATIONS, duration)
    }

    /// A path; a relative one is meant from the configuration file's folder.
    pub(super) fn path(&mut self, name: &str, folder: &std::path::Path) -> Option<PathBuf> {
        self.text(name).map(|text| folder.join(text))
    }
}

/// Whether there are quotation marks around it.
fn is_quoted(text: &str) -> bool {
    ['"', '\'']
        .into_iter()
        .any(|mark| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark))
}

/// `500ms`, `30s`, `10m`, `2h`, `7d`; a bare number means seconds.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    // A hundred years: nobody means more, and no sum of times overflows.
    let longest = 100 * 366 * 86_400_000;
    number
        .checked_mul(milliseconds)
        .filter(|all| *all <= longest)
        .map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let cases = [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("30", Some(30_000)),
            ("10m", Some(600_000)),
            ("2 h", Some(7_200_000)),
            ("7d", Some(604_800_000)),
            ("0", Some(0)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 week", None),
            ("99999999999999999999s", None),
            ("999999999d", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                duration(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn the_configuration_that_comes_along_shows_every_option() {
        let text = include_str!("../../conf/esi-event-action-listener.conf");
        let shown: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, _)| name.trim_start_matches('#'))
            .collect();
        for name in SERVICE_OPTIONS.into_iter().chain(RULE_OPTIONS) {
            assert!(shown.contains(&name), "{name}");
        }
    }
}
