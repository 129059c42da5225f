//! What the names in a template mean: JSON as it was written, and the same as the language has it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Object, Value};
use serde_json::{Number, Value as Json};

use super::stored::Stored;
use crate::core::store::Values;

/// By this name templates look up values of the store.
pub const STORE: &str = "store";

/// The names that a template can use, and what they mean.
#[derive(Clone, Debug)]
pub struct Scope(Arc<Names>);

#[derive(Debug)]
struct Names(BTreeMap<String, Named>, Option<Arc<Stored>>);

/// What a name means.
#[derive(Debug)]
struct Named {
    as_written: Json,
    /// The same as the language has it, made when an expression first asks for it: most names are never asked for,
    /// and those that stand alone are copied as they were written.
    value: OnceLock<Value>,
}

impl Scope {
    /// Of these names the later ones win.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        Self::of(names, None)
    }

    /// The same, with `store`, which wins over all of them.
    pub fn with_store<'a>(
        names: impl IntoIterator<Item = (&'a str, &'a Json)>,
        values: &Arc<Values>,
    ) -> Self {
        Self::of(names, Some(Arc::new(Stored(values.clone()))))
    }

    fn of<'a>(
        names: impl IntoIterator<Item = (&'a str, &'a Json)>,
        stored: Option<Arc<Stored>>,
    ) -> Self {
        let named = |(name, value): (&str, &Json)| {
            let named = Named {
                as_written: value.clone(),
                value: OnceLock::new(),
            };
            (name.to_owned(), named)
        };
        let names = names.into_iter().map(named).collect();
        Self(Arc::new(Names(names, stored)))
    }

    /// As the language looks names up.
    pub(super) fn values(&self) -> Value {
        Value::from_dyn_object(self.0.clone())
    }

    /// The value of an expression that is nothing but a name, or names with dots between them: numbers as
    /// they were written, fields in their order.
    pub(super) fn as_written(&self, expression: &str) -> Option<&Json> {
        let is_name = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let mut names = expression.trim().split('.');
        let first = match (names.next()?, &self.0.1) {
            (STORE, Some(stored)) => stored.find(names.next().filter(|name| is_name(name))?)?,
            (name, _) => &self.0.0.get(name)?.as_written,
        };
        names.try_fold(first, |value, name| {
            value.get(name).filter(|_| is_name(name))
        })
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        let name = name.as_str()?;
        if let (STORE, Some(stored)) = (name, &self.1) {
            return Some(Value::from_dyn_object(stored.clone()));
        }
        let named = self.0.get(name)?;
        let value = named.value.get_or_init(|| to_value(&named.as_written));
        Some(value.clone())
    }
}

/// Not through serde: numbers would become objects, because `serde_json` keeps them as they were written.
pub(super) fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => to_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(to_value).collect(),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.as_str(), to_value(value)));
            Value::from(fields.collect::<BTreeMap<_, _>>())
        }
    }
}

/// What no machine number holds stays the text that it was.
fn to_number(number: &Number) -> Value {
    let text = number.as_str();
    if let Ok(whole) = text.parse::<i128>() {
        return Value::from(whole);
    }
    let near = text.parse::<f64>().ok().filter(|near| near.is_finite());
    near.map_or_else(|| Value::from(text), Value::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::template::{JsonTemplate, Place, Template};

    #[test]
    fn a_value_is_kept_a_second_time_only_once_an_expression_asks_for_it() {
        let (n, properties) = (json!(7), json!({"gpus": 2}));
        let payload = json!({"n": n, "properties": properties});
        let names = [
            ("n", &n),
            ("properties", &properties),
            ("payload", &payload),
        ];
        let scope = Scope::new(names);
        let asked = || -> Vec<String> {
            let names = scope.0.0.iter();
            let asked = names.filter(|(_, named)| named.value.get().is_some());
            asked.map(|(name, _)| name.clone()).collect()
        };
        let alone = JsonTemplate::of_name("payload.properties").unwrap();
        assert_eq!(alone.fill(&scope).unwrap(), properties);
        assert_eq!(asked(), [""; 0]);
        let several = Template::parse("{{ n }} of {{ properties.gpus }}", Place::Text).unwrap();
        assert_eq!(several.fill(&scope).unwrap(), "7 of 2");
        assert_eq!(asked(), ["n", "properties"]);
    }
}
