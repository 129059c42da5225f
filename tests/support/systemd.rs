//! systemd, as a service sees it: what it is told over the notify socket.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::{Duration, Instant};

use super::service::Service;
use super::stage::{PATIENCE, Stage};

/// systemd's end of the notify socket.
pub(crate) struct Systemd(UnixDatagram);

impl Systemd {
    pub(crate) fn bind(stage: &Stage) -> Self {
        let socket = UnixDatagram::bind(stage.path("notify")).expect("a socket");
        Self(socket)
    }

    /// The same with an abstract name.
    pub(crate) fn bind_abstract(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("an address");
        Self(UnixDatagram::bind_addr(&address).expect("a socket"))
    }

    /// Sends to it until it takes nothing more.
    pub(crate) fn fill(&self) {
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.set_nonblocking(true).expect("a socket");
        let address = self.0.local_addr().expect("an address");
        let full = loop {
            if let Err(error) = sender.send_to_addr(b"STATUS=full", &address) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
    }

    pub(crate) fn start(&self, stage: &Stage, watchdog: Duration) -> Service {
        self.start_below(stage, watchdog, |_| ())
    }

    /// The same, once the command is as it is to be.
    pub(crate) fn start_below(
        &self,
        stage: &Stage,
        watchdog: Duration,
        prepare: impl FnOnce(&mut Command),
    ) -> Service {
        let address = self.0.local_addr().expect("an address");
        let name = match (address.as_abstract_name(), address.as_pathname()) {
            (Some(name), _) => format!("@{}", String::from_utf8_lossy(name)),
            (None, path) => path.expect("a path").display().to_string(),
        };
        let mut command = stage.program("listen");
        command
            .env("NOTIFY_SOCKET", name)
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string())
            .env_remove("WATCHDOG_PID");
        prepare(&mut command);
        Service::start(&mut command)
    }

    /// The next line, if there is one within the time.
    pub(crate) fn told(&self, within: Duration) -> Option<BTreeSet<String>> {
        self.0.set_read_timeout(Some(within)).expect("a socket");
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).ok()?;
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        Some(text.lines().map(str::to_owned).collect())
    }

    /// All that is told up to this line.
    pub(crate) fn until(&self, line: &str) -> BTreeSet<String> {
        let began = Instant::now();
        let mut all = BTreeSet::new();
        while !all.contains(line) {
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain for `{line}`: {all:?}"
            );
            all.extend(self.told(Duration::from_secs(1)).into_iter().flatten());
        }
        all
    }
}
