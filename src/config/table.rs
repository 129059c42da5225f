//! How options are declared, each once: its name, where it may stand, what it holds, its default and
//! what it means.
//!
//! Each part declares its own beside its reader; the composition root puts them into one [`Table`].
//! Readers take defaults and bounds from there, unknown options are recognized by it, and
//! `esi-event-actions.conf(5)`, the tables of the README and the sample configuration are made of it or
//! tested against it.

use std::fmt;

use super::secrets::secrets_among;

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
    /// What it means, for the manual page and the README (Markdown's backticks, nothing else).
    pub meaning: &'static str,
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
    /// How the types of its events end, behind the name of the source: `""` for that name itself.
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

/// The options of every rule.
pub const RULE: [OptionRow; 19] = [
    OptionRow {
        name: "events",
        scope: Scope::Rule,
        kind: Kind::List,
        default: None,
        meaning: "types of events; `*` stands for any text, as in `esi_leap.lease.*.error`, and `[fd]` for \
                  one of these letters. No brackets or quotation marks around the list. Types that ESI \
                  Leap never sends are warned of",
    },
    OptionRow {
        name: "filter_params",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "all of its entries must hold. A string is a regular expression matched from the start of \
                  the value (Python's `re.match`), in which nothing is repeated more than 10,000 times; a \
                  number, `true`, `false` or `null` is compared; a list means any of its items. A field \
                  that is null or missing matches `null` only. An object holds operators, like `{\"gt\": 5, \
                  \"lt\": 10}`, all of which must hold",
    },
    OptionRow {
        name: "filter_any",
        scope: Scope::Rule,
        kind: Kind::JsonList,
        default: None,
        meaning: "a list of objects like `filter_params`, of which one must hold besides `filter_params`",
    },
    OptionRow {
        name: "order_by",
        scope: Scope::Rule,
        kind: Kind::Field,
        default: None,
        meaning: "runs with the same value here never overlap, and start in order, over all rules with the \
                  same `order_by`; without it, those of a node",
    },
    OptionRow {
        name: "retries",
        scope: Scope::Rule,
        kind: Kind::Number(0, 1_000_000),
        default: Some("0"),
        meaning: "how often a failed run is tried again",
    },
    OptionRow {
        name: "retry_delay",
        scope: Scope::Rule,
        kind: Kind::Duration,
        default: Some("10s"),
        meaning: "how long to wait before a failed run is tried again; the delay doubles each time, up to \
                  an hour",
    },
    OptionRow {
        name: "retry_on",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("failure, timeout"),
        meaning: "after what an attempt is made again: `failure`, `timeout` (the attempt took longer than its \
                  limit), or both",
    },
    OptionRow {
        name: "on_success",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the step that follows when this one succeeded: the name of its section, `RULE/STEP`",
    },
    OptionRow {
        name: "on_failure",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the step that follows when this one failed and is not tried again",
    },
    OptionRow {
        name: "on_failure_means",
        scope: Scope::Rule,
        kind: Kind::Choice(&["failure", "success"]),
        default: Some("failure"),
        meaning: "whether a run in which a step failed, and all steps after it succeeded, is `discarded` or \
                  `succeeded`",
    },
    OptionRow {
        name: "results",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "names and paths, as in `{\"ip\": \"$.ip\"}`: values of the JSON object that the action wrote \
                  (all of its output, or the last line that is one). Later steps see them as `@STEP.ip` in \
                  `script_params` and `steps.STEP.ip` in templates; `@STEP.exit_status` is there for scripts",
    },
    OptionRow {
        name: "start_at",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "when runs start: a path to a time in the event or `time`, that of the event itself, plus or \
                  minus a length of time, like `end_time - 24h` or `time + 10m`. The run is accepted at once \
                  and `scheduled` until then; a time that is over is now. Without it: at once",
    },
    OptionRow {
        name: "max_age",
        scope: Scope::Rule,
        kind: Kind::PositiveDuration,
        default: None,
        meaning: "a run that has not started so long after its event, or after the time of its `start_at`, is \
                  cancelled; without it, runs never get too old",
    },
    OptionRow {
        name: "times_without_zone",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: Some("UTC"),
        meaning: "the time zone, like `Europe/Berlin`, of times that name none, and of those that ESI Leap \
                  writes by itself, in the local time of its host although they end in `Z`. A lease's \
                  `start_time` and `end_time` and the time of a notification are always UTC",
    },
    OptionRow {
        name: "cancelled_by",
        scope: Scope::Rule,
        kind: Kind::List,
        default: None,
        meaning: "types of events, as in `events`, that make a run pointless: earlier runs of this rule for \
                  the same lease (for events that are about no lease: with the same key) that have not started \
                  are cancelled, and one that is running is not tried again",
    },
    OptionRow {
        name: "cancel_running",
        scope: Scope::Rule,
        kind: Kind::Switch,
        default: Some("no"),
        meaning: "`yes`: such a run that is running is ended as when its time limit has passed, and cancelled",
    },
    OptionRow {
        name: "limit",
        scope: Scope::Rule,
        kind: Kind::Number(1, 1_000),
        default: None,
        meaning: "how many runs of this rule may be under way at once; the others wait in their order",
    },
    OptionRow {
        name: "limit_by",
        scope: Scope::Rule,
        kind: Kind::Field,
        default: None,
        meaning: "`limit` counts those with the same value here, not all of the rule",
    },
    OptionRow {
        name: "enabled",
        scope: Scope::Rule,
        kind: Kind::Switch,
        default: Some("yes"),
        meaning: "`no` switches the rule off",
    },
];

/// The options of the service itself.
pub const SERVICE: [OptionRow; 5] = [
    OptionRow {
        name: "state_dir",
        scope: Scope::Service,
        kind: Kind::Path,
        default: None,
        meaning: "where the journal is kept: a folder on a local disk. Without it: systemd's \
                  `$STATE_DIRECTORY`, `/var/lib/esi-event-actions` for root, \
                  `~/.local/state/esi-event-actions` for others",
    },
    OptionRow {
        name: "max_parallel",
        scope: Scope::Service,
        kind: Kind::Number(1, 1_000),
        default: Some("8"),
        meaning: "how many scripts and requests may run at the same time, over all nodes",
    },
    OptionRow {
        name: "stop_timeout",
        scope: Scope::Service,
        kind: Kind::Duration,
        default: Some("30s"),
        meaning: "how long running scripts and requests may take to finish when the service stops",
    },
    OptionRow {
        name: "keep_for",
        scope: Scope::Service,
        kind: Kind::Duration,
        default: Some("30d"),
        meaning: "how long finished events stay in the journal",
    },
    OptionRow {
        name: "keep_events",
        scope: Scope::Service,
        kind: Kind::Number(0, 1_000_000_000),
        default: Some("100000"),
        meaning: "how many finished events stay in the journal",
    },
];
