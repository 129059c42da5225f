//! Signals: those that stop the service become two tokens, all others leave it running.
//!
//! The first SIGTERM, SIGINT or SIGQUIT stops intake and claims, and lets finish what is under way. A
//! second one, or the end of `stop_timeout`, ends those too. SIGHUP has the configuration read again. No
//! other signal that a person or a program sends ends the service: it is caught and logged.

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::core::outage::Outage;
use crate::engine::stop::Stop;

/// A second signal counts only after this long: supervisors and `timeout` signal the process and its
/// group at nearly the same time, and mean one stop.
const ONE_STOP: Duration = Duration::from_millis(500);

/// The signals that stop the service.
const STOPPING: [(SignalKind, &str); 3] = [
    (SignalKind::terminate(), "SIGTERM"),
    (SignalKind::interrupt(), "SIGINT"),
    (SignalKind::quit(), "SIGQUIT"),
];

/// Signals that would end a process that does not catch them. The numbers are those of Linux.
const HARMLESS: [(SignalKind, &str); 9] = [
    (SignalKind::user_defined1(), "SIGUSR1"),
    (SignalKind::user_defined2(), "SIGUSR2"),
    (SignalKind::alarm(), "SIGALRM"),
    (SignalKind::io(), "SIGIO"),
    (SignalKind::from_raw(16), "SIGSTKFLT"),
    (SignalKind::from_raw(24), "SIGXCPU"),
    (SignalKind::from_raw(26), "SIGVTALRM"),
    (SignalKind::from_raw(27), "SIGPROF"),
    (SignalKind::from_raw(30), "SIGPWR"),
];

/// A write beyond a limit of file sizes (`ulimit -f`) sends this one. The error of that write says so, and
/// a log line here could be the next such write.
const SIGXFSZ: i32 = 25;

/// What the standard library ignores from the beginning, and gives back to scripts as it was.
const SIGPIPE: i32 = 13;

/// The real-time signals that the C library leaves to programs; each would end a process. glibc keeps two for itself, musl
/// three, and refuses to have them caught.
const REAL_TIME: std::ops::RangeInclusive<i32> = if cfg!(target_env = "musl") {
    35..=64
} else {
    34..=64
};

/// The signals that are caught, from the moment this exists.
#[derive(Debug)]
pub(super) struct Signals {
    stopping: Caught,
    reloading: Signal,
    harmless: Caught,
}

#[derive(Debug)]
struct Caught(Vec<Named>);

#[derive(Debug)]
struct Named {
    signal: Signal,
    name: String,
    /// A limit or a timer may send it each second: not every time is logged.
    repeats: Outage,
}

impl Caught {
    fn catch(kinds: impl IntoIterator<Item = (SignalKind, String)>) -> io::Result<Self> {
        let caught = kinds.into_iter().map(|(kind, name)| {
            let (signal, repeats) = (signal(kind)?, Outage::default());
            Ok(Named {
                signal,
                name,
                repeats,
            })
        });
        caught.collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the next one.
    async fn next(&mut self) -> &mut Named {
        let index = std::future::poll_fn(|context| {
            let received = |caught: &mut Named| caught.signal.poll_recv(context).is_ready();
            match self.0.iter_mut().position(received) {
                Some(index) => Poll::Ready(index),
                None => Poll::Pending,
            }
        });
        let index = index.await;
        &mut self.0[index]
    }
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub(super) fn catch() -> io::Result<Self> {
        // Whoever started this may have blocked or ignored signals. What it blocked would never arrive.
        // What it ignored, scripts would ignore too, unless it is caught here.
        SigSet::empty().thread_set_mask()?;
        for number in ignored_signals().chain([SIGXFSZ]) {
            // The system refuses those that cannot be caught.
            signal(SignalKind::from_raw(number)).ok();
        }
        let named = |(kind, name): (SignalKind, &str)| (kind, name.to_owned());
        let real_time = REAL_TIME.map(|number| {
            let name = format!("real-time signal {number}");
            (SignalKind::from_raw(number), name)
        });
        Ok(Self {
            stopping: Caught::catch(STOPPING.map(named))?,
            reloading: signal(SignalKind::hangup())?,
            harmless: Caught::catch(HARMLESS.map(named).into_iter().chain(real_time))?,
        })
    }

    /// Turns signals, or the end of intake for another cause, into the two tokens, and SIGHUP into asking for
    /// a `reload`; never returns, but may be dropped any time.
    pub(super) async fn into_tokens(self, stop: Stop, timeout: Duration, reload: Arc<Notify>) {
        let Self {
            stopping,
            mut reloading,
            mut harmless,
        } = self;
        let asking = async {
            while reloading.recv().await.is_some() {
                reload.notify_one();
            }
        };
        let ignoring = async {
            loop {
                let Named { name, repeats, .. } = harmless.next().await;
                if repeats.failed("", Instant::now()).is_some() {
                    tracing::info!("{name}: ignored; SIGTERM stops the service");
                }
            }
        };
        tokio::join!(ignoring, asking, drain(stopping, stop, timeout));
    }
}

/// The signals that this process has ignored since it was started, but for [`SIGPIPE`].
fn ignored_signals() -> impl Iterator<Item = i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    (1..=64).filter(move |number| mask >> (number - 1) & 1 == 1 && *number != SIGPIPE)
}

/// Cancels the first token at the first signal, and the second one at the next or after `timeout`.
async fn drain(mut stopping: Caught, stop: Stop, timeout: Duration) {
    tokio::select! {
        Named { name, .. } = stopping.next() => tracing::info!(
            "{name}: draining; what is under way has {timeout:?}, a second signal ends it"
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
        stopping.next().await.name.clone()
    };
    let why = tokio::select! {
        name = second => name,
        () = tokio::time::sleep(timeout) => "stop_timeout is over".to_owned(),
    };
    tracing::info!("{why}: ending what is still under way");
    stop.work.cancel();
    std::future::pending::<()>().await;
}
