//! For tests: what this thread logs, kept instead of written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::subscriber::{DefaultGuard, set_default};

/// What this thread has logged since [`capture`].
pub(crate) struct Captured {
    log: Log,
    _until_dropped: DefaultGuard,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

/// Keeps what this thread logs from now on, until that is dropped.
pub(crate) fn capture() -> Captured {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::level_filters::LevelFilter::DEBUG)
        .json()
        .with_writer(move || writer.clone())
        .finish();
    Captured {
        log,
        _until_dropped: set_default(subscriber),
    }
}

impl Captured {
    /// The fields of each line.
    pub(crate) fn fields(&self) -> Vec<Value> {
        let fields = |mut line: Value| line["fields"].take();
        self.lines().into_iter().map(fields).collect()
    }

    /// The level and the message of each line.
    pub(crate) fn messages(&self) -> Vec<String> {
        let message = |line: Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!(
                "{} {}",
                text(&line["level"]),
                text(&line["fields"]["message"])
            )
        };
        self.lines().into_iter().map(message).collect()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = text.split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
