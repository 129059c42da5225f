//! How far a long command has come: told on a terminal, and nowhere else.

use std::io::{self, IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::{Duration, Instant};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(200);

/// Waits for this, and tells meanwhile for how long it has been at `what`.
pub(super) async fn waited<T>(what: &str, work: impl Future<Output = T>) -> T {
    if !io::stderr().is_terminal() {
        return work.await;
    }
    let began = Instant::now();
    let mut work = pin!(work);
    let mut is_told = false;
    loop {
        if let Ok(done) = tokio::time::timeout(EVERY, &mut work).await {
            if is_told {
                drop(writeln!(io::stderr()));
            }
            return done;
        }
        is_told = true;
        let lasted = began.elapsed().as_secs();
        drop(write!(io::stderr(), "\r{what}: {lasted} s"));
    }
}

/// Counts, and tells the count on standard error if that is a terminal.
pub(super) struct Progress {
    what: &'static str,
    count: u64,
    told_at: Instant,
    is_seen: bool,
}

impl Progress {
    /// Counts these from now on.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            count: 0,
            told_at: Instant::now(),
            is_seen: io::stderr().is_terminal(),
        }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.count += 1;
        if self.is_seen && self.told_at.elapsed() >= EVERY {
            self.told_at = Instant::now();
            self.tell();
        }
    }

    /// What cannot be shown is no reason to stop.
    fn tell(&self) {
        drop(write!(io::stderr(), "\r{} {}", self.count, self.what));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_seen && self.count > 0 {
            self.tell();
            drop(writeln!(io::stderr()));
        }
    }
}
