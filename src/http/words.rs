//! What a server said, fit to be shown: no secret, no control character, not too long. Pure.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use serde_json::error::Category;

use crate::core::printable::printable;

/// How much of a server's text is shown, in characters.
const SHOWN: usize = 300;

/// A server's own message: the one in its JSON, else its text.
#[must_use]
pub fn words(body: &[u8], secrets: &[&SecretString]) -> String {
    let json = serde_json::from_slice::<Value>(body).ok();
    // In this order: ESI Leap (WSME), Keystone and its middleware, and what others call it.
    let places = [
        "/faultstring",
        "/error/message",
        "/error_message",
        "/message",
        "/error",
    ];
    let own = places
        .iter()
        .find_map(|place| json.as_ref()?.pointer(place)?.as_str());
    let text = match own {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    };
    let text = blanked(text.trim(), secrets);
    if text.is_empty() {
        return "it says nothing more".to_owned();
    }
    shortened(&printable(text.as_bytes()))
}

/// Why an answer is not the JSON that was expected.
#[must_use]
pub fn unlike(
    expected: &str,
    error: &serde_json::Error,
    body: &[u8],
    secrets: &[&SecretString],
) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof if !body.is_empty() => {
            format!(
                "expected {expected}, but the JSON ends early, after {} bytes",
                body.len()
            )
        }
        Category::Data => {
            format!("expected {expected}, but line {line}, column {column} has something else")
        }
        _ => format!(
            "expected {expected}, but line {line}, column {column} is no JSON: {}",
            words(body, secrets)
        ),
    }
}

/// The text without these secrets, in case a server says back what it was told; in JSON too.
#[must_use]
pub fn blanked(text: &str, secrets: &[&SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let secret = secret.expose_secret();
        let in_json = serde_json::to_string(secret).unwrap_or_default();
        let in_json = in_json.trim_matches('"');
        for form in [secret, in_json] {
            if !form.is_empty() && text.contains(form) {
                text = text.replace(form, "***");
            }
        }
    }
    text
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_is_found_wherever_it_is() {
        let secret = SecretString::from("p\"ss");
        let long = "é".repeat(400);
        let cases = [
            (
                json!({"faultstring": "Access was denied.", "faultcode": "Client"}).to_string(),
                "Access was denied.",
            ),
            (
                json!({"error": {"code": 401, "message": "authenticate"}}).to_string(),
                "authenticate",
            ),
            (json!({"error": "down"}).to_string(), "down"),
            (
                json!({"faultstring": "p\"ss is no password"}).to_string(),
                "*** is no password",
            ),
            (json!(["p\"ss"]).to_string(), "[\"***\"]"),
            ("<h1>\x1b[31m502</h1>\n".to_owned(), "<h1>\\x1b[31m502</h1>"),
            ("  ".to_owned(), "it says nothing more"),
            (long, &format!("{}…", "é".repeat(300))),
        ];
        for (body, expected) in cases {
            assert_eq!(words(body.as_bytes(), &[&secret]), expected);
        }
    }

    #[test]
    fn what_is_not_the_json_expected_is_told() {
        let cases = [
            (
                "<p>hunter2",
                "expected a list, but line 1, column 1 is no JSON: <p>***",
            ),
            (
                "",
                "expected a list, but line 1, column 0 is no JSON: it says nothing more",
            ),
            (
                "[1,",
                "expected a list, but the JSON ends early, after 3 bytes",
            ),
            (
                "[\"hunter2\"]",
                "expected a list, but line 1, column 10 has something else",
            ),
        ];
        for (body, expected) in cases {
            let error = serde_json::from_str::<Vec<u8>>(body).unwrap_err();
            let said = unlike("a list", &error, body.as_bytes(), &[&"hunter2".into()]);
            assert_eq!(said, expected);
        }
    }
}
