//! What a script writes: each line to the log, the last of it for the journal.
//!
//! Memory stays bounded whatever a script writes, and so does the log: [`TAIL`], [`LONGEST_LINE`](crate::core::line::LONGEST_LINE)
//! and [`LOGGED_LINES`] are the bounds.

use std::collections::VecDeque;
use std::io;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::actions::Order;
use crate::core::line::ShownLine;
use crate::telemetry::OUTPUT;

/// So many bytes of output are kept for the journal.
pub(super) const TAIL: usize = 64 * 1024;

/// So many lines of one attempt are logged.
pub(super) const LOGGED_LINES: u32 = 1000;

const CHUNK: usize = 16 * 1024;

/// The output of one attempt, while it comes.
pub(super) struct Output<'a> {
    order: &'a Order,
    tail: Tail,
    lines: [ShownLine; 2],
    logged: u32,
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl<'a> Output<'a> {
    pub(super) fn new(order: &'a Order) -> Self {
        Self {
            order,
            tail: Tail::default(),
            lines: [ShownLine::default(), ShownLine::default()],
            logged: 0,
        }
    }

    /// Reads both streams to their ends. Dropped before, it has kept what it had read.
    pub(super) async fn collect(
        &mut self,
        mut stdout: impl AsyncRead + Unpin,
        mut stderr: impl AsyncRead + Unpin,
    ) {
        let (mut out, mut err) = (vec![0; CHUNK], vec![0; CHUNK]);
        let (mut out_open, mut err_open) = (true, true);
        while out_open || err_open {
            tokio::select! {
                read = stdout.read(&mut out), if out_open => {
                    out_open = self.took(Stream::Stdout, &out, read);
                }
                read = stderr.read(&mut err), if err_open => {
                    err_open = self.took(Stream::Stderr, &err, read);
                }
            }
        }
    }

    /// Whether the stream goes on.
    fn took(&mut self, stream: Stream, buffer: &[u8], read: io::Result<usize>) -> bool {
        match read {
            Ok(0) => false,
            Ok(length) => {
                self.push(stream, &buffer[..length]);
                true
            }
            Err(error) => {
                let (run, stream) = (self.order.run, stream.as_str());
                tracing::warn!(run, stream, "failed to read a script's output: {error}");
                false
            }
        }
    }

    fn push(&mut self, stream: Stream, bytes: &[u8]) {
        self.tail.push(bytes);
        let mut rest = bytes;
        while self.logged < LOGGED_LINES && !rest.is_empty() {
            let end = memchr(b'\n', rest);
            self.lines[stream as usize].push(&rest[..end.unwrap_or(rest.len())]);
            let Some(end) = end else { break };
            self.log(stream);
            rest = &rest[end + 1..];
        }
    }

    fn log(&mut self, stream: Stream) {
        let line = self.lines[stream as usize].take();
        let Order {
            run, attempt, rule, ..
        } = self.order;
        let rule = &rule.name;
        tracing::debug!(target: OUTPUT, run, rule, attempt, stream = stream.as_str(), %line);
        self.logged += 1;
        if self.logged == LOGGED_LINES {
            tracing::debug!(
                target: OUTPUT,
                run,
                rule,
                attempt,
                "the script wrote {LOGGED_LINES} lines: what follows is not logged; the last \
                 {TAIL} bytes are kept with the run"
            );
        }
    }

    /// Logs what has no end of line, and hands over the tail and how many bytes came before it.
    pub(super) fn finish(mut self) -> (Vec<u8>, u64) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if self.logged < LOGGED_LINES && !self.lines[stream as usize].is_empty() {
                self.log(stream);
            }
        }
        (self.tail.bytes.into(), self.tail.dropped)
    }
}

/// The last [`TAIL`] bytes.
#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
    dropped: u64,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let surplus = (self.bytes.len() + bytes.len()).saturating_sub(TAIL);
        let old = surplus.min(self.bytes.len());
        self.bytes.drain(..old);
        self.bytes.extend(&bytes[surplus - old..]);
        self.dropped += surplus as u64;
    }
}

#[cfg(test)]
mod tests;
