//! `search` as `StackStorm` writes it, so that its rules can be carried over word for word:
//! `{"condition": "any", "pattern": {"item.name": {"type": "equals", "pattern": "Status"}}}`.

use serde_json::Value;

use super::Operation;
use super::list::{Each, ListTest};
use super::names::{Kind, Quantifier, operator};
use super::parse::Reader;
use crate::core::ini::problem::nearest;
use crate::core::located::{Entry, Json, Located};
use crate::core::rules::filter::{Condition, Filter};

const FORM: &str = "write it like `{\"condition\": \"any\", \"pattern\": {\"item.name\": {\"type\": \"equals\", \"pattern\": \"a\"}}}`";

const CONDITIONS: [&str; 4] = ["any", "all", "any2any", "all2any"];

impl Reader {
    pub(super) fn search(&mut self, value: &Located) -> Option<ListTest> {
        let known = self.errors();
        let entries = self.parts("search", value, &["condition", "pattern"])?;
        let condition = self.part(entries, value, "condition");
        let pattern = self.part(entries, value, "pattern");
        let quantifier = condition.and_then(|condition| self.quantifier(condition));
        let filters = pattern.map(|pattern| self.criteria(pattern));
        if self.errors() > known {
            return None;
        }
        let (quantifier, of_any) = quantifier?;
        let filters = filters?;
        Some(ListTest {
            quantifier,
            each: if of_any {
                Each::AnyOf(filters)
            } else {
                Each::AllOf(filters)
            },
            number: Vec::new(),
        })
    }

    /// The entries of an object that may have these names.
    fn parts<'a>(&mut self, what: &str, value: &'a Located, names: &[&str]) -> Option<&'a [Entry]> {
        let Json::Object(entries) = &value.json else {
            self.unfit(what, value, "an object", FORM);
            return None;
        };
        for entry in entries {
            if !names.contains(&entry.name.as_str()) {
                let hint = nearest(&entry.name, names.iter().copied());
                let hint = hint.map_or(FORM.to_owned(), |near| format!("did you mean `{near}`?"));
                let names = names.join("`, `");
                self.mistake(
                    entry.at,
                    format!(
                        "expected `{names}` for `{what}`, but found `{}`",
                        entry.name
                    ),
                    hint,
                );
            }
        }
        Some(entries)
    }

    fn part<'a>(
        &mut self,
        entries: &'a [Entry],
        whole: &Located,
        name: &str,
    ) -> Option<&'a Located> {
        let part = entries.iter().find(|entry| entry.name == name);
        if part.is_none() {
            let message = format!("expected a `{name}` for `search`, but found none");
            self.mistake(whole.at, message, FORM);
        }
        part.map(|entry| &entry.value)
    }

    /// How many elements, and whether one of the criteria is enough.
    fn quantifier(&mut self, condition: &Located) -> Option<(Quantifier, bool)> {
        match condition.as_str() {
            Some("any") => Some((Quantifier::Any, false)),
            Some("all") => Some((Quantifier::All, false)),
            Some("any2any") => Some((Quantifier::Any, true)),
            Some("all2any") => Some((Quantifier::All, true)),
            _ => {
                let names = CONDITIONS.join("`, `");
                self.unfit("condition", condition, &format!("`{names}`"), FORM);
                None
            }
        }
    }

    fn criteria(&mut self, pattern: &Located) -> Vec<Filter> {
        let entries = match &pattern.json {
            Json::Object(entries) if !entries.is_empty() => entries,
            _ => {
                self.unfit("pattern", pattern, "criteria", FORM);
                return Vec::new();
            }
        };
        let read = |entry| self.criterion(entry);
        entries.iter().filter_map(read).collect()
    }

    fn criterion(&mut self, entry: &Entry) -> Option<Filter> {
        let Some(path) = path_within(&entry.name) else {
            self.mistake(
                entry.at,
                format!(
                    "expected a path that begins with `item` in `search`, but found `{}`",
                    entry.name
                ),
                "write it like `item.name`, `item['a.b']` or `item[0]`",
            );
            return None;
        };
        let place = Filter::place(&path)
            .map_err(|error| self.mistake(entry.at, error.message, error.hint))
            .ok()?;
        let operation = self.typed(&entry.value)?;
        Some(Filter::new(place, Condition::Operators(vec![operation])))
    }

    /// `{"type": "equals", "pattern": "a"}`
    fn typed(&mut self, criterion: &Located) -> Option<Operation> {
        let parts = self.parts("search", criterion, &["type", "pattern", "condition"])?;
        let kind = self.part(parts, criterion, "type")?;
        let Some(name) = kind.as_str() else {
            self.unfit("type", kind, "the name of an operator", FORM);
            return None;
        };
        let Some(named) = operator(name) else {
            let hint = nearest(&name.to_lowercase(), super::names::known());
            let hint = hint.map_or(FORM.to_owned(), |near| format!("did you mean `{near}`?"));
            self.mistake(kind.at, format!("there is no operator `{name}`"), hint);
            return None;
        };
        let value = match named.kind {
            // There the pattern says nothing.
            Kind::Exists => Located {
                at: criterion.at,
                json: Json::Plain(Value::Bool(true)),
            },
            Kind::Search => Located {
                at: criterion.at,
                json: Json::Object(
                    parts
                        .iter()
                        .filter(|it| it.name != "type")
                        .cloned()
                        .collect(),
                ),
            },
            _ => self.part(parts, criterion, "pattern")?.clone(),
        };
        let is_template = |text: &str| ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
        if value.as_str().is_some_and(is_template) {
            self.unfit(
                name,
                &value,
                "a pattern without a template",
                "write the value itself, or `{\"store\": \"NAME\"}` for one of the store",
            );
            return None;
        }
        self.operation(named, name, &value)
    }
}

/// The `JSONPath` within an element that `StackStorm` means by `item.a['b.c'][0]`. What follows a `#` is a tag.
pub(super) fn path_within(key: &str) -> Option<String> {
    let key = key.split('#').next().unwrap_or_default().trim_end();
    let mut rest = key.strip_prefix("item")?;
    let mut path = String::from("$");
    while !rest.is_empty() {
        if rest.starts_with('[') {
            let end = rest.find(']')?;
            path.push_str(&rest[..=end]);
            rest = &rest[end + 1..];
            continue;
        }
        let (dots, name) = match rest.strip_prefix("..") {
            Some(name) => ("..", name),
            None => ("", rest.strip_prefix('.')?),
        };
        path.push_str(dots);
        if let Some(behind) = name.strip_prefix('*') {
            path.push_str("[*]");
            rest = behind;
            continue;
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@');
        let end = name.find(|c| !is_of_name(c)).unwrap_or(name.len());
        if end == 0 {
            return None;
        }
        path.extend(["['", &name[..end], "']"]);
        rest = &name[end..];
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_stackstorm_become_paths_within_the_element() {
        let cases = [
            ("item", Some("$")),
            ("item.a.b-c", Some("$['a']['b-c']")),
            ("item['a.b'][0].n", Some("$['a.b'][0]['n']")),
            ("item.a#second", Some("$['a']")),
            ("item.*", Some("$[*]")),
            ("item..k", Some("$..['k']")),
            ("item.", None),
            ("items", None),
            ("item.with space", None),
            ("trigger.a", None),
            ("item['a", None),
        ];
        for (key, path) in cases {
            assert_eq!(path_within(key).as_deref(), path, "{key}");
        }
    }
}
