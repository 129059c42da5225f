//! The lines of a configuration file as Python's `configparser` understands them, places kept.
//!
//! Which line is a header, an option, a continuation or a comment; nothing is joined, inherited or
//! interpolated yet. The reference is `configparser.ConfigParser()` of Python 3.11 with its
//! defaults. A file means the same here, except for these differences:
//!
//! - After white space, `#` and `;` begin a comment, but not in a string of a JSON value (one that
//!   begins with `{` or `[`). On a header line a comment begins only after a `]`.
//! - So a name cannot hold ` #`; such a line has no `=` before the comment, and is an error.
//! - A line that begins with `[` is a section header or an error. Python takes `[name = value` for
//!   an option called `[name`, and silently drops what follows the last `]`.
//! - An indented `[name]` continues the value above, as in Python, but is warned of.
//! - A byte order mark at the start is skipped; Python takes it for a line before the first header.
//! - Reading goes on after an error, so that one report has them all. The lines that continue a
//!   wrong line are skipped with it.

use super::problem::{Problem, Problems};
use super::text::Position;

/// A section as written. Sections of one name are not joined here.
pub(super) struct Section<'t> {
    pub(super) name: &'t str,
    /// Of the `[`.
    pub(super) position: Position,
    pub(super) options: Vec<Line<'t>>,
}

/// An option as written, with all lines of its value.
pub(super) struct Line<'t> {
    /// In lower case.
    pub(super) name: String,
    /// Of the name.
    pub(super) position: Position,
    /// The value: at least one segment, and no empty one at the end but the first.
    pub(super) segments: Vec<Segment<'t>>,
    /// The first `#` or `;` where an inline comment was cut off.
    pub(super) comment: Option<Position>,
}

/// What one line adds to a value, trimmed.
pub(super) struct Segment<'t> {
    pub(super) text: &'t str,
    pub(super) position: Position,
}

/// White space in Python's sense, which has four control characters more than Rust's.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// Reads the lines of `text`.
pub(super) fn read(text: &str) -> (Vec<Section<'_>>, Problems) {
    let mut reader = Reader {
        sections: Vec::new(),
        problems: Problems::default(),
        open: Open::Nothing,
        indent: 0,
        scan: Scan::default(),
        told_of_missing_header: false,
    };
    for (line, number) in lines(text).zip(1..) {
        reader.line(line, number);
    }
    for option in reader
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.options)
    {
        while option.segments.len() > 1
            && option
                .segments
                .last()
                .is_some_and(|last| last.text.is_empty())
        {
            option.segments.pop();
        }
    }
    (reader.sections, reader.problems)
}

/// Lines as Python's universal newlines have them: ended by LF, CRLF or CR.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, ending) = rest.split_at(end);
        rest = ending
            .strip_prefix("\r\n")
            .or_else(|| ending.get(1..))
            .unwrap_or_default();
        Some(line)
    })
}

/// What a deeper indented line would continue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Nothing: a header came last, or no line at all.
    Nothing,
    /// The last option of the last section.
    Option,
    /// A line that was wrong.
    Skipped,
}

struct Reader<'t> {
    sections: Vec<Section<'t>>,
    problems: Problems,
    open: Open,
    /// Of the last line that was no continuation, in characters.
    indent: usize,
    scan: Scan,
    told_of_missing_header: bool,
}

impl<'t> Reader<'t> {
    fn line(&mut self, line: &'t str, number: u32) {
        let content = line.trim_matches(is_space);
        if content.starts_with(['#', ';']) {
            return;
        }
        let start = Position {
            line: number,
            column: 1,
        };
        if content.is_empty() {
            self.extend(Segment {
                text: "",
                position: start,
            });
            return;
        }
        let indent = line.chars().take_while(|c| is_space(*c)).count();
        let place = start.right(indent);
        if self.open != Open::Nothing && indent > self.indent {
            self.continuation(content, place);
            return;
        }
        self.indent = indent;
        if content.starts_with('[') {
            self.header(content, place);
        } else if self.sections.is_empty() {
            self.before_the_first_header(place);
        } else {
            self.option(content, place);
        }
    }

    /// Adds to the value that is open, if one is.
    fn extend(&mut self, segment: Segment<'t>) {
        if self.open == Open::Option
            && let Some(option) = self.sections.last_mut().and_then(|s| s.options.last_mut())
        {
            option.segments.push(segment);
        }
    }

    fn continuation(&mut self, content: &'t str, place: Position) {
        let Some(option) = self.sections.last_mut().and_then(|s| s.options.last_mut()) else {
            return;
        };
        if self.open != Open::Option {
            return;
        }
        let comment = self.scan.comment_in(content);
        let kept = content[..comment.unwrap_or(content.len())].trim_end_matches(is_space);
        option.segments.push(Segment {
            text: kept,
            position: place,
        });
        if let Some(offset) = comment {
            option
                .comment
                .get_or_insert(place.right(content[..offset].chars().count()));
        }
        if kept.starts_with('[') && kept.ends_with(']') && !self.scan.is_json() {
            let problem = Problem::warning(
                format!(
                    "this section header is indented, and so continues the value of `{}`",
                    option.name
                ),
                "write the header at the start of its line",
            );
            self.tell(problem, place);
        }
    }

    fn header(&mut self, content: &'t str, place: Position) {
        let (name, fault) = header(content);
        // A forgotten name or `]` still begins a section, or what follows would be taken for part
        // of the one above; something like `["a",` probably continues a value, not indented.
        let begins = content != "[" && (fault.is_none() || !name.contains(['"', ',']));
        if begins {
            self.open = Open::Nothing;
            self.sections.push(Section {
                name,
                position: place,
                options: Vec::new(),
            });
        } else {
            self.open = Open::Skipped;
        }
        if let Some((problem, offset)) = fault {
            self.tell(problem, place.right(content[..offset].chars().count()));
        }
    }

    fn before_the_first_header(&mut self, place: Position) {
        self.open = Open::Skipped;
        // Once is enough: one missing header explains all lines up to the first.
        if !self.told_of_missing_header {
            self.told_of_missing_header = true;
            self.tell(
                Problem::error(
                    "expected a section header such as `[DEFAULT]` before this line",
                    "put `[DEFAULT]` or the rule's `[name]` on a line above",
                ),
                place,
            );
        }
    }

    /// Never quotes the line: it may be a password that lost its indentation.
    fn option(&mut self, content: &'t str, place: Position) {
        let delimiter = content.find(['=', ':']);
        let head = &content[..delimiter.unwrap_or(content.len())];
        let comment = Scan::default().comment_in(head);
        let Some(delimiter) = delimiter.filter(|_| comment.is_none()) else {
            let found = if comment.is_some() {
                "found neither `=` nor `:` before the comment"
            } else {
                "found neither `=` nor `:`"
            };
            return self.skip(
                Problem::error(
                    format!("expected `option = value`, but {found}"),
                    "add the `=`, or indent the line if it continues the value above, or begin it with `#`",
                ),
                place,
            );
        };
        let name = head.trim_end_matches(is_space);
        if name.is_empty() {
            let found = &content[..=delimiter];
            return self.skip(
                Problem::error(
                    format!("expected an option's name before `{found}`"),
                    format!("write the name before `{found}`, or indent the line if it continues the value above"),
                ),
                place,
            );
        }
        self.scan = Scan::default();
        let value = &content[delimiter + 1..];
        let value_place = place.right(head.chars().count() + 1);
        let comment = self.scan.comment_in(value);
        let kept = value[..comment.unwrap_or(value.len())].trim_end_matches(is_space);
        let text = kept.trim_start_matches(is_space);
        let blanks = kept[..kept.len() - text.len()].chars().count();
        self.open = Open::Option;
        if let Some(section) = self.sections.last_mut() {
            section.options.push(Line {
                name: name.to_lowercase(),
                position: place,
                segments: vec![Segment {
                    text,
                    position: value_place.right(blanks),
                }],
                comment: comment.map(|offset| value_place.right(value[..offset].chars().count())),
            });
        }
    }

    /// Reports a line that is no option, and leaves it and its continuations out.
    fn skip(&mut self, problem: Problem, place: Position) {
        self.open = Open::Skipped;
        self.tell(problem, place);
    }

    fn tell(&mut self, problem: Problem, place: Position) {
        let problem = self.within_current(problem).at(place);
        self.problems.push(problem);
    }

    fn within_current(&self, problem: Problem) -> Problem {
        match self.sections.last() {
            Some(section) => problem.within(section.name),
            None => problem,
        }
    }
}

/// The name in a line that begins with `[`, and what is wrong with the line at which byte of it.
fn header(content: &str) -> (&str, Option<(Problem, usize)>) {
    let content = without_comment_after_bracket(content);
    let Some(end) = content.rfind(']') else {
        let comment = Scan::default().comment_in(&content[1..]);
        let name = &content[1..comment.map_or(content.len(), |offset| offset + 1)];
        let name = name.trim_end_matches(is_space);
        let problem = Problem::error(
            "expected a section header, but found no `]` after `[`",
            "close the section's name with `]`, or indent the line if it continues the value above",
        );
        return (name, Some((problem, name.len() + 1)));
    };
    let name = &content[1..end];
    if name.is_empty() {
        let problem = Problem::error(
            "expected a name between `[` and `]`",
            "give the section a name",
        );
        return (name, Some((problem, 1)));
    }
    let rest = content[end + 1..].trim_start_matches(is_space);
    if rest.is_empty() || rest.starts_with(['#', ';']) {
        return (name, None);
    }
    let problem = Problem::error(
        "expected the end of the line after a section header, but found more text",
        "put the text on a line of its own, or begin it with `#` to make it a comment",
    );
    (name, Some((problem, content.len() - rest.len())))
}

/// `[name] # comment` without the comment. `[rack #3]` has none.
fn without_comment_after_bracket(content: &str) -> &str {
    content
        .match_indices(['#', ';'])
        .map(|(offset, _)| &content[..offset])
        .find(|before| {
            before.ends_with(is_space) && before.trim_end_matches(is_space).ends_with(']')
        })
        .map_or(content, |before| before.trim_end_matches(is_space))
}

/// Looks for inline comments in a value, from line to line.
#[derive(Clone, Copy, Default)]
struct Scan {
    /// Whether the value is JSON; not known before its first character.
    json: Option<bool>,
    in_string: bool,
    after_backslash: bool,
}

impl Scan {
    fn is_json(self) -> bool {
        self.json == Some(true)
    }

    /// The byte offset at which a comment begins in the next line of the value.
    fn comment_in(&mut self, line: &str) -> Option<usize> {
        let mut after_space = false;
        for (offset, character) in line.char_indices() {
            if self.in_string {
                match character {
                    _ if self.after_backslash => self.after_backslash = false,
                    '\\' => self.after_backslash = true,
                    '"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            if after_space && matches!(character, '#' | ';') {
                return Some(offset);
            }
            after_space = is_space(character);
            if !after_space {
                let json = *self.json.get_or_insert(matches!(character, '{' | '['));
                self.in_string = json && character == '"';
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
