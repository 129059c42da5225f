//! What the broker limits, and what others do to our queues: nothing wears out, and it is told.

use super::{NOBODY, VHOST, record};
use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, Scene, Service, lease, notification, wait_until};

/// Allows so many channels a connection, then the usual number again.
pub(super) struct FewChannels<'a>(&'a super::Ours);

impl<'a> FewChannels<'a> {
    pub(super) fn set(ours: &'a super::Ours, number: u16) -> Self {
        ours.eval(&[format!(
            "application:set_env(rabbit, channel_max, {number})"
        )]);
        Self(ours)
    }
}

impl Drop for FewChannels<'_> {
    fn drop(&mut self) {
        self.0
            .eval(&["application:set_env(rabbit, channel_max, 2047)"]);
    }
}

#[test]
fn queues_share_a_broker_that_allows_one_channel_a_connection() {
    let (ours, _turn) = super::alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "narrow");
    let other = Scene::in_vhost(&ours.broker, VHOST, "narrower");
    record(&mut scene, "node_name");
    let queues = format!("{}, {}", scene.queue, other.queue);
    scene.replace("queues", &queues);
    scene.declare(Declaration::Durable);
    let narrow = FewChannels::set(ours, 1);
    let service = scene.listen();
    service.wait_for(&format!("waiting for queue {}", other.queue));
    // Each refusal would cost the only channel.
    service.wait_for(&format!(
        "waiting for queue {}: the queue does not exist",
        other.queue
    ));
    other.declare(Declaration::Durable);
    service.wait_for(&format!("consuming queue {}", other.queue));
    for stage in [&scene, &other] {
        stage.publish(notification(FULFILL).body);
    }
    scene.wait_for_log(2);
    drop(narrow);
    let log = service.stop();
    assert_eq!(log.matches("connected to").count(), 1, "{log}");
    scene.delete_queue();
    other.delete_queue();
}

/// Limits what [`NOBODY`] may open, then lifts the limit again.
struct Limited<'a>(&'a Broker);

impl<'a> Limited<'a> {
    fn set(broker: &'a Broker, limits: &str) -> Self {
        broker.rabbitmqctl(&["set_user_limits", NOBODY.0, limits]);
        Self(broker)
    }
}

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        self.0.rabbitmqctl(&["clear_user_limits", NOBODY.0, "all"]);
    }
}

/// A stage whose service logs in as [`NOBODY`], who has all rights.
fn as_nobody(broker: &Broker, name: &str) -> Scene {
    let (user, password) = NOBODY;
    broker.rabbitmqctl(&["set_permissions", "-p", VHOST, user, ".*", ".*", ".*"]);
    let mut scene = Scene::in_vhost(broker, VHOST, name);
    scene.replace("user", user).replace("password", password);
    record(&mut scene, "node_name");
    scene
}

/// Makes the queue that the service waits for, which then does its work and stops.
pub(super) fn is_consumed_once_made(scene: &Scene, service: Service) {
    scene.declare(Declaration::Durable);
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    service.stop();
    scene.delete_queue();
}

#[test]
fn questions_that_are_refused_use_nothing_up() {
    let (ours, _turn) = super::alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "refused");
    record(&mut scene, "node_name");
    let _few = FewChannels::set(ours, 2);
    let service = scene.start(&["-v"]);
    wait_until("more refusals than there are channels", || {
        service.log().matches("over a separate connection").count() > 3
    });
    is_consumed_once_made(&scene, service);
}

#[test]
fn a_user_who_may_have_one_channel_consumes_one_queue_and_the_limit_is_logged() {
    let (ours, _turn) = super::alone();
    let mut scene = as_nobody(&ours.broker, "one-channel");
    let other = Scene::in_vhost(&ours.broker, VHOST, "no-channel");
    let queues = format!("{}, {}", scene.queue, other.queue);
    scene.replace("queues", &queues);
    scene.declare(Declaration::Durable);
    let limited = Limited::set(&ours.broker, r#"{"max-channels": 1}"#);
    let service = scene.start(&[]);
    service.wait_for("consuming queue");
    // The broker counts a channel some time after it has opened it: of two at once, both may pass.
    other.declare(Declaration::Durable);
    service.wait_for("the broker allows no further channel: `rabbitmqctl clear_user_limits`");
    drop(limited);
    for stage in [&scene, &other] {
        service.wait_for(&format!("consuming queue {}", stage.queue));
        stage.publish(notification(FULFILL).body);
    }
    scene.wait_for_log(2);
    service.stop();
    scene.delete_queue();
    other.delete_queue();
}

#[test]
fn a_user_who_may_have_one_connection_waits_for_a_queue_all_the_same() {
    let (ours, _turn) = super::alone();
    let scene = as_nobody(&ours.broker, "one-connection");
    let _few = FewChannels::set(ours, 12);
    let _limited = Limited::set(&ours.broker, r#"{"max-connections": 1}"#);
    let service = scene.start(&["-v"]);
    service.wait_for("renewing the connection");
    is_consumed_once_made(&scene, service);
}

#[test]
fn other_consumers_of_a_queue_are_logged() {
    let mut scene = Scene::new("shared");
    record(&mut scene, "node_name");
    let mut other = Scene::on(Broker::shared(), "sharing");
    record(&mut other, "node_name");
    other.replace("queues", &scene.queue);
    let first = scene.listen();
    let second = other.start(&[]);
    second.wait_for(&format!("queue {} has 1 other consumer,", scene.queue));
    let log = first.stop();
    assert!(!log.contains("other consumer"), "{log}");
    second.stop();
}

#[test]
fn a_service_that_stops_leaves_nothing_unacknowledged() {
    let mut scene = Scene::on(Broker::shared(), "leaving");
    scene.declare(Declaration::Quorum);
    record(&mut scene, "node_name");
    let mut service = super::pressure::start_limitable(&scene);
    service.wait_for("consuming queue");
    super::pressure::limit_files(&service, "1");
    scene.publish(notification(FULFILL).body);
    service.wait_for("failed to accept deliveries in the journal");
    service.signal("TERM");
    service.wait();
    assert_eq!(scene.waiting(), Some(1));
    scene.delete_queue();
}

#[test]
fn a_service_that_stops_keeps_the_order_of_a_queue() {
    const MESSAGES: usize = 20;
    for declaration in [Declaration::Durable, Declaration::Quorum] {
        let mut scene = Scene::on(Broker::shared(), "order");
        scene.declare(declaration);
        record(&mut scene, "purpose");
        scene.default("prefetch = 5");
        let mut service = super::pressure::start_limitable(&scene);
        service.wait_for("consuming queue");
        super::pressure::limit_files(&service, "1");
        scene.publish_all((0..MESSAGES).map(|number| lease(&number.to_string(), "one")));
        service.wait_for("failed to accept deliveries in the journal");
        service.signal("TERM");
        service.wait();
        scene.drain();
        let expected: Vec<String> = (0..MESSAGES).map(|number| format!("{number}|")).collect();
        assert_eq!(scene.log(), expected, "{declaration:?}");
        scene.delete_queue();
    }
}

#[test]
fn a_user_who_may_only_read_is_not_disturbed_by_the_counting_of_consumers() {
    let (ours, _turn) = super::alone();
    let scene = as_nobody(&ours.broker, "reader");
    ours.broker
        .rabbitmqctl(&["set_permissions", "-p", VHOST, NOBODY.0, "", "", ".*"]);
    let mut other = Scene::in_vhost(&ours.broker, VHOST, "also-reading");
    record(&mut other, "node_name");
    other.replace("queues", &scene.queue);
    scene.declare(Declaration::Durable);
    let competitor = other.start(&[]);
    competitor.wait_for("consuming queue");
    let service = scene.start(&[]);
    service.wait_for("has 1 other consumer,");
    competitor.stop();
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    let log = service.stop();
    assert!(!log.contains("no longer"), "{log}");
    scene.delete_queue();
}
