//! Signals: those that stop the service become two tokens, all others leave it running.
//!
//! The first SIGTERM, SIGINT or SIGQUIT stops intake and claims, and lets running scripts finish. A
//! second one, or the end of `stop_timeout`, ends those too. No other signal that a person or a
//! program sends ends the service: it is caught and logged.

use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A second signal counts only after this long: supervisors and `timeout` signal the process and its
/// group at nearly the same time, and mean one stop.
const ONE_STOP: Duration = Duration::from_millis(500);

/// The signals that stop the service.
const STOPPING: [(SignalKind, &str); 3] = [
    (SignalKind::terminate(), "SIGTERM"),
    (SignalKind::interrupt(), "SIGINT"),
    (SignalKind::quit(), "SIGQUIT"),
];

/// Signals that would end a process that does not catch them, by their numbers on Linux, and what to do
/// instead of sending them. SIGXFSZ is among them so that a write beyond a limit becomes an error.
const HARMLESS: [(SignalKind, &str); 11] = [
    (SignalKind::hangup(), "SIGHUP"),
    (SignalKind::user_defined1(), "SIGUSR1"),
    (SignalKind::user_defined2(), "SIGUSR2"),
    (SignalKind::alarm(), "SIGALRM"),
    (SignalKind::pipe(), "SIGPIPE"),
    (SignalKind::io(), "SIGIO"),
    (SignalKind::from_raw(16), "SIGSTKFLT"),
    (SignalKind::from_raw(25), "SIGXFSZ"),
    (SignalKind::from_raw(26), "SIGVTALRM"),
    (SignalKind::from_raw(27), "SIGPROF"),
    (SignalKind::from_raw(30), "SIGPWR"),
];

/// The real-time signals that the C library leaves to programs; each would end a process.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// What every task watches.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled: accept and claim nothing more.
    pub intake: CancellationToken,
    /// Cancelled: end what runs.
    pub work: CancellationToken,
}

/// The signals that are caught, from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    stopping: Caught,
    harmless: Caught,
}

/// Signals with their names.
#[derive(Debug)]
struct Caught(Vec<(Signal, String)>);

impl Caught {
    fn catch(kinds: impl IntoIterator<Item = (SignalKind, String)>) -> io::Result<Self> {
        let caught = kinds
            .into_iter()
            .map(|(kind, name)| Ok((signal(kind)?, name)));
        caught.collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the next one and names it.
    async fn next(&mut self) -> String {
        std::future::poll_fn(|context| {
            for (signal, name) in &mut self.0 {
                if let Poll::Ready(Some(())) = signal.poll_recv(context) {
                    return Poll::Ready(name.clone());
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn catch() -> io::Result<Self> {
        let named = |(kind, name): (SignalKind, &str)| (kind, name.to_owned());
        let real_time = REAL_TIME.map(|number| {
            let name = format!("real-time signal {number}");
            (SignalKind::from_raw(number), name)
        });
        Ok(Self {
            stopping: Caught::catch(STOPPING.map(named))?,
            harmless: Caught::catch(HARMLESS.map(named).into_iter().chain(real_time))?,
        })
    }

    /// Turns signals, or the end of intake for another cause, into the two tokens; never returns,
    /// but may be dropped any time.
    pub async fn into_tokens(self, stop: Stop, timeout: Duration) {
        let Self {
            stopping,
            mut harmless,
        } = self;
        let ignoring = async {
            loop {
                let name = harmless.next().await;
                tracing::info!("{name}: ignored; SIGTERM stops the service");
            }
        };
        tokio::join!(ignoring, drain(stopping, stop, timeout));
    }
}

/// Cancels the first token at the first signal, and the second one at the next or after `timeout`.
async fn drain(mut stopping: Caught, stop: Stop, timeout: Duration) {
    tokio::select! {
        name = stopping.next() => tracing::info!(
            "{name}: draining; running scripts have {timeout:?}, a second signal kills them"
        ),
        // The service stops by itself: the source has no more, or a part of it has failed.
        () = stop.intake.cancelled() => {}
    }
    stop.intake.cancel();
    let second = async {
        let same_stop = async {
            loop {
                stopping.next().await;
            }
        };
        // Signals of these moments are received, and so used up.
        tokio::time::timeout(ONE_STOP, same_stop).await.ok();
        stopping.next().await
    };
    let why = tokio::select! {
        name = second => name,
        () = tokio::time::sleep(timeout) => "stop_timeout is over".to_owned(),
    };
    tracing::info!("{why}: ending the scripts that still run");
    stop.work.cancel();
    std::future::pending::<()>().await;
}
