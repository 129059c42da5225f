//! What runs are ordered by.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::PayloadPath;
use crate::core::limits::limited;

/// The name space of nodes. No `order_by` has it.
const NODE: &str = "node";

/// The fields of a lease that name its node: `order_by` one of them means the node.
pub(super) const NODE_FIELDS: [&str; 2] = ["node_uuid", "resource_uuid"];

/// Runs with the same key never overlap, and start in order. Keys are the same if text and meaning are:
/// a tenant who writes a node's UUID where some rule's `order_by` looks holds up no run of that node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What the text means: a node, what is at a path, or what a source says.
    pub space: String,
    /// What people see of the key.
    pub text: String,
}

impl Key {
    /// The key of everything about this node.
    #[must_use]
    pub fn node(text: impl Into<String>) -> Self {
        Self {
            space: NODE.to_owned(),
            text: text.into(),
        }
    }

    /// The key of everything that a rule makes, of whatever events.
    #[must_use]
    pub fn of_rule(name: &str) -> Self {
        Self {
            space: "rule".to_owned(),
            text: name.to_owned(),
        }
    }

    /// The key of everything to which the source of this name gives this text.
    #[must_use]
    pub fn of_source(source: &str, text: impl Into<String>) -> Self {
        Self {
            space: format!("source {source}"),
            text: text.into(),
        }
    }

    /// The key of everything that has this text at this path, in the `order_by` of any rule.
    #[must_use]
    pub fn at(path: &PayloadPath, text: String) -> Self {
        let path = path.as_str();
        if NODE_FIELDS.contains(&path) {
            return Self::node(text);
        }
        let space = format!("order_by {path}");
        Self { space, text }
    }
}

impl Key {
    /// The key as a journal keeps it.
    #[must_use]
    pub fn limited(&self) -> Self {
        Self {
            space: limited(&self.space).into_owned(),
            text: limited(&self.text).into_owned(),
        }
    }
}

/// The text alone.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_meanings_are_different() {
        let at = |path: &str| Key::at(&PayloadPath::parse(path).unwrap(), "n".to_owned());
        let node = Key::node("n");
        for path in ["purpose", "node", "$.node_uuid", "properties.node_uuid"] {
            assert_ne!(at(path), node, "{path}");
            assert_eq!(at(path), at(path));
            assert_eq!(at(path).to_string(), "n");
        }
        assert_ne!(at("purpose"), at("owner_id"));
        assert_ne!(Key::of_source("node", "n"), node);
        assert_ne!(Key::of_source("a", "n"), Key::of_source("b", "n"));
        for path in NODE_FIELDS {
            assert_eq!(at(path), node, "{path}");
        }
    }
}
