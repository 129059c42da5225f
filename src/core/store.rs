//! Named values with an optional time to live: what may be stored, and what a change makes of it. Pure.
//!
//! Rules and commands ask for changes; the journal keeps the values, and carries out what is decided here in one
//! transaction.

mod values;

pub use values::{LookedUp, Values};

use std::time::Duration;

use serde_json::{Value, json};

use super::limits::{LONGEST_NAME, limited};
use super::printable::printable;

/// The most values that a store holds.
pub const MOST_VALUES: u64 = 10_000;

/// The most bytes of a value, as JSON.
pub const LONGEST_VALUE: usize = 64 * 1024;

/// A change of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Stores a value.
    Set {
        /// What is stored.
        value: Value,
        /// After this time it is gone; `None`: it stays.
        ttl: Option<Duration>,
        /// Changes nothing if there is a value of this name.
        if_absent: bool,
    },
    /// Deletes the value.
    Delete,
    /// Adds to a whole number; to 0, if there is none.
    Incr {
        /// How much.
        by: i64,
        /// After this time a number that was not there before is gone. One that was keeps its own time.
        ttl: Option<Duration>,
    },
}

/// What an operation makes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This is stored.
    Write {
        /// The value.
        value: Value,
        /// How long it stays.
        lasting: Lasting,
    },
    /// It is deleted.
    Remove,
    /// It stays as it is, or absent.
    Nothing,
}

/// How long a value stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Until it is set anew or deleted.
    ForEver,
    /// For this time from now on.
    For(Duration),
    /// As long as the value before would have.
    AsBefore,
}

/// Why a value is not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A name has no character.
    #[error("expected the name of a value, but found nothing")]
    NoName,
    /// A name is too long.
    #[error(
        "expected the name of a value, at most {LONGEST_NAME} bytes long, but found one of {0} bytes"
    )]
    NameTooLong(usize),
    /// A name could not be told from others when it is shown.
    #[error(
        "expected the name of a value, without control characters and without blanks at its ends, but \
         found {0:?}"
    )]
    NotPlain(String),
    /// A value is too long.
    #[error(
        "expected a value of at most {LONGEST_VALUE} bytes as JSON for `{name}`, but found one of {size} \
         bytes"
    )]
    ValueTooLong {
        /// Its name.
        name: String,
        /// How many bytes it has.
        size: usize,
    },
    /// A value nests more deeply than can be read again.
    #[error(
        "expected a value that JSON parsers read for `{name}`, but found one that nests too deeply"
    )]
    TooDeep {
        /// Its name.
        name: String,
    },
    /// There is no room for another value.
    #[error(
        "expected room for another value, `{name}`, but found {found} values in the store, which holds at \
         most {MOST_VALUES}"
    )]
    Full {
        /// The name of the value that was to be stored.
        name: String,
        /// How many there are.
        found: u64,
    },
    /// What is to be counted up is no whole number.
    #[error("expected a whole number in `{name}`, but found {found}")]
    NotANumber {
        /// Its name.
        name: String,
        /// What it is.
        found: String,
    },
    /// The sum is no number that can be counted up.
    #[error(
        "expected a sum of at most 64 bits in `{name}`, but found {found} and {by} to add to it"
    )]
    TooLarge {
        /// Its name.
        name: String,
        /// What it is.
        found: i64,
        /// What was to be added.
        by: i64,
    },
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoName | Self::NameTooLong(_) | Self::NotPlain(_) => {
                "name it in a few plain characters, like `maintenance` or `count.node-7`"
            }
            Self::ValueTooLong { .. } | Self::TooDeep { .. } => {
                "store less, or the name of a file that has the rest"
            }
            Self::Full { .. } => {
                "delete what is not needed (`esi-event-actions store list` shows all), and give others a \
                 time to live"
            }
            Self::NotANumber { .. } => "set it to a number, or count under another name",
            Self::TooLarge { .. } => "set it to a smaller number",
        }
    }
}

/// Whether a value may have this name.
///
/// # Errors
/// [`StoreError`] if not.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    if name.is_empty() {
        return Err(StoreError::NoName);
    }
    if name.len() > LONGEST_NAME {
        return Err(StoreError::NameTooLong(name.len()));
    }
    if printable(name.as_bytes()) != name || name.trim() != name {
        return Err(StoreError::NotPlain(name.to_owned()));
    }
    Ok(())
}

/// Whether this may be stored under a name.
fn check_value(name: &str, value: &Value) -> Result<(), StoreError> {
    let (text, name) = (value.to_string(), name.to_owned());
    if text.len() > LONGEST_VALUE {
        let size = text.len();
        return Err(StoreError::ValueTooLong { name, size });
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::TooDeep { name }),
    }
}

impl Operation {
    /// Whether this may be done at all with a value of this name.
    ///
    /// # Errors
    /// [`StoreError`] if the name or the value is not allowed.
    pub fn check(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        match self {
            Self::Set { value, .. } => check_value(name, value),
            Self::Delete | Self::Incr { .. } => Ok(()),
        }
    }

    /// What it makes of the value that was found under this name.
    ///
    /// # Errors
    /// [`StoreError`] if that is no number to add to.
    pub fn effect(&self, name: &str, found: Option<&Value>) -> Result<Effect, StoreError> {
        let lasting = |ttl: Option<Duration>| ttl.map_or(Lasting::ForEver, Lasting::For);
        Ok(match (self, found) {
            (Self::Set { if_absent, .. }, Some(_)) if *if_absent => Effect::Nothing,
            (Self::Set { value, ttl, .. }, _) => Effect::Write {
                value: value.clone(),
                lasting: lasting(*ttl),
            },
            (Self::Delete, Some(_)) => Effect::Remove,
            (Self::Delete, None) => Effect::Nothing,
            (Self::Incr { by, ttl }, None) => Effect::Write {
                value: Value::from(*by),
                lasting: lasting(*ttl),
            },
            (Self::Incr { by, .. }, Some(found)) => Effect::Write {
                value: Value::from(sum(name, found, *by)?),
                lasting: Lasting::AsBefore,
            },
        })
    }

    /// The same text for the same change of the same value, and another one for any other.
    #[must_use]
    pub fn identity(&self, name: &str) -> String {
        let ttl = |ttl: &Option<Duration>| ttl.map(|ttl| ttl.as_millis().to_string());
        let what = match self {
            Self::Set {
                value,
                ttl: lasting,
                if_absent,
            } => json!(["set", name, ttl(lasting), if_absent, value]),
            Self::Delete => json!(["delete", name]),
            Self::Incr { by, ttl: lasting } => json!(["incr", name, ttl(lasting), by]),
        };
        limited(&what.to_string()).into_owned()
    }
}

fn sum(name: &str, found: &Value, by: i64) -> Result<i64, StoreError> {
    let Some(number) = found.as_i64() else {
        let shown: String = found.to_string().chars().take(100).collect();
        return Err(StoreError::NotANumber {
            name: name.to_owned(),
            found: format!("`{shown}`"),
        });
    };
    number.checked_add(by).ok_or_else(|| StoreError::TooLarge {
        name: name.to_owned(),
        found: number,
        by,
    })
}

#[cfg(test)]
mod tests;
