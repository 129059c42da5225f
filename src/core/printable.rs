//! Text from elsewhere as one line that is safe to show: in a log, in a table, on a terminal.
//!
//! Scripts and senders of events write what they like: colours, cursor movements, broken UTF-8,
//! marks that turn the direction of text around. Shown raw, such bytes could forge a line of the
//! log or hide a part of it. Pure.

use std::borrow::Cow;
use std::fmt::Write;

/// The bytes as text in which every control character, every mark that turns the direction of
/// text and every byte that is not UTF-8 is written out: `\n`, `\x1b`, `\u{202e}`, `\xff`. All
/// other text, in any writing system, stays as it is; a backslash too.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut text, character);
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("writing to a String never fails");
        }
    }
    text
}

fn push(text: &mut String, character: char) {
    match character {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => {
            write!(text, "\\x{:02x}", u32::from(character))
                .expect("writing to a String never fails");
        }
        _ if deceives(character) => text.extend(character.escape_unicode()),
        _ => text.push(character),
    }
}

/// The controls beyond ASCII, line and paragraph separators, marks of direction, byte order mark.
pub(super) fn deceives(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}')
}

/// The same JSON with the characters that [`printable`] would write out, and that JSON leaves as
/// they are, as `\u009b`: they can only stand within its strings.
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let raw = |character: char| character == '\x7f' || deceives(character);
    if !json.contains(raw) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        if raw(character) {
            // All of them lie in the plane that needs no surrogates.
            write!(text, "\\u{:04x}", u32::from(character))
                .expect("writing to a String never fails");
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_deceive_is_written_out() {
        let cases: [(&[u8], &str); 14] = [
            (b"", ""),
            (b"node-1: ready", "node-1: ready"),
            (b"a\nb\r\n\tc", r"a\nb\r\n\tc"),
            (b"\0\x07\x7f", r"\x00\x07\x7f"),
            (b"\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
            ("8-bit CSI \u{9b}31m".as_bytes(), r"8-bit CSI \u{9b}31m"),
            (b"C:\\temp", r"C:\temp"),
            (b"\xff\xfe", r"\xff\xfe"),
            (b"cut \xe2\x82", r"cut \xe2\x82"),
            (b"over\xc0\xaflong", r"over\xc0\xaflong"),
            ("user\u{202e}gpj.exe".as_bytes(), r"user\u{202e}gpj.exe"),
            (
                "\u{2066}x\u{2069}\u{200f}".as_bytes(),
                r"\u{2066}x\u{2069}\u{200f}",
            ),
            ("\u{2028}\u{feff}".as_bytes(), r"\u{2028}\u{feff}"),
            (
                "Grüße, שלום, 日本, e\u{301}, 👩‍🔧".as_bytes(),
                "Grüße, שלום, 日本, e\u{301}, 👩‍🔧",
            ),
        ];
        for (bytes, text) in cases {
            assert_eq!(printable(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn json_is_the_same_and_has_no_control_character() {
        let said = "\u{1b}[2J\n\u{9b}1m\u{7f}\u{202e}\u{feff} Grüße 👩‍🔧 \\ \"";
        let json = serde_json::to_string(said).unwrap();
        let shown = printable_json(&json);
        assert!(
            !shown.contains(|c: char| c.is_control() || deceives(c)),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), said);
        assert!(matches!(printable_json("{\"a\": \"ü\"}"), Cow::Borrowed(_)));
    }

    #[test]
    fn whatever_the_bytes_the_text_has_no_control_character() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let text = printable(&[first, second, b'x']);
                assert!(!text.chars().any(char::is_control), "{first} {second}");
                assert!(text.ends_with('x'));
            }
        }
    }
}
