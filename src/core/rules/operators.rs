//! The operators of a filter: what `{"gt": 100000, "nin": ["ci"]}` asks of a value.
//!
//! Each operator is a [`Test`] that holds or does not, and a negative one holds where its positive one does
//! not. So a value that a test cannot be put to, because it is null, missing, or of a wrong type, makes positive
//! operators false and negative ones true. Why is an [`Outcome`]'s [`How`], which `explain` shows.

mod compare;
mod how;
mod list;
mod names;
#[cfg(test)]
mod oracle;
mod parse;
mod search;
mod wildcard;

pub use how::How;
pub(super) use how::described;
use how::kind;
use names::is_operator;
#[cfg(test)]
use names::operator;
use parse::Operand;
pub use parse::Reader;

use jiff::Timestamp;
use serde_json::Value;

use super::given::Given;
use super::pattern::Pattern;
use super::trial::Trial;
use crate::core::times::instant;
use compare::{Bounds, contains, equal, inside, text_test};
use list::ListTest;

/// One operator and what it is given.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// As our table has it.
    name: &'static str,
    is_negative: bool,
    test: Test,
    /// What was written for it.
    wanted: String,
}

/// What one operator asks, without regard to whether it is the positive or the negative one.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Equal(Operand),
    Contains(Operand),
    Text(TextTest, Operand),
    Inside(Operand),
    Order(Bounds),
    Pattern(Pattern),
    Age(Age),
    Exists,
    List(Box<ListTest>),
}

/// What is asked of a text and another. With `fold` the case of letters does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextTest {
    pub(super) part: Part,
    pub(super) fold: bool,
}

/// Which part of a text the other one has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Whole,
    Any,
    Start,
    End,
}

/// What is asked of a time, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Age {
    Older(i128),
    Newer(i128),
    /// From now until then.
    Within(i128),
}

/// What an operator says of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Whether it holds.
    pub(super) holds: bool,
    /// How that was found.
    pub(super) how: How,
}

impl Outcome {
    /// The test cannot be put to the value.
    fn undefined(how: How) -> Self {
        Self { holds: false, how }
    }
}

impl Operation {
    /// What the operator says of what is at a path, one of its hits.
    ///
    /// # Errors
    /// A pattern that cannot be decided, or too much to look at, in words.
    pub(super) fn decide(
        &self,
        found: Option<&Value>,
        trial: &Trial<'_>,
    ) -> Result<Outcome, String> {
        let outcome = self.test.decide(found, trial)?;
        Ok(self.signed(outcome))
    }

    /// What an operator over lists says of all hits together, which a path has `gathered` from several
    /// places, or not.
    pub(super) fn decide_list(
        &self,
        hits: &[&Value],
        gathered: bool,
        trial: &Trial<'_>,
    ) -> Result<Outcome, String> {
        match &self.test {
            Test::List(list) => Ok(self.signed(list.decide(hits, gathered, trial)?)),
            _ => self.decide(hits.first().copied(), trial),
        }
    }

    fn signed(&self, outcome: Outcome) -> Outcome {
        Outcome {
            holds: outcome.holds != self.is_negative,
            ..outcome
        }
    }

    /// Whether it asks something of a list as a whole, rather than of one value.
    pub(super) fn is_of_lists(&self) -> bool {
        matches!(self.test, Test::List(_))
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// What was written for it.
    pub(super) fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Adds the names of the store that it needs.
    pub(super) fn push_stored<'a>(&'a self, names: &mut Vec<&'a str>) {
        match &self.test {
            Test::Equal(operand)
            | Test::Contains(operand)
            | Test::Text(_, operand)
            | Test::Inside(operand) => operand.push_stored(names),
            Test::Order(bounds) => bounds.operands().for_each(|it| it.push_stored(names)),
            Test::List(list) => list.push_stored(names),
            Test::Pattern(_) | Test::Age(_) | Test::Exists => {}
        }
    }
}

impl Test {
    /// How many values are looked at for one: a test of a list goes through it, a pattern looks at it many times,
    /// and of a text each kibibyte counts.
    fn effort(&self, found: Option<&Value>, given: &Given<'_>) -> usize {
        const OF_PATTERNS: usize = 10;
        let text = found.and_then(Value::as_str).map_or(0, str::len) / 1024;
        let items = |list: Option<&Value>| list.and_then(Value::as_array).map_or(1, Vec::len);
        text + match self {
            Self::Inside(operand) => items(operand.value(given)),
            Self::Contains(_) => items(found),
            Self::Pattern(_) => OF_PATTERNS,
            _ => 1,
        }
    }

    fn decide(&self, found: Option<&Value>, trial: &Trial<'_>) -> Result<Outcome, String> {
        trial.look_at(self.effort(found, trial.given))?;
        let given = trial.given;
        let found = match found {
            None => return Ok(Outcome::undefined(How::Missing)),
            Some(Value::Null) => return Ok(Outcome::undefined(How::Null)),
            Some(found) => found,
        };
        let with = |operand: &Operand, test: &dyn Fn(&Value) -> Outcome| {
            let wanted = operand.value(given);
            wanted.map_or(Outcome::undefined(How::NotStored), test)
        };
        Ok(match self {
            Self::Equal(operand) => with(operand, &|wanted| equal(found, wanted)),
            Self::Contains(operand) => with(operand, &|wanted| contains(found, wanted)),
            Self::Text(test, operand) => with(operand, &|wanted| text_test(*test, found, wanted)),
            Self::Inside(operand) => with(operand, &|wanted| inside(found, wanted)),
            Self::Order(bounds) => bounds.decide(found, given),
            Self::Pattern(pattern) => match found {
                Value::String(text) => Outcome {
                    holds: pattern.matches(text)?,
                    how: How::Text,
                },
                other => Outcome::undefined(How::NotText(kind(other))),
            },
            Self::Age(age) => {
                instant(found).map_or(Outcome::undefined(How::NoTime), |time| Outcome {
                    holds: age.holds(time, given.now),
                    how: How::Times,
                })
            }
            Self::Exists => Outcome {
                holds: true,
                how: How::Presence,
            },
            Self::List(list) => list.decide(&[found], false, trial)?,
        })
    }
}

impl Age {
    fn holds(self, time: Timestamp, now: Timestamp) -> bool {
        let age = now.as_nanosecond() - time.as_nanosecond();
        match self {
            Self::Older(than) => age > than,
            Self::Newer(than) => age < than,
            Self::Within(most) => (0..=most).contains(&-age),
        }
    }
}

#[cfg(test)]
mod tests;
