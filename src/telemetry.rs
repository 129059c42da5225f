//! What the service tells of itself: log lines, and its readiness to systemd.
//!
//! No line holds a raw control character, whoever wrote the text in it: payloads are written by
//! tenants and output by scripts, and neither may steer a terminal or forge a line. Only our own
//! lines are let through below warnings: the libraries' would show what is on the wire.

use std::io::{self, IsTerminal, Write};

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::printable::{printable, printable_json};
use crate::sources::Condition;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people, and for systemd's journal, which gets the level of each line with it.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends log lines of our own to standard error from now on, up to the level `ours`; `DEBUG` adds what
/// concerns no rule.
pub fn log_to_stderr(format: LogFormat, ours: LevelFilter) {
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(env!("CARGO_CRATE_NAME"), ours);
    let registry = tracing_subscriber::registry().with(targets);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false);
    // systemd sets this where standard error is its journal, which has its own time and level.
    let journald = std::env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal();
    match (format, journald) {
        (LogFormat::Json, _) => registry.with(layer.json().with_writer(Lines::Json)).init(),
        (LogFormat::Text, true) => {
            let writer = Lines::Journald;
            registry
                .with(layer.without_time().with_level(false).with_writer(writer))
                .init();
        }
        (LogFormat::Text, false) => {
            registry.with(layer.with_writer(Lines::Text)).init();
        }
    }
}

/// Writes log lines to standard error, safe to look at.
#[derive(Clone, Copy)]
enum Lines {
    Text,
    /// Each begins with its level in the form that systemd's journal reads.
    Journald,
    Json,
}

/// One line; the formatter writes it whole.
struct Line {
    form: Lines,
    level: u8,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            form: *self,
            level: 6,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        let level = match *meta.level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        Line { form: *self, level }
    }
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = match self.form {
            Lines::Text => printable(text),
            Lines::Journald => format!("<{}>{}", self.level, printable(text)),
            Lines::Json => printable_json(&String::from_utf8_lossy(text)).into_owned(),
        };
        io::stderr()
            .lock()
            .write_all(format!("{text}\n").as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells systemd how the service is: ready once deliveries come in, what it does, from the moment that
/// `stop` is cancelled that it stops, and all the time that it is alive. Outside systemd it does
/// nothing. Never returns, but may be dropped any time.
pub async fn tell_systemd<C: Condition>(
    mut condition: watch::Receiver<C>,
    stop: CancellationToken,
) {
    let beat = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    let alive = async {
        let Some(beat) = beat else {
            return std::future::pending().await;
        };
        loop {
            tell(&[NotifyState::Watchdog]);
            tokio::time::sleep(beat).await;
        }
    };
    let conditions = async {
        loop {
            let now = condition.borrow_and_update().clone();
            if now.is_ready() {
                tell(&[NotifyState::Ready]);
            }
            tell(&[NotifyState::Status(&now.in_words())]);
            if condition.changed().await.is_err() {
                tell(&[NotifyState::Status("finishing what was taken")]);
                return std::future::pending().await;
            }
        }
    };
    let stopping = async {
        stop.run_until_cancelled(conditions).await;
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    };
    tokio::join!(alive, stopping);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("failed to notify systemd: {error}");
    }
}
