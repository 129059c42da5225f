//! Bytes → lines. Pure.

use std::mem;

use memchr::memchr;

use crate::sources::KEPT_IN_QUARANTINE;

/// The most bytes of a line that is read. Of a longer one only the head is kept, and how long it was.
pub const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// Bytes as they come, and the lines among them. Holds no more than a longest line and what was pushed last.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins in it.
    begin: usize,
    /// Up to where there is no line end behind `begin`.
    searched: usize,
    /// A line that is too long, and not over yet.
    long: Option<Long>,
}

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum RawLine<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The head of one that is too long.
    TooLong {
        /// As much as quarantine keeps.
        head: Vec<u8>,
        /// How many bytes it has.
        size: u64,
    },
}

#[derive(Debug)]
struct Long {
    head: Vec<u8>,
    size: u64,
    is_over: bool,
}

impl Lines {
    /// Takes what has come. [`Lines::next`] has to have given all lines that came before.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if let Some(long) = self.long.as_mut().filter(|long| !long.is_over) {
            let end = memchr(b'\n', bytes);
            long.size += end.unwrap_or(bytes.len()) as u64;
            long.is_over = end.is_some();
            bytes = end.map_or(&[], |end| &bytes[end + 1..]);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes are waiting; of a line that is too long, those of its head.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let long = self.long.as_ref().map_or(0, |long| long.head.len());
        long + self.buffer.len() - self.begin
    }

    /// Nothing comes any more: what has no end yet is a line all the same.
    pub fn end(&mut self) {
        let is_open = self.long.as_ref().is_some_and(|long| !long.is_over);
        if is_open || self.buffer.last().is_some_and(|last| *last != b'\n') {
            self.push(b"\n");
        }
    }

    /// The next line, if its end has come.
    #[expect(
        clippy::should_implement_trait,
        reason = "a line borrows from what it is one of, which an iterator's items cannot"
    )]
    pub fn next(&mut self) -> Option<RawLine<'_>> {
        if let Some(Long { is_over, .. }) = self.long {
            let long = self.long.take_if(|_| is_over)?;
            let Long { head, size, .. } = long;
            return Some(RawLine::TooLong { head, size });
        }
        let Some(end) = memchr(b'\n', &self.buffer[self.searched..]) else {
            self.set_aside();
            return None;
        };
        let (begin, end) = (self.begin, self.searched + end);
        self.begin = end + 1;
        self.searched = self.begin;
        let line = &self.buffer[begin..end];
        if line.len() > LONGEST_LINE {
            let size = line.len() as u64;
            let head = line[..KEPT_IN_QUARANTINE].to_vec();
            return Some(RawLine::TooLong { head, size });
        }
        Some(RawLine::Whole(line))
    }

    /// Gives up what was handed over, and of a line that is too long all but its head.
    fn set_aside(&mut self) {
        self.buffer.drain(..self.begin);
        (self.begin, self.searched) = (0, self.buffer.len());
        if self.buffer.len() > LONGEST_LINE {
            let mut head = mem::take(&mut self.buffer);
            let size = head.len() as u64;
            head.truncate(KEPT_IN_QUARANTINE);
            head.shrink_to_fit();
            self.searched = 0;
            self.long = Some(Long {
                head,
                size,
                is_over: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that are there, each as its text or as its length if it is too long.
    fn taken(lines: &mut Lines) -> Vec<Result<String, u64>> {
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            found.push(match line {
                RawLine::Whole(line) => Ok(String::from_utf8_lossy(line).into_owned()),
                RawLine::TooLong { head, size } => {
                    assert_eq!(head.len(), KEPT_IN_QUARANTINE);
                    Err(size)
                }
            });
        }
        found
    }

    /// The lines of these pieces.
    fn lines(pieces: &[&[u8]]) -> Vec<Result<String, u64>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            found.extend(taken(&mut lines));
            assert!(lines.waiting() <= LONGEST_LINE);
        }
        lines.end();
        let is_waiting = lines.waiting() > 0;
        let last = taken(&mut lines);
        assert_eq!((is_waiting, lines.waiting()), (!last.is_empty(), 0));
        found.extend(last);
        found
    }

    #[test]
    fn lines_are_the_same_however_their_bytes_come() {
        let longest = "x".repeat(LONGEST_LINE);
        let long = "y".repeat(LONGEST_LINE + 1);
        let longer = "z".repeat(3 * LONGEST_LINE);
        let text = |line: &str| Ok(line.to_owned());
        let size = |line: &str| Err(line.len() as u64);
        let cases = [
            (String::new(), vec![]),
            ("\n".into(), vec![text("")]),
            ("a\nb\n".into(), vec![text("a"), text("b")]),
            ("a\n\nb".into(), vec![text("a"), text(""), text("b")]),
            (format!("{longest}\na\n"), vec![text(&longest), text("a")]),
            (format!("{long}\na"), vec![size(&long), text("a")]),
            (
                format!("a\n{longer}\n{long}\nb\n{longer}"),
                vec![
                    text("a"),
                    size(&longer),
                    size(&long),
                    text("b"),
                    size(&longer),
                ],
            ),
        ];
        for (bytes, expected) in cases {
            for chunk in [1 << 20, LONGEST_LINE + 1, LONGEST_LINE * 9] {
                let pieces: Vec<&[u8]> = bytes.as_bytes().chunks(chunk).collect();
                assert!(lines(&pieces) == expected, "{} bytes", bytes.len());
            }
            if bytes.len() < 100 {
                let pieces: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
                assert_eq!(lines(&pieces), expected);
            }
        }
    }
}
