//! JSON that knows where in its text each part begins, so that a mistake deep inside is shown at its place.

use serde_json::{Map, Value};

/// A JSON value and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// Where it begins.
    pub at: usize,
    /// What it is.
    pub json: Json,
}

/// A JSON value whose parts are located.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// The entries in order, those with the same name too.
    Object(Vec<Entry>),
    /// The items of a list.
    List(Vec<Located>),
    /// Text, a number, true, false or null.
    Plain(Value),
}

/// An entry of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where its name begins.
    pub at: usize,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Located,
}

impl Located {
    /// The value without its places. Of entries with the same name the last one counts.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.json {
            Json::Object(entries) => {
                let entries = entries.iter();
                let pairs = entries.map(|entry| (entry.name.clone(), entry.value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
            Json::List(items) => items.iter().map(Self::to_value).collect(),
            Json::Plain(value) => value.clone(),
        }
    }

    /// The text that it is, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.json {
            Json::Plain(value) => value.as_str(),
            Json::Object(_) | Json::List(_) => None,
        }
    }
}

/// Nothing is known of places: all are 0.
impl From<&Value> for Located {
    fn from(value: &Value) -> Self {
        let json = match value {
            Value::Object(fields) => {
                let fields = fields.iter();
                let entries = fields.map(|(name, value)| Entry {
                    at: 0,
                    name: name.clone(),
                    value: value.into(),
                });
                Json::Object(entries.collect())
            }
            Value::Array(items) => Json::List(items.iter().map(Self::from).collect()),
            plain => Json::Plain(plain.clone()),
        };
        Self { at: 0, json }
    }
}
