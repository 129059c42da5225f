//! Sections `[source:NAME]`: which kind of source each is, and its options, which are all its own.

use std::borrow::Borrow;
use std::path::Path;

use super::action::one_of;
use super::options::Options;
use super::secret_place::first_secret;
use super::settings::{Fingerprints, SecretPlace};
use super::table::{SourceKind, Table};
use crate::core::event::OF_RUNS;
use crate::core::ini::merged::{Merged, MergedOption, Section};
use crate::core::ini::problem::{Problem, Problems};
use crate::core::rules::{EventPattern, Rule};

/// What the names of these sections begin with.
const PREFIX: &str = "source:";

/// The option that says which kind of source it is.
const TYPE: &str = "type";

/// The section of a source, without what `[DEFAULT]` says: that is the broker's and the rules', and a
/// password there must not be sent to anybody else.
#[derive(Debug)]
pub(super) struct SourceSection {
    name: String,
    kind: Option<&'static SourceKind>,
    section: Section,
}

/// A source of the file, as its part has read it.
#[derive(Clone, Debug)]
pub struct NamedSource<S> {
    /// What stands behind `source:`.
    pub name: String,
    /// What its section says, to tell whether that has changed.
    pub said: Fingerprints,
    /// What its part has made of it.
    pub source: S,
}

/// What a file says of where events come from: in `[DEFAULT]`, and in the section of each source.
#[derive(Debug)]
pub struct Feeds<'a> {
    /// The configuration file's folder.
    pub folder: &'a Path,
    pub(super) table: Table,
    pub(super) defaults: &'a Section,
    pub(super) sources: &'a [SourceSection],
    pub(super) rules: &'a [Rule],
    pub(super) problems: &'a mut Problems,
}

impl<S> NamedSource<S> {
    /// What its section is called.
    #[must_use]
    pub fn section(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

impl Feeds<'_> {
    /// The options of `[DEFAULT]`.
    pub fn defaults(&mut self) -> Options<'_> {
        Options::new(self.table, self.defaults, self.problems)
    }

    /// Whether there is any source, right or wrong.
    #[must_use]
    pub fn has_sources(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether ESI Leap is to be asked about leases for any rule that is in force.
    #[must_use]
    pub fn has_rechecks(&self) -> bool {
        let mut in_force = self.rules.iter().filter(|rule| rule.enabled);
        in_force.any(|rule| rule.when.recheck.is_some())
    }

    /// Puts a problem with what a source says in an option on the list.
    pub fn report(&mut self, source: &str, option: &str, problem: Problem) {
        let found = self.sources.iter().find(|it| it.name == source);
        if let Some(SourceSection { section, .. }) = found {
            Options::new(self.table, section, self.problems).report_value(option, problem);
        }
    }

    /// Reads each source by its kind; `None` if a problem makes one of them none.
    pub fn sources<S>(
        &mut self,
        read: fn(&str, &mut Options<'_>, &Path) -> Option<S>,
    ) -> Option<Vec<NamedSource<S>>> {
        let mut all = Some(Vec::new());
        for SourceSection {
            name,
            kind,
            section,
        } in self.sources
        {
            let source = kind.and_then(|kind| {
                let options = &mut Options::new(kind.options.table(), section, self.problems);
                read(kind.options.name, options, self.folder)
            });
            all = all.zip(source).map(|(mut all, source)| {
                all.push(NamedSource {
                    name: name.clone(),
                    said: Fingerprints::of(section.options.iter()),
                    source,
                });
                all
            });
        }
        all
    }
}

/// Takes the sections of sources out of the others, and tells what is wrong with their names, kinds and
/// names of options.
pub(super) fn take(
    table: Table,
    merged: &mut Merged,
    problems: &mut Problems,
) -> Vec<SourceSection> {
    let (sources, others) = std::mem::take(&mut merged.sections)
        .into_iter()
        .partition(|section| section.name.starts_with(PREFIX));
    merged.sections = others;
    let sources: Vec<Section> = sources;
    let source = |section| SourceSection::read(table, section, problems);
    sources.into_iter().map(source).collect()
}

impl SourceSection {
    /// The first of its options that holds a secret.
    pub(super) fn secret_place(&self) -> Option<SecretPlace> {
        first_secret(self.kind?.options.rows.iter(), &self.section)
    }

    fn read(table: Table, mut section: Section, problems: &mut Problems) -> Self {
        section.options.retain(|_, option| !option.inherited);
        let name = section.name[PREFIX.len()..].to_owned();
        if name == OF_RUNS {
            let problem = Problem::error(
                format!("expected another name than `{OF_RUNS}` behind `[{PREFIX}`"),
                "choose another one: events of that type, and of types that begin with `run.`, tell of the ends \
                 of runs",
            );
            problems.push(problem.at(section.position).within(&section.name));
        }
        if !is_name(&name) {
            let problem = Problem::error(
                format!(
                    "expected a name behind `[{PREFIX}`, but found {}",
                    found(&name)
                ),
                "use letters, digits, `-` and `_`, as in `[source:nightly]`: its events are of that type",
            );
            problems.push(problem.at(section.position).within(&section.name));
        }
        let kind = kind(table, &mut Options::new(table, &section, problems));
        for (name, option) in &section.options {
            let own = kind.map(|kind| kind.options);
            let Some(own) = own.filter(|own| name != TYPE && !own.has(name)) else {
                continue;
            };
            if !option.used_as_variable {
                let message = format!(
                    "a source with `{TYPE} = {}` has no option `{name}`",
                    own.name
                );
                let hint = one_of(name, own.rows.iter().map(|row| row.name));
                let problem = Problem::error(message, hint);
                problems.push(problem.at(option.position).within(&section.name));
            }
        }
        Self {
            name,
            kind,
            section,
        }
    }
}

/// The kind of source that a section names; `None` if it names none, which is a problem then.
fn kind(table: Table, options: &mut Options<'_>) -> Option<&'static SourceKind> {
    let names = table.sources.iter().map(|kind| kind.options.name);
    if options.lacks(TYPE) {
        options.report_section(
            &format!("expected `{TYPE}` in the source, but found none"),
            &one_of("", names),
        );
        return None;
    }
    let text = options.text(TYPE)?;
    let mut kinds = table.sources.iter();
    let kind = kinds.find(|kind| kind.options.name == text);
    if kind.is_none() {
        let problem = Problem::error(
            format!("expected a kind of source in `{TYPE}`, but found `{text}`"),
            one_of(text, names),
        );
        options.report_value(TYPE, problem);
    }
    kind
}

/// Whether this says which kind of source a section is to be, where rules say something else with the option.
pub(super) fn names_kind(table: Table, name: &str, option: &MergedOption) -> bool {
    let text = option.value.as_str().trim();
    name == TYPE && table.sources.iter().any(|kind| kind.options.name == text)
}

/// That an option is one of sources alone, and stands elsewhere; `None` if no source has it.
pub(super) fn of_sources(table: Table, name: &str) -> Option<Problem> {
    let sources = table.sources.iter();
    let of: Vec<String> = sources
        .filter(|source| name == TYPE || source.options.has(name))
        .map(|source| format!("`{TYPE} = {}`", source.options.name))
        .collect();
    (!of.is_empty()).then(|| {
        Problem::error(
            format!(
                "expected an option of a rule or of the whole service, but found `{name}`, which is one of \
                 a source with {}",
                of.join(" or ")
            ),
            format!("move `{name}` to the section of a source, like `[{PREFIX}nightly]`"),
        )
    })
}

/// Warns of sources whose events no rule is for.
pub(super) fn unheard(sources: &[SourceSection], rules: &[Rule], problems: &mut Problems) {
    for SourceSection {
        name,
        kind,
        section,
    } in sources
    {
        // Of a kind that there is not, that has been told.
        let Some(kind) = kind else {
            continue;
        };
        let endings = kind.event_types.iter();
        let types: Vec<String> = endings.map(|ending| format!("{name}{ending}")).collect();
        if let Some(problem) = unheard_types(&types, rules) {
            problems.push(problem.at(section.position).within(&section.name));
        }
    }
}

/// That no rule is for the events of a source, if they are of these types; nothing if it is not known of which.
pub fn unheard_types<R: Borrow<Rule>>(types: &[String], rules: &[R]) -> Option<Problem> {
    let hears = |rule: &R| {
        let mut events = rule.borrow().events.iter();
        events.any(|event| types.iter().any(|it| is_for(event, it)))
    };
    if types.is_empty() || rules.iter().any(hears) {
        return None;
    }
    Some(Problem::warning(
        format!(
            "no rule is for the events of this source, which are of type `{}`",
            types.join("` or `")
        ),
        format!(
            "add a rule with `events = {}`, or remove the source",
            types.join(", ")
        ),
    ))
}

/// Whether a rule is for events of this type, or for some of those types.
fn is_for(pattern: &EventPattern, event_type: &str) -> bool {
    let some = event_type.strip_suffix('*');
    some.is_some_and(|begin| pattern.as_str().starts_with(begin)) || pattern.matches(event_type)
}

fn found(text: &str) -> String {
    match text {
        "" => "none".to_owned(),
        text => format!("`{text}`"),
    }
}

/// Whether this can be a type of event, and a part of one.
fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= 100 && name.chars().all(known)
}
