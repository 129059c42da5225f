//! The state of the service, for systemd.

use std::ffi::OsString;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use super::condition::{Conditions, Standing, words};
use super::progress::stuck;
use crate::core::run::State;
use crate::journal::{Browse, Census};

/// How long to wait for systemd to read earlier notifications.
const FULL: Duration = Duration::from_millis(100);

/// What ends the scripts of a service that stops may take this much longer than `stop_timeout`.
const TO_END_SCRIPTS: Duration = Duration::from_secs(30);

/// Tells systemd how the service is: ready once it has `recovered`, what the feeds do, that it stops from the moment on
/// that `stop` is cancelled, and all the time that it is alive, which it is while what is [watched](super::watched) comes to an
/// end; and, while its watchdog is fed, how many runs there are. Running scripts have `stop_timeout` from then on. What the
/// feeds wait for, which may take days, is no reason not to be ready. Outside systemd it does nothing. Never returns, but may
/// be dropped any time.
pub async fn tell_systemd<J: Browse>(
    conditions: Conditions,
    recovered: Arc<SetOnce<()>>,
    journal: J,
    stop: CancellationToken,
    stop_timeout: Duration,
) {
    if socket_name().is_none() {
        return std::future::pending().await;
    }
    let beat = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    let alive = async {
        let Some(beat) = beat else {
            return std::future::pending().await;
        };
        let mut is_told = false;
        loop {
            match stuck(beat) {
                None => {
                    is_told = false;
                    tell(&[NotifyState::Watchdog]).await;
                }
                Some((part, lasted)) if !is_told => {
                    is_told = true;
                    tracing::error!(
                        "{part} has made no progress for {lasted:.0?}: the watchdog is not fed, so systemd will \
                         restart the service unless that ends; is the disk of `state_dir` in order?"
                    );
                }
                Some(_) => {}
            }
            tokio::time::sleep(beat).await;
        }
    };
    let ready = async {
        recovered.wait().await;
        tell(&[NotifyState::Ready]).await;
        std::future::pending::<()>().await;
    };
    let conditions = async {
        let mut standing = conditions.watch();
        let mut had_any = false;
        loop {
            let now: Standing = standing.borrow_and_update().clone();
            let mut words = words(&now);
            if !words.is_empty() {
                words.push_str(&told_of(journal.census().await.ok().as_ref()));
                tell(&[NotifyState::Status(&words)]).await;
            } else if had_any && now.is_empty() {
                tell(&[NotifyState::Status("finishing what was taken")]).await;
            }
            had_any |= !now.is_empty();
            // Runs come and go without any feed telling anything.
            let changed = standing.changed();
            let changed = match beat {
                Some(beat) => tokio::time::timeout(beat, changed).await.unwrap_or(Ok(())),
                None => changed.await,
            };
            if changed.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let stopping = async {
        let _: Option<std::convert::Infallible> = stop
            .run_until_cancelled(async { tokio::join!(ready, conditions).1 })
            .await;
        // So that `TimeoutStopSec` need not be raised together with `stop_timeout`.
        let needed = stop_timeout.saturating_add(TO_END_SCRIPTS).as_micros();
        let extended = format!("EXTEND_TIMEOUT_USEC={needed}");
        tell(&[
            NotifyState::Stopping,
            NotifyState::Status("stopping"),
            NotifyState::Custom(&extended),
        ])
        .await;
    };
    tokio::join!(alive, stopping);
}

/// What is to be known of runs besides how the feeds are doing; nothing if all have done their work.
fn told_of(census: Option<&Census>) -> String {
    let Some(census) = census else {
        return String::new();
    };
    let given_up = census.runs.get(State::Discarded.as_str());
    let told = [
        (census.waiting(), "unfinished"),
        (given_up.copied().unwrap_or(0), "given up"),
        (census.quarantined, "in quarantine"),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(count, what)| format!("; {count} {what}"))
        .collect();
    told.concat()
}

/// Waits while systemd takes nothing, and holds up nothing else meanwhile.
async fn tell(states: &[NotifyState<'_>]) {
    let mut message = String::new();
    for state in states {
        writeln!(message, "{state}").expect("writing to a String never fails");
    }
    loop {
        match send(&message) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(FULL).await;
            }
            Err(error) => return tracing::debug!("failed to notify systemd: {error}"),
        }
    }
}

/// Where systemd is told something, if it is there.
fn socket_name() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())
}

/// What `sd_notify::notify` does, but for waiting; to a socket with an abstract name (`@`) as well.
fn send(message: &str) -> io::Result<()> {
    let Some(name) = socket_name() else {
        return Ok(());
    };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_of_if_somebody_has_to_look() {
        let census = |runs: &[(&'static str, u64)], quarantined| Census {
            runs: runs.iter().copied().collect(),
            quarantined,
            ..Census::default()
        };
        let cases = [
            (None, ""),
            (Some(census(&[("succeeded", 5)], 0)), ""),
            (
                Some(census(&[("due", 2), ("running", 1)], 0)),
                "; 3 unfinished",
            ),
            (
                Some(census(&[("discarded", 1), ("scheduled", 9)], 2)),
                "; 1 given up; 2 in quarantine",
            ),
        ];
        for (census, expected) in cases {
            assert_eq!(told_of(census.as_ref()), expected, "{census:?}");
        }
    }
}
