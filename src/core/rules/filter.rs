//! One condition of a rule: a path and what has to be there.

use std::fmt;

use serde_json::{Number, Value};

use super::Pattern;
use super::finding::{Finding, Mismatch};
use super::given::Given;
use super::number;
use super::operators::{Operation, described};
use super::trial::{Trial, values_in};
use crate::core::event::{Event, Found, InvalidPath, PayloadPath};

/// What the name of a value in the store begins with, where a path could be.
const STORE: &str = "store:";

/// One entry of a rule's `filter_params`.
#[derive(Clone, Debug)]
pub struct Filter {
    place: Place,
    condition: Condition,
}

/// Where a filter looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// In the event, or in the element of a list.
    Payload(PayloadPath),
    /// In the store, under this name.
    Stored(String),
}

/// What has to be there.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// Any of these, for any of the hits.
    AnyOf(Vec<Test>),
    /// All of these, for one and the same of the hits.
    Operators(Vec<Operation>),
}

/// What is there, if not something that operators are put to.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Pattern(Pattern),
    Number(Number),
    Bool(bool),
    /// The field is null or missing.
    Null,
}

/// In what a filter looks its path up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    Event(&'a Event),
    /// An element of a list in the event.
    Element(&'a Value),
}

impl Filter {
    pub(super) fn new(place: Place, condition: Condition) -> Self {
        Self { place, condition }
    }

    /// Reads where a filter looks.
    pub(super) fn place(text: &str) -> Result<Place, InvalidPath> {
        match text.strip_prefix(STORE) {
            Some("") => Err(InvalidPath {
                message: format!(
                    "expected the name of a value in the store after `{STORE}`, but found nothing"
                ),
                hint: "write it like `store:freeze`".into(),
                offset: 0,
            }),
            Some(name) => Ok(Place::Stored(name.to_owned())),
            None => PayloadPath::parse(text).map(Place::Payload),
        }
    }

    /// The path in the event that it looks at, unless it looks into the store.
    #[must_use]
    pub fn path(&self) -> Option<&PayloadPath> {
        match &self.place {
            Place::Payload(path) => Some(path),
            Place::Stored(_) => None,
        }
    }

    /// Whether another filter looks at the same place.
    pub(super) fn is_for_the_same(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// Adds the names of the store that it needs.
    pub(super) fn push_stored<'a>(&'a self, names: &mut Vec<&'a str>) {
        if let Place::Stored(name) = &self.place {
            names.push(name);
        }
        self.condition.push_stored(names);
    }

    fn find<'a>(&'a self, subject: Subject<'a>, given: &'a Given<'_>) -> Found<'a> {
        match (&self.place, subject) {
            (Place::Payload(path), Subject::Event(event)) => path.find(event),
            (Place::Payload(path), Subject::Element(element)) => path.find_in(element),
            (Place::Stored(name), _) => given.stored.value(name).map_or(Found::Nothing, Found::One),
        }
    }

    /// Whether what is found are the elements of a list that a path has gathered, however many.
    fn gathers(&self) -> bool {
        self.path().is_some_and(PayloadPath::gathers)
    }

    /// Whether the condition holds.
    pub(super) fn holds(&self, subject: Subject<'_>, trial: &Trial<'_>) -> Result<bool, String> {
        if let Subject::Element(element) = subject {
            let gathers = self.gathers();
            trial.look_at(if gathers { values_in(element) } else { 1 })?;
        }
        let found = self.find(subject, trial.given);
        self.condition
            .holds(hits(&found, &mut None), self.gathers(), trial)
    }

    /// Whether the event fulfils this condition: `None` if so, else why not.
    ///
    /// # Errors
    /// A pattern that cannot be decided, or too much to look at, in words.
    pub fn mismatch(&self, event: &Event, given: &Given<'_>) -> Result<Option<Mismatch>, String> {
        if self.holds(Subject::Event(event), &Trial::new(given))? {
            return Ok(None);
        }
        let findings = self.findings(event, given);
        let refusing = findings.into_iter().find(Finding::refuses);
        Ok(refusing.map(Mismatch::from))
    }

    /// What each operator found, or the filter if it has none.
    #[must_use]
    pub fn findings(&self, event: &Event, given: &Given<'_>) -> Vec<Finding> {
        let trial = &Trial::new(given);
        let found = self.find(Subject::Event(event), given);
        let mut one = None;
        let hits = hits(&found, &mut one);
        let finding = |found| Finding {
            alternative: None,
            path: self.place.to_string(),
            operator: None,
            wanted: String::new(),
            found,
            how: None,
            holds: Ok(true),
        };
        match &self.condition {
            Condition::AnyOf(tests) => vec![Finding {
                wanted: either(tests),
                holds: any_of(tests, hits, trial),
                ..finding(described(&found))
            }],
            Condition::Operators(operations) => {
                // In the order in which they are decided: those of lists, then all others together.
                let of_list = |operation: &Operation| {
                    let decide = || operation.decide_list(hits, self.gathers(), trial);
                    operation.is_of_lists().then(decide)
                };
                let of_lists: Vec<_> = operations.iter().map(of_list).collect();
                let best = best(operations, hits, trial);
                let shown = match best {
                    Ok(Best { hit: Some(hit), .. }) if hits.len() > 1 => format!(
                        "{}, one of {} values",
                        described(&Found::One(hit)),
                        hits.len()
                    ),
                    _ => described(&found),
                };
                let decided = operations.iter().zip(of_lists);
                let findings = decided.map(|(operation, of_lists)| {
                    let found = if of_lists.is_some() {
                        described(&found)
                    } else {
                        shown.clone()
                    };
                    let outcome = of_lists.unwrap_or_else(|| match &best {
                        Ok(best) => operation.decide(best.hit, &Trial::new(given)),
                        Err(why) => Err(why.clone()),
                    });
                    Finding {
                        operator: Some(operation.name()),
                        wanted: operation.wanted().to_owned(),
                        how: outcome.as_ref().ok().map(|outcome| outcome.how),
                        holds: outcome.map(|outcome| outcome.holds),
                        ..finding(found)
                    }
                });
                findings.collect()
            }
        }
    }
}

/// The values that a path has found, apart from each other.
fn hits<'h, 'a: 'h>(found: &'h Found<'a>, one: &'h mut Option<[&'a Value; 1]>) -> &'h [&'a Value] {
    match found {
        Found::Nothing => &[],
        Found::One(value) => one.insert([*value]),
        Found::Several(values) => values,
    }
}

impl Condition {
    /// Whether it holds for these hits, which a path has `gathered` from several places, or not.
    pub(super) fn holds(
        &self,
        hits: &[&Value],
        gathered: bool,
        trial: &Trial<'_>,
    ) -> Result<bool, String> {
        let operations = match self {
            Self::AnyOf(tests) => return any_of(tests, hits, trial),
            Self::Operators(operations) => operations,
        };
        for operation in operations.iter().filter(|it| it.is_of_lists()) {
            if !operation.decide_list(hits, gathered, trial)?.holds {
                return Ok(false);
            }
        }
        Ok(best(operations, hits, trial)?.holds)
    }

    pub(super) fn push_stored<'a>(&'a self, names: &mut Vec<&'a str>) {
        if let Self::Operators(operations) = self {
            for operation in operations {
                operation.push_stored(names);
            }
        }
    }
}

/// The hit for which the most operators hold.
struct Best<'a> {
    /// None if nothing was hit.
    hit: Option<&'a Value>,
    /// Whether all hold for it.
    holds: bool,
}

/// The first hit for which all operators hold that are not of lists, else the first for which the most do.
fn best<'a>(
    operations: &[Operation],
    hits: &[&'a Value],
    trial: &Trial<'_>,
) -> Result<Best<'a>, String> {
    let held = |hit: Option<&Value>| {
        let (mut held, mut all) = (0, 0);
        for operation in operations.iter().filter(|it| !it.is_of_lists()) {
            all += 1;
            held += usize::from(operation.decide(hit, trial)?.holds);
        }
        Ok::<_, String>((held, held == all))
    };
    let Some((first, others)) = hits.split_first() else {
        let holds = held(None)?.1;
        return Ok(Best { hit: None, holds });
    };
    let (mut most, holds) = held(Some(first))?;
    let hit = Some(*first);
    let mut best = Best { hit, holds };
    for hit in others {
        if best.holds {
            break;
        }
        let (held, holds) = held(Some(hit))?;
        if held > most {
            most = held;
            best = Best {
                hit: Some(hit),
                holds,
            };
        }
    }
    Ok(best)
}

/// Whether any of the tests holds for any of the hits; where there is none, for null.
fn any_of(tests: &[Test], hits: &[&Value], trial: &Trial<'_>) -> Result<bool, String> {
    let hits = if hits.is_empty() {
        &[&Value::Null]
    } else {
        hits
    };
    for value in hits {
        trial.look_at(tests.len())?;
        for test in tests {
            if test.holds(value)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Test {
    /// Reads text, a number, a boolean or null; else what is wrong, and what to write instead.
    pub(super) fn parse(path: &str, expected: &Value) -> Result<Self, (String, String)> {
        match expected {
            Value::Null => Ok(Self::Null),
            Value::Bool(expected) => Ok(Self::Bool(*expected)),
            Value::Number(expected) => Ok(Self::Number(expected.clone())),
            Value::String(pattern) => Pattern::parse(pattern).map(Self::Pattern).map_err(|error| {
                let message = format!(
                    "expected a regular expression for `{path}`, but found `{pattern}`: {error}"
                );
                let hint = "put a backslash before a special character that is meant literally; in \
                            JSON it is written twice, like `\"rack\\\\.1\"`";
                (message, hint.to_owned())
            }),
            Value::Array(_) | Value::Object(_) => Err((
                format!(
                    "expected text, a number, true, false or null in the list for `{path}`, but found `{expected}`"
                ),
                "name a field inside with dots, like `properties.vendor`; operators go into an object without a \
                 list around it"
                    .to_owned(),
            )),
        }
    }

    fn holds(&self, value: &Value) -> Result<bool, String> {
        match (self, value) {
            (Self::Pattern(pattern), Value::String(text)) => pattern.matches(text),
            // A number or boolean is matched in the form in which a script would get it.
            (Self::Pattern(pattern), Value::Number(_) | Value::Bool(_)) => {
                pattern.matches(&value.to_string())
            }
            (Self::Number(expected), Value::Number(number)) => {
                Ok(number::compared(expected, number).is_eq())
            }
            (Self::Bool(expected), Value::Bool(value)) => Ok(expected == value),
            (Self::Null, Value::Null) => Ok(true),
            _ => Ok(false),
        }
    }
}

/// What the tests ask for, in words.
fn either(tests: &[Test]) -> String {
    let words = tests.iter().map(|test| match test {
        Test::Pattern(pattern) => format!("text matching {:?}", pattern.as_str()),
        Test::Number(number) => format!("the number {number}"),
        Test::Bool(value) => value.to_string(),
        Test::Null => "null or nothing".to_owned(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(path) => path.fmt(f),
            Self::Stored(name) => write!(f, "{STORE}{name}"),
        }
    }
}

/// What it asks for.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Condition::AnyOf(tests) => f.write_str(&either(tests)),
            Condition::Operators(operations) => {
                let all = operations
                    .iter()
                    .map(|it| format!("{} {}", it.name(), it.wanted()));
                f.write_str(&all.collect::<Vec<_>>().join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
