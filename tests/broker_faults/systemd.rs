//! What systemd is told.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, PATIENCE, Scene, Service, notification};

/// systemd's end of the notify socket.
struct Systemd(UnixDatagram);

impl Systemd {
    fn bind(scene: &Scene) -> Self {
        let socket = UnixDatagram::bind(scene.path("notify")).expect("a socket");
        Self(socket)
    }

    /// The same with an abstract name.
    fn bind_abstract(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("an address");
        Self(UnixDatagram::bind_addr(&address).expect("a socket"))
    }

    /// Sends to it until it takes nothing more.
    fn fill(&self) {
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

    fn start(&self, scene: &Scene, watchdog: Duration) -> Service {
        let address = self.0.local_addr().expect("an address");
        let name = match (address.as_abstract_name(), address.as_pathname()) {
            (Some(name), _) => format!("@{}", String::from_utf8_lossy(name)),
            (None, path) => path.expect("a path").display().to_string(),
        };
        let mut command = scene.program("listen");
        command
            .env("NOTIFY_SOCKET", name)
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string())
            .env_remove("WATCHDOG_PID");
        Service::start(&mut command)
    }

    /// The next line, if there is one within the time.
    fn told(&self, within: Duration) -> Option<BTreeSet<String>> {
        self.0.set_read_timeout(Some(within)).expect("a socket");
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).ok()?;
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        Some(text.lines().map(str::to_owned).collect())
    }

    /// All that is told up to this line.
    fn until(&self, line: &str) -> BTreeSet<String> {
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

#[test]
fn ready_means_that_a_queue_is_consumed_and_the_watchdog_is_fed_to_the_end() {
    let mut scene = Scene::on(Broker::shared(), "notify.info");
    let errors = Scene::on(Broker::shared(), "notify.error");
    let queues = format!("{},{}", scene.queue, errors.queue);
    scene.replace("queues", &queues);
    scene.script(
        "slow.sh",
        "echo began >>\"$LOG\"; sleep 2; echo ended >>\"$LOG\"",
    );
    scene.rule("slow", &format!("events = {FULFILL}\nscript = slow.sh"));
    let systemd = Systemd::bind(&scene);
    let mut service = systemd.start(&scene, Duration::from_secs(1));

    let neither = format!("STATUS=waiting for {}, {}", scene.queue, errors.queue);
    let told = systemd.until(&neither);
    assert!(told.contains("STATUS=connecting to the broker"), "{told:?}");
    let told = systemd.until("WATCHDOG=1");
    assert!(!told.contains("READY=1"), "{told:?}");
    assert!(!service.log().contains("consuming queue"));

    scene.declare(Declaration::Transient);
    let told = systemd.until(&format!(
        "STATUS=consuming {}; waiting for {}",
        scene.queue, errors.queue
    ));
    assert!(told.contains("READY=1"), "{told:?}");
    errors.declare(Declaration::Transient);
    systemd.until(&format!(
        "STATUS=consuming {}, {}",
        scene.queue, errors.queue
    ));

    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    service.signal("TERM");
    let told = systemd.until("STOPPING=1");
    // `stop_timeout`, which is 30s, and as much again to end scripts.
    assert!(told.contains("EXTEND_TIMEOUT_USEC=60000000"), "{told:?}");
    // The script goes on for more than the watchdog's second.
    let mut beats = 0;
    while scene.log().len() < 2 {
        let Some(told) = systemd.told(Duration::from_secs(1)) else {
            assert_eq!(scene.log().len(), 2, "the watchdog is fed once a second");
            break;
        };
        beats += usize::from(told.contains("WATCHDOG=1"));
    }
    assert!(beats >= 2, "{beats}");
    let (status, log) = service.wait();
    assert!(status.success(), "{status}: {log}");
}

#[test]
fn work_goes_on_though_systemd_takes_nothing() {
    let mut scene = Scene::new("notify-full");
    scene.rule("record", &format!("events = {FULFILL}\nscript = record.sh"));
    let systemd = Systemd::bind_abstract(&scene.queue);
    systemd.fill();
    let service = systemd.start(&scene, Duration::from_millis(20));
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    // It is told as soon as it listens again.
    systemd.until("READY=1");
    systemd.fill();
    service.stop();
}
