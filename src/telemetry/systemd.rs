//! The state of the service, for systemd.

use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::condition::{Conditions, Standing, is_ready};

/// How long to wait for systemd to read earlier notifications.
const FULL: Duration = Duration::from_millis(100);

/// What ends the scripts of a service that stops may take this much longer than `stop_timeout`.
const TO_END_SCRIPTS: Duration = Duration::from_secs(30);

/// Tells systemd how the service is: ready once events come in from every feed that has not failed, what
/// the feeds do, that it stops from the moment on that `stop` is cancelled, and all the time that it is
/// alive. Running scripts have `stop_timeout` from then on. Outside systemd it does nothing. Never returns, but may be dropped any
/// time.
pub async fn tell_systemd(conditions: Conditions, stop: CancellationToken, stop_timeout: Duration) {
    let beat = sd_notify::watchdog_enabled().map(|limit| limit / 2);
    let alive = async {
        let Some(beat) = beat else {
            return std::future::pending().await;
        };
        loop {
            tell(&[NotifyState::Watchdog]).await;
            tokio::time::sleep(beat).await;
        }
    };
    let conditions = async {
        let mut standing = conditions.watch();
        let mut had_any = false;
        loop {
            let now: Standing = standing.borrow_and_update().clone();
            if is_ready(&now) {
                tell(&[NotifyState::Ready]).await;
            }
            let words: Vec<&str> = now.values().map(|feed| feed.words.as_str()).collect();
            let words: Vec<&str> = words.into_iter().filter(|it| !it.is_empty()).collect();
            if !words.is_empty() {
                tell(&[NotifyState::Status(&words.join("; "))]).await;
            } else if had_any && now.is_empty() {
                tell(&[NotifyState::Status("finishing what was taken")]).await;
            }
            had_any |= !now.is_empty();
            if standing.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let stopping = async {
        let _: Option<std::convert::Infallible> = stop.run_until_cancelled(conditions).await;
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

/// What `sd_notify::notify` does, but for waiting; to a socket with an abstract name (`@`) as well.
fn send(message: &str) -> io::Result<()> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
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
