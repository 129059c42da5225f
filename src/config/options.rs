//! Reads options as typed values.
//!
//! Every reader takes an option of one section, and gives its value, or its default from the
//! [table](super::table) if the section does not set it. Each mistake goes on the list of problems:
//! what was expected, what was found, how to fix it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::action::{foreign, named};
use super::settings::Fingerprints;
use super::source::{names_kind, of_sources};
use super::table::{Kind, OptionRow, Table};
use crate::core::address::Address;
use crate::core::duration::duration;
use crate::core::ini::merged::{DEFAULT, Merged, MergedOption, Section};
use crate::core::ini::problem::{Problem, Problems, nearest};
use crate::core::ini::text::{Position, at_comma};

/// What is wrong has been reported: an answer for readers whose options may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported;

/// How lengths of time are written.
pub(super) const DURATIONS: &str = "write it like `500ms`, `30s`, `10m`, `2h` or `7d`, up to a \
                                    hundred years; a bare number means seconds";

/// Reports options that are nowhere known, or not in this place. One that others refer to with
/// `%(name)s` needs no other use.
pub(super) fn report_unknown(table: Table, merged: &Merged, problems: &mut Problems) {
    let sections = std::iter::once(&merged.defaults).chain(&merged.sections);
    for section in sections {
        let is_rule = section.name != DEFAULT;
        let action = named(table, section);
        for (name, option) in section
            .options
            .iter()
            .filter(|(_, option)| !option.inherited)
        {
            let of_action = match action {
                Some(action) => action.has(name),
                // Whichever was meant may have it.
                None => table.actions.iter().any(|action| action.has(name)),
            };
            let is_misplaced = !(is_rule && of_action) && names_kind(table, name, option);
            let belongs_here = if is_rule {
                of_action || table.is_of_every_rule(name)
            } else {
                table.option(name).is_some() && !is_misplaced
            };
            if belongs_here || option.used_as_variable {
                continue;
            }
            let problem = if table.is_of_service(name) {
                Problem::error(
                    format!(
                        "expected an option of a rule, but found `{name}`, which concerns the whole service"
                    ),
                    format!("move `{name}` to [DEFAULT]"),
                )
            } else if let Some(problem) = action
                .filter(|_| !is_misplaced)
                .and_then(|own| foreign(table, own, name))
            {
                problem
            } else if let Some(problem) = of_sources(table, name) {
                problem
            } else {
                let known = table.rows().map(|row| row.name);
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
#[derive(Debug)]
pub struct Options<'a> {
    table: Table,
    section: &'a Section,
    problems: &'a mut Problems,
}

impl<'a> Options<'a> {
    pub(super) fn new(table: Table, section: &'a Section, problems: &'a mut Problems) -> Self {
        Self {
            table,
            section,
            problems,
        }
    }

    /// The option, if it is there and says something. A placeholder that is still to be filled in
    /// says nothing, and neither does what took in a secret and is not one itself.
    pub fn get(&mut self, name: &str) -> Option<&'a MergedOption> {
        let option = self.section.options.get(name)?;
        if let Some(unresolved) = &option.unresolved {
            self.problems.push(unresolved.clone());
            return None;
        }
        if let Some(reference) = option.secret
            && !self.table.is_secret(name)
        {
            // What such an option says is shown: in problems, in the log, in the list of processes.
            let problem = Problem::error(
                format!(
                    "`{name}` refers to `password` or `transport_url`, and would reveal its \
                         value"
                ),
                "remove the reference; a script that needs the password can read it from its own \
                 file",
            );
            self.report(problem, option, reference);
            return None;
        }
        let text = option.value.as_str().trim();
        if text.len() > 1 && text.starts_with('<') && text.ends_with('>') {
            let problem = if self.table.is_secret(name) {
                // What [DEFAULT] says is of the bus, and a section of another broker.
                let of_bus = self.section.name == DEFAULT || option.inherited;
                let from = if of_bus {
                    " from transport_url in esi-leap.conf"
                } else {
                    ""
                };
                // It may be the secret itself.
                Problem::error(
                    format!("expected a value in `{name}`, but found a placeholder in `<` and `>`"),
                    format!(
                        "fill it in{from}; a password that does look like this can be kept in a `password_file`"
                    ),
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
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        let option = self.section.options.get(name);
        option.is_none_or(|option| option.value.as_str().trim().is_empty())
    }

    /// What the section says of these options, to tell whether that has changed.
    #[must_use]
    pub fn said(&self, rows: &[OptionRow]) -> Fingerprints {
        let named = |name: &str| rows.iter().any(|row| row.name == name);
        let options = self.section.options.iter();
        Fingerprints::of(options.filter(|(name, _)| named(name)))
    }

    /// Whether the section itself says something of the option, and not only `[DEFAULT]`.
    #[must_use]
    pub fn is_own(&self, name: &str) -> bool {
        let option = self.section.options.get(name);
        option.is_some_and(|option| !option.inherited)
    }

    /// Puts a problem with an option on the list. One that is inherited is a problem of `[DEFAULT]`,
    /// and reported once.
    pub fn report(&mut self, problem: Problem, option: &MergedOption, position: Position) {
        let section = if option.inherited {
            DEFAULT
        } else {
            &self.section.name
        };
        self.problems.push(problem.at(position).within(section));
    }

    /// Puts a problem with the option's whole value on the list, if the option is there.
    pub fn report_value(&mut self, name: &str, problem: Problem) {
        if let Some(option) = self.get(name) {
            self.report(problem, option, option.value.position());
        }
    }

    /// Reports that the section as a whole lacks something.
    pub fn report_section(&mut self, message: &str, hint: &str) {
        let problem = Problem::error(message, hint).at(self.section.position);
        self.problems.push(problem.within(&self.section.name));
    }

    /// The option's text.
    pub fn text(&mut self, name: &str) -> Option<&'a str> {
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

    /// The option's text, or its default.
    pub fn text_or_default(&mut self, name: &str) -> String {
        let default = self.table.option(name).and_then(|row| row.default);
        self.text(name).or(default).unwrap_or_default().to_owned()
    }

    /// The items of a comma list, each of which should be `what`, with their places.
    pub fn items(&mut self, name: &str, what: &str) -> Vec<(&'a str, Position)> {
        self.items_by(name, what, at_comma)
    }

    /// The same of items that may hold commas: `end` tells where the first item of a text ends.
    pub fn items_by(
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

    /// The option as whatever `read` makes of its text, else as what it makes of its default; the
    /// table says what is expected, `hint` how to write it.
    pub fn parse<T>(
        &mut self,
        name: &str,
        hint: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let row = self.table.option(name)?;
        let Some(option) = self.get(name) else {
            return row.default.and_then(read);
        };
        let text = option.value.as_str().trim();
        let value = read(text);
        if value.is_none() {
            let found = if self.table.is_secret(name) {
                "something else".into()
            } else {
                format!("`{text}`")
            };
            let problem = Problem::error(
                format!("expected {} in `{name}`, but found {found}", row.kind),
                hint,
            );
            self.report(problem, option, option.value.position());
        }
        value
    }

    /// A whole number within the bounds that the table gives it; 0 if it is not valid.
    pub fn number<T: TryFrom<u64> + Default>(&mut self, name: &str) -> T {
        let hint = "write digits only, and choose a number within these bounds";
        let table = self.table;
        let number = self.parse(name, hint, |text| {
            let number: u64 = text.parse().ok()?;
            match table.option(name)?.kind {
                Kind::Number(least, most) => (least..=most).contains(&number).then_some(number),
                _ => None,
            }
        });
        number
            .and_then(|number| T::try_from(number).ok())
            .unwrap_or_default()
    }

    /// Yes or no (also if it is neither), in the words that Python's `configparser` knows.
    pub fn switch(&mut self, name: &str) -> bool {
        let on = self.parse(name, "write `yes` or `no`", |text| {
            match text.to_ascii_lowercase().as_str() {
                "1" | "yes" | "true" | "on" => Some(true),
                "0" | "no" | "false" | "off" => Some(false),
                _ => None,
            }
        });
        on.unwrap_or_default()
    }

    /// A length of time; 0 if it is not valid.
    pub fn duration(&mut self, name: &str) -> Duration {
        self.parse(name, DURATIONS, duration).unwrap_or_default()
    }

    /// An address of the network to listen on.
    pub fn address(&mut self, name: &str) -> Option<SocketAddr> {
        let text = self.text(name)?;
        let address = Address::parse(text).and_then(|address| address.network());
        if address.is_none() {
            let message =
                format!("expected an IP address and a port in `{name}`, but found `{text}`");
            let hint = "write it like `127.0.0.1:8080`, `[::1]:8080`, or `0.0.0.0:8080` for all addresses of the host";
            self.report_value(name, Problem::error(message, hint));
        }
        address
    }

    /// An address of the network, or a file, to listen on.
    pub fn address_or_file(&mut self, name: &str) -> Option<Address> {
        let text = self.text(name)?;
        let address = Address::parse(text);
        if address.is_none() {
            let message = format!(
                "expected an IP address and a port, or `unix:` and an absolute path, in `{name}`, but found `{text}`"
            );
            let hint = "write it like `127.0.0.1:9417`, `[::1]:9417`, or `unix:/run/esi-event-actions/http.sock`";
            self.report_value(name, Problem::error(message, hint));
        }
        address
    }

    /// A path; a relative one is meant from the configuration file's folder.
    pub fn path(&mut self, name: &str, folder: &std::path::Path) -> Option<PathBuf> {
        self.text(name).map(|text| folder.join(text))
    }
}

/// Whether there are quotation marks around it.
fn is_quoted(text: &str) -> bool {
    ['"', '\'']
        .into_iter()
        .any(|mark| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark))
}
