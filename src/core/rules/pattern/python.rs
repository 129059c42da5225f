//! A pattern of Python's `re` in the dialect of the engine.

use std::str::Chars;

/// How often a pattern may ask for something at least, by repetitions within each other. The engine
/// counts no steps that lead neither forwards nor back, and multiplies the numbers without a look at
/// whether the product fits.
const MOST_REPEATED: u64 = 10_000;

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
pub(super) fn translated(python: &str) -> Result<String, String> {
    let verbose = python
        .strip_prefix("(?")
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(flags, _)| flags.chars().all(char::is_alphabetic) && flags.contains('x'));
    let mut out = String::with_capacity(python.len() + 8);
    let mut rest = python.chars();
    let mut repetitions = Repetitions {
        open: Vec::new(),
        last: 1,
    };
    while let Some(c) = rest.next() {
        let comment_ends = match c {
            '(' if rest.as_str().starts_with("?#") => Some(')'),
            '#' if verbose => Some('\n'),
            _ => None,
        };
        if let Some(end) = comment_ends {
            rest.by_ref().find(|c| *c == end);
            continue;
        }
        repetitions.pass(c);
        match c {
            '\\' => push_escape(&mut out, &mut rest, false)?,
            '[' => push_class(&mut out, &mut rest)?,
            // Right with the multi-line flag and without it.
            '$' => out.push_str(r"(?:$|(?=\n\z))"),
            '{' => {
                if let Some(least) = push_brace(&mut out, &mut rest) {
                    repetitions.repeat(least)?;
                }
            }
            '(' => push_group(&mut out, &mut rest)?,
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// How often, at least, each part of a pattern is gone through.
struct Repetitions {
    /// The most of any part so far of each group that is open, the innermost last.
    open: Vec<u64>,
    /// The same of what a quantifier would concern: a group that has just been closed, or 1.
    last: u64,
}

impl Repetitions {
    /// A character of the pattern that is neither escaped nor in a class.
    fn pass(&mut self, c: char) {
        match c {
            '(' => {
                self.open.push(1);
                self.last = 1;
            }
            ')' => {
                self.last = self.open.pop().unwrap_or(1);
                self.note();
            }
            // If it is a quantifier, it concerns the last; so may one after white space, by the flag `x`.
            '{' => {}
            _ if c.is_whitespace() => {}
            _ => self.last = 1,
        }
    }

    /// The last part must occur this many times.
    fn repeat(&mut self, least: u64) -> Result<(), String> {
        self.last = self.last.saturating_mul(least.max(1));
        self.note();
        if self.last > MOST_REPEATED {
            return Err(format!(
                "it repeats something more than {MOST_REPEATED} times"
            ));
        }
        Ok(())
    }

    fn note(&mut self) {
        if let Some(most) = self.open.last_mut() {
            *most = self.last.max(*most);
        }
    }
}

/// How groups begin in Python after `(?`, but for flags. The engine has more: calls of groups, which it
/// writes out as often as they are made, and room for as many groups as a number in them says.
const EXTENSIONS: [&str; 9] = [":", "P<", "P=", "=", "!", "<=", "<!", ">", "("];

/// After `(`. A condition on a named group has the name in angle brackets in the engine.
fn push_group(out: &mut String, rest: &mut Chars<'_>) -> Result<(), String> {
    out.push('(');
    let Some(extension) = rest.as_str().strip_prefix('?') else {
        return Ok(());
    };
    let begins = |known: &str| extension.starts_with(known);
    if !EXTENSIONS.into_iter().any(begins) && !extension.starts_with(|c| "aiLmsux-".contains(c)) {
        let beginning: String = extension.chars().take(2).collect();
        return Err(format!("unknown group: (?{beginning}"));
    }
    let condition = extension.strip_prefix('(');
    if let Some((group, after)) = condition.and_then(|inside| inside.split_once(')')) {
        if group.len() > 3 && group.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(format!("there is no group {group}"));
        }
        if !group.starts_with(|c: char| c.is_ascii_digit()) {
            out.extend(["?(<", group, ">)"]);
            *rest = after.chars();
        }
    }
    Ok(())
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

/// After `{`, which is itself in Python if it begins no quantifier; `{,n}` means `{0,n}`. Answers how
/// often what is before it has to be there.
fn push_brace(out: &mut String, rest: &mut Chars<'_>) -> Option<u64> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let quantifier = rest.as_str().split_once('}').and_then(|(inside, after)| {
        let least = match inside.split_once(',') {
            Some(("", most)) if digits(most) => "0",
            Some((least, most)) if digits(least) && digits(most) => least,
            None if !inside.is_empty() && digits(inside) => inside,
            _ => return None,
        };
        Some((inside, after, least))
    });
    let Some((inside, after, least)) = quantifier else {
        out.push_str(r"\{");
        return None;
    };
    *rest = after.chars();
    let zero = if inside.starts_with(',') { "0" } else { "" };
    out.extend(["{", zero, inside, "}"]);
    Some(least.parse().unwrap_or(u64::MAX))
}
