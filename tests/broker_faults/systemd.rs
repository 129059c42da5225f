//! What systemd is told.

use std::time::Duration;

use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, Scene, notification};
use crate::support::shim::Shim;
use crate::support::systemd::Systemd;

#[test]
fn ready_does_not_wait_for_queues_the_status_says_so_and_the_watchdog_is_fed_to_the_end() {
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
    let mut received = systemd.until(&neither);
    assert!(
        received.contains("STATUS=connecting to the broker"),
        "{received:?}"
    );
    received.extend(systemd.until("WATCHDOG=1"));
    assert!(received.contains("READY=1"), "{received:?}");
    assert!(!service.log().contains("consuming queue"));

    scene.declare(Declaration::Transient);
    systemd.until(&format!(
        "STATUS=consuming {}; waiting for {}",
        scene.queue, errors.queue
    ));
    errors.declare(Declaration::Transient);
    systemd.until(&format!(
        "STATUS=consuming {}, {}",
        scene.queue, errors.queue
    ));

    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    service.signal("TERM");
    let received = systemd.until("STOPPING=1");
    // `stop_timeout`, which is 30s, and as much again to end scripts.
    assert!(
        received.contains("EXTEND_TIMEOUT_USEC=60000000"),
        "{received:?}"
    );
    // The script goes on for more than the watchdog's second.
    let mut beats = 0;
    while scene.log().len() < 2 {
        let Some(received) = systemd.told(Duration::from_secs(1)) else {
            assert_eq!(scene.log().len(), 2, "the watchdog is fed once a second");
            break;
        };
        beats += usize::from(received.contains("WATCHDOG=1"));
    }
    assert!(beats >= 2, "{beats}");
    let (status, log) = service.wait();
    assert!(status.success(), "{status}: {log}");
}

#[test]
fn the_watchdog_is_not_fed_while_nothing_gets_on() {
    const WATCHDOG: Duration = Duration::from_secs(4);
    let mut scene = Scene::new("notify-stuck");
    scene.rule("record", &format!("events = {FULFILL}\nscript = record.sh"));
    let shim = Shim::new(&scene);
    let systemd = Systemd::bind(&scene);
    let service = systemd.start_below(&scene, WATCHDOG, |command| {
        shim.below(command);
    });
    systemd.until(&format!("STATUS=consuming {}", scene.queue));
    systemd.until("WATCHDOG=1");
    // A disk that answers after ten minutes.
    shim.slow_down(Duration::from_secs(600));
    scene.publish(notification(FULFILL).body);
    service.wait_for("has made no progress for");
    assert!(
        service
            .log()
            .contains("so systemd will restart the service")
    );
    while systemd.told(Duration::from_millis(1)).is_some() {}
    // Twice as long as between two beats.
    let told = systemd.told(WATCHDOG);
    assert!(
        told.as_ref()
            .is_none_or(|told| !told.contains("WATCHDOG=1")),
        "{told:?}"
    );
    service.kill();
}

#[test]
fn work_continues_while_systemd_reads_no_notification() {
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
