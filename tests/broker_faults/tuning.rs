//! What a broker allows a connection: the size of frames, and how much is held of what it sends.

use super::pressure::{limit_files, start_limitable};
use super::{VHOST, alone, record};
use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, Scene, Service, notification, wait_until};

/// The most that the service may take, in MiB, whatever a broker says and sends.
const MOST: u64 = 250;

#[test]
fn frames_of_any_size_or_none_are_agreed_on_and_cost_no_memory() {
    let (ours, _turn) = alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "frames");
    scene.declare(Declaration::Transient);
    record(&mut scene, "node_name");
    // The last one is RabbitMQ's default.
    for (number, size) in (1..).zip([0, 4096, 5000, 134_217_728, 4_294_967_295_u64, 131_072]) {
        ours.eval(&[format!("application:set_env(rabbit, frame_max, {size})")]);
        let service = scene.listen();
        scene.publish(notification(FULFILL).body);
        scene.wait_for_log(number);
        let largest = service.largest_size();
        assert!(largest < MOST, "frame_max = {size}: {largest} MiB");
        service.stop();
    }
}

/// Waits until the service takes no more memory.
fn settled_size(service: &Service) {
    let mut last = (0, 0);
    wait_until("an end of growing", || {
        let size = service.size_now();
        last = if size == last.0 {
            (size, last.1 + 1)
        } else {
            (size, 0)
        };
        last.1 == 100
    });
}

#[test]
fn large_messages_that_cannot_be_committed_stay_with_the_broker() {
    const MESSAGES: usize = 80;
    let mut scene = Scene::on(Broker::shared(), "large");
    scene.declare(Declaration::Durable);
    // The events are kept, but nothing runs.
    scene.rule(
        "refuses",
        &format!(
            "events = {FULFILL}\nscript = record.sh\nfilter_params = {{\"name\": \"nobody\"}}"
        ),
    );
    // RabbitMQ ends a connection that takes nothing for 30 s, which a proxy between may hide: so the
    // loss is noticed soon, and there may be more than one connection.
    scene.default("heartbeat = 5s");
    let service = start_limitable(&scene);
    service.wait_for("consuming queue");
    limit_files(&service, "1");
    let large = "x".repeat(4_000_000);
    // Put into the text, which takes no time.
    let message = notification(FULFILL).with("purpose", "the purpose");
    let body = || message.fresh().body.replace("the purpose", &large);
    scene.publish_all((0..MESSAGES).map(|_| body()));
    service.wait_for("failed to accept deliveries in the journal");
    settled_size(&service);
    let largest = service.largest_size();
    assert!(largest < MOST, "{largest} MiB");

    limit_files(&service, "unlimited");
    // Each takes its time in a program that is not optimized.
    for part in 1..=4 {
        wait_until("all to be accepted", || {
            service.log().matches("matches no rule").count() >= MESSAGES * part / 4
        });
    }
    let largest = service.largest_size();
    assert!(largest < MOST, "{largest} MiB");
    service.stop();
    scene.drain();
    assert_eq!(scene.waiting(), Some(0));
}
