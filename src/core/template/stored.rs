//! The values of the store in a template: `store.NAME`, or `store["NAME"]` where the name is no word.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use serde_json::Value as Json;

use super::scope::to_value;
use crate::core::store::{LookedUp, Values};

/// What `store` is in a template.
#[derive(Debug)]
pub(super) struct Stored(pub(super) Arc<Values>);

/// Stands for a value that was not read. What is filled in with it is not used, but says which other values
/// are needed.
static NOT_READ: Json = Json::String(String::new());

impl Stored {
    pub(super) fn find(&self, name: &str) -> Option<&Json> {
        match self.0.look_up(name) {
            LookedUp::Value(value) => Some(value),
            LookedUp::NotRead => Some(&NOT_READ),
            LookedUp::Absent => None,
        }
    }
}

impl Object for Stored {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        self.find(name.as_str()?).map(to_value)
    }
}
