//! What only Python takes for JSON → JSON. Pure.
//!
//! `json.dumps` with its defaults writes `NaN`, `Infinity`, `-Infinity` and lone surrogates, and nests
//! as deep as it likes. JSON or UTF-8 cannot hold these, so they cost the value, not the message: the
//! three words and whatever nests deeper than [`DEEPEST`] become null, and a lone surrogate becomes
//! the replacement character. Everything else stays as it was written, so that text that is not
//! Python's JSON either is still refused by the parser.

/// Lists and objects within each other that are kept. The JSON parser takes 127, and an event that
/// is read from the journal has one more around its payload.
pub(super) const DEEPEST: usize = 100;

/// What stands in the place of a value that JSON cannot hold.
const NULL: &str = "null";

/// The words of Python that JSON has not.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The text as JSON. Takes time and memory in proportion to its length, whatever stands in it.
pub(super) fn to_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 64);
    let bytes = text.as_bytes();
    let (mut at, mut done, mut depth) = (0, 0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                if depth <= DEEPEST {
                    json.push_str(&text[done..at]);
                    push_string(&mut json, &text[at..end]);
                    done = end;
                }
                at = end;
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                if depth == DEEPEST + 1 {
                    json.push_str(&text[done..at]);
                    json.push_str(NULL);
                }
            }
            b']' | b'}' => {
                if depth == DEEPEST + 1 {
                    done = at + 1;
                }
                depth = depth.saturating_sub(1);
            }
            b'-' | b'I' | b'N' if depth <= DEEPEST => {
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
    if depth <= DEEPEST {
        json.push_str(&text[done..]);
    }
    json
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
            assert_eq!(to_json(python), json, "{python}");
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
            let value: serde_json::Value = serde_json::from_str(&to_json(&deep)).unwrap();
            assert_eq!(value["a"], 1);
        }
        let open = "[".repeat(1_000_000);
        assert!(serde_json::from_str::<serde_json::Value>(&to_json(&open)).is_err());
    }
}
