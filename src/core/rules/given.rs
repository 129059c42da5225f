//! What a decision depends on besides rule and event. The caller has looked it up; deciding stays pure.

use std::collections::BTreeMap;
use std::fmt::Debug;

use jiff::Timestamp;
use serde_json::Value;

/// The values that the store has.
pub trait Stored: Debug + Send + Sync {
    /// The value of this name, if there is one and it has not expired.
    fn value(&self, name: &str) -> Option<&Value>;
}

/// A store without any value.
#[derive(Clone, Copy, Debug)]
struct NothingStored;

impl Stored for NothingStored {
    fn value(&self, _: &str) -> Option<&Value> {
        None
    }
}

impl Stored for BTreeMap<String, Value> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// The time of a decision, and what the store has then.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// What `older_than` and its like count from.
    pub now: Timestamp,
    /// The values of the names that [`Rule::stored_names`](super::Rule::stored_names) says.
    pub stored: &'a dyn Stored,
}

impl Given<'static> {
    /// Decisions at this time, without a store.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            stored: &NothingStored,
        }
    }
}
