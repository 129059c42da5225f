//! How options are declared, each once: its name, where it may stand, what it holds, its default and
//! what it means.
//!
//! Each part declares its own beside its reader; the composition root puts them into one [`Table`].
//! Readers take defaults and bounds from there, unknown options are recognized by it, and
//! `esi-event-actions.conf(5)`, the tables of `docs/reference.md` and the sample configuration are made of it or
//! tested against it.

mod rows;

use std::fmt;

use super::secrets::secrets_among;

pub use rows::{RULE, SERVICE};

/// One option of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct OptionRow {
    /// As it is written in the file, in lower case.
    pub name: &'static str,
    /// In which sections it may stand.
    pub scope: Scope,
    /// What its value is.
    pub kind: Kind,
    /// The default, as it would be written in the file; `None` if there is no default.
    pub default: Option<&'static str>,
    /// What it means, for the manual page and `docs/reference.md` (Markdown's backticks, nothing else).
    pub meaning: &'static str,
}

impl OptionRow {
    /// One that stands in the section of a source.
    #[must_use]
    pub const fn of_source(
        name: &'static str,
        kind: Kind,
        default: Option<&'static str>,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            scope: Scope::Source,
            kind,
            default,
            meaning,
        }
    }
}

/// In which sections an option may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In `[DEFAULT]` alone: it concerns the whole service.
    Service,
    /// In the section of a source alone, of a kind that has it.
    Source,
    /// In a rule; in `[DEFAULT]` it holds for every rule that does not say otherwise.
    Rule,
}

/// What the value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that nothing may show: no problem, no log, no argument.
    Secret,
    /// The same, a URL: what it says before an `@` is secret.
    SecretUrl,
    /// A file or folder; a relative one is meant from the configuration file's folder.
    Path,
    /// A program and its arguments, split as a shell would.
    Command,
    /// A comma list.
    List,
    /// A JSON object.
    Json,
    /// A list of JSON objects.
    JsonList,
    /// A path into the event's payload.
    Field,
    /// `yes` or `no`.
    Switch,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// A length of time.
    Duration,
    /// A length of time above 0.
    PositiveDuration,
    /// A number of events, and the length of time within which they come.
    Threshold,
    /// Whole seconds, from the first to the second.
    Seconds(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// Whether nothing may show a value of this kind.
    fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::SecretUrl)
    }

    /// Whether this value holds a secret, so that other users must not be able to read the file.
    pub(super) fn holds_secret(self, text: &str) -> bool {
        match self {
            Self::Secret => !text.is_empty(),
            // A wrong URL may be near enough to a right one.
            Self::SecretUrl => text.contains('@'),
            Self::Command => {
                shlex::split(text).is_some_and(|words| secrets_among(&words).next().is_some())
            }
            _ => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text | Self::Secret | Self::SecretUrl => f.write_str("text"),
            Self::Path => f.write_str("a path"),
            Self::Command => f.write_str("a program and its arguments"),
            Self::List => f.write_str("a comma list"),
            Self::Json => f.write_str("a JSON object"),
            Self::JsonList => f.write_str("a JSON list"),
            Self::Field => f.write_str("a path into the payload"),
            Self::Switch => f.write_str("`yes` or `no`"),
            Self::Number(least, most) => write!(f, "a number from {least} to {most}"),
            Self::Duration => f.write_str("a length of time"),
            Self::PositiveDuration => f.write_str("a length of time above 0"),
            Self::Threshold => f.write_str("a number of events `within` a length of time"),
            Self::Seconds(least, most) if most % 3_600 == 0 => {
                write!(f, "whole seconds from {least}s to {}h", most / 3_600)
            }
            Self::Seconds(least, most) => write!(f, "whole seconds from {least}s to {most}s"),
            Self::Choice(words) => match words {
                [] => Ok(()),
                [only] => write!(f, "`{only}`"),
                [before @ .., last] => {
                    let before: Vec<_> = before.iter().map(|word| format!("`{word}`")).collect();
                    write!(f, "{} or `{last}`", before.join(", "))
                }
            },
        }
    }
}

/// The options of one part: an action of rules, or a kind of source with a section of its own.
#[derive(Clone, Copy, Debug)]
pub struct PartOptions {
    /// What `action` or `type` says.
    pub name: &'static str,
    /// All that are its own. The first one of an action is what it cannot do without.
    pub rows: &'static [OptionRow],
}

impl PartOptions {
    /// Whether it has an option of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    /// They alone.
    pub(super) fn table(&'static self) -> Table {
        Table {
            general: std::slice::from_ref(&self.rows),
            actions: &[],
            sources: &[],
        }
    }
}

/// A kind of source with sections of its own.
#[derive(Clone, Copy, Debug)]
pub struct SourceKind {
    /// What `type` says, and the options that it has besides.
    pub options: PartOptions,
    /// How the types of its events end, behind the name of the source: `""` for that name itself, `".*"` for whatever a
    /// sender says. None, if they do not begin with that name.
    pub event_types: &'static [&'static str],
}

/// All options that a file may have, as the parts declare them.
///
/// Several parts may have the same option: they share the constant of its row. One that concerns the whole
/// service and a rule too has a row for each, of the same kind and with the same default.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Those of the service and of every rule.
    pub general: &'static [&'static [OptionRow]],
    /// Those of each action. The first action is that of a rule that names none.
    pub actions: &'static [PartOptions],
    /// Those of each kind of source, which are no other section's.
    pub sources: &'static [SourceKind],
}

impl Table {
    /// All of them, each once, in the order in which people want to read of them.
    pub fn rows(self) -> impl Iterator<Item = &'static OptionRow> {
        let known = move |at: usize, row: &OptionRow| {
            let mut before = self.all().take(at);
            before.any(|other| (other.name, other.scope) == (row.name, row.scope))
        };
        let rows = self.all().enumerate();
        rows.filter_map(move |(at, row)| (!known(at, row)).then_some(row))
    }

    fn all(self) -> impl Iterator<Item = &'static OptionRow> {
        let actions = self.actions.iter().flat_map(|action| action.rows);
        self.general.iter().copied().flatten().chain(actions)
    }

    /// Those of the service, or of every rule whatever its action, in the order in which people want to read
    /// of them.
    pub fn general(self, scope: Scope) -> impl Iterator<Item = &'static OptionRow> {
        let rows = self.general.iter().copied().flatten();
        rows.filter(move |row| row.scope == scope)
    }

    /// The option of this name.
    #[must_use]
    pub fn option(self, name: &str) -> Option<&'static OptionRow> {
        self.all().find(|row| row.name == name)
    }

    /// Whether the option of this name concerns the whole service.
    #[must_use]
    pub fn is_of_service(self, name: &str) -> bool {
        self.all()
            .any(|row| row.name == name && row.scope == Scope::Service)
    }

    /// Whether every rule may have the option of this name, whatever its action.
    #[must_use]
    pub fn is_of_every_rule(self, name: &str) -> bool {
        self.general(Scope::Rule).any(|row| row.name == name)
    }

    /// Whether nothing may show what the option of this name says.
    #[must_use]
    pub fn is_secret(self, name: &str) -> bool {
        self.option(name).is_some_and(|row| row.kind.is_secret())
    }
}
