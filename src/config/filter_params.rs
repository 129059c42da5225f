//! `filter_params`: a JSON object → filters, each problem at its place in the file.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value as Json};

use super::fields::warn_of_unknown;
use super::options::Options;
use crate::core::ini::problem::Problem;
use crate::core::rules::Filter;

const EXPECTED: &str = "expected a JSON object in `filter_params`, but found";
const FORM: &str = r#"write it like `{"purpose": "test", "properties.vendor": "foo"}`"#;

/// The filters of a rule; none if it has no `filter_params`.
pub(super) fn filter_params(options: &mut Options<'_>, of_leases: bool) -> Vec<Filter> {
    let Some(option) = options.get("filter_params") else {
        return Vec::new();
    };
    let value = &option.value;
    let entries = match parse(value.as_str()) {
        Ok(entries) => entries,
        Err((offset, problem)) => {
            options.report(problem, option, value.position_at(offset));
            return Vec::new();
        }
    };
    let mut filters: Vec<Filter> = Vec::new();
    for entry in &entries {
        let path = &entry.path;
        let problem = match Filter::parse(path, &entry.expected) {
            Ok(filter) if filters.iter().any(|known| known.path() == filter.path()) => {
                Problem::error(
                    format!("expected one filter for `{path}`, but found two"),
                    "for any of several values write a list, like `[\"a\", \"b\"]`",
                )
            }
            Ok(filter) => {
                if of_leases {
                    let position = value.position_at(entry.offset);
                    warn_of_unknown(options, option, "filter_params", filter.path(), position);
                }
                filters.push(filter);
                continue;
            }
            Err(invalid) => Problem::error(invalid.message, invalid.hint),
        };
        options.report(problem, option, value.position_at(entry.offset));
    }
    filters
}

/// One entry of the object, and where it begins, in bytes.
struct Entry {
    offset: usize,
    path: String,
    expected: Json,
}

/// The entries of a JSON object, or what is wrong and where, in bytes.
fn parse(text: &str) -> Result<Vec<Entry>, (usize, Problem)> {
    let begin = text.len() - text.trim_start().len();
    if !text[begin..].starts_with('{') {
        let found = word(&text[begin..]);
        let message = format!("{EXPECTED} `{found}` at its beginning");
        return Err((begin, Problem::error(message, FORM)));
    }
    let mut stream = Deserializer::from_str(text).into_iter::<Pairs<'_>>();
    let pairs = match stream.next() {
        Some(Ok(Pairs(pairs))) => pairs,
        Some(Err(error)) => return Err(mistake(text, &error)),
        None => return Err((begin, Problem::error(format!("{EXPECTED} nothing"), FORM))),
    };
    let end = stream.byte_offset();
    if let Some((at, extra)) = text[end..].char_indices().find(|(_, c)| !c.is_whitespace()) {
        let hint = if extra == '}' {
            "remove the second `}`, then run `esi-event-actions check`"
        } else {
            "remove what follows the object, then run `esi-event-actions check`"
        };
        let message = format!("{EXPECTED} `{extra}` after it");
        return Err((end + at, Problem::error(message, hint)));
    }
    let entries = pairs.into_iter().map(|(key, expected)| {
        let offset = key.get().as_ptr() as usize - text.as_ptr() as usize;
        let path = serde_json::from_str(key.get()).map_err(|error| {
            let (within, problem) = mistake(key.get(), &error);
            (offset + within, problem)
        })?;
        Ok(Entry {
            offset,
            path,
            expected,
        })
    });
    entries.collect()
}

/// What is wrong with a JSON text in an operator's words, and where, in bytes.
fn mistake(text: &str, error: &serde_json::Error) -> (usize, Problem) {
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
            of_python(found).unwrap_or(FORM),
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
        said => (format!("a mistake in it: {said}"), FORM),
    };
    (offset, Problem::error(format!("{EXPECTED} {found}"), hint))
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
struct Pairs<'t>(Vec<(&'t RawValue, Json)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
