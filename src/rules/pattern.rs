//! A text pattern with the meaning of Python's `re.match`: it has to match from the start of the
//! value, not to its end.
//!
//! The dialects differ in small things, so a pattern is translated before it is compiled. What
//! remains: `(?a)`, `(?L)` and `\N{…}` are refused; with `(?i)`, `i` is neither `İ` nor `ı`; `\B`
//! matches the empty text, as in Python since 3.14. Some patterns that Python refuses are taken.

use std::error::Error as _;
use std::str::Chars;

use fancy_regex::{CompileError, Error, Expr, ParseError, Regex, RegexBuilder};

/// How many steps back a pattern may take on one value before it counts as undecidable.
const BACKTRACK_LIMIT: usize = 10_000;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles a Python pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pattern = translated(text)?;
        let regex = || {
            // By itself first: a `)` too many would close the group around it.
            Expr::parse_tree(&pattern)?;
            RegexBuilder::new(&format!(r"\A(?:{pattern})"))
                .backtrack_limit(BACKTRACK_LIMIT)
                .build()
        };
        let regex = regex().map_err(|error| reason(&error))?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// Whether the value begins with a match.
    ///
    /// # Errors
    /// What is wrong if it takes too long to tell: the pattern, not the value, has to change.
    pub fn matches(&self, value: &str) -> Result<bool, String> {
        self.regex.is_match(value).map_err(|error| {
            format!(
                "the pattern `{}` needs too many steps: {}",
                self.text,
                reason(&error)
            )
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What is wrong, as a lower-case fragment. The engine's places are left out: they are counted in the
/// translated pattern.
fn reason(error: &Error) -> String {
    let message = match error {
        // The engine only says that it stopped before the end.
        Error::ParseError(_, ParseError::GeneralParseError(said)) if said.contains("end of") => {
            "closing parenthesis without opening parenthesis".into()
        }
        Error::ParseError(_, ParseError::GeneralParseError(said)) => said.clone(),
        Error::ParseError(_, error) => error.to_string(),
        Error::CompileError(error) => match &**error {
            // The innermost cause shows the pattern with a caret over several lines; the last says why.
            CompileError::InnerError(error) => {
                let mut cause = error.source();
                while let Some(inner) = cause.and_then(std::error::Error::source) {
                    cause = Some(inner);
                }
                cause.map_or_else(|| error.to_string(), ToString::to_string)
            }
            error => error.to_string(),
        },
        Error::RuntimeError(error) => error.to_string(),
        error => error.to_string(),
    };
    let last = message.trim().lines().last().unwrap_or_default().trim();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    let mut characters = last.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

/// `\w` and `\s` in Python's sense. The engine's would count combining marks and connectors as parts
/// of words but no superscripts, and would not count four control characters as white space.
const WORD: &str = r"[\p{L}\p{N}_]";
const NO_WORD: &str = r"[^\p{L}\p{N}_]";
const SPACE: &str = r"[\s\x1c-\x1f]";
const NO_SPACE: &str = r"[^\s\x1c-\x1f]";
const WORD_EDGE: &str =
    r"(?:(?<=[\p{L}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_]))";
const NO_WORD_EDGE: &str =
    r"(?:(?<=[\p{L}\p{N}_])(?=[\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?![\p{L}\p{N}_]))";

/// Python's pattern in the engine's dialect. What Python would refuse is left for the engine to
/// refuse or to understand.
fn translated(python: &str) -> Result<String, String> {
    let verbose = python
        .strip_prefix("(?")
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(flags, _)| flags.chars().all(char::is_alphabetic) && flags.contains('x'));
    let mut out = String::with_capacity(python.len() + 8);
    let mut rest = python.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => push_escape(&mut out, &mut rest, false)?,
            '[' => push_class(&mut out, &mut rest)?,
            // Right with the multi-line flag and without it.
            '$' => out.push_str(r"(?:$|(?=\n\z))"),
            '{' => push_brace(&mut out, rest.as_str()),
            '(' if rest.as_str().starts_with("?#") => skip_past(&mut rest, ')'),
            '#' if verbose => skip_past(&mut rest, '\n'),
            '(' => push_group(&mut out, &mut rest),
            _ => out.push(c),
        }
    }
    Ok(out)
}

fn skip_past(rest: &mut Chars<'_>, end: char) {
    rest.by_ref().find(|c| *c == end);
}

/// After `(`. A condition on a named group has the name in angle brackets in the engine.
fn push_group(out: &mut String, rest: &mut Chars<'_>) {
    out.push('(');
    if let Some((name, after)) = rest
        .as_str()
        .strip_prefix("?(")
        .and_then(|inside| inside.split_once(')'))
        && !name.starts_with(|c: char| c.is_ascii_digit())
    {
        out.push_str("?(<");
        out.push_str(name);
        out.push_str(">)");
        *rest = after.chars();
    }
}

/// After `[`. Set operations and nested classes are the engine's, not Python's.
fn push_class(out: &mut String, rest: &mut Chars<'_>) -> Result<(), String> {
    out.push('[');
    if rest.as_str().starts_with('^') {
        rest.next();
        out.push('^');
    }
    let mut first = true;
    while let Some(c) = rest.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '\\' => push_escape(out, rest, true)?,
            _ => push_literal(out, c),
        }
        first = false;
        // A range, unless the `-` is the last of the class.
        let mut ahead = rest.clone();
        if ahead.next() == Some('-')
            && let Some(end) = ahead.next().filter(|end| *end != ']')
        {
            out.push('-');
            *rest = ahead;
            match end {
                '\\' => push_escape(out, rest, true)?,
                _ => push_literal(out, end),
            }
        }
    }
    Err("a `[` has no `]`".into())
}

/// After a backslash.
fn push_escape(out: &mut String, rest: &mut Chars<'_>, in_class: bool) -> Result<(), String> {
    let Some(c) = rest.next() else {
        return Err("a backslash at the end of it has nothing to escape".into());
    };
    match c {
        'w' => out.push_str(WORD),
        'W' => out.push_str(NO_WORD),
        's' => out.push_str(SPACE),
        'S' => out.push_str(NO_SPACE),
        'b' if in_class => out.push_str(r"\x08"),
        'b' => out.push_str(WORD_EDGE),
        'B' if !in_class => out.push_str(NO_WORD_EDGE),
        'Z' | 'z' if !in_class => out.push_str(r"\z"),
        '0'..='9' => push_number(out, rest, c, in_class),
        'A' if !in_class => out.push_str(r"\A"),
        'd' | 'D' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'u' | 'U' => out.extend(['\\', c]),
        // Many letters mean something to the engine that they do not mean to Python.
        _ if c.is_ascii_alphabetic() => return Err(format!("there is no escape `\\{c}` here")),
        _ => push_literal(out, c),
    }
    Ok(())
}

/// After a backslash and a digit: a character in octal, or what a group has matched.
fn push_number(out: &mut String, rest: &mut Chars<'_>, first: char, in_class: bool) {
    let text = rest.as_str();
    let most = |limit: usize, is: fn(&u8) -> bool| text.bytes().take(limit).take_while(is).count();
    let octal = most(2, |digit| (b'0'..=b'7').contains(digit));
    let (more, is_octal) = match first {
        '0'..='7' if in_class || first == '0' || octal == 2 => (octal, true),
        _ => (most(1, u8::is_ascii_digit), false),
    };
    let (digits, after) = text.split_at(more);
    *rest = after.chars();
    let digits = format!("{first}{digits}");
    let code = is_octal.then(|| u32::from_str_radix(&digits, 8));
    match code.and_then(Result::ok).and_then(char::from_u32) {
        Some(character) => push_literal(out, character),
        // The engine would take a digit that follows for a part of the number.
        None => out.extend([r"(?:\", &digits, ")"]),
    }
}

/// A character that stands for itself, in a class or outside, with the verbose flag or without it.
fn push_literal(out: &mut String, c: char) {
    match c {
        // With a backslash these two are the edges of words.
        '<' | '>' => out.push(c),
        _ if c.is_ascii_punctuation() => out.extend(['\\', c]),
        _ if c.is_whitespace() || c.is_control() => {
            out.extend([r"\x{", &format!("{:x}", u32::from(c)), "}"]);
        }
        _ => out.push(c),
    }
}

/// A `{` that begins no quantifier is itself in Python; `{,n}` means `{0,n}`.
fn push_brace(out: &mut String, after_brace: &str) {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let inside = after_brace.split_once('}').map_or("", |(inside, _)| inside);
    out.push_str(match inside.split_once(',') {
        Some(("", most)) if digits(most) => "{0",
        Some((least, most)) if digits(least) && digits(most) => "{",
        None if !inside.is_empty() && digits(inside) => "{",
        _ => r"\{",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Python says of the same pairs is asked of Python itself in tests/python_patterns.rs.
    #[test]
    fn patterns_match_from_the_start() {
        let cases = [
            ("test", "testing-else", true),
            ("test", "a test", false),
            ("", "anything", true),
            (".*", "", true),
            ("test$", "test\n", true),
            ("test$", "test\n\n", false),
            (r"test\Z", "test\n", false),
            ("a|b", "b", true),
            ("(?i)TEST", "test", true),
            (r"(?!x).*", "y", true),
            (r"(a)\1", "aa", true),
            ("[[]", "[", true),
            ("x{,2}y", "xxy", true),
            ("{a}", "{a}", true),
            ("(?x) a  # one letter", "ab", true),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(value),
                Ok(expected),
                "{pattern} {value:?}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason_in_one_line() {
        let cases = [
            ("*", "target of repeat operator is invalid"),
            ("(a|b", "opening parenthesis without closing parenthesis"),
            ("a)", "closing parenthesis without opening parenthesis"),
            ("a)|(?:b", "closing parenthesis without opening parenthesis"),
            ("[a", "a `[` has no `]`"),
            (
                "[z-a]",
                "invalid character class range, the start must be <= the end",
            ),
            ("a\\", "a backslash at the end of it has nothing to escape"),
            (r"\1", "invalid back reference to group 1"),
            ("(?a)x", "unknown group flag: (?a"),
        ];
        for (pattern, reason) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap_err(), reason, "{pattern}");
        }
        for pattern in [r"\h", r"[\Z]", r"\p{L}"] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_pattern_without_end_is_an_error_and_not_a_mismatch() {
        let pattern = Pattern::parse(r"(?:(a*)*)*\1b(?=c)").unwrap();
        let error = pattern.matches(&"a".repeat(60)).unwrap_err();
        assert!(error.contains("too many steps"), "{error}");
    }
}
