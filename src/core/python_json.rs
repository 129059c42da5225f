//! What Python's `json.dumps` writes → JSON, and values of it. Pure.
//!
//! `json.dumps` with its defaults writes `NaN`, `Infinity`, `-Infinity` and lone surrogates, and nests
//! as deep as it likes. JSON or UTF-8 cannot hold these, so they cost the value, not the message: the
//! three words and values that nest deeper than [`DEEPEST`] become null, and a lone surrogate becomes
//! the replacement character. Everything else stays as it was written, so that text that is not
//! Python's JSON either is still refused by the parser.
//!
//! The parser takes an object whose first key is one of its own for a number or for
//! another text. Their `$` becomes the replacement character, too, so that an object stays one.

use memchr::memmem;
use serde::de::DeserializeOwned;

/// Lists and objects within each other that are kept. The JSON parser takes 127, and an event that
/// is read from the journal has one or two more around what was read.
pub const DEEPEST: usize = 100;

/// What stands in the place of a value that JSON cannot hold.
const NULL: &str = "null";

/// The words of Python that JSON has not.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// How the keys begin that the parser uses for itself.
const RESERVED: &str = "$serde_json::private::";

/// Why a text could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    /// What the parser says. Its line and column are those of [`Unreadable::text`].
    pub error: serde_json::Error,
    rewritten: Option<String>,
}

impl Unreadable {
    /// The text that the parser refused: the one that was given, or the JSON that was made of it.
    #[must_use]
    pub fn text<'a>(&'a self, given: &'a [u8]) -> &'a [u8] {
        self.rewritten.as_ref().map_or(given, String::as_bytes)
    }

    /// Where in [that text](Unreadable::text) the parser refused it.
    #[must_use]
    pub fn offset(&self, given: &[u8]) -> usize {
        offset(self.text(given), self.error.line(), self.error.column())
    }
}

/// Where a line and a column are, both counted from 1; a column of 0 is the end of the line before.
pub(crate) fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let before = text.split_inclusive(|byte| *byte == b'\n');
    let begin: usize = before.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (begin + column.saturating_sub(1)).min(text.len())
}

/// Reads bytes.
///
/// # Errors
/// [`Unreadable`], if they are no such text, or hold something else than was asked for.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    match std::str::from_utf8(bytes) {
        Ok(text) => read_text(text),
        Err(_) => serde_json::from_slice(bytes).map_err(|error| Unreadable {
            error,
            rewritten: None,
        }),
    }
}

/// Reads a text: as JSON first, unless it may be misread, or nests too deep to be read back from the
/// journal.
///
/// # Errors
/// [`Unreadable`], if it is no such text, or holds something else than was asked for.
pub fn read_text<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    if !may_be_misread(text)
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let json = to_json(text, DEEPEST);
    serde_json::from_str(&json).map_err(|error| Unreadable {
        error,
        rewritten: Some(json),
    })
}

/// Whether a text may nest too deep, or have a reserved key: spelt out, or with a character of it
/// escaped.
fn may_be_misread(text: &str) -> bool {
    let bytes = text.as_bytes();
    let opened = bytes.iter().filter(|byte| matches!(byte, b'[' | b'{'));
    let escapes = || memmem::find_iter(bytes, r"\u00");
    opened.count() > DEEPEST
        || memmem::find(bytes, &RESERVED.as_bytes()[1..]).is_some()
        || escapes().any(|at| matches!(bytes.get(at + 4), Some(b'2'..=b'7')))
}

/// The text as JSON, without what nests deeper than this. Takes time and memory in proportion to its
/// length, for any content.
#[must_use]
pub fn to_json(text: &str, deepest: usize) -> String {
    let mut json = String::with_capacity(text.len() + 64);
    let bytes = text.as_bytes();
    let (mut at, mut done, mut depth) = (0, 0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                if depth <= deepest {
                    json.push_str(&text[done..at]);
                    if is_key(bytes, end) {
                        push_key(&mut json, &text[at..end]);
                    } else {
                        push_string(&mut json, &text[at..end]);
                    }
                    done = end;
                }
                at = end;
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                if depth == deepest.saturating_add(1) {
                    json.push_str(&text[done..at]);
                    json.push_str(NULL);
                }
            }
            b']' | b'}' => {
                if depth == deepest.saturating_add(1) {
                    done = at + 1;
                }
                depth = depth.saturating_sub(1);
            }
            b'-' | b'I' | b'N' if depth <= deepest => {
                if let Some(word) = WORDS.iter().find(|word| text[at..].starts_with(**word)) {
                    json.push_str(&text[done..at]);
                    json.push_str(NULL);
                    at += word.len();
                    done = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    // A text that ends within what is too deep is not closed, and is refused for that.
    if depth <= deepest {
        json.push_str(&text[done..]);
    }
    json
}

/// Whether the string that ends here is a key.
fn is_key(bytes: &[u8], end: usize) -> bool {
    let behind = bytes[end..].iter().find(|byte| !b" \t\r\n".contains(byte));
    behind == Some(&b':')
}

/// Adds a key, lone surrogates replaced, and the `$` of a reserved one.
fn push_key(json: &mut String, string: &str) {
    let begin = json.len();
    push_string(json, string);
    if is_reserved(&json[begin..]) {
        let dollar = begin + 1..begin + dollar_end(&json[begin..]);
        json.replace_range(dollar, "\\ufffd");
    }
}

/// Whether a string, however it is spelt, is a key that the parser uses for itself.
fn is_reserved(string: &str) -> bool {
    let may_be = string.contains(r"\u00") || string.contains(RESERVED);
    may_be && serde_json::from_str::<String>(string).is_ok_and(|key| key.starts_with(RESERVED))
}

/// Behind the `$` that a string begins with, which may be escaped.
fn dollar_end(string: &str) -> usize {
    if string.starts_with("\"$") {
        2
    } else {
        "\"\\u0024".len()
    }
}

/// Behind the string that begins at `open`, or the end of the text.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Adds a string, lone surrogates replaced.
fn push_string(json: &mut String, string: &str) {
    let mut done = 0;
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &string.as_bytes()[at..]) {
        at += backslash;
        match surrogate(string, at) {
            Some(0xD800..=0xDBFF) if matches!(surrogate(string, at + 6), Some(0xDC00..=0xDFFF)) => {
                at += 12;
            }
            Some(_) => {
                json.push_str(&string[done..at]);
                json.push_str("\\ufffd");
                at += 6;
                done = at;
            }
            // Whatever is escaped, it is no backslash that begins another escape.
            None => at = (at + 2).min(string.len()),
        }
    }
    json.push_str(&string[done..]);
}

/// The surrogate that is escaped at `at`.
fn surrogate(string: &str, at: usize) -> Option<u16> {
    let digits = string.get(at..at + 6)?.strip_prefix("\\u")?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_hold_costs_that_value() {
        let cases = [
            (
                r#"{"a":NaN,"b":[-Infinity, Infinity]}"#,
                r#"{"a":null,"b":[null, null]}"#,
            ),
            (
                r#"{"NaN":"Infinity","a":-1}"#,
                r#"{"NaN":"Infinity","a":-1}"#,
            ),
            (
                r#"{"\ud800":"\udfff \ud83d\ude00 \\ud800"}"#,
                r#"{"\ufffd":"\ufffd \ud83d\ude00 \\ud800"}"#,
            ),
            (
                r#"["\ud800\ud83d\ude00\"","\uD83D"]"#,
                r#"["\ufffd\ud83d\ude00\"","\ufffd"]"#,
            ),
            (r#"["ü\\",NaN]"#, r#"["ü\\",null]"#),
            (r#"{"a":NaNa}"#, r#"{"a":nulla}"#),
            (r#"["open\"#, r#"["open\"#),
            ("", ""),
        ];
        for (python, json) in cases {
            assert_eq!(to_json(python, DEEPEST), json, "{python}");
        }
    }

    #[test]
    fn no_key_makes_an_object_something_else() {
        let objects = [
            r#"{"$serde_json::private::Number":"12"}"#,
            r#"{"$serde_json::private::Number":"no"}"#,
            r#"{"$serde_json::private::RawValue":"[1]"}"#,
            r#"{"$serde_json::private::RawValue" : {"$serde_json::private::Number":1}}"#,
            r#"{"\u0024serde_json::private::Number":"12"}"#,
            r#"{"$serde\u005Fjson::private::Number":"12","a":NaN}"#,
            r#"{"\u0024\u0073erde_json\u003a:private::RawValue":"no"}"#,
        ];
        for text in objects {
            let text = format!(r#"{{"\u00fc":[{text}],"b":"$serde_json::private::Number"}}"#);
            let value: serde_json::Value = read(text.as_bytes()).unwrap();
            let object = value["\u{fc}"][0].as_object().unwrap();
            let key = object.keys().next().unwrap();
            assert!(key.starts_with("\u{fffd}serde_json::private::"), "{text}");
            assert_eq!(value["b"], "$serde_json::private::Number");
            // What the journal holds is read strictly.
            let again: serde_json::Value = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(again, value);
        }
    }

    #[test]
    fn what_is_refused_is_reported_for_the_text_that_was_read() {
        let given = br#"{"a":NaN,"b":tru}"#;
        let refused = read::<serde_json::Value>(given).unwrap_err();
        assert_eq!(refused.text(given), br#"{"a":null,"b":tru}"#);
        assert_eq!(refused.offset(given), 17);
        let given = b"\"\xff\"";
        let refused = read::<serde_json::Value>(given).unwrap_err();
        assert_eq!(refused.text(given), given);
    }

    #[test]
    fn a_place_is_found_by_line_and_column() {
        let cases = [
            ((1, 1), 0),
            ((1, 3), 2),
            ((2, 1), 3),
            ((2, 0), 3),
            ((3, 1), 4),
            ((0, 0), 0),
            ((9, 9), 6),
        ];
        for ((line, column), expected) in cases {
            assert_eq!(
                offset(b"ab\n\ncd", line, column),
                expected,
                "{line}:{column}"
            );
        }
    }

    #[test]
    fn any_nesting_is_cut_off_where_it_is_too_deep() {
        for depth in [DEEPEST, DEEPEST + 1, 1_000_000] {
            let deep = format!(
                "{{\"d\":{}\"]\"{},\"a\":1}}",
                "[".repeat(depth),
                "]".repeat(depth)
            );
            let value: serde_json::Value = read_text(&deep).unwrap();
            assert_eq!(value["a"], 1);
        }
        let open = "[".repeat(1_000_000);
        assert!(serde_json::from_str::<serde_json::Value>(&to_json(&open, DEEPEST)).is_err());
    }
}
