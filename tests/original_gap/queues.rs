//! Queues in every way in which ESI Leap makes them: consumed as they are, and never made otherwise.

use super::lease;
use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, Scene};

/// A stage whose rule records the lease's id.
fn without_queue(name: &str) -> Scene {
    let mut scene = Scene::on(Broker::shared(), name);
    scene.rule(
        "case",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = uuid"),
    );
    scene
}

fn publish(scene: &Scene, uuid: &str) {
    scene.publish(lease(FULFILL).with("uuid", uuid).body);
}

/// The queue is there with a message in it; it is consumed, and ESI Leap can declare it again in
/// its own way beside us: a queue that somebody had declared otherwise would be a 406 for it.
fn consumed_as_it_is(name: &str, declaration: Declaration) {
    let scene = without_queue(name);
    scene.declare(declaration);
    publish(&scene, "1");
    let service = scene.listen();
    assert_eq!(scene.wait_for_log(1), ["1|"]);
    scene.declare(declaration);
    publish(&scene, "2");
    assert_eq!(scene.wait_for_log(2), ["1|", "2|"]);
    service.stop();
    let left = if declaration.is_auto_delete() {
        None
    } else {
        Some(0)
    };
    assert_eq!(scene.waiting(), left);
    // With or without us as a consumer.
    scene.declare(declaration);
    assert_eq!(scene.states(), ["succeeded"; 2]);
}

/// The original: did not start, 406 `PRECONDITION_FAILED` over `durable`.
#[test]
fn declare_durable() {
    consumed_as_it_is("declare-durable", Declaration::Durable);
}

/// The original: did not start, 406 `PRECONDITION_FAILED` over `auto_delete`.
#[test]
fn declare_auto_delete() {
    consumed_as_it_is("declare-auto-delete", Declaration::AutoDelete);
    consumed_as_it_is("declare-both", Declaration::DurableAutoDelete);
}

/// The original: did not start, 406 `PRECONDITION_FAILED` over `durable`.
#[test]
fn declare_quorum() {
    consumed_as_it_is("declare-quorum", Declaration::Quorum);
}

/// The original: started.
#[test]
fn declare_ha_policy() {
    consumed_as_it_is("declare-ha-policy", Declaration::HaPolicy);
}

/// The original: started.
#[test]
fn declare_same() {
    consumed_as_it_is("declare-same", Declaration::Transient);
}

/// The original: made transient queues, and ESI Leap, set to durable ones, lost its notification.
#[test]
fn declare_listener_first() {
    let scene = without_queue("declare-listener-first");
    let service = scene.start(&[]);
    service.wait_for(&format!(
        "waiting for queue {}: the queue does not exist yet; ESI Leap declares it with its first \
         message",
        scene.queue
    ));
    assert_eq!(scene.waiting(), None);
    scene.declare(Declaration::Durable);
    publish(&scene, "1");
    assert_eq!(scene.wait_for_log(1), ["1|"]);
    scene.declare(Declaration::Durable);
    let log = service.stop();
    assert_eq!(log.matches("waiting for queue").count(), 1, "{log}");
    assert_eq!(scene.waiting(), Some(0));
}
