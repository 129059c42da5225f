//! Blanks the values of `_context_*` in a body that is to be kept in quarantine. Pure.
//!
//! Older oslo.messaging puts the user's token there. The body may be anything but well-formed, and
//! is otherwise to be kept byte for byte, so this reads text and not JSON: it finds the keys, at
//! any depth of JSON within JSON text, and replaces what follows them.

mod near;

use std::ops::Range;

use memchr::memmem;

use crate::core::event::SECRET_PREFIX;

pub use near::near;

/// Stands in the place of what a text said.
const BLANK: &[u8] = b"[blanked]";

/// Stands in the place of any other value, so that what was JSON is JSON still.
const NULL: &[u8] = b"null";

/// The body with the value of every `_context_*` field that can be recognised replaced. What seems
/// to be such a field and has no recognisable end is blanked to the end of the body.
#[must_use]
pub fn without_context(body: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(body.len());
    let mut done = 0;
    let end_of_text = wide_text(body).unwrap_or(body.len());
    let text = &body[..end_of_text];
    for at in memmem::find_iter(text, SECRET_PREFIX) {
        if at < done {
            continue;
        }
        if let Some((value, instead)) = value_after_key(text, at) {
            kept.extend_from_slice(&text[done..value.start]);
            kept.extend_from_slice(instead);
            done = value.end;
        }
    }
    kept.extend_from_slice(&text[done..]);
    if end_of_text < body.len() {
        kept.extend_from_slice(BLANK);
    }
    kept
}

/// Where the prefix stands in UTF-16, of either byte order: from there on nothing is kept, since
/// no reader of ours could tell where the value ends.
fn wide_text(body: &[u8]) -> Option<usize> {
    let wide: Vec<u8> = SECRET_PREFIX.bytes().flat_map(|byte| [byte, 0]).collect();
    memmem::find(body, &wide[..wide.len() - 1])
}

/// The place of the value that belongs to the key at `key`, without its quotes, and what to put
/// there.
fn value_after_key(text: &[u8], key: usize) -> Option<(Range<usize>, &'static [u8])> {
    let name_end = key
        + text[key..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
    let quote = Quote::before(text, key);
    let mut at = name_end;
    if let Some(quote) = &quote {
        at = quote.end(text, name_end)?.end;
    }
    at = skip_blanks(text, at);
    if !matches!(text.get(at), Some(b':' | b'=')) {
        return None;
    }
    at = skip_blanks(text, at + 1);
    match (text.get(at)?, quote) {
        (b'{' | b'[', _) => Some((at..nested_end(text, at), NULL)),
        (_, Some(quote)) if quote.begins(text, at) => {
            let start = at + quote.len();
            {
                let end = quote
                    .end(text, start)
                    .map_or(text.len(), |close| close.start);
                Some((start..end, BLANK))
            }
        }
        _ => {
            let ends = |b: &u8| b.is_ascii_whitespace() || b",;&}])".contains(b);
            let length = text[at..].iter().position(ends).unwrap_or(text.len() - at);
            Some((at..at + length, NULL))
        }
    }
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + text[at..]
        .iter()
        .take_while(|b| b.is_ascii_whitespace())
        .count()
}

/// Behind the bracket that closes the one at `open`, or the end of the text.
fn nested_end(text: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = open;
    while at < text.len() {
        match text[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' | b'\'' => {
                let Some(quote) = Quote::before(text, at + 1) else {
                    break;
                };
                let Some(close) = quote.end(text, at + 1) else {
                    break;
                };
                at = close.end - 1;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// A quotation mark with the backslashes that JSON within JSON text puts before it: 0, 1, 3, 7, …
struct Quote {
    mark: u8,
    escapes: usize,
}

impl Quote {
    /// The one that ends right before `at`.
    fn before(text: &[u8], at: usize) -> Option<Self> {
        let mark = *text[..at].last().filter(|b| matches!(b, b'"' | b'\''))?;
        Some(Self {
            mark,
            escapes: backslashes_before(text, at - 1),
        })
    }

    fn len(&self) -> usize {
        self.escapes + 1
    }

    fn begins(&self, text: &[u8], at: usize) -> bool {
        text[at..].iter().take_while(|b| **b == b'\\').count() == self.escapes
            && text.get(at + self.escapes) == Some(&self.mark)
    }

    /// The next mark of the same depth at or after `from`. Within a text of this depth, every
    /// backslash and every mark has `2 × (escapes + 1)` times as many backslashes, less its own.
    fn end(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        memchr::memchr_iter(self.mark, &text[from..])
            .map(|found| from + found)
            .find_map(|mark| {
                let backslashes = backslashes_before(text, mark).min(mark - from);
                (backslashes % (2 * self.len()) == self.escapes)
                    .then(|| mark - self.escapes..mark + 1)
            })
    }
}

fn backslashes_before(text: &[u8], at: usize) -> usize {
    text[..at].iter().rev().take_while(|b| **b == b'\\').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn blanked(text: &str) -> String {
        String::from_utf8(without_context(text.as_bytes())).unwrap()
    }

    #[test]
    fn values_are_blanked_and_the_rest_is_kept_byte_for_byte() {
        let cases = [
            (
                r#"{"a": 1, "_context_auth_token": "secret", "b": 2}"#,
                r#"{"a": 1, "_context_auth_token": "[blanked]", "b": 2}"#,
            ),
            (
                r#"{"_context_x" :  "se\"cr\\et\\" , "b": 2"#,
                r#"{"_context_x" :  "[blanked]" , "b": 2"#,
            ),
            (
                r#"{"_context_roles": ["a]", {"b": "}"}], "c": 1}"#,
                r#"{"_context_roles": null, "c": 1}"#,
            ),
            (
                r#"{"_context_is_admin": true}"#,
                r#"{"_context_is_admin": null}"#,
            ),
            (
                r#"{"_context_auth_token": "sec"#,
                r#"{"_context_auth_token": "[blanked]"#,
            ),
            (
                r#"{"_context_roles": ["sec", "#,
                r#"{"_context_roles": null"#,
            ),
            (r#"{"_context_auth"#, r#"{"_context_auth"#),
            (
                r#"{"purpose": "the _context_ of it", "x": "_context_y"}"#,
                r#"{"purpose": "the _context_ of it", "x": "_context_y"}"#,
            ),
            (
                "{'_context_auth_token': 'secret', 'b': 2}",
                "{'_context_auth_token': '[blanked]', 'b': 2}",
            ),
            (
                "_context_auth_token=secret&b=2",
                "_context_auth_token=null&b=2",
            ),
            ("", ""),
        ];
        for (body, kept) in cases {
            assert_eq!(blanked(body), kept);
        }
    }

    #[test]
    fn json_within_json_text_is_read_at_any_depth() {
        let mut message = json!({"a": "q\"\\", "_context_auth_token": "se\"cr\\\\et", "_context_roles": ["se\"cret\\"], "b": "kept"}).to_string();
        for depth in 0..4 {
            let body = blanked(&message);
            assert!(
                !body.contains("cr") && body.contains("kept"),
                "depth {depth}: {body}"
            );
            assert!(
                serde_json::from_str::<Value>(&body).is_ok(),
                "depth {depth}: {body}"
            );
            if depth == 0 {
                assert!(
                    body.contains(r#""_context_auth_token":"[blanked]""#),
                    "{body}"
                );
            }
            message = Value::String(message).to_string();
        }
    }

    #[test]
    fn utf_16_is_not_kept_behind_the_first_such_key() {
        for (little, lead) in [(true, "ab"), (false, "xy")] {
            let text = format!("{lead}\"_context_auth_token\": \"secret\"");
            let wide: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| {
                    if little {
                        unit.to_le_bytes()
                    } else {
                        unit.to_be_bytes()
                    }
                })
                .collect();
            let kept = without_context(&wide);
            assert!(kept.len() < 30 && kept.ends_with(BLANK), "{kept:?}");
        }
    }
}
