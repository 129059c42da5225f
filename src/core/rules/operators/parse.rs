//! Reads conditions, and tells of every mistake in them at its place.

mod lists;
mod operands;

pub(in crate::core::rules) use operands::Operand;

use serde_json::Value;

use super::compare::Bounds;
use super::names::{Kind, Named, OPERATORS, known, operator};
use super::{Operation, Test};
use crate::core::ini::problem::{Problem, nearest};
use crate::core::located::{Entry, Json, Located};
use crate::core::rules::filter::{self, Condition, Filter};

/// Reads conditions; what is wrong with them is collected with its place, in bytes.
#[derive(Debug, Default)]
pub struct Reader {
    pub(super) mistakes: Vec<(usize, Problem)>,
    depth: usize,
}

impl Reader {
    /// What was wrong, each with its place, in bytes.
    #[must_use]
    pub fn into_mistakes(self) -> Vec<(usize, Problem)> {
        self.mistakes
    }

    /// How many mistakes there are, without warnings.
    pub(super) fn errors(&self) -> usize {
        let mistakes = self.mistakes.iter();
        mistakes.filter(|(_, it)| it.is_error()).count()
    }

    /// Notes a mistake at this place.
    pub fn mistake(&mut self, at: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.mistakes.push((at, Problem::error(message, hint)));
    }

    /// Reads an entry: a path, and what has to be there.
    pub fn filter(&mut self, entry: &Entry) -> Option<Filter> {
        let place = Filter::place(&entry.name)
            .map_err(|error| self.mistake(entry.at, error.message, error.hint));
        // What is wrong with the condition is worth telling, too.
        let condition = self.condition(&entry.name, entry.at, &entry.value);
        Some(Filter::new(place.ok()?, condition?))
    }

    /// Reads a path, and what has to be there.
    pub fn filter_of(&mut self, path: &str, expected: &Value) -> Option<Filter> {
        self.filter(&Entry {
            at: 0,
            name: path.to_owned(),
            value: expected.into(),
        })
    }

    /// Reads the entries of an object, no two of which are for the same path.
    pub fn filters(&mut self, entries: &[Entry]) -> Vec<Filter> {
        let mut filters: Vec<Filter> = Vec::new();
        for entry in entries {
            let Some(filter) = self.filter(entry) else {
                continue;
            };
            if filters.iter().any(|known| known.is_for_the_same(&filter)) {
                self.mistake(
                    entry.at,
                    format!("expected one filter for `{}`, but found two", entry.name),
                    "for any of several values write a list, like `[\"a\", \"b\"]`; several operators go into one object",
                );
                continue;
            }
            filters.push(filter);
        }
        filters
    }

    /// Reads what is said of `path`, whose entry is at this place.
    fn condition(&mut self, path: &str, at: usize, value: &Located) -> Option<Condition> {
        let known = self.errors();
        let condition = match &value.json {
            Json::Object(entries) if entries.is_empty() => {
                self.mistake(
                    at,
                    format!("expected operators for `{path}`, but found none in `{{}}`"),
                    "write them like `{\"gt\": 5, \"lt\": 10}`",
                );
                return None;
            }
            Json::Object(entries) => Condition::Operators(self.operations(path, entries)),
            Json::List(items) if items.is_empty() => {
                self.mistake(
                    at,
                    format!("the list for `{path}` is empty, so the rule would never match"),
                    "list at least one value, or set `enabled = no`",
                );
                return None;
            }
            Json::List(items) => {
                let tests = items
                    .iter()
                    .filter_map(|item| self.plain(path, item.at, item));
                Condition::AnyOf(tests.collect())
            }
            Json::Plain(_) => Condition::AnyOf(self.plain(path, at, value).into_iter().collect()),
        };
        (self.errors() == known).then_some(condition)
    }

    fn plain(&mut self, path: &str, at: usize, value: &Located) -> Option<filter::Test> {
        let test = filter::Test::parse(path, &value.to_value());
        test.map_err(|(message, hint)| self.mistake(at, message, hint))
            .ok()
    }

    pub(super) fn operations(&mut self, path: &str, entries: &[Entry]) -> Vec<Operation> {
        let mut operations: Vec<Operation> = Vec::new();
        for entry in entries {
            let Some(named) = self.named(path, entry) else {
                continue;
            };
            if operations.iter().any(|known| known.name == named.name) {
                self.mistake(
                    entry.at,
                    format!("expected `{}` once for `{path}`, but found it twice", entry.name),
                    "write the second one for another spelling of the path: `$.purpose` is `purpose`, too",
                );
                continue;
            }
            operations.extend(self.operation(named, &entry.name, &entry.value));
        }
        operations
    }

    fn named(&mut self, path: &str, entry: &Entry) -> Option<Named> {
        let name = &entry.name;
        if let Some(named) = operator(name) {
            return Some(named);
        }
        let near = nearest(&name.to_lowercase(), known());
        let hint = near.map_or_else(
            || {
                let names: Vec<&str> = OPERATORS
                    .iter()
                    .map(|row| row.alias.unwrap_or(row.name))
                    .collect();
                format!(
                    "name a field inside with dots, like `properties.vendor`; the operators are {}",
                    names.join(", ")
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no operator `{name}`, which is asked of `{path}`");
        self.mistake(entry.at, message, hint);
        None
    }

    /// Reads what an operator is given; `written` is how it was called.
    pub(super) fn operation(
        &mut self,
        named: Named,
        written: &str,
        value: &Located,
    ) -> Option<Operation> {
        let mut is_negative = named.is_negative;
        let test = match named.kind {
            Kind::Equal => Test::Equal(self.operand(written, value)?),
            Kind::Contains => Test::Contains(self.operand(written, value)?),
            Kind::Text(test) => Test::Text(test, self.text_operand(written, value)?),
            Kind::Inside => Test::Inside(self.list_operand(written, value)?),
            Kind::Above { too } => Test::Order(Bounds {
                above: Some(self.bound(written, value, too)?),
                below: None,
            }),
            Kind::Below { too } => Test::Order(Bounds {
                above: None,
                below: Some(self.bound(written, value, too)?),
            }),
            Kind::Between => Test::Order(self.between(written, value)?),
            Kind::Pattern(dialect) => Test::Pattern(self.pattern(written, value, dialect)?),
            Kind::Age(age, unit) => Test::Age(self.age(written, value, age, unit)?),
            Kind::Exists => {
                let Json::Plain(Value::Bool(exists)) = value.json else {
                    self.unfit(
                        written,
                        value,
                        "true or false",
                        "`true` holds where something is, `false` where nothing is",
                    );
                    return None;
                };
                is_negative ^= !exists;
                Test::Exists
            }
            Kind::List(quantifier) => {
                Test::List(Box::new(self.nested(written, value, |reader| {
                    reader.list(written, value, quantifier)
                })?))
            }
            Kind::Search => Test::List(Box::new(
                self.nested(written, value, |reader| reader.search(value))?,
            )),
        };
        Some(Operation {
            name: named.name,
            is_negative,
            test,
            wanted: value.to_value().to_string(),
        })
    }

    /// Notes that an operator is given something that it cannot use.
    pub(super) fn unfit(&mut self, written: &str, value: &Located, wanted: &str, hint: &str) {
        let found = value.to_value();
        self.mistake(
            value.at,
            format!("expected {wanted} for `{written}`, but found `{found}`"),
            hint,
        );
    }
}
