//! How a value was compared, or why it could not be, and what was found, in words.

use std::fmt;

use serde_json::Value;

use crate::core::event::Found;

/// How an operator came to its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// As numbers.
    Numbers,
    /// As text.
    Text,
    /// As text, without regard to the case of letters.
    FoldedText,
    /// As times.
    Times,
    /// As they are: booleans, lists, objects.
    Values,
    /// By the names of an object's fields.
    Names,
    /// Item by item.
    Items,
    /// Whether anything is there.
    Presence,
    /// There is no such field.
    Missing,
    /// The field is null.
    Null,
    /// It is of this kind, but text is wanted.
    NotText(&'static str),
    /// It is of this kind, but a number or text is wanted.
    NoOrder(&'static str),
    /// It is of this kind, but a list is wanted.
    NotList(&'static str),
    /// It is of this kind, and what is wanted of that.
    Kinds(&'static str, &'static str),
    /// It is text, but not that of a number, to compare with a number.
    NotANumber,
    /// It is no time.
    NoTime,
    /// The store has no such value.
    NotStored,
    /// The store's value is of this kind, and the other is wanted.
    StoredKind(&'static str, &'static str),
    /// This one of so many elements decided, counted from 1.
    Element(usize, usize),
    /// So many of all elements fulfil it.
    Elements(usize, usize),
}

impl How {
    /// Whether nothing was there.
    pub(in crate::core::rules) fn is_absence(self) -> bool {
        matches!(self, Self::Missing | Self::Null)
    }

    /// How it was compared, in a word for machines; `None` if it could not be.
    #[must_use]
    pub fn compared(self) -> Option<&'static str> {
        Some(match self {
            Self::Numbers => "numbers",
            Self::Text => "text",
            Self::FoldedText => "text without case",
            Self::Times => "times",
            Self::Values => "values",
            Self::Names => "names",
            Self::Items => "items",
            Self::Presence | Self::Missing | Self::Null => "presence",
            Self::Element(..) | Self::Elements(..) => "elements",
            _ => return None,
        })
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers => f.write_str("compared as numbers"),
            Self::Text => f.write_str("compared as text"),
            Self::FoldedText => f.write_str("compared as text, upper case like lower case"),
            Self::Times => f.write_str("compared as times"),
            Self::Values => f.write_str("compared as values"),
            Self::Names => f.write_str("looked for among the names of its fields"),
            Self::Items => f.write_str("compared item by item"),
            Self::Presence => f.write_str("is there"),
            Self::Missing => f.write_str("is missing"),
            Self::Null => f.write_str("is null"),
            Self::NotText(kind) => write!(f, "is {kind}, not text"),
            Self::NoOrder(kind) => write!(f, "is {kind}, not a number or text"),
            Self::NotList(kind) => write!(f, "is {kind}, not a list"),
            Self::Kinds(kind, wanted) => write!(f, "is {kind}, not {wanted}"),
            Self::NotANumber => f.write_str("is text, but not of a number"),
            Self::NoTime => f.write_str("is not a time"),
            Self::NotStored => f.write_str("the store has no value of this name"),
            Self::StoredKind(kind, wanted) => {
                write!(f, "the value in the store is {kind}, not {wanted}")
            }
            Self::Element(place, all) => write!(f, "decided by element {place} of {all}"),
            Self::Elements(held, all) => write!(f, "fulfilled by {held} of {all} elements"),
        }
    }
}

/// What a value is, in words.
pub(in crate::core::rules) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What was found, short enough for a line.
pub(in crate::core::rules) fn described(found: &Found<'_>) -> String {
    const LONGEST: usize = 80;
    let shorten = |text: String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let begin = || found.to_text_within(4 * (LONGEST + 1)).text;
    match found {
        Found::Nothing => "missing".into(),
        Found::One(Value::Null) => "null".into(),
        Found::One(Value::String(_)) => format!("the text {}", shorten(format!("{:?}", begin()))),
        Found::One(Value::Number(number)) => format!("the number {}", shorten(number.to_string())),
        Found::One(Value::Bool(value)) => format!("{value}"),
        Found::One(Value::Array(_)) => format!("the list {}", shorten(begin())),
        Found::One(Value::Object(_)) => format!("the object {}", shorten(begin())),
        Found::Several(_) => format!("the values {}", shorten(begin())),
    }
}
