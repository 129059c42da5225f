//! What a program writes to standard error: each line to the log, but no more than so many a minute.

use std::time::Duration;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::core::line::ShownLine;

/// So many lines a minute are logged.
const LINES: u32 = 1_000;

const MINUTE: Duration = Duration::from_secs(60);

/// Logs what comes, to its end.
pub(super) async fn log(mut stderr: impl AsyncRead + Unpin, source: String) {
    let mut log = Log::new(source, Instant::now());
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match stderr.read(&mut chunk).await {
            Ok(0) => break,
            Ok(length) => log.push(&chunk[..length], Instant::now()),
            Err(error) => {
                let source = &log.source;
                tracing::warn!("{source}: failed to read its standard error: {error}");
                break;
            }
        }
    }
    log.finish();
}

struct Log {
    source: String,
    line: ShownLine,
    /// When this minute began, and how many lines have come since.
    minute: (Instant, u32),
}

impl Log {
    fn new(source: String, now: Instant) -> Self {
        Self {
            source,
            line: ShownLine::default(),
            minute: (now, 0),
        }
    }

    fn push(&mut self, mut bytes: &[u8], now: Instant) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.line.push(&bytes[..end]);
            self.show(now);
            bytes = &bytes[end + 1..];
        }
        self.line.push(bytes);
    }

    fn show(&mut self, now: Instant) {
        let line = self.line.take();
        let source = &self.source;
        let (begun, lines) = self.minute;
        if now.duration_since(begun) >= MINUTE {
            self.tell_withheld();
            self.minute = (now, 1);
        } else {
            self.minute.1 = lines.saturating_add(1);
        }
        if self.minute.1 <= LINES {
            tracing::info!(source, stream = "stderr", %line);
        }
        if self.minute.1 == LINES {
            tracing::warn!(
                "{}: wrote {LINES} lines to standard error within a minute: what follows in this minute is not logged",
                self.source
            );
        }
    }

    fn tell_withheld(&self) {
        if let Some(withheld @ 1..) = self.minute.1.checked_sub(LINES) {
            tracing::warn!(
                "{}: {withheld} lines of its standard error were not logged",
                self.source
            );
        }
    }

    /// Logs what has no end of line.
    fn finish(mut self) {
        if !self.line.is_empty() {
            let now = self.minute.0;
            self.show(now);
        }
        self.tell_withheld();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::captured::capture;

    #[test]
    fn lines_are_logged_up_to_a_number_a_minute_and_the_rest_is_counted() {
        let log = capture();
        let begun = Instant::now();
        let mut shown = Log::new("exec:feed".into(), begun);
        shown.push(b"one\x1b\ntw", begun);
        shown.push(b"o\n", begun);
        shown.push(&b"x\n".repeat(LINES as usize), begun);
        shown.push(b"after\nlast", begun + MINUTE);
        shown.finish();
        let fields = log.fields();
        let lines: Vec<&str> = fields
            .iter()
            .filter_map(|fields| fields["line"].as_str())
            .collect();
        assert_eq!(lines.len(), LINES as usize + 2);
        assert_eq!(lines[1], "two");
        assert!(!lines[0].contains('\x1b'), "{}", lines[0]);
        assert_eq!(lines[LINES as usize..], ["after", "last"]);
        let text = format!("{fields:?}");
        assert!(text.contains("2 lines of its standard error"), "{text}");
    }
}
