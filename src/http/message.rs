//! What a server said, made fit to show: no secret, no control character, not too long. Pure.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use serde_json::error::Category;

use crate::core::printable::printable;

/// How much of a server's text is shown, in characters.
const SHOWN: usize = 300;

/// A server's own message: the one in its JSON, else its text.
#[must_use]
pub fn server_message(body: &[u8], secrets: &[&SecretString]) -> String {
    let json = serde_json::from_slice::<Value>(body).ok();
    // In this order: ESI Leap (WSME), Keystone and its middleware, Elasticsearch (whose own reason may only be that all
    // shards failed), what others call it, and AWX.
    let places = [
        "/faultstring",
        "/error/message",
        "/error/root_cause/0/reason",
        "/error/reason",
        "/error_message",
        "/message",
        "/error",
        "/detail",
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
pub fn unexpected_json(
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
            server_message(body, secrets)
        ),
    }
}

/// The text without these secrets, in case a server says back what it was told: as they are, escaped as in
/// JSON, or as in a URL. Of one in whose middle the text ends, nothing is left either.
#[must_use]
pub fn blanked(text: &str, secrets: &[&SecretString]) -> String {
    let without = |text: String, secret: &&SecretString| without(&text, secret.expose_secret());
    secrets.iter().fold(text.to_owned(), without)
}

fn without(text: &str, secret: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut spellings = [plain, in_json, in_url].into_iter();
        if let Some(behind) = spellings.find_map(|it| behind(rest, secret, it)) {
            kept.push_str("***");
            rest = behind;
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    kept
}

/// What follows a character at the beginning of a text, if that is how it begins.
type Spelling = for<'t> fn(&'t str, char) -> Option<&'t str>;

/// What follows the secret that a text begins with, in this spelling.
fn behind<'t>(text: &'t str, secret: &str, spelling: Spelling) -> Option<&'t str> {
    /// So much of a secret at the end of a text is too much.
    const BEGINNING: usize = 4;
    let mut rest = text;
    for (count, character) in secret.chars().enumerate() {
        match spelling(rest, character) {
            Some(behind) => rest = behind,
            None => return (rest.is_empty() && count >= BEGINNING).then_some(rest),
        }
    }
    (!secret.is_empty()).then_some(rest)
}

fn plain(text: &str, character: char) -> Option<&str> {
    text.strip_prefix(character)
}

fn in_json(text: &str, character: char) -> Option<&str> {
    let Some(escaped) = text.strip_prefix('\\') else {
        return text.strip_prefix(character);
    };
    if !escaped.starts_with('u') {
        let short = match character {
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '"' | '\\' | '/' => character,
            _ => return None,
        };
        return escaped.strip_prefix(short);
    }
    let mut units = [0; 2];
    let mut units = character.encode_utf16(&mut units).iter();
    units.try_fold(text, |rest, unit| {
        let (digits, behind) = rest.strip_prefix("\\u")?.split_at_checked(4)?;
        (u16::from_str_radix(digits, 16) == Ok(*unit)).then_some(behind)
    })
}

fn in_url(text: &str, character: char) -> Option<&str> {
    if !text.starts_with('%') {
        return text.strip_prefix(character);
    }
    let mut bytes = [0; 4];
    let mut bytes = character.encode_utf8(&mut bytes).bytes();
    bytes.try_fold(text, |rest, byte| {
        let (digits, behind) = rest.strip_prefix('%')?.split_at_checked(2)?;
        (u8::from_str_radix(digits, 16) == Ok(byte)).then_some(behind)
    })
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
            (
                json!({"error": {"type": "x", "reason": "no such index [l]"}, "status": 404})
                    .to_string(),
                "no such index [l]",
            ),
            (
                json!({"error": {"reason": "all shards failed", "root_cause": [{"reason": "Text fields are"}]}})
                    .to_string(),
                "Text fields are",
            ),
            (json!({"error": "down"}).to_string(), "down"),
            (json!({"detail": "Not found."}).to_string(), "Not found."),
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
            assert_eq!(server_message(body.as_bytes(), &[&secret]), expected);
        }
    }

    #[test]
    fn a_secret_is_found_however_it_is_spelt() {
        let secret = SecretString::from("p/s\\é\"%😀9");
        for (text, left) in [
            ("a p/s\\é\"%😀9 b", "a *** b"),
            (r#"{"a": "p\/s\\é\"%😀9"}"#, r#"{"a": "***"}"#),
            (r"p/s\\\u00E9\u0022%\ud83d\uDE009", "***"),
            (
                r"\u0070\u002fs\u005c\u00e9\u0022\u0025\ud83d\ude009.",
                "***.",
            ),
            ("?p=p%2Fs%5c%C3%A9%22%25%F0%9F%98%809&q", "?p=***&q"),
            ("twice p/s\\é\"%😀9p/s\\é\"%😀9", "twice ******"),
            // Cut in its middle, and too short to tell anything.
            ("cut: p/s\\é\"", "cut: ***"),
            (r"cut: p\/s\\\u00e9", "cut: ***"),
            ("p/s", "p/s"),
            ("p/s\\e and p/s%", "p/s\\e and p/s%"),
        ] {
            assert_eq!(blanked(text, &[&secret]), left, "{text}");
        }
        assert_eq!(blanked("a", &[&"".into()]), "a");
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
            let said = unexpected_json("a list", &error, body.as_bytes(), &[&"hunter2".into()]);
            assert_eq!(said, expected);
        }
    }
}
