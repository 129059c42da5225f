//! Log lines on their way to standard error, which a thread of its own writes.
//!
//! The reader of the log may stand still: a stopped terminal, a full pipe, a hung collector. Work goes
//! on all the same: at most [`MOST_WAITING`] bytes wait to be written, and as many are being written. Lines
//! beyond that are lost, and so are those that cannot be written at all. They are counted, and the number
//! is written in their place as soon as writing works again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

/// At most this many bytes wait to be written.
const MOST_WAITING: usize = 4 * 1024 * 1024;

/// The pause before a reader that takes nothing now, and does not block either, is offered more.
const NOT_NOW: Duration = Duration::from_millis(20);

/// Makes a log line out of a message, in the form of the log.
pub(super) type Formatter = fn(&str) -> String;

/// Lines that wait to be written, and those that are lost.
#[derive(Debug)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// These came after all that waits.
    lost: u64,
    writing: bool,
}

impl Backlog {
    /// Begins to write to `out`; `format` makes the line that tells of lost ones.
    ///
    /// # Errors
    /// When there is no room for a thread.
    pub(super) fn begin(
        out: impl Write + Send + 'static,
        format: Formatter,
    ) -> io::Result<Arc<Self>> {
        let backlog = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let writer = Writer {
            out,
            format,
            lost: 0,
            within_line: false,
        };
        let lines = backlog.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || lines.write(writer))?;
        Ok(backlog)
    }

    /// Adds lines, each with its end. Never waits for the reader.
    pub(super) fn push(&self, lines: &[u8]) {
        let mut state = self.lock();
        // Behind a lost line all are lost, so that the number stands where they are missing.
        if state.lost > 0 || state.waiting.len() + lines.len() > MOST_WAITING {
            state.lost += line_ends(lines);
            return;
        }
        state.waiting.extend_from_slice(lines);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until everything is written, but not longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let began = Instant::now();
        let mut state = self.lock();
        while state.writing || !state.waiting.is_empty() {
            let Some(left) = limit.checked_sub(began.elapsed()) else {
                return;
            };
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write<W: Write>(&self, mut writer: Writer<W>) {
        // A terminal may stop background processes that write to it (`stty tostop`), but not those
        // that block the signal.
        SigSet::from(Signal::SIGTTOU).thread_block().ok();
        loop {
            let mut state = self.lock();
            state.writing = false;
            self.changed.notify_all();
            while state.waiting.is_empty() {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            state.writing = true;
            let lines = std::mem::take(&mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            drop(state);
            writer.write(&lines, lost);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the lines go, and what has been lost on the way there.
struct Writer<W> {
    out: W,
    format: Formatter,
    lost: u64,
    /// The last line was written in part.
    within_line: bool,
}

impl<W: Write> Writer<W> {
    /// Writes lines, behind which `lost` are missing.
    fn write(&mut self, lines: &[u8], lost: u64) {
        self.tell_lost();
        let written = self.write_all(lines);
        self.lost += line_ends(&lines[written..]) + lost;
        self.tell_lost();
    }

    fn tell_lost(&mut self) {
        let lines = match self.lost {
            0 => return,
            1 => "1 log line was".to_owned(),
            lost => format!("{lost} log lines were"),
        };
        let message = format!("{lines} lost: standard error was not read, or could not be written");
        let line = (self.format)(&message);
        if self.write_all(line.as_bytes()) == line.len() {
            self.lost = 0;
        }
    }

    /// How much could be written.
    fn write_all(&mut self, bytes: &[u8]) -> usize {
        if self.within_line && self.write_some(b"\n") == 1 {
            self.within_line = false;
        }
        let written = self.write_some(bytes);
        if let Some(last) = bytes[..written].last() {
            self.within_line = *last != b'\n';
        }
        written
    }

    fn write_some(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match self.out.write(&bytes[written..]) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process that has the same pipe or terminal chose this for all of them.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(NOT_NOW),
                Err(_) => break,
            }
        }
        written
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests;
