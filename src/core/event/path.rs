//! Where in a payload a rule looks: a dotted path, or a JSONPath beginning with `$`.

mod brackets;
mod query;

use std::fmt;
use std::io::{self, Write};

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

use super::Event;
pub use brackets::first_path_end;
use brackets::{depth, unclosed};
use query::Query;

/// What the payload's own fields begin with.
const AROUND: &str = "esi_leap_object.";
/// Where the lease lies in the payload.
const LEASE: &str = "esi_leap_object.data";

/// What a path into the results of earlier steps begins with.
const OF_STEPS: char = '@';

/// A place in an event, parsed once when the configuration is read.
///
/// `properties.vendor` is looked up in the lease's data and, if there is nothing of that name, in
/// the whole payload; `@fulfill.ip` in the results of the step `fulfill`. A number is an index where there is a list, and a key may itself contain
/// dots: of several readings the one with the shortest first key wins.
#[derive(Clone, Debug)]
pub struct PayloadPath {
    text: String,
    query: Option<Query>,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidPath {
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead.
    pub hint: String,
    /// Where in the text it is wrong, in bytes.
    pub offset: usize,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// No such field.
    Nothing,
    /// One value, which may be null.
    One(&'a Value),
    /// What a JSONPath with several answers found; never fewer than two.
    Several(Vec<&'a Value>),
}

impl PayloadPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`InvalidPath`] for an empty path or key, and for what is not JSONPath after a `$`.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let path = |query| {
            Ok(Self {
                text: text.to_owned(),
                query,
            })
        };
        if text.starts_with('$') {
            return path(Some(Query::new(json_path(text)?, text)));
        }
        if text.split('.').any(str::is_empty) {
            let found = if text.is_empty() {
                "nothing".to_owned()
            } else {
                format!("an empty name in `{text}`")
            };
            return Err(InvalidPath {
                message: format!("expected a dotted path, but found {found}"),
                hint: "write the names of the fields with one dot between them, like \
                       `properties.vendor`"
                    .into(),
                offset: 0,
            });
        }
        path(None)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it looks in the results of earlier steps, if it does: the step's name and what follows.
    #[must_use]
    pub fn of_step(&self) -> Option<&str> {
        self.text.strip_prefix(OF_STEPS)
    }

    /// The fields of the lease that the path begins with, where it spells them out: one, or several
    /// in the brackets of a JSONPath. What lies around the lease is named with its dot, like
    /// `esi_leap_object.name`.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let Some(rest) = self.text.strip_prefix('$') else {
            let path = self
                .text
                .strip_prefix(LEASE)
                .and_then(|it| it.strip_prefix('.'));
            let path = path.unwrap_or(&self.text);
            let around = path.starts_with(AROUND).then_some(AROUND.len());
            let end = path[around.unwrap_or_default()..].find('.');
            let end = end.map(|end| end + around.unwrap_or_default());
            return vec![&path[..end.unwrap_or(path.len())]];
        };
        match names(rest) {
            (only, rest) if only == [LEASE] && !rest.is_empty() => names(rest).0,
            (names, _) => names,
        }
    }

    /// Looks the path up in an event.
    #[must_use]
    pub fn find<'a>(&self, event: &'a Event) -> Found<'a> {
        if let Some(value) = self.of_step().and_then(|path| dotted(event.steps(), path)) {
            return Found::One(value);
        }
        let data = event.data();
        match self.find_in(data) {
            Found::Nothing if !std::ptr::eq(data, &raw const event.payload) => {
                self.find_in(&event.payload)
            }
            found => found,
        }
    }

    /// Whether it gathers answers from several places, however many there are in an event.
    #[must_use]
    pub fn gathers(&self) -> bool {
        self.query.as_ref().is_some_and(Query::gathers)
    }

    /// Looks the path up in a value.
    #[must_use]
    pub fn find_in<'a>(&self, value: &'a Value) -> Found<'a> {
        let Some(query) = &self.query else {
            return dotted(value, &self.text).map_or(Found::Nothing, Found::One);
        };
        let mut answers = query.find(value);
        match answers.len() {
            0 => Found::Nothing,
            1 => Found::One(answers.remove(0)),
            _ => Found::Several(answers),
        }
    }
}

impl fmt::Display for PayloadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for PayloadPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// How many brackets of a JSONPath may be within each other. With each filter within another the
/// parser may need twice the time.
const DEEPEST: usize = 10;

fn json_path(text: &str) -> Result<JpQuery, InvalidPath> {
    let invalid = |message, hint: &str| InvalidPath {
        message,
        hint: hint.into(),
        offset: 0,
    };
    // The parser accepts `in` with a list after it, and then finds nothing.
    if text.contains(" in [") {
        return Err(invalid(
            format!("expected a JSONPath, but found the unknown operator `in` in `{text}`"),
            "write one comparison for each value, with `||` between them",
        ));
    }
    if depth(text) > DEEPEST {
        return Err(invalid(
            format!(
                "expected a JSONPath with at most {DEEPEST} nested brackets, but found `{text}`"
            ),
            "close the brackets, or filter in fewer steps",
        ));
    }
    if let Some(offset) = unclosed(text) {
        let open = text[offset..].chars().next().unwrap_or('[');
        let what = match open {
            '\'' | '"' => "a string without its end".to_owned(),
            _ => format!("`{open}` without its end"),
        };
        return Err(InvalidPath {
            offset,
            ..invalid(
                format!("expected a JSONPath, but found {what}"),
                "close it; after a blank, `#` and `;` begin a comment",
            )
        });
    }
    // What the parser says of it is the names in its grammar.
    parse_json_path(text).map_err(|_| {
        invalid(
            format!("expected a JSONPath, but found `{text}`"),
            "write keys with dots or hyphens in brackets, like `$['a.b']`; without the `$` it is a \
             dotted path",
        )
    })
}

/// The names that a part of a JSONPath begins with, and what follows them. None, if they are not
/// spelt out.
fn names(path: &str) -> (Vec<&str>, &str) {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(name) = path.strip_prefix('.') {
        let end = name.find(|c| !is_plain(c)).unwrap_or(name.len());
        let (name, rest) = name.split_at(end);
        let names = if name.is_empty() { vec![] } else { vec![name] };
        return (names, rest);
    }
    let mut names = Vec::new();
    let mut rest = path.strip_prefix('[').unwrap_or_default().trim_start();
    while let Some(mark) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let Some((name, behind)) = rest[1..].split_once(mark) else {
            break;
        };
        if name.contains('\\') {
            break;
        }
        names.push(name);
        let behind = behind.trim_start();
        if let Some(behind) = behind.strip_prefix(']') {
            return (names, behind);
        }
        rest = behind.strip_prefix(',').unwrap_or_default().trim_start();
    }
    (Vec::new(), path)
}

/// Follows `path`, trying its first name alone before joining it with the next ones.
fn dotted<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let child = |name: &str| match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => name
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index)),
        _ => None,
    };
    let deeper = path
        .match_indices('.')
        .find_map(|(dot, _)| dotted(child(&path[..dot])?, &path[dot + 1..]));
    deeper.or_else(|| child(path))
}

/// A text, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As much of it as was asked for.
    pub text: String,
    /// How many bytes there are in all.
    pub size: usize,
    /// Whether there are more: they are not all counted.
    pub and_more: bool,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            size: text.len(),
            and_more: false,
        }
    }
}

impl Found<'_> {
    /// What was found as one argument of a script: text as it is, numbers and booleans in JSON
    /// form, nothing and null as an empty argument, objects, lists and several answers as compact
    /// JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_text_within(usize::MAX).text
    }

    /// The same, cut to at most this many bytes.
    #[must_use]
    pub fn to_text_within(&self, most: usize) -> Text {
        let mut writer = Beginning {
            bytes: Vec::new(),
            most,
            size: 0,
        };
        let written = match self {
            Self::Nothing | Self::One(Value::Null) => Ok(()),
            Self::One(Value::String(text)) => writer.write_all(text.as_bytes()),
            Self::One(value) => serde_json::to_writer(&mut writer, value).map_err(io::Error::from),
            Self::Several(values) => {
                serde_json::to_writer(&mut writer, values).map_err(io::Error::from)
            }
        };
        let mut bytes = writer.bytes;
        let cut = bytes
            .utf8_chunks()
            .next()
            .map_or(0, |chunk| chunk.valid().len());
        bytes.truncate(cut);
        Text {
            text: String::from_utf8(bytes).unwrap_or_default(),
            size: writer.size,
            and_more: written.is_err(),
        }
    }
}

/// Keeps the beginning of what is written, counts the rest, and refuses what is more than
/// [`COUNTED`] where not all of it is wanted.
struct Beginning {
    bytes: Vec<u8>,
    most: usize,
    size: usize,
}

/// Twice the largest payload.
const COUNTED: usize = 8 * 1024 * 1024;

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len();
        let room = self.most - self.bytes.len();
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.size > COUNTED.max(self.most) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
