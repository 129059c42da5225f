//! The text around the place where it could not be parsed, safe to show. Pure.

use super::without_context;
use crate::core::printable::printable;

/// This many bytes are shown before and after the place, and the rest of a character.
const AROUND: usize = 30;

/// A few words in brackets of what stands around this place of a text, as it is kept in quarantine: no
/// value of a `_context_*` field. Nothing, if the place cannot be found again in the text without them.
#[must_use]
pub fn near(text: &[u8], place: usize) -> String {
    let shown = without_context(text);
    let before = without_context(&text[..place.min(text.len())]);
    if !shown.starts_with(&before) || shown.is_empty() {
        return String::new();
    }
    let place = before.len();
    let begins = |at: usize| shown.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let from = (0..=place.saturating_sub(AROUND))
        .rev()
        .find(|at| begins(*at));
    let until = (place.saturating_add(AROUND)..=shown.len()).find(|at| begins(*at));
    let from = from.unwrap_or_default();
    let until = until.unwrap_or(shown.len());
    format!(", near `{}`", printable(&shown[from..until]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_is_shown_without_secrets() {
        let long = format!("{}!{}", "ü".repeat(50), "é".repeat(50));
        let cases: [(&str, usize, &str); 7] = [
            (r#"{"n": 1e}"#, 8, r#"{"n": 1e}"#),
            ("{\"a\":\u{1b}[2J\n}", 5, r#"{"a":\x1b[2J\n}"#),
            (
                r#"{"_context_auth_token": "secret", 7}"#,
                34,
                r#"_token": "[blanked]", 7}"#,
            ),
            (
                r#"{"_context_auth_token": "secret"#,
                28,
                r#"_token": "[blanked]"#,
            ),
            (
                r#"{"_context_roles": ["secret", x], "a": 1"#,
                30,
                r#"{"_context_roles": null, "a": 1"#,
            ),
            (
                r#"{"oslo.message": "{\"_context_x\": \"secret\" 7"}"#,
                44,
                r#""{\"_context_x\": \"[blanked]\" 7"}"#,
            ),
            (
                &long,
                100,
                &format!("{}!{}", "ü".repeat(15), "é".repeat(15)),
            ),
        ];
        for (text, place, expected) in cases {
            let shown = near(text.as_bytes(), place);
            assert!(shown.contains(expected), "{shown} of {text}");
        }
        assert_eq!(near(b"", 7), "");
    }

    #[test]
    fn no_place_in_a_text_shows_a_part_of_a_secret() {
        for text in [
            r#"{"a": 1, "_context_auth_token": "SECRET", "b": {"_context_roles": ["SECRET", {"x": "SECRET"}]}, "_context_n": SECRET}"#,
            r#"{"oslo.message": "{\"a\": 1, \"_context_auth_token\": \"SECRET\", \"_context_user\": {\"b\": \"SECRET\"}}"}"#,
        ] {
            for place in 0..=text.len() + 1 {
                let shown = near(text.as_bytes(), place);
                assert!(
                    !shown.contains(['S', 'E', 'C', 'R', 'T']),
                    "{place}: {shown}"
                );
            }
        }
    }
}
