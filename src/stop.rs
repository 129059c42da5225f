//! Signals become two tokens: stop intake, then stop work.
//!
//! The first SIGTERM or SIGINT stops intake and claims, and lets running scripts finish. A second
//! one, or the end of `stop_timeout`, ends those too.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What every task watches.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled: accept and claim nothing more.
    pub intake: CancellationToken,
    /// Cancelled: end what runs.
    pub work: CancellationToken,
}

/// The signals that ask the service to stop. Caught from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and names it.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }

    /// Turns signals, or the end of intake for another cause, into the two tokens; never returns,
    /// but may be dropped any time.
    pub async fn into_tokens(mut self, stop: Stop, timeout: Duration) {
        tokio::select! {
            name = self.next() => tracing::info!(
                "{name}: taking nothing new; running scripts may finish within {timeout:?}, \
                 a signal ends them now"
            ),
            // Whoever stopped by itself has said why, or has nothing left to do.
            () = stop.intake.cancelled() => {}
        }
        stop.intake.cancel();
        let why = tokio::select! {
            name = self.next() => name,
            () = tokio::time::sleep(timeout) => "stop_timeout is over",
        };
        tracing::info!("{why}: ending the scripts that still run");
        stop.work.cancel();
        std::future::pending::<()>().await;
    }
}
