//! Limits the length of the texts that the journal looks up: keys, ids of events, names of rules and of sources.
//!
//! Untrusted senders write some of them, and databases differ in what they accept: some store no NUL, and put no
//! long text into an index.

use std::borrow::Cow;
use std::fmt::Write;

use ring::digest::{SHA256, digest};

/// The most bytes of such a text.
pub const LONGEST_NAME: usize = 1024;

/// How many bytes are left, of a text that does not comply, for what distinguishes it.
const TAIL: usize = 64;

/// The text itself, if it complies. Else its head, each NUL replaced, and a hash of all of it, so that texts
/// that differ stay different.
#[must_use]
pub fn limited(text: &str) -> Cow<'_, str> {
    limited_to(text, LONGEST_NAME)
}

/// The same where it may have no more than so many bytes, which are at least a hundred.
#[must_use]
pub fn limited_to(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    let end = (0..=most - TAIL)
        .rev()
        .find(|end| text.is_char_boundary(*end));
    let mut name = text[..end.unwrap_or(0)].replace('\0', " ");
    name.push('…');
    name.push_str(&hashed(text.as_bytes()));
    Cow::Owned(name)
}

/// What tells bytes from any others, in 32 hexadecimal digits: half of their SHA-256.
#[must_use]
pub fn hashed(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in &digest(&SHA256, bytes).as_ref()[..16] {
        write!(text, "{byte:02x}").expect("a text takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_complies_stays_as_it_is() {
        for text in ["", "node", "ä\u{1b}\n", &"x".repeat(LONGEST_NAME)] {
            assert!(matches!(limited(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_does_not_is_cut_and_distinguished() {
        let long = "ä".repeat(600);
        let texts = [
            "a\0b".to_owned(),
            "a b".to_owned(),
            "a\0\0b".to_owned(),
            "\0".to_owned(),
            long.clone(),
            format!("{long}."),
            format!("{long}\0"),
            format!("x{long}"),
        ];
        let names: Vec<_> = texts
            .iter()
            .map(|text| limited(text).into_owned())
            .collect();
        for (index, name) in names.iter().enumerate() {
            assert!(
                name.len() <= LONGEST_NAME && !name.contains('\0'),
                "{name:?}"
            );
            assert!(!names[..index].contains(name), "{name:?}");
            assert_eq!(limited(name), *name, "a name complies");
        }
        assert!(names[0].starts_with("a b…"), "{}", names[0]);
        assert!(names[4].starts_with(&"ä".repeat(480)), "{}", names[4]);
        // It must stay the same: rows are found by it.
        assert_eq!(limited("\0"), " …6e340b9cffb37a989ca544e6bb780a2c");
    }
}
