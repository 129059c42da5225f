//! `any`, `all`, `none`, `count` and `search`: filters for the elements of a list.

use serde_json::Value;

use super::names::Quantifier;
use super::{How, Operation, Outcome, kind};
use crate::core::rules::filter::{Condition, Filter, Subject};
use crate::core::rules::trial::Trial;

/// What is asked of the elements of a list.
#[derive(Clone, Debug)]
pub(in crate::core::rules) struct ListTest {
    pub(super) quantifier: Quantifier,
    pub(super) each: Each,
    /// What `count` asks of the number of elements that fulfil it.
    pub(super) number: Vec<Operation>,
}

/// What an element has to fulfil.
#[derive(Clone, Debug)]
pub(in crate::core::rules) enum Each {
    /// Of the element itself.
    Itself(Condition),
    /// Of what is in the element.
    AllOf(Vec<Filter>),
    /// One of these.
    AnyOf(Vec<Filter>),
}

impl Each {
    fn holds(&self, element: &Value, trial: &Trial<'_>) -> Result<bool, String> {
        match self {
            Self::Itself(condition) => condition.holds(&[element], false, trial),
            Self::AllOf(filters) => {
                for filter in filters {
                    if !filter.holds(Subject::Element(element), trial)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::AnyOf(filters) => {
                for filter in filters {
                    if filter.holds(Subject::Element(element), trial)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

impl ListTest {
    /// The elements are those of the list that was hit, or the hits if a path has `gathered` them from several
    /// places. An object counts as a list of one.
    pub(super) fn decide(
        &self,
        hits: &[&Value],
        gathered: bool,
        trial: &Trial<'_>,
    ) -> Result<Outcome, String> {
        match hits {
            [] => Ok(Outcome::undefined(How::Missing)),
            gathered_hits if gathered => {
                self.decide_elements(gathered_hits.iter().copied(), hits.len(), trial)
            }
            [Value::Null] => Ok(Outcome::undefined(How::Null)),
            [Value::Array(items)] => self.decide_elements(items.iter(), items.len(), trial),
            [object @ Value::Object(_)] => self.decide_elements(std::iter::once(*object), 1, trial),
            [other] => Ok(Outcome::undefined(How::NotList(kind(other)))),
            several => self.decide_elements(several.iter().copied(), several.len(), trial),
        }
    }

    fn decide_elements<'a>(
        &self,
        elements: impl Iterator<Item = &'a Value>,
        all: usize,
        trial: &Trial<'_>,
    ) -> Result<Outcome, String> {
        let mut held = 0;
        for (place, element) in elements.enumerate() {
            let holds = self.each.holds(element, trial)?;
            held += usize::from(holds);
            // The first that decides is enough.
            let decides = match self.quantifier {
                Quantifier::Any => holds,
                Quantifier::All => !holds,
                Quantifier::Count => false,
            };
            if decides {
                let how = How::Element(place + 1, all);
                return Ok(Outcome { holds, how });
            }
        }
        let holds = match self.quantifier {
            Quantifier::Any => false,
            Quantifier::All => true,
            Quantifier::Count => {
                let number = Value::from(held);
                let mut holds = true;
                for operation in &self.number {
                    holds = holds && operation.decide(Some(&number), trial)?.holds;
                }
                holds
            }
        };
        let how = How::Elements(held, all);
        Ok(Outcome { holds, how })
    }

    pub(super) fn push_stored<'a>(&'a self, names: &mut Vec<&'a str>) {
        match &self.each {
            Each::Itself(condition) => condition.push_stored(names),
            Each::AllOf(filters) | Each::AnyOf(filters) => {
                for filter in filters {
                    filter.push_stored(names);
                }
            }
        }
        for operation in &self.number {
            operation.push_stored(names);
        }
    }
}
