//! What a service says of each feed, and that none of them keeps it from being ready.

use std::time::Duration;

use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::Scene;
use crate::support::systemd::Systemd;
use crate::support::timer::{recorded, timer};

const NIGHTLY: &str = "type = timer\nat = 2999-01-01T00:00Z";
const STATUS: &str = "timer nightly: next at 2999-01-01T00:00:00Z";

#[test]
fn a_service_with_timers_alone_is_ready_and_says_when_they_fire() {
    let stage = timer("at = 2999-01-01T00:00Z");
    let systemd = Systemd::bind(&stage);
    let service = systemd.start(&stage, Duration::from_secs(60));
    let message = systemd.until(&format!("STATUS={STATUS}"));
    assert!(message.contains("READY=1"), "{message:?}");
    service.stop();
    systemd.until("STOPPING=1");
}

#[test]
fn the_status_of_a_service_with_a_bus_and_a_timer_is_that_of_both() {
    let mut scene = Scene::on(Broker::shared(), "ready");
    scene.rule("source:nightly", NIGHTLY);
    recorded(&mut scene);
    let systemd = Systemd::bind(&scene);
    let service = systemd.start(&scene, Duration::from_secs(60));
    systemd.until(&format!("STATUS=waiting for {}; {STATUS}", scene.queue));
    scene.declare(Declaration::Transient);
    systemd.until(&format!("STATUS=consuming {}; {STATUS}", scene.queue));
    service.stop();
}
