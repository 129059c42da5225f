//! The values of the store as they were read for one attempt, or for one look at what would be done.
//!
//! A template says which values it needs only while it is filled in: names may be made of what the event says.
//! So a value that was not read yet is noted when it is looked up, and whoever reads values tries again
//! with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::check_name;
use crate::core::rules::Stored;

/// Values that were read, and the names of those that were looked up but not read.
#[derive(Debug, Default)]
pub struct Values {
    /// `None`: there is none of this name.
    read: BTreeMap<String, Option<Value>>,
    /// Whether all others count as absent.
    is_all: bool,
    missing: Mutex<BTreeSet<String>>,
}

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LookedUp<'a> {
    /// It is this.
    Value(&'a Value),
    /// There is none.
    Absent,
    /// It was not read: what is made without it has to be made again.
    NotRead,
}

impl Values {
    /// Of these names, `None` where there is no value, and no others were read.
    #[must_use]
    pub fn read(read: BTreeMap<String, Option<Value>>) -> Self {
        Self {
            read,
            ..Self::default()
        }
    }

    /// The same, and all others count as absent.
    #[must_use]
    pub fn all(read: BTreeMap<String, Option<Value>>) -> Self {
        Self {
            is_all: true,
            ..Self::read(read)
        }
    }

    /// What is known of the value of this name.
    pub fn look_up(&self, name: &str) -> LookedUp<'_> {
        match self.read.get(name) {
            Some(Some(value)) => LookedUp::Value(value),
            Some(None) => LookedUp::Absent,
            None if self.is_all || check_name(name).is_err() => LookedUp::Absent,
            None => {
                let missing = self.missing.lock();
                let mut missing = missing.unwrap_or_else(PoisonError::into_inner);
                missing.insert(name.to_owned());
                LookedUp::NotRead
            }
        }
    }

    /// The names that were looked up, but not read.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<String> {
        let missing = self.missing.lock();
        missing.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read.
    #[must_use]
    pub fn known(&self) -> &BTreeMap<String, Option<Value>> {
        &self.read
    }
}

/// What filters compare with. A value that was not read yet is noted, and counts as absent meanwhile.
impl Stored for Values {
    fn value(&self, name: &str) -> Option<&Value> {
        match self.look_up(name) {
            LookedUp::Value(value) => Some(value),
            LookedUp::Absent | LookedUp::NotRead => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_looked_up_and_was_not_read_is_noted() {
        let read = BTreeMap::from([("a".to_owned(), Some(json!(1))), ("b".to_owned(), None)]);
        let values = Values::read(read.clone());
        assert_eq!(values.look_up("a"), LookedUp::Value(&json!(1)));
        assert_eq!(values.look_up("b"), LookedUp::Absent);
        assert!(values.missing().is_empty());
        assert_eq!(values.look_up("c"), LookedUp::NotRead);
        // Nothing can have this name.
        assert_eq!(values.look_up("c\n"), LookedUp::Absent);
        assert_eq!(values.missing(), BTreeSet::from(["c".to_owned()]));
        let values = Values::all(read);
        assert_eq!(values.look_up("c"), LookedUp::Absent);
        assert!(values.missing().is_empty());
    }
}
