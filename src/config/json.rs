//! Options that hold a JSON object or a list of them, each mistake told at its place in the file.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value as Json};

use super::options::Options;
use crate::core::ini::problem::Problem;
use crate::core::ini::text::Position;
use crate::core::located::{Entry, Json as Parts, Located};

/// One entry of a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonEntry {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Json,
    /// Where it begins, in the file.
    pub position: Position,
}

impl Options<'_> {
    /// The entries of the option's JSON object, in order, those with the same name too; `form` tells how to
    /// write one. `None` if there is none, or a mistake in it.
    pub fn json_object(&mut self, name: &str, form: &'static str) -> Option<Vec<JsonEntry>> {
        let option = self.get(name)?;
        let text = JsonText {
            name,
            form,
            root: Root::Object,
            json: option.value.as_str(),
        };
        let placed = |(offset, name, value)| JsonEntry {
            name,
            value,
            position: option.value.position_at(offset),
        };
        match text.entries() {
            Ok(entries) => Some(entries.into_iter().map(placed).collect()),
            Err((offset, problem)) => {
                self.report(problem, option, option.value.position_at(offset));
                None
            }
        }
    }

    /// The items of the option's JSON list, with their places in the file; `form` tells how to write one. `None` if
    /// there is none, or a mistake in it.
    pub fn json_list(&mut self, name: &str, form: &'static str) -> Option<Vec<(Json, Position)>> {
        let located = self.json_located(name, Root::List, form)?;
        let option = self.get(name)?;
        let Parts::List(items) = located.json else {
            return None;
        };
        let placed = |item: Located| (item.to_value(), option.value.position_at(item.at));
        Some(items.into_iter().map(placed).collect())
    }

    /// The option's JSON, whose parts know their places in the value; `form` tells how to write it. `None` if
    /// there is none, or a mistake in it.
    pub(super) fn json_located(
        &mut self,
        name: &str,
        root: Root,
        form: &'static str,
    ) -> Option<Located> {
        let option = self.get(name)?;
        let text = JsonText {
            name,
            form,
            root,
            json: option.value.as_str(),
        };
        match text.located() {
            Ok(located) => Some(located),
            Err((offset, problem)) => {
                self.report(problem, option, option.value.position_at(offset));
                None
            }
        }
    }
}

/// What a JSON text has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Root {
    Object,
    List,
}

/// An entry: where it begins, in bytes, its name, and its value.
type Placed = (usize, String, Json);

/// The text of an option that should be JSON.
struct JsonText<'t> {
    name: &'t str,
    /// What it should be.
    root: Root,
    /// How to write one.
    form: &'static str,
    json: &'t str,
}

impl<'t> JsonText<'t> {
    fn expected(&self, found: &str) -> String {
        let what = match self.root {
            Root::Object => "object",
            Root::List => "list",
        };
        format!(
            "expected a JSON {what} in `{}`, but found {found}",
            self.name
        )
    }

    /// The entries, each with where it begins, in bytes; or what is wrong and where.
    fn entries(&self) -> Result<Vec<Placed>, (usize, Problem)> {
        let Pairs(pairs) = self.whole::<Pairs<'_, Json>>()?;
        let entries = pairs.into_iter().map(|(key, value)| {
            let (offset, name) = self.key(key)?;
            Ok((offset, name, value))
        });
        entries.collect()
    }

    /// The whole of it, each part with where it begins, in bytes; or what is wrong and where.
    fn located(&self) -> Result<Located, (usize, Problem)> {
        // What is nested too deep, or wrong anywhere, is found here.
        match self.root {
            Root::Object => drop(self.whole::<Pairs<'_, Json>>()?),
            Root::List => drop(self.whole::<Vec<Json>>()?),
        }
        self.part(self.whole::<&RawValue>()?)
    }

    fn part(&self, raw: &'t RawValue) -> Result<Located, (usize, Problem)> {
        let text = raw.get();
        let at = self.offset(text);
        let wrong = |error| {
            let (within, problem) = self.mistake(text, &error);
            (at + within, problem)
        };
        let json = match text.chars().next() {
            Some('{') => {
                let Pairs(pairs) =
                    serde_json::from_str::<Pairs<'_, &RawValue>>(text).map_err(wrong)?;
                let entries = pairs.into_iter().map(|(key, value)| {
                    let (at, name) = self.key(key)?;
                    let value = self.part(value)?;
                    Ok(Entry { at, name, value })
                });
                Parts::Object(entries.collect::<Result<_, _>>()?)
            }
            Some('[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
                let items = items.into_iter().map(|item| self.part(item));
                Parts::List(items.collect::<Result<_, _>>()?)
            }
            _ => Parts::Plain(serde_json::from_str(text).map_err(wrong)?),
        };
        Ok(Located { at, json })
    }

    /// Where a name begins, and the name.
    fn key(&self, key: &RawValue) -> Result<(usize, String), (usize, Problem)> {
        let offset = self.offset(key.get());
        let name = serde_json::from_str(key.get()).map_err(|error| {
            let (within, problem) = self.mistake(key.get(), &error);
            (offset + within, problem)
        })?;
        Ok((offset, name))
    }

    /// Where a part of the text begins.
    fn offset(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.json.as_ptr() as usize
    }

    /// The one value that the text is.
    fn whole<T: Deserialize<'t>>(&self) -> Result<T, (usize, Problem)> {
        let (text, form) = (self.json, self.form);
        let (open, close) = match self.root {
            Root::Object => ('{', '}'),
            Root::List => ('[', ']'),
        };
        let begin = text.len() - text.trim_start().len();
        if !text[begin..].starts_with(open) {
            let found = word(&text[begin..]);
            let message = self.expected(&format!("`{found}` at its beginning"));
            return Err((begin, Problem::error(message, form)));
        }
        let mut stream = Deserializer::from_str(text).into_iter::<T>();
        let whole = match stream.next() {
            Some(Ok(whole)) => whole,
            Some(Err(error)) => return Err(self.mistake(text, &error)),
            None => return Err((begin, Problem::error(self.expected("nothing"), form))),
        };
        let end = stream.byte_offset();
        if let Some((at, extra)) = text[end..].char_indices().find(|(_, c)| !c.is_whitespace()) {
            let hint = if extra == close {
                format!("remove the second `{close}`, then run `esi-event-actions check`")
            } else {
                "remove what follows it, then run `esi-event-actions check`".to_owned()
            };
            let message = self.expected(&format!("`{extra}` after it"));
            return Err((end + at, Problem::error(message, hint)));
        }
        Ok(whole)
    }

    /// What is wrong with a JSON text in an operator's words, and where, in bytes.
    fn mistake(&self, text: &str, error: &serde_json::Error) -> (usize, Problem) {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        let offset = match said {
            "EOF while parsing a string" => last_quote(text),
            _ if error.is_eof() => text.trim_end().len(),
            "expected ident" => {
                let offset = offset_of(text, error);
                offset
                    - text[..offset]
                        .bytes()
                        .rev()
                        .take_while(u8::is_ascii_alphabetic)
                        .count()
            }
            _ => offset_of(text, error),
        };
        let found = word(&text[offset..]);
        let (found, hint) = match said {
            "EOF while parsing a string" => (
                "a string without its end".into(),
                "put a double quotation mark at its end",
            ),
            "EOF while parsing an object" => (
                "no `}` at its end".into(),
                "write the `}`, and indent all lines of the value after its first",
            ),
            "EOF while parsing a list" => (
                "a list without its `]`".into(),
                "write the `]`, and indent all lines of the value after its first",
            ),
            "expected ident" | "expected value" if of_python(found).is_some() => (
                format!("`{found}` where a value should be"),
                of_python(found).unwrap_or(self.form),
            ),
            "expected ident" | "expected value" => (
                format!("`{found}` where a value should be"),
                "put text into double quotation marks; numbers, `true`, `false` and `null` go without",
            ),
            "key must be a string" => (
                format!("`{found}` where a name should be"),
                "put names into double quotation marks",
            ),
            "trailing comma" => (format!("a comma before `{found}`"), "remove the comma"),
            "expected `,` or `}`" | "expected `,` or `]`" => (
                format!("`{found}` where a comma should be"),
                "put a comma after each entry but the last",
            ),
            "expected `:`" => (
                format!("`{found}` where a colon should be"),
                "write each entry like `\"name\": \"value\"`",
            ),
            "invalid escape" => (
                "a backslash that means nothing in JSON".into(),
                "write a backslash twice, like `\"rack\\\\.1\"`",
            ),
            said if said.starts_with("control character") => (
                "a string that goes on in the next line, or a tab in one".into(),
                "end the string on its line, and write a tab as `\\t`",
            ),
            said => (format!("a mistake in it: {said}"), self.form),
        };
        (offset, Problem::error(self.expected(&found), hint))
    }
}

/// How JSON writes a constant of Python.
fn of_python(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "none" | "null" => Some("write `null`"),
        "true" => Some("write `true`"),
        "false" => Some("write `false`"),
        _ => None,
    }
}

/// Where the parser stopped, in bytes, at the beginning of a character.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n');
    let before = lines.take(error.line().saturating_sub(1)).map(str::len);
    let offset = before.sum::<usize>() + error.column().saturating_sub(1);
    let boundaries = (0..=offset.min(text.len())).rev();
    let mut boundaries = boundaries.filter(|offset| text.is_char_boundary(*offset));
    boundaries.next().unwrap_or_default()
}

/// Where the last string begins that has no end.
fn last_quote(text: &str) -> usize {
    let mut open = None;
    let mut escaped = false;
    for (offset, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if open.is_some() => open = None,
            '"' => open = Some(offset),
            _ => {}
        }
    }
    open.unwrap_or(text.len())
}

/// The word that a text begins with, or its first character.
fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(text.len());
    let first = text.chars().next().map_or(0, char::len_utf8);
    &text[..end.max(first)]
}

/// A JSON object whose pairs are all kept, in order, those with the same name too.
struct Pairs<'t, V>(Vec<(&'t RawValue, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<'de, V> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Pairs<'de, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de, V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
