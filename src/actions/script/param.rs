//! Where a parameter of a script comes from.

use std::fmt;

use crate::core::event::{Event, Found, PayloadPath};
use crate::core::store::{LookedUp, Values};

/// What the name of a value of the store comes after.
pub(super) const STORED: &str = "store:";

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Param {
    /// What is at this path of the event.
    Path(PayloadPath),
    /// The value of this name in the store.
    Stored(String),
}

impl Param {
    /// Its value.
    pub(super) fn find<'a>(&self, event: &'a Event, values: &'a Values) -> Found<'a> {
        match self {
            Self::Path(path) => path.find(event),
            Self::Stored(name) => match values.look_up(name) {
                LookedUp::Value(value) => Found::One(value),
                LookedUp::Absent | LookedUp::NotRead => Found::Nothing,
            },
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Stored(name) => write!(f, "{STORED}{name}"),
        }
    }
}
