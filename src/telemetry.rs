//! What the service reports: log lines, counts, and how it is doing, to systemd and others.
//!
//! No line holds a raw control character, no matter who wrote the text in it: payloads are written by
//! tenants and output by scripts, and neither may control a terminal or forge a line. Lines of libraries
//! appear only with `--verbose` or if asked for (`levels`), and never below warnings: those would show what is on the wire.
//!
//! Logging never waits for the reader of the log (`backlog`).

mod backlog;
#[cfg(test)]
pub(crate) mod captured;
mod condition;
mod journald;
mod levels;
pub mod metrics;
mod progress;
mod systemd;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{self, PanicHookInfo};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::backlog::{Backlog, Formatter};
pub use self::condition::{Condition, Conditions, Teller};
pub use self::levels::{Levels, OUTPUT};
pub use self::progress::watched;
pub use self::systemd::tell_systemd;
use crate::core::printable::{printable, printable_json};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people, and for systemd's journal, which gets the level of each line with it.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// At the end of the program, what is not written yet may take this long.
const LAST_LINES: Duration = Duration::from_secs(2);

/// What this process logs to, if it does.
static BACKLOG: OnceLock<Arc<Backlog>> = OnceLock::new();

/// Sends log lines to standard error from now on, or to systemd's journal where that is the same, as far as `levels` wants
/// them; and panics with them.
///
/// # Errors
/// When there is no room for the thread that writes them.
pub fn log_to_stderr(format: LogFormat, levels: &Levels) -> io::Result<()> {
    let stream = std::env::var_os("JOURNAL_STREAM");
    // Not by way of `io::stderr`, whose lock would be held while the reader stands still.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let form = match (format, journald::is_journal(stream.as_deref(), &stderr)) {
        (LogFormat::Json, _) => Form::Json,
        (LogFormat::Text, true) => Form::Journald,
        (LogFormat::Text, false) => Form::Text,
    };
    let backlog = match form {
        Form::Journald => {
            let journal = journald::Socket::open(Path::new(journald::SOCKET), stderr);
            Backlog::begin(journal, form.formatter())
        }
        Form::Text | Form::Json => Backlog::begin(stderr, form.formatter()),
    };
    let backlog = backlog?;
    let backlog = BACKLOG.get_or_init(|| backlog);
    let lines = Lines { form, backlog };

    let registry = tracing_subscriber::registry().with(levels.targets());
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false);
    match form {
        Form::Json => registry.with(layer.json().with_writer(lines)).init(),
        Form::Journald => {
            let layer = layer.event_format(journald::Entries);
            registry.with(layer.with_writer(lines)).init();
        }
        Form::Text => registry.with(layer.with_writer(lines)).init(),
    }
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The hook of the standard library would wait for the reader of standard error.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let place = panic
        .location()
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    let payload = panic.payload();
    let why = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    tracing::error!("thread `{thread}` panicked{place}: {why}");
    if thread == "main" {
        flush();
    }
}

/// Prints the last words of a command on standard error, behind what it has logged.
pub fn print_error(text: &str) {
    match BACKLOG.get() {
        Some(backlog) => backlog.push(format!("{text}\n").as_bytes()),
        // `eprintln` panics where standard error is closed; then the message cannot be shown anywhere.
        None => drop(writeln!(io::stderr(), "{text}")),
    }
}

/// Waits until all log lines are written, if standard error is being read.
pub fn flush() {
    if let Some(backlog) = BACKLOG.get() {
        backlog.flush(LAST_LINES);
    }
}

/// The form of log lines.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// Entries for systemd's journal.
    Journald,
    Json,
}

impl Form {
    /// Makes a warning that does not come by way of `tracing`.
    fn formatter(self) -> Formatter {
        match self {
            Self::Text => |message| format!("{:.6}  WARN {message}\n", Timestamp::now()),
            Self::Journald => |message| journald::entry(4, "", message),
            Self::Json => |message| {
                let line = json!({
                    "timestamp": format!("{:.6}", Timestamp::now()),
                    "level": "WARN",
                    "fields": {"message": message},
                });
                format!("{line}\n")
            },
        }
    }
}

/// Writes log lines to the backlog, safe to look at.
struct Lines {
    form: Form,
    backlog: &'static Backlog,
}

/// One line; the formatter writes it whole.
struct Line<'a>(&'a Lines);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Lines { form, backlog } = self.0;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match form {
            Form::Text => backlog.push(format!("{}\n", printable(text)).as_bytes()),
            // Its fields are printable, and apart.
            Form::Journald => backlog.push(line),
            Form::Json => {
                let text = String::from_utf8_lossy(text);
                backlog.push(format!("{}\n", printable_json(&text)).as_bytes());
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
