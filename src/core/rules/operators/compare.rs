//! How a value and what is wanted of it are compared.
//!
//! `OpenStack` keeps numbers as text, so a text that is a number is one to another number; two texts are compared
//! as text. No boolean is a number. Inside lists and objects nothing is converted.

use std::cmp::Ordering;

use serde_json::Value;

use super::parse::Operand;
use super::{Given, How, Outcome, Part, TextTest, kind};
use crate::core::rules::number::{self, Decimal};

/// How a number or text is to another.
fn ordered(found: &Value, wanted: &Value) -> Result<(Ordering, How), How> {
    let as_number = |text: &str, number: &serde_json::Number| {
        let text = Decimal::of_text(text)?;
        let number = number.to_string();
        Some(text.compared_to(Decimal::of_text(&number)?))
    };
    match (found, wanted) {
        (Value::Number(a), Value::Number(b)) => Ok((number::compared(a, b), How::Numbers)),
        (Value::String(a), Value::String(b)) => Ok((a.cmp(b), How::Text)),
        (Value::String(a), Value::Number(b)) => {
            let order = as_number(a, b).ok_or(How::NotANumber)?;
            Ok((order, How::Numbers))
        }
        (Value::Number(a), Value::String(b)) => {
            let order = as_number(b, a).ok_or(How::Kinds("a number", "text"))?;
            Ok((order.reverse(), How::Numbers))
        }
        (Value::Number(_) | Value::String(_), other) => {
            Err(How::StoredKind(kind(other), "a number or text"))
        }
        (other, _) => Err(How::NoOrder(kind(other))),
    }
}

/// How two values of a rule are to each other, if they have an order.
pub(super) fn compared(a: &Value, b: &Value) -> Option<Ordering> {
    ordered(a, b).map(|(order, _)| order).ok()
}

/// Whether a value is what is wanted.
pub(super) fn equal(found: &Value, wanted: &Value) -> Outcome {
    let scalar = |value: &Value| matches!(value, Value::Number(_) | Value::String(_));
    if scalar(found) && scalar(wanted) {
        return match ordered(found, wanted) {
            Ok((order, how)) => Outcome {
                holds: order == Ordering::Equal,
                how,
            },
            Err(how) => Outcome::undefined(how),
        };
    }
    if kind(found) != kind(wanted) {
        return Outcome::undefined(How::Kinds(kind(found), kind(wanted)));
    }
    Outcome {
        holds: same(found, wanted),
        how: How::Values,
    }
}

/// Whether two values are the same: numbers by what they are worth, objects in any order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => number::compared(a, b) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(name, value)| b.get(name).is_some_and(|other| same(value, other));
            a.len() == b.len() && a.iter().all(has)
        }
        _ => a == b,
    }
}

/// Whether a value is in a list.
pub(super) fn inside(found: &Value, wanted: &Value) -> Outcome {
    match wanted {
        Value::Array(items) => Outcome {
            holds: items.iter().any(|item| equal(found, item).holds),
            how: How::Items,
        },
        other => Outcome::undefined(How::StoredKind(kind(other), "a list")),
    }
}

/// Whether a text has a part, a list an item, or an object a field.
pub(super) fn contains(found: &Value, wanted: &Value) -> Outcome {
    match (found, wanted) {
        (Value::Array(items), wanted) => Outcome {
            holds: items.iter().any(|item| equal(item, wanted).holds),
            how: How::Items,
        },
        (Value::String(text), Value::String(part)) => Outcome {
            holds: text.contains(part.as_str()),
            how: How::Text,
        },
        (Value::Object(fields), Value::String(name)) => Outcome {
            holds: fields.contains_key(name),
            how: How::Names,
        },
        (Value::String(_) | Value::Object(_), _) => {
            Outcome::undefined(How::Kinds(kind(found), "a list"))
        }
        (other, _) => Outcome::undefined(How::Kinds(kind(other), "text, a list or an object")),
    }
}

/// Whether a text is, or has as its part, another one.
pub(super) fn text_test(test: TextTest, found: &Value, wanted: &Value) -> Outcome {
    let Value::String(text) = found else {
        return Outcome::undefined(How::NotText(kind(found)));
    };
    let Value::String(wanted) = wanted else {
        return Outcome::undefined(How::StoredKind(kind(wanted), "text"));
    };
    if test.fold {
        return Outcome {
            holds: test.part.is(&text.to_lowercase(), &wanted.to_lowercase()),
            how: How::FoldedText,
        };
    }
    Outcome {
        holds: test.part.is(text, wanted),
        how: How::Text,
    }
}

impl Part {
    fn is(self, text: &str, part: &str) -> bool {
        match self {
            Self::Whole => text == part,
            Self::Any => text.contains(part),
            Self::Start => text.starts_with(part),
            Self::End => text.ends_with(part),
        }
    }
}

/// The values that hold: those above the one and below the other, with themselves if `too`.
#[derive(Clone, Debug)]
pub(in crate::core::rules) struct Bounds {
    pub(super) above: Option<Bound>,
    pub(super) below: Option<Bound>,
}

/// An end of what holds.
#[derive(Clone, Debug)]
pub(in crate::core::rules) struct Bound {
    pub(super) operand: Operand,
    /// Whether it holds itself.
    pub(super) too: bool,
}

impl Bounds {
    pub(super) fn operands(&self) -> impl Iterator<Item = &Operand> {
        let bounds = self.above.iter().chain(&self.below);
        bounds.map(|bound| &bound.operand)
    }

    pub(super) fn decide(&self, found: &Value, given: &Given<'_>) -> Outcome {
        let mut outcome = Outcome::undefined(How::Presence);
        let above = self.above.iter().map(|bound| (bound, Ordering::Greater));
        let below = self.below.iter().map(|bound| (bound, Ordering::Less));
        for (bound, side) in above.chain(below) {
            let Some(wanted) = bound.operand.value(given) else {
                return Outcome::undefined(How::NotStored);
            };
            match ordered(found, wanted) {
                Ok((order, how)) => {
                    let holds = order == side || (bound.too && order == Ordering::Equal);
                    outcome = Outcome { holds, how };
                }
                Err(how) => return Outcome::undefined(how),
            }
            if !outcome.holds {
                break;
            }
        }
        outcome
    }
}
