//! `%(name)s` and `%%` in values, as Python's `BasicInterpolation` has them.
//!
//! `%(name)s` stands for the value of that option, as it would be in the section at hand, and may
//! itself refer to others, ten levels deep; `%%` stands for `%`. The differences, all declared: any
//! other `%` stays as it is, where Python refuses it; options that refer to each other in a circle
//! are distinguished from options nested too deeply; and the size of one value is limited.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::{Problem, nearest};
use super::raw::RawOption;
use super::text::{Position, Value};

/// Python's limit: this many values within values.
const LEVELS: usize = 10;
/// A few lines that refer to each other can ask for more text than there is memory.
const MAX_BYTES: usize = 1 << 20;
/// The same for time, when what they refer to is empty.
const MAX_REFERENCES: usize = 10_000;
/// The options that a value can refer to, by name: those of a section and the inherited ones.
pub(super) type Scope<'a> = BTreeMap<&'a str, &'a RawOption>;

/// An option's value with all that it refers to.
#[derive(Debug)]
pub(super) struct Interpolated {
    pub(super) value: Value,
    /// The reference by which it took in a secret, if it did: directly or by what it refers to.
    pub(super) secret: Option<Position>,
}

/// The option's value as it is meant in this scope. Names that it refers to are added to `used`.
pub(super) fn interpolate<'a>(
    option: &'a RawOption,
    scope: &'a Scope<'a>,
    used: &mut BTreeSet<&'a str>,
) -> Result<Interpolated, Problem> {
    if !option.value.as_str().contains('%') {
        return Ok(Interpolated {
            value: option.value.clone(),
            secret: None,
        });
    }
    let mut expansion = Expansion {
        scope,
        used,
        chain: Vec::new(),
        references: 0,
        asked_for: option,
        whole: Value::empty(option.value.position_at(0)),
        secret: None,
    };
    expansion.expand(option)?;
    Ok(Interpolated {
        value: expansion.whole,
        secret: expansion.secret,
    })
}

struct Expansion<'a, 'u> {
    scope: &'a Scope<'a>,
    used: &'u mut BTreeSet<&'a str>,
    /// From the option asked for down to the one being read, each with the place in it of the
    /// reference that led on.
    chain: Vec<(&'a str, Position)>,
    references: usize,
    asked_for: &'a RawOption,
    whole: Value,
    secret: Option<Position>,
}

impl<'a> Expansion<'a, '_> {
    fn expand(&mut self, option: &'a RawOption) -> Result<(), Problem> {
        let text = option.value.as_str();
        if !text.contains('%') {
            self.whole.push_part(&option.value, 0..text.len());
            return self.within_bounds();
        }
        if self.chain.len() >= LEVELS {
            let problem = Problem::error(
                format!(
                    "`{}` takes more than {LEVELS} nested references to reach `{}`",
                    self.asked_for.name, option.name
                ),
                "refer to the text in fewer steps",
            );
            return Err(problem.at(self.chain[0].1));
        }
        let mut done = 0;
        while let Some(percent) = text[done..].find('%').map(|offset| done + offset) {
            let rest = &text[percent..];
            if rest.starts_with("%%") {
                self.whole.push_part(&option.value, done..percent + 1);
                done = percent + 2;
            } else if let Some(name) = reference(rest) {
                self.whole.push_part(&option.value, done..percent);
                done = percent + name.len() + "%()s".len();
                self.refer(option, name, option.value.position_at(percent))?;
            } else {
                self.whole.push_part(&option.value, done..percent + 1);
                done = percent + 1;
            }
        }
        self.whole.push_part(&option.value, done..text.len());
        self.within_bounds()
    }

    fn refer(&mut self, from: &'a RawOption, name: &str, place: Position) -> Result<(), Problem> {
        let Some((&name, &to)) = self.scope.get_key_value(name.to_lowercase().as_str()) else {
            return Err(self.unknown(from, name).at(place));
        };
        self.used.insert(name);
        self.chain.push((&from.name, place));
        if let Some(start) = self.chain.iter().position(|(option, _)| *option == name) {
            return Err(circle(&self.chain[start..]));
        }
        if to.secret {
            self.secret.get_or_insert(self.chain[0].1);
        }
        self.references += 1;
        self.expand(to)?;
        self.chain.pop();
        Ok(())
    }

    fn unknown(&self, from: &RawOption, name: &str) -> Problem {
        let option = &from.name;
        if from.secret {
            return Problem::error(
                format!("`{option}` refers by `%(…)s` to an option that does not exist"),
                "write `%%(` if the text itself is meant, or define that option in [DEFAULT]",
            );
        }
        // What is being resolved would only lead round in a circle.
        let under_way = |known: &&str| self.chain.iter().any(|(option, _)| option == known);
        let known = self.scope.keys().copied();
        let candidates = known.filter(|known| known != option && !under_way(known));
        let instead = match nearest(&name.to_lowercase(), candidates) {
            Some(known) => format!("write `%({known})s` if that is meant"),
            None => format!("define `{name}` in this section or in [DEFAULT]"),
        };
        Problem::error(
            format!("`{option}` refers to `%({name})s`, but there is no option `{name}`"),
            format!("{instead}, or write `%%({name})s` for the text itself"),
        )
    }

    fn within_bounds(&self) -> Result<(), Problem> {
        if self.whole.as_str().len() <= MAX_BYTES && self.references <= MAX_REFERENCES {
            return Ok(());
        }
        Err(Problem::error(
            format!(
                "`{}` grows too large by its references",
                self.asked_for.name
            ),
            format!("keep it under {MAX_BYTES} bytes and {MAX_REFERENCES} references"),
        )
        .at(self.asked_for.position))
    }
}

/// The name in the `%(name)s` that `text` begins with.
fn reference(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix("%(")?.split_once(')')?;
    (!name.is_empty() && rest.starts_with('s')).then_some(name)
}

/// One problem for each circle, wherever it was entered: reported at its first reference in the file.
fn circle(references: &[(&str, Position)]) -> Problem {
    let first = (0..references.len())
        .min_by_key(|index| references[*index].1)
        .unwrap_or_default();
    let (before, after) = references.split_at(first);
    let mut names: Vec<&str> = after.iter().chain(before).map(|(name, _)| *name).collect();
    names.extend(after.first().map(|(name, _)| *name));
    let path: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Problem::error(
        format!(
            "options refer to each other in a circle: {}",
            path.join(" → ")
        ),
        "give one of them a value without a reference to the others",
    )
    .at(references[first].1)
}

#[cfg(test)]
mod tests;
