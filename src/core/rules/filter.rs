//! One condition of a rule: a path and what has to be there.

use std::fmt;

use serde_json::{Number, Value};

use super::Pattern;
use crate::core::event::{Event, Found, PayloadPath};

/// One entry of a rule's `filter_params`.
#[derive(Clone, Debug)]
pub struct Filter {
    path: PayloadPath,
    /// Any of them has to hold.
    tests: Vec<Test>,
}

#[derive(Clone, Debug)]
enum Test {
    Pattern(Pattern),
    Number(Number),
    Bool(bool),
    /// The field is null or missing.
    Null,
}

/// Why an entry of `filter_params` is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidFilter {
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// Why an event is not for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The filter's path.
    pub path: String,
    /// What the filter asks for.
    pub expected: String,
    /// What the event has there.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            expected,
            found,
        } = self;
        write!(f, "{path} should be {expected}, but is {found}")
    }
}

impl Filter {
    /// Reads one entry of `filter_params`: a path and a text, number, boolean, null or list.
    ///
    /// # Errors
    /// [`InvalidFilter`] if the path is not one, or the value is not one of these.
    pub fn parse(path: &str, expected: &Value) -> Result<Self, InvalidFilter> {
        let path = PayloadPath::parse(path).map_err(|error| InvalidFilter {
            message: error.message,
            hint: error.hint,
        })?;
        let tests = match expected {
            Value::Array(any_of) if any_of.is_empty() => {
                return Err(InvalidFilter {
                    message: format!(
                        "the list for `{path}` is empty, so the rule would never match"
                    ),
                    hint: "list at least one value, or set `enabled = no`".into(),
                });
            }
            Value::Array(any_of) => any_of
                .iter()
                .map(|one| Test::parse(&path, one))
                .collect::<Result<_, _>>()?,
            one => vec![Test::parse(&path, one)?],
        };
        Ok(Self { path, tests })
    }

    /// The path it looks at.
    #[must_use]
    pub fn path(&self) -> &PayloadPath {
        &self.path
    }

    /// Whether the event fulfils this condition: `None` if so, else why not.
    ///
    /// # Errors
    /// A pattern that cannot be decided, in words.
    pub fn mismatch(&self, event: &Event) -> Result<Option<Mismatch>, String> {
        let found = self.path.find(event);
        let one;
        let values: &[&Value] = match &found {
            Found::Nothing => &[&Value::Null],
            Found::One(value) => {
                one = [*value];
                &one
            }
            Found::Several(values) => values,
        };
        for value in values {
            for test in &self.tests {
                if test.holds(value)? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(Mismatch {
            path: self.path.to_string(),
            expected: self.to_string(),
            found: described(&found),
        }))
    }
}

impl Test {
    fn parse(path: &PayloadPath, expected: &Value) -> Result<Self, InvalidFilter> {
        match expected {
            Value::Null => Ok(Self::Null),
            Value::Bool(expected) => Ok(Self::Bool(*expected)),
            Value::Number(expected) => Ok(Self::Number(expected.clone())),
            Value::String(pattern) => {
                Pattern::parse(pattern)
                    .map(Self::Pattern)
                    .map_err(|error| {
                        InvalidFilter {
                    message: format!(
                        "expected a regular expression for `{path}`, but found `{pattern}`: {error}"
                    ),
                    hint:
                        "put a backslash before a special character that is meant literally; in \
                         JSON it is written twice, like `\"rack\\\\.1\"`"
                            .into(),
                }
                    })
            }
            Value::Array(_) | Value::Object(_) => Err(InvalidFilter {
                message: format!(
                    "expected text, a number, true, false, null or a list of these for `{path}`, but found `{expected}`"
                ),
                hint: "name a field inside with dots, like `properties.vendor`".into(),
            }),
        }
    }

    fn holds(&self, value: &Value) -> Result<bool, String> {
        match (self, value) {
            (Self::Pattern(pattern), Value::String(text)) => pattern.matches(text),
            // A number or boolean is matched in the form in which a script would get it.
            (Self::Pattern(pattern), Value::Number(_) | Value::Bool(_)) => {
                pattern.matches(&value.to_string())
            }
            (Self::Number(expected), Value::Number(number)) => Ok(equal(expected, number)),
            (Self::Bool(expected), Value::Bool(value)) => Ok(expected == value),
            (Self::Null, Value::Null) => Ok(true),
            _ => Ok(false),
        }
    }
}

/// Whether two numbers are the same, however they are written: `1`, `1.0` and `1e0` are.
fn equal(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b || a.as_f64().is_some_and(|a| b.as_f64() == Some(a)),
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, test) in self.tests.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            match test {
                Test::Pattern(pattern) => write!(f, "text matching {:?}", pattern.as_str())?,
                Test::Number(number) => write!(f, "the number {number}")?,
                Test::Bool(value) => write!(f, "{value}")?,
                Test::Null => f.write_str("null or nothing")?,
            }
        }
        Ok(())
    }
}

/// What was found, short enough for a line.
fn described(found: &Found<'_>) -> String {
    const LONGEST: usize = 80;
    let shorten = |text: String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let begin = || found.to_text_within(4 * (LONGEST + 1)).text;
    match found {
        Found::Nothing => "missing".into(),
        Found::One(Value::Null) => "null".into(),
        Found::One(Value::String(text)) => format!("the text {}", shorten(format!("{text:?}"))),
        Found::One(Value::Number(number)) => format!("the number {}", shorten(number.to_string())),
        Found::One(Value::Bool(value)) => format!("{value}"),
        Found::One(Value::Array(_)) => format!("the list {}", shorten(begin())),
        Found::One(Value::Object(_)) => format!("the object {}", shorten(begin())),
        Found::Several(_) => format!("the values {}", shorten(begin())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(expected: &Value, found: &Value) -> bool {
        let event = Event::new(
            "1".into(),
            "t".into(),
            "now".into(),
            None,
            json!({ "field": found }),
        );
        Filter::parse("field", expected)
            .unwrap()
            .mismatch(&event)
            .unwrap()
            .is_none()
    }

    #[test]
    fn each_kind_of_filter_meets_each_kind_of_value() {
        let values = [
            json!("test"),
            json!("testing"),
            json!(5),
            json!(5.0),
            json!(true),
            json!(null),
            json!({}),
            json!(["test"]),
        ];
        let cases = [
            (
                json!("test"),
                [true, true, false, false, false, false, false, false],
            ),
            (
                json!("test$"),
                [true, false, false, false, false, false, false, false],
            ),
            (
                json!(""),
                [true, true, true, true, true, false, false, false],
            ),
            (
                json!("5"),
                [false, false, true, true, false, false, false, false],
            ),
            (
                json!("true"),
                [false, false, false, false, true, false, false, false],
            ),
            (
                json!(5),
                [false, false, true, true, false, false, false, false],
            ),
            (
                json!(true),
                [false, false, false, false, true, false, false, false],
            ),
            (
                json!(null),
                [false, false, false, false, false, true, false, false],
            ),
            (
                json!([null, 5, "testi"]),
                [false, true, true, true, false, true, false, false],
            ),
        ];
        for (expected, outcomes) in cases {
            for (value, outcome) in values.iter().zip(outcomes) {
                assert_eq!(holds(&expected, value), outcome, "{expected} on {value}");
            }
        }
    }

    #[test]
    fn numbers_are_equal_by_value_and_never_by_rounding() {
        assert!(holds(&json!(1), &serde_json::from_str("1e0").unwrap()));
        assert!(holds(&json!(0.5), &serde_json::from_str("5e-1").unwrap()));
        assert!(!holds(
            &json!(9_007_199_254_740_993_i64),
            &json!(9_007_199_254_740_992_i64)
        ));
    }

    #[test]
    fn a_missing_field_is_like_null() {
        let event = Event::new("1".into(), "t".into(), "now".into(), None, json!({}));
        let mismatch = |expected: Value| Filter::parse("a.b", &expected).unwrap().mismatch(&event);
        assert_eq!(mismatch(json!(null)), Ok(None));
        let refused = mismatch(json!(".*")).unwrap().unwrap();
        assert_eq!(
            (refused.path.as_str(), refused.found.as_str()),
            ("a.b", "missing")
        );
        assert_eq!(refused.expected, "text matching \".*\"");
    }

    #[test]
    fn any_of_the_answers_of_a_json_path_will_do() {
        let event = Event::new(
            "1".into(),
            "t".into(),
            "now".into(),
            None,
            json!({"disks": [{"n": 1}, {"n": 2}]}),
        );
        let holds = |expected: Value| {
            Filter::parse("$.disks[*].n", &expected)
                .unwrap()
                .mismatch(&event)
                .unwrap()
                .is_none()
        };
        assert!(holds(json!(2)));
        assert!(!holds(json!(3)));
    }

    #[test]
    fn what_is_no_filter_is_refused_with_a_hint() {
        let cases = [
            ("a", json!({}), "expected text, a number"),
            ("a", json!([[]]), "expected text, a number"),
            ("a", json!([]), "is empty"),
            (
                "a",
                json!("*"),
                "expected a regular expression for `a`, but found `*`",
            ),
            ("a..b", json!(1), "expected a dotted path"),
        ];
        for (path, expected, part) in cases {
            let error = Filter::parse(path, &expected).unwrap_err();
            assert!(
                error.message.contains(part) && !error.hint.is_empty(),
                "{}",
                error.message
            );
        }
    }
}
