//! What systemd is told.

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
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

    fn start(&self, scene: &Scene, watchdog: Duration) -> Service {
        let address = self.0.local_addr().expect("an address");
        let mut command = scene.program("listen");
        command
            .env("NOTIFY_SOCKET", address.as_pathname().expect("a path"))
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
    systemd.until("STOPPING=1");
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
