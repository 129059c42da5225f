//! Where in a payload a rule looks: a dotted path, or a JSONPath beginning with `$`.

use std::fmt;

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::{QueryRef, js_path_process};
use serde_json::Value;

use super::Event;

/// A place in an event, parsed once when the configuration is read.
///
/// `properties.vendor` is looked up in the lease's data and, if there is nothing of that name, in
/// the whole payload. A number is an index where there is a list, and a key may itself contain
/// dots: of several readings the one with the shortest first key wins.
#[derive(Clone, Debug)]
pub struct PayloadPath {
    text: String,
    query: Option<JpQuery>,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidPath {
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead.
    pub hint: String,
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
            return path(Some(json_path(text)?));
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
            });
        }
        path(None)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Looks the path up in an event.
    #[must_use]
    pub fn find<'a>(&self, event: &'a Event) -> Found<'a> {
        let data = event.data();
        match self.find_in(data) {
            Found::Nothing if !std::ptr::eq(data, &raw const event.payload) => {
                self.find_in(&event.payload)
            }
            found => found,
        }
    }

    fn find_in<'a>(&self, value: &'a Value) -> Found<'a> {
        let Some(query) = &self.query else {
            return dotted(value, &self.text).map_or(Found::Nothing, Found::One);
        };
        // A query that cannot be carried out on this value (a function given the wrong type, for
        // one) has found nothing in it.
        let answers = js_path_process(query, value).unwrap_or_default();
        let mut answers: Vec<&Value> = answers.into_iter().map(QueryRef::val).collect();
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

/// How many brackets are open at once, at most, beside those in quotation marks.
fn depth(json_path: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut quoted_by = None;
    let mut characters = json_path.chars();
    while let Some(c) = characters.next() {
        match (quoted_by, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(mark), _) if mark == c => quoted_by = None,
            (None, '\'' | '"') => quoted_by = Some(c),
            (None, '[' | '(') => open += 1,
            (None, ']' | ')') => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn json_path(text: &str) -> Result<JpQuery, InvalidPath> {
    let invalid = |message, hint: &str| InvalidPath {
        message,
        hint: hint.into(),
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
                "expected a JSONPath with at most {DEEPEST} brackets within each other, but found \
                 `{text}`"
            ),
            "close the brackets, or filter in fewer steps",
        ));
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

impl Found<'_> {
    /// What was found as one argument of a script: text as it is, numbers and booleans in JSON
    /// form, nothing and null as an empty argument, objects, lists and several answers as compact
    /// JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Nothing | Self::One(Value::Null) => String::new(),
            Self::One(Value::String(text)) => text.clone(),
            Self::One(value) => value.to_string(),
            Self::Several(values) => {
                serde_json::to_string(values).expect("JSON values always serialize")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn look_up(path: &str) -> String {
        let payload = json!({
            "esi_leap_object.name": "LeaseCRUDPayload",
            "esi_leap_object.data": {
                "name": null,
                "purpose": "a \"b\"\nc",
                "id": 7,
                "properties": {
                    "vendor": "foo",
                    "a.b": "dotted key",
                    "a": {"c": true, "b.x": 1},
                    "disks": [{"size": 10}, {"size": 20}],
                    "7": "key seven"
                },
            }
        });
        let event = Event::new("1".into(), "t".into(), "now".into(), None, payload);
        PayloadPath::parse(path).unwrap().find(&event).to_text()
    }

    #[test]
    fn paths_find_what_they_name() {
        let cases = [
            ("purpose", "a \"b\"\nc"),
            ("id", "7"),
            ("name", ""),
            ("nope", ""),
            ("nope.deeper", ""),
            ("purpose.deeper", ""),
            ("properties.vendor", "foo"),
            ("properties.a.b", "dotted key"),
            ("properties.a.c", "true"),
            ("properties.a.b.x", "1"),
            ("properties.a", r#"{"c":true,"b.x":1}"#),
            ("properties.disks", r#"[{"size":10},{"size":20}]"#),
            ("properties.disks.1.size", "20"),
            ("properties.disks.2.size", ""),
            ("properties.disks.-1", ""),
            ("properties.7", "key seven"),
            ("esi_leap_object.name", "LeaseCRUDPayload"),
            ("esi_leap_object.data.id", "7"),
            ("$.id", "7"),
            ("$.properties.disks[?(@.size > 10)].size", "20"),
            ("$.properties.disks[*].size", "[10,20]"),
            ("$.properties['a.b']", "dotted key"),
            ("$['esi_leap_object.data'].id", "7"),
            ("$.nope", ""),
        ];
        for (path, text) in cases {
            assert_eq!(look_up(path), text, "{path}");
        }
    }

    #[test]
    fn brackets_are_counted_beside_those_in_quotation_marks() {
        let cases = [
            ("$", 0),
            ("$.a[0][1]", 1),
            ("$.a[?length(@.b[0]) > 1]", 3),
            ("$['[[((']", 1),
            (r#"$["\"[[("]"#, 1),
            (r"$['a\\'][?(@.b)]", 2),
            ("$.a]]]](", 1),
        ];
        for (path, expected) in cases {
            assert_eq!(depth(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_a_hint() {
        // The parser would need days for it.
        let deep = format!("$.a{}", "[?@.b == 1 && length(@.c".repeat(40));
        let cases = [
            ("", "but found nothing"),
            ("a..b", "an empty name"),
            (".a", "an empty name"),
            ("a.", "an empty name"),
            ("$.a[", "expected a JSONPath"),
            ("$.a-b", "expected a JSONPath"),
            ("$[?(@.k in ['a'])]", "the unknown operator `in`"),
            (&deep, "at most 10 brackets within each other"),
        ];
        for (path, part) in cases {
            let error = PayloadPath::parse(path).unwrap_err();
            assert!(error.message.contains(part), "{path}: {}", error.message);
            assert!(!error.message.contains('\n'), "{path}: {}", error.message);
        }
    }
}
