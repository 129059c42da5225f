//! What operators over lists are given: filters for the elements, and how many have to fulfil them.

use serde_json::Value;

use super::Reader;
use crate::core::located::{Json, Located};
use crate::core::rules::operators::list::{Each, ListTest};
use crate::core::rules::operators::names::{Kind, Quantifier, operator};
use crate::core::rules::operators::{Operation, is_operator};

/// How deep operators over lists may be within each other: an element's elements can be all that is below it.
const DEEPEST: usize = 4;

impl Reader {
    pub(super) fn nested<T>(
        &mut self,
        written: &str,
        value: &Located,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.depth == DEEPEST {
            self.mistake(
                value.at,
                format!("expected at most {DEEPEST} operators over lists within each other, but found another `{written}`"),
                "reach into inner lists with a JSONPath, like `$.disks[*].parts[*].size`",
            );
            return None;
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    pub(super) fn list(
        &mut self,
        written: &str,
        value: &Located,
        quantifier: Quantifier,
    ) -> Option<ListTest> {
        if quantifier == Quantifier::Count {
            return self.count(written, value);
        }
        Some(ListTest {
            quantifier,
            each: self.each(written, value)?,
            number: Vec::new(),
        })
    }

    /// What an element has to fulfil.
    pub(super) fn each(&mut self, written: &str, value: &Located) -> Option<Each> {
        let Json::Object(entries) = &value.json else {
            return self.condition("$", value.at, value).map(Each::Itself);
        };
        let operators = entries
            .iter()
            .filter(|entry| is_operator(&entry.name))
            .count();
        if operators == entries.len() {
            return self.condition("$", value.at, value).map(Each::Itself);
        }
        if let Some(entry) = entries.iter().find(|entry| is_operator(&entry.name)) {
            let name = &entry.name;
            self.mistake(
                entry.at,
                format!("expected only paths, or only operators, for `{written}`, but found the operator `{name}` beside paths"),
                format!("write `$.{name}` for a field of that name, and `\"$\": {{\"{name}\": …}}` for an operator on the element itself"),
            );
            return None;
        }
        let known = self.errors();
        let filters = self.filters(entries);
        (self.errors() == known).then_some(Each::AllOf(filters))
    }

    pub(super) fn count(&mut self, written: &str, value: &Located) -> Option<ListTest> {
        const HINT: &str = "write it like `3`, `{\"gte\": 2}`, or `{\"where\": {\"size\": {\"gt\": 500}}, \"gte\": 2}`";
        let number = |operation: Vec<Operation>, each| ListTest {
            quantifier: Quantifier::Count,
            each,
            number: operation,
        };
        let every = Each::AllOf(Vec::new());
        let entries = match &value.json {
            Json::Plain(Value::Number(exactly)) if exactly.is_u64() => {
                let equals = operator("equals")?;
                let equals = self.operation(equals, written, value)?;
                return Some(number(vec![equals], every));
            }
            Json::Object(entries) => entries,
            _ => {
                self.unfit(written, value, "a number of elements", HINT);
                return None;
            }
        };
        let known = self.errors();
        let mut each = every;
        let mut operations = Vec::new();
        for entry in entries {
            if entry.name == "where" {
                each = self.each("where", &entry.value)?;
                continue;
            }
            let Some(named) = self.named("the number of elements", entry) else {
                continue;
            };
            let is_of_numbers = matches!(
                named.kind,
                Kind::Equal
                    | Kind::Inside
                    | Kind::Above { .. }
                    | Kind::Below { .. }
                    | Kind::Between
            );
            if !is_of_numbers {
                self.mistake(
                    entry.at,
                    format!(
                        "expected an operator for numbers in `{written}`, but found `{}`",
                        entry.name
                    ),
                    HINT,
                );
                continue;
            }
            operations.extend(self.operation(named, &entry.name, &entry.value));
        }
        if operations.is_empty() && self.errors() == known {
            self.unfit(written, value, "a number of elements", HINT);
        }
        (self.errors() == known).then(|| number(operations, each))
    }
}
