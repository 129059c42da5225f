//! The options as they are meant: `[DEFAULT]` inherited by every section, references resolved.
//!
//! Names and values are still text; validation interprets them. It gets as much as
//! could be made out of the file, along with the problems so far, so that one report has them all.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::interpolation::{Interpolated, Scope, interpolate};
use super::problem::{Problem, Problems};
use super::raw::{self, RawOption};
use super::text::{Position, Value};

/// The section that all others inherit. Its name is case-sensitive.
pub const DEFAULT: &str = "DEFAULT";

/// A configuration file with everything inherited and interpolated.
#[derive(Clone, Debug)]
pub struct Merged {
    /// `[DEFAULT]`; empty and placed at 1:1 if the file has none.
    pub defaults: Section,
    /// The other sections in the order of the file. A name can occur twice; that is reported.
    pub sections: Vec<Section>,
}

/// A section and all its options, own and inherited.
#[derive(Clone, Debug)]
pub struct Section {
    /// As written between the brackets, blanks included.
    pub name: String,
    /// Of the `[`.
    pub position: Position,
    /// By name, in lower case.
    pub options: BTreeMap<String, MergedOption>,
}

/// An option as one section has it.
#[derive(Clone, Debug)]
pub struct MergedOption {
    /// Interpolated; as written if `unresolved`.
    pub value: Value,
    /// Whether it comes from `[DEFAULT]`. Never set in `[DEFAULT]` itself.
    pub inherited: bool,
    /// Of the option's name, in `[DEFAULT]` if inherited.
    pub position: Position,
    /// The `#` or `;` where the first inline comment was cut off the value.
    pub comment: Option<Position>,
    /// Whether an option of this section (for one of `[DEFAULT]`: of any section) refers to it.
    pub used_as_variable: bool,
    /// Of the reference by which a secret became a part of the value.
    pub secret: Option<Position>,
    /// Why its references could not be resolved.
    ///
    /// Reported already, but for this case: an option of `[DEFAULT]` may refer to options that only
    /// the rules have, and is fine if it can be resolved in one of them. The reader of such an
    /// option as a setting of `[DEFAULT]` reports this; reporting the same twice does no harm.
    pub unresolved: Option<Problem>,
}

/// Reads a configuration file's text; `is_secret` tells by name which options nothing may show. Never
/// fails: what cannot be read is left out and reported.
#[must_use]
pub fn read(text: &str, is_secret: &dyn Fn(&str) -> bool) -> (Merged, Problems) {
    let (sections, mut problems) = raw::read(text, is_secret);
    let sections = Sections::distinct(&sections, &mut problems);

    let mut defaults = resolve(
        DEFAULT,
        sections.position,
        &Scope::new(),
        &sections.defaults,
    );
    let mut merged: Vec<Section> = sections
        .others
        .iter()
        .map(|section| {
            resolve(
                section.name,
                section.position,
                &sections.defaults,
                &section.own,
            )
        })
        .collect();

    for section in &merged {
        for (name, option) in section
            .options
            .iter()
            .filter(|(_, option)| option.inherited)
        {
            if let Some(default) = defaults.options.get_mut(name) {
                default.used_as_variable |= option.used_as_variable;
            }
        }
    }
    report_unresolved(&mut defaults, &mut merged, &mut problems);
    let merged = Merged {
        defaults,
        sections: merged,
    };
    (merged, problems)
}

/// The sections as written, `[DEFAULT]` joined, every option once in a section.
struct Sections<'a> {
    /// Of the first `[DEFAULT]`.
    position: Position,
    defaults: Scope<'a>,
    others: Vec<Other<'a>>,
}

struct Other<'a> {
    name: &'a str,
    position: Position,
    own: Scope<'a>,
}

impl<'a> Sections<'a> {
    /// Reports sections and options that are there twice. Of two options the first counts; two
    /// sections of one name both stay, since there may be more to say about either. `[DEFAULT]` may
    /// be there twice, as in Python.
    fn distinct(sections: &'a [raw::Section], problems: &mut Problems) -> Self {
        let mut position = None;
        let mut defaults = Scope::new();
        let mut others = Vec::new();
        let mut places: BTreeMap<&str, Position> = BTreeMap::new();
        for section in sections {
            if section.name == DEFAULT {
                position.get_or_insert(section.position);
                insert_all(&mut defaults, section, problems);
                continue;
            }
            let first = *places.entry(&section.name).or_insert(section.position);
            if first != section.position {
                problems.push(
                    Problem::error(
                        format!("there is already a section [{}], at {first}", section.name),
                        "give one of the two another name, or join them",
                    )
                    .at(section.position)
                    .within(&section.name),
                );
            }
            let mut own = Scope::new();
            insert_all(&mut own, section, problems);
            others.push(Other {
                name: &section.name,
                position: section.position,
                own,
            });
        }
        Self {
            position: position.unwrap_or(Position { line: 1, column: 1 }),
            defaults,
            others,
        }
    }
}

fn insert_all<'a>(scope: &mut Scope<'a>, section: &'a raw::Section, problems: &mut Problems) {
    for option in &section.options {
        match scope.entry(&option.name) {
            Entry::Vacant(free) => {
                free.insert(option);
            }
            Entry::Occupied(first) => problems.push(
                Problem::error(
                    format!(
                        "`{}` is already set at {}",
                        option.name,
                        first.get().position
                    ),
                    "remove one of the two",
                )
                .at(option.position)
                .within(&section.name),
            ),
        }
    }
}

fn resolve(name: &str, position: Position, inherited: &Scope<'_>, own: &Scope<'_>) -> Section {
    let mut scope = inherited.clone();
    scope.extend(own);
    let mut used = BTreeSet::new();
    let mut options: BTreeMap<String, MergedOption> = scope
        .iter()
        .map(|(option_name, option)| {
            let resolved = interpolate(option, &scope, &mut used);
            let option = merged_option(option, !own.contains_key(option_name), resolved);
            ((*option_name).to_owned(), option)
        })
        .collect();
    for name in used {
        if let Some(option) = options.get_mut(name) {
            option.used_as_variable = true;
        }
    }
    Section {
        name: name.to_owned(),
        position,
        options,
    }
}

fn merged_option(
    option: &RawOption,
    inherited: bool,
    resolved: Result<Interpolated, Problem>,
) -> MergedOption {
    let (value, secret, unresolved) = match resolved {
        Ok(Interpolated { value, secret }) => (value, secret, None),
        Err(problem) => (option.value.clone(), None, Some(problem)),
    };
    MergedOption {
        value,
        inherited,
        position: option.position,
        comment: option.comment,
        used_as_variable: false,
        secret,
        unresolved,
    }
}

/// Says of every unresolved option which section it is about, and reports it: an option of
/// `[DEFAULT]` once if no rule can resolve it, else for the rules that cannot.
fn report_unresolved(defaults: &mut Section, rules: &mut [Section], problems: &mut Problems) {
    let mut reported = Vec::new();
    for (name, option) in &mut defaults.options {
        let Some(problem) = option.unresolved.take() else {
            continue;
        };
        let labelled = problem.clone().within(DEFAULT);
        let resolved_by_a_rule = rules
            .iter()
            .filter_map(|rule| rule.options.get(name))
            .any(|option| option.inherited && option.unresolved.is_none());
        if !resolved_by_a_rule {
            problems.push(labelled.clone());
            reported.push(problem);
        }
        option.unresolved = Some(labelled);
    }
    for rule in rules {
        for option in rule.options.values_mut() {
            option.unresolved = option.unresolved.take().map(|problem| {
                let section = if reported.contains(&problem) {
                    DEFAULT
                } else {
                    &rule.name
                };
                let labelled = problem.within(section);
                problems.push(labelled.clone());
                labelled
            });
        }
    }
}

#[cfg(test)]
mod tests;
