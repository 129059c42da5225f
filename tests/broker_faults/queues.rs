//! Queues that are not there yet, not there any more, or not for us.

use std::time::{Duration, Instant};

use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::runtime::Runtime;

use super::{NOBODY, VHOST, given_up, line_with, record, running};
use crate::support::amqp::{self, Declaration};
use crate::support::broker::Broker;
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

#[test]
fn a_queue_that_is_deleted_and_made_otherwise_is_consumed_again() {
    let mut scene = Scene::on(Broker::shared(), "deleted");
    scene.declare(Declaration::Durable);
    record(&mut scene, "node_name");
    let service = scene.listen();
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);

    scene.delete_queue();
    service.wait_for("was deleted or its consumer cancelled");
    service.wait_for("the queue does not exist yet");
    scene.declare(Declaration::Quorum);
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(2);

    // At once this time: the consumer is told that the queue is gone, not that there is another.
    scene.delete_queue();
    scene.declare(Declaration::Durable);
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(3);
    let log = service.stop();
    assert_eq!(log.matches("connected to").count(), 1, "{log}");
    assert_eq!(scene.waiting(), Some(0));
    scene.delete_queue();
}

#[test]
fn a_missing_queue_is_waited_for_beside_one_that_is_consumed() {
    let mut scene = Scene::on(Broker::shared(), "missing");
    let later = Scene::on(Broker::shared(), "later");
    scene.declare(Declaration::Transient);
    record(&mut scene, "node_name");
    let queues = format!("{}, {}", scene.queue, later.queue);
    scene.replace("queues", &queues);
    let service = scene.listen();
    service.wait_for(&format!(
        "waiting for queue {}: the queue does not exist yet; ESI Leap declares it with its first \
         message",
        later.queue
    ));
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);

    later.declare(Declaration::Transient);
    later.publish(notification(FULFILL).body);
    let made = Instant::now();
    scene.wait_for_log(2);
    // It is asked for every second; the rest is for a busy machine.
    assert!(
        made.elapsed() < Duration::from_secs(5),
        "{:?}",
        made.elapsed()
    );
    let log = service.stop();
    assert_eq!(log.matches("waiting for queue").count(), 1, "{log}");
}

/// A connection that has a queue for itself alone.
pub(super) fn take_exclusively(runtime: &Runtime, url: &str, queue: &str) -> Connection {
    runtime.block_on(async {
        let connection = amqp::connect(url).await;
        let channel = connection.create_channel().await.expect("a channel");
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.into(), exclusive, FieldTable::default())
            .await
            .expect("a queue");
        connection
    })
}

#[test]
fn a_queue_that_another_connection_has_for_itself_is_waited_for() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut scene = Scene::on(Broker::shared(), "exclusive");
    record(&mut scene, "node_name");
    let owner = take_exclusively(&runtime, Broker::shared().url(), &scene.queue);
    let service = scene.start(&[]);
    service.wait_for(&format!("waiting for queue {}", scene.queue));
    let line = line_with(&service.log(), "waiting for queue").to_owned();
    assert!(
        line.contains("another connection uses it exclusively"),
        "{line}"
    );
    service.stop();
    let said = given_up(&scene);
    let line = line_with(&said, "error: failed to consume queue");
    assert!(
        line.contains("another connection uses it exclusively"),
        "{line}"
    );

    let service = scene.start(&[]);
    service.wait_for("another connection uses it exclusively");
    runtime
        .block_on(owner.close(200, "done".into()))
        .expect("the end");
    service.wait_for("the queue does not exist yet");
    scene.declare(Declaration::Transient);
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    service.stop();
}

#[test]
fn a_permission_that_is_lacking_is_named_and_once_given_it_is_used() {
    let (ours, _turn) = running();
    let broker = &ours.broker;
    let (user, password) = NOBODY;
    let permit = |read: &str| {
        broker.rabbitmqctl(&["set_permissions", "-p", VHOST, user, ".*", ".*", read]);
    };
    let mut scene = Scene::in_vhost(broker, VHOST, "permission");
    record(&mut scene, "node_name");
    let exchange = scene.exchange.clone();
    scene
        .replace("user", user)
        .replace("password", password)
        .default(&format!("declare_queues = durable\nexchange = {exchange}"));

    // It may make and read the queue, but not bind it to the exchange.
    permit("^permission\\.");
    let service = scene.start(&[]);
    service.wait_for("failed to declare it: the user lacks a permission");
    assert_eq!(scene.waiting(), None, "no queue without a binding stays");
    permit(".*");
    service.wait_for("consuming queue");
    scene.declare(Declaration::Durable);
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);

    permit("");
    scene.delete_queue();
    scene.declare(Declaration::Durable);
    service.wait_for(&format!(
        "waiting for queue {}: the user lacks a permission",
        scene.queue
    ));
    scene.publish(notification(FULFILL).body);
    assert_eq!(scene.waiting(), Some(1));
    permit(".*");
    scene.wait_for_log(2);
    service.stop();
}

#[test]
fn missing_queues_are_made_as_esi_leap_would_if_that_is_asked_for() {
    for (how, declaration) in [
        ("transient", Declaration::Transient),
        ("durable", Declaration::Durable),
        ("quorum", Declaration::Quorum),
    ] {
        let mut scene = Scene::on(Broker::shared(), how);
        record(&mut scene, "node_name");
        let exchange = scene.exchange.clone();
        scene.default(&format!("declare_queues = {how}\nexchange = {exchange}"));
        let service = scene.listen();
        // A queue, an exchange or a binding of another kind would be refused here.
        scene.declare(declaration);
        scene.publish(notification(FULFILL).body);
        scene.wait_for_log(1);
        let log = service.stop();
        let made = format!(
            "declared queue {} and bound it to exchange {exchange}",
            scene.queue
        );
        assert!(log.contains(&made), "{log}");
        // What is there stays as it is.
        scene.publish(notification(FULFILL).body);
        let said = String::from_utf8_lossy(&scene.drain().stderr).into_owned();
        assert!(!said.contains("declared queue"), "{said}");
        assert_eq!(scene.log().len(), 2);
        scene.delete_queue();
    }
}

#[test]
fn a_binding_that_is_made_leads_messages_to_the_queue() {
    let broker = Broker::shared();
    let mut scene = Scene::on(broker, "bound");
    record(&mut scene, "node_name");
    let exchange = scene.exchange.clone();
    scene.default(&format!(
        "declare_queues = transient\nexchange = {exchange}"
    ));
    let service = scene.listen();
    // Nobody else has declared anything.
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    service.stop();
    scene.delete_queue();
}

#[test]
fn without_being_asked_nothing_is_made() {
    let mut scene = Scene::on(Broker::shared(), "unmade");
    record(&mut scene, "node_name");
    let service = scene.start(&[]);
    service.wait_for("the queue does not exist yet");
    let began = Instant::now();
    // Long enough to have asked again.
    wait_until("the second question", || {
        began.elapsed() > Duration::from_millis(1500)
    });
    assert_eq!(scene.waiting(), None);
    service.stop();
    scene.drain();
    assert_eq!(scene.waiting(), None);
}
