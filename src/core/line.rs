//! A line that a program writes, as far as it is shown in the log. Pure.

use super::printable::printable;

/// So many bytes of a line are shown.
pub(crate) const LONGEST_LINE: usize = 4 * 1024;

/// A line whose end has not come yet: its beginning, and how long it is.
#[derive(Default)]
pub(crate) struct ShownLine {
    begin: Vec<u8>,
    length: usize,
}

impl ShownLine {
    /// More of it, without a line end.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let space = LONGEST_LINE - self.begin.len();
        self.begin.extend(&bytes[..bytes.len().min(space)]);
        self.length += bytes.len();
    }

    /// Whether nothing of it has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The line as it is shown; the next one begins.
    pub(crate) fn take(&mut self) -> String {
        let beyond = self.length - self.begin.len();
        let text = match beyond {
            0 => printable(self.begin.strip_suffix(b"\r").unwrap_or(&self.begin)),
            _ => format!("{}…(+{beyond} bytes)", printable(&self.begin)),
        };
        self.begin.clear();
        self.length = 0;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_line_takes_little_memory() {
        let mut line = ShownLine::default();
        let chunk = [b'x'; 4096];
        for _ in 0..1000 {
            line.push(&chunk);
        }
        assert!(line.begin.capacity() <= 2 * LONGEST_LINE);
        assert_eq!(line.length, 1000 * 4096);
    }
}
