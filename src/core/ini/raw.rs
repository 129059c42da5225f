//! rust-ini behind the dialect: the options as written, each value in one piece with its places.
//!
//! rust-ini does the parsing, but on lines that it cannot misread: the dialect has resolved headers,
//! comments and continuations, and here they are written out again as plain `name="value"` lines,
//! one for each option, with everything escaped that means something to rust-ini. (It trims what is
//! not quoted, hence the quotes, around section names too.) What it returns is what goes on; only
//! the places are attached to it.

use ini::{Ini, ParseOption};

use super::dialect::{self, Line};
use super::problem::{Problem, Problems};
use super::text::{Position, Value};

/// A section as written.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) position: Position,
    /// In the order of the file, repeated ones included.
    pub(super) options: Vec<RawOption>,
}

/// An option as written, neither inherited nor interpolated.
pub(super) struct RawOption {
    /// In lower case.
    pub(super) name: String,
    /// Of the name.
    pub(super) position: Position,
    pub(super) value: Value,
    /// Where the first inline comment was cut off.
    pub(super) comment: Option<Position>,
    /// Whether nothing may show the value.
    pub(super) secret: bool,
}

/// Reads the sections of `text` in the order of the file, repeated ones included; `is_secret` tells by
/// name which options nothing may show.
pub(super) fn read(text: &str, is_secret: &dyn Fn(&str) -> bool) -> (Vec<Section>, Problems) {
    let (sections, mut problems) = dialect::read(text);
    let plain = plain_lines(&sections);
    let options = ParseOption {
        enabled_quote: true,
        enabled_escape: true,
        enabled_indented_mutiline_value: false,
        enabled_preserve_key_leading_whitespace: false,
    };
    match Ini::load_from_str_opt(&plain, options) {
        Ok(ini) => (attach(&ini, sections, is_secret), problems),
        Err(error) => {
            // Every plain line is written so that this cannot be. If it is, it is our mistake, and
            // an empty configuration without a word would be worse.
            problems.push(Problem::error(
                format!("failed to parse the options: {}", error.msg),
                "report this as a defect of esi-event-actions, with the file (without its passwords)",
            ));
            (Vec::new(), problems)
        }
    }
}

fn plain_lines(sections: &[dialect::Section<'_>]) -> String {
    let mut plain = String::new();
    for section in sections {
        plain.push_str("[\"");
        escape_into(&mut plain, section.name);
        plain.push_str("\"]\n");
        for option in &section.options {
            escape_into(&mut plain, &option.name);
            plain.push_str("=\"");
            escape_into(&mut plain, &joined(option));
            plain.push_str("\"\n");
        }
    }
    plain
}

/// Escapes what ends or changes a name, a quoted value or a section name in rust-ini.
fn escape_into(plain: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\n' => plain.push_str("\\n"),
            '\\' | '"' | ']' => plain.extend(['\\', character]),
            _ => plain.push(character),
        }
    }
}

/// The value as the dialect means it.
fn joined(option: &Line<'_>) -> String {
    let lines: Vec<&str> = option.segments.iter().map(|segment| segment.text).collect();
    lines.join("\n")
}

/// What rust-ini read, with the places of the lines that it was read from.
fn attach(
    ini: &Ini,
    sections: Vec<dialect::Section<'_>>,
    is_secret: &dyn Fn(&str) -> bool,
) -> Vec<Section> {
    // The nameless section comes first and is empty, as no plain line stands before a header.
    let named = || {
        ini.iter()
            .filter_map(|(name, options)| Some((name?, options)))
    };
    debug_assert_eq!(named().count(), sections.len());
    named()
        .zip(sections)
        .map(|((quoted, parsed), section)| {
            let name = quoted
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .unwrap_or(quoted);
            debug_assert_eq!(
                (name, parsed.iter().count()),
                (section.name, section.options.len())
            );
            Section {
                name: name.to_owned(),
                position: section.position,
                options: parsed
                    .iter()
                    .zip(section.options)
                    .map(|((name, text), option)| {
                        debug_assert_eq!((name, text), (&*option.name, &*joined(&option)));
                        place(name, text, &option, is_secret)
                    })
                    .collect(),
            }
        })
        .collect()
}

fn place(name: &str, text: &str, option: &Line<'_>, is_secret: &dyn Fn(&str) -> bool) -> RawOption {
    let lines = option
        .segments
        .iter()
        .map(|segment| (segment.text.len(), segment.position));
    RawOption {
        name: name.to_owned(),
        position: option.position,
        value: Value::of_lines(text.to_owned(), lines),
        comment: option.comment,
        secret: is_secret(name),
    }
}
