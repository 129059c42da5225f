//! A value of the configuration, and the place in the file that each of its characters came from.
//!
//! The value of an option rarely stands in the file in one piece: comments are cut off, lines
//! are joined, `%(name)s` brings in text from elsewhere. A complaint about the result (a stray `}`
//! in JSON, an empty item in a list) still has to point at the character to fix.

use std::fmt;
use std::ops::Range;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
}

impl Position {
    /// The place this many characters further on in the same line.
    #[must_use]
    pub fn right(self, characters: usize) -> Self {
        let characters = u32::try_from(characters).unwrap_or(u32::MAX);
        Self {
            column: self.column.saturating_add(characters),
            ..self
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The text of an option as it is meant, with the place of every character.
///
/// `Debug` shows only place and length: the value may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    text: String,
    /// In order of `start`; the first starts at 0. A later piece wins over one with the same start.
    pieces: Vec<Piece>,
}

/// A stretch of text that stands in the file unchanged.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Byte offset into the text.
    start: usize,
    position: Position,
}

impl Value {
    /// An empty value that would stand at `position`.
    #[must_use]
    pub fn empty(position: Position) -> Self {
        Self {
            text: String::new(),
            pieces: vec![Piece { start: 0, position }],
        }
    }

    /// A value of several lines, each with the place of its first character.
    ///
    /// `text` is the lines joined by `\n`; a line break belongs to the end of its line.
    pub(crate) fn of_lines(
        text: String,
        lines: impl IntoIterator<Item = (usize, Position)>,
    ) -> Self {
        let mut start = 0;
        let pieces = lines
            .into_iter()
            .map(|(length, position)| {
                let piece = Piece { start, position };
                start += length + 1;
                piece
            })
            .collect();
        Self { text, pieces }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The place of the first character that is not white space; of an empty value, where it would stand.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position_at(self.text.len() - self.text.trim_start().len())
    }

    /// The place that the character at this byte offset came from.
    ///
    /// For text that `%(name)s` brought in, this is the place of the text in the option it comes
    /// from: that is where it can be fixed. For the `%` that `%%` stands for, it is the first of
    /// the two. An offset at the end or beyond is the place just after the last character.
    #[must_use]
    pub fn position_at(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let after = self.pieces.partition_point(|piece| piece.start <= offset);
        let piece = self.pieces[after - 1];
        piece
            .position
            .right(self.text[piece.start..offset].chars().count())
    }

    /// A part of the value, by byte offsets, with its places.
    ///
    /// # Panics
    /// If the range does not lie within the text, between characters.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::empty(self.position_at(range.start));
        part.push_part(self, range);
        part
    }

    /// The place this many bytes into `part`, which is a part of this text.
    pub(crate) fn position_in(&self, part: &str, offset: usize) -> Position {
        let begin = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let begin = begin.filter(|begin| *begin <= self.text.len());
        self.position_at(begin.map_or(0, |begin| begin + offset))
    }

    /// The items of a comma list with the place of each, trimmed; empty ones are left out. `end` tells
    /// where the first item of a text ends, in bytes.
    #[must_use]
    pub fn items(&self, end: fn(&str) -> usize) -> Vec<(&str, Position)> {
        let mut rest = self.text.as_str();
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (item, behind) = rest.split_at(end(rest));
            rest = behind.strip_prefix(',').unwrap_or(behind);
            let item = item.trim();
            if !item.is_empty() {
                items.push((item, self.position_in(item, 0)));
            }
        }
        items
    }

    /// Puts a part of another value behind this one, places and all.
    pub(crate) fn push_part(&mut self, other: &Self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let shift = self.text.len();
        self.pieces.push(Piece {
            start: shift,
            position: other.position_at(range.start),
        });
        self.pieces.extend(
            other
                .pieces
                .iter()
                .filter(|piece| range.start < piece.start && piece.start < range.end)
                .map(|piece| Piece {
                    start: piece.start - range.start + shift,
                    position: piece.position,
                }),
        );
        self.text.push_str(&other.text[range]);
    }
}

/// Where the first item of a comma list ends whose items hold no comma, in bytes.
pub(crate) fn at_comma(list: &str) -> usize {
    list.find(',').unwrap_or(list.len())
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes at {})", self.text.len(), self.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    /// `ä = b,` and two lines further on `  c , ,d`.
    fn two_lines() -> Value {
        Value::of_lines(
            "ä b,\n\nc , ,d".into(),
            [(5, at(3, 7)), (0, at(4, 1)), (6, at(5, 3))],
        )
    }

    #[test]
    fn every_character_of_joined_lines_has_its_place() {
        let value = two_lines();
        let places: Vec<_> = value
            .as_str()
            .char_indices()
            .map(|(offset, character)| (character, value.position_at(offset)))
            .collect();
        assert_eq!(
            places,
            [
                ('ä', at(3, 7)),
                (' ', at(3, 8)),
                ('b', at(3, 9)),
                (',', at(3, 10)),
                ('\n', at(3, 11)),
                ('\n', at(4, 1)),
                ('c', at(5, 3)),
                (' ', at(5, 4)),
                (',', at(5, 5)),
                (' ', at(5, 6)),
                (',', at(5, 7)),
                ('d', at(5, 8)),
            ]
        );
        assert_eq!(value.position_at(value.as_str().len()), at(5, 9));
        assert_eq!(value.position_at(9_999), at(5, 9));
        assert_eq!(value.position_at(1), at(3, 7), "the middle of ä");
    }

    #[test]
    fn items_are_trimmed_and_placed_and_empty_ones_dropped() {
        assert_eq!(
            two_lines().items(at_comma),
            [("ä b", at(3, 7)), ("c", at(5, 3)), ("d", at(5, 8))]
        );
        assert_eq!(Value::empty(at(1, 1)).items(at_comma), []);
    }

    #[test]
    fn parts_keep_their_places() {
        let value = two_lines();
        let part = value.part(3..8);
        assert_eq!(part.as_str(), "b,\n\nc".get(..5).expect("five bytes"));
        for (offset, _) in part.as_str().char_indices() {
            assert_eq!(
                part.position_at(offset),
                value.position_at(offset + 3),
                "{offset}"
            );
        }
        assert_eq!(value.part(4..4).position(), at(3, 10));
    }

    #[test]
    fn debug_shows_no_text() {
        let shown = format!("{:?}", Value::of_lines("hunter2".into(), [(7, at(2, 12))]));
        assert_eq!(shown, "Value(7 bytes at 2:12)");
    }
}
