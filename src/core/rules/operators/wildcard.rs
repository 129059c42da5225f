//! A shell pattern as a pattern of Python, as Python's `fnmatch` takes it.

use std::fmt::Write as _;
use std::iter::Peekable;

/// The pattern of `re` that matches where the shell's does: the whole text.
pub(super) fn to_python(shell: &str) -> String {
    let mut out = String::from("(?s:");
    let mut rest = shell;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => {
                if !out.ends_with(".*") {
                    out.push_str(".*");
                }
            }
            '?' => out.push('.'),
            '[' => match class_end(rest) {
                Some(end) => {
                    push_class(&mut out, &rest[..end]);
                    rest = &rest[end + 1..];
                }
                None => out.push_str(r"\["),
            },
            c => push_literal(&mut out, c),
        }
    }
    out.push_str(r")\Z");
    out
}

/// Where the `]` is that closes a class: its first character may be one.
fn class_end(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('!').unwrap_or(rest);
    let first = usize::from(inside.starts_with(']'));
    let skipped = rest.len() - inside.len() + first;
    rest[skipped..].find(']').map(|end| skipped + end)
}

fn push_class(out: &mut String, inside: &str) {
    let (is_negated, inside) = match inside.strip_prefix('!') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    let mut set = String::new();
    let mut rest = inside.chars().peekable();
    while let Some(first) = rest.next() {
        match range_end(&mut rest) {
            // An empty range matches nothing.
            Some(last) if last < first => {}
            Some(last) => {
                push_literal(&mut set, first);
                set.push('-');
                push_literal(&mut set, last);
            }
            None => push_literal(&mut set, first),
        }
    }
    match (set.is_empty(), is_negated) {
        (true, true) => out.push('.'),
        (true, false) => out.push_str("(?!)"),
        (false, true) => drop(write!(out, "[^{set}]")),
        (false, false) => drop(write!(out, "[{set}]")),
    }
}

/// The end of a range, if a `-` and another character follow.
fn range_end(rest: &mut Peekable<std::str::Chars<'_>>) -> Option<char> {
    let mut ahead = rest.clone();
    if ahead.next() != Some('-') {
        return None;
    }
    let last = ahead.next()?;
    *rest = ahead;
    Some(last)
}

fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}
