//! The broker goes and comes back.

use std::collections::BTreeMap;

use super::pressure::{limit_files, start_limitable};
use super::{TEMPORARY, VHOST, alone, given_up, record};
use crate::support::amqp::Declaration;
use crate::support::broker::free_port;
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

pub(super) const NODES: usize = 5;

/// So many messages about each node, numbered from `first`, the nodes taking turns.
pub(super) fn load(first: usize, count: usize) -> Vec<String> {
    let message = notification(FULFILL);
    (first..first + count)
        .flat_map(|number| (0..NODES).map(move |node| (number, node)))
        .map(|(number, node)| {
            let message = message.fresh().with("node_uuid", format!("node-{node}"));
            message.with("purpose", number.to_string()).body
        })
        .collect()
}

/// Every number of every node once, and in order.
pub(super) fn assert_whole(log: &[String], count: usize) {
    let mut nodes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for line in log {
        let mut fields = line.split('|');
        let node = fields.next().expect("a node");
        let number = fields.next().expect("a number").parse().expect("a number");
        nodes.entry(node).or_default().push(number);
    }
    assert_eq!(nodes.len(), NODES);
    for (node, numbers) in nodes {
        assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{node}");
    }
}

#[test]
fn a_restart_under_load_loses_nothing_and_who_starts_meanwhile_waits() {
    let (ours, _turn) = alone();
    let broker = &ours.broker;
    let mut scene = Scene::on(broker, "restart");
    scene.declare(Declaration::Durable);
    record(&mut scene, "node_uuid,purpose");
    let mut late = Scene::on(broker, "late");
    late.declare(Declaration::Durable);
    record(&mut late, "node_uuid,purpose");
    late.publish_all(load(0, 4));
    // What it has been given, but cannot write down yet, only it has: a queue that goes without a consumer
    // gets nothing back.
    let mut holding = Scene::on(broker, "holding");
    holding.declare(Declaration::AutoDelete);
    record(&mut holding, "node_uuid,purpose");
    let holder = start_limitable(&holding);
    holder.wait_for("consuming queue");
    limit_files(&holder, "1");
    holding.publish_all(load(0, 1));
    holder.wait_for("keeping the deliveries of queue");
    holding.publish_all(load(1, 9));
    wait_until("the delivery of all", || holding.waiting() == Some(0));
    let service = scene.listen();

    scene.publish_all(load(0, 40));
    broker.stop();
    limit_files(&holder, "unlimited");
    assert_whole(&holding.wait_for_log(10 * NODES), 10);
    service.wait_for("lost the connection to");
    service.wait_for("failed to connect to the broker");
    let absent = late.start(&[]);
    absent.wait_for("failed to connect to the broker");
    absent.wait_for("trying again in");
    broker.start();
    for scene in [&mut scene, &mut late] {
        scene.reconnect(broker);
    }
    scene.publish_all(load(40, 20));
    late.publish_all(load(4, 4));

    assert_whole(&scene.wait_for_log(60 * NODES), 60);
    assert_whole(&late.wait_for_log(8 * NODES), 8);
    let log = service.stop();
    assert_eq!(log.matches("connected to").count(), 2, "{log}");
    absent.stop();
    holder.stop();
    // All of it was acknowledged.
    for scene in [&scene, &late] {
        assert_eq!(scene.waiting(), Some(0));
        scene.delete_queue();
    }
}

#[test]
fn a_frozen_broker_is_noticed_by_its_silence_and_nothing_is_lost() {
    let (ours, _turn) = alone();
    let broker = &ours.broker;
    let mut scene = Scene::on(broker, "frozen");
    scene.declare(Declaration::Transient);
    record(&mut scene, "node_uuid,purpose");
    scene.default("heartbeat = 1");
    let service = scene.listen();
    scene.publish_all(load(0, 10));
    scene.wait_for_log(10 * NODES);

    broker.pause();
    service.wait_for("lost the connection to");
    broker.unpause();

    scene.publish_all(load(10, 10));
    assert_whole(&scene.wait_for_log(20 * NODES), 20);
    service.stop();
    assert_eq!(scene.waiting(), Some(0));
}

#[test]
fn a_connection_that_ends_while_every_queue_is_waited_for_is_made_again() {
    // Alone, because every connection of the virtual host is closed.
    let (ours, _turn) = alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "nothing-there");
    record(&mut scene, "node_uuid");
    let service = scene.start(&[]);
    service.wait_for("the queue does not exist yet");

    ours.broker
        .rabbitmqctl(&["close_all_connections", "--vhost", VHOST, "for a test"]);

    service.wait_for("lost the connection to");
    wait_until("the next connection", || {
        service.log().matches("connected to").count() == 2
    });
    let mut maker = Scene::in_vhost(&ours.broker, VHOST, "maker");
    maker.queue.clone_from(&scene.queue);
    maker.declare(Declaration::Durable);
    service.wait_for("consuming queue");
    maker.delete_queue();
    service.stop();
}

#[test]
fn without_a_broker_until_idle_performs_what_is_due_and_says_what_is_in_the_way() {
    let mut scene = Scene::new("due");
    scene.script(
        "twice.sh",
        "printf '%s %s\\n' \"$ESI_ATTEMPT\" \"$1\" >>\"$LOG\"; [ \"$ESI_ATTEMPT\" -gt 1 ]",
    );
    scene.rule(
        "twice",
        &format!(
            "events = {FULFILL}\nscript = twice.sh\nscript_params = node_name\nretries = 1\nretry_delay = 2s"
        ),
    );
    scene.publish(notification(FULFILL).body);
    let service = scene.listen();
    scene.wait_for_log(1);
    service.stop();
    assert_eq!(scene.states(), ["retryable"]);

    let port = free_port().to_string();
    scene.replace("host", "127.0.0.1").replace("port", &port);
    let said = given_up(&scene);

    let place = format!("127.0.0.1:{port}: failed to connect: Connection refused");
    assert!(said.contains(&place), "{said}");
    assert!(said.contains("hint: without --until-idle"), "{said}");
    assert_eq!(
        scene.log(),
        ["1 MOC-R4PAC08U33-S1A", "2 MOC-R4PAC08U33-S1A"]
    );
    assert_eq!(scene.states(), ["succeeded"]);
    // Nothing is left to do, and the broker is still not there.
    let output = scene.run(&["listen", "--until-idle"]);
    assert_eq!(output.status.code(), TEMPORARY);
}
