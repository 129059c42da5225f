//! The way to the broker fails, in each manner that networks have; the broker itself is well.

use std::time::Duration;

use super::restart::{NODES, assert_whole, load};
use super::{given_up, line_with, record};
use crate::support::amqp::Declaration;
use crate::support::broker::Broker;
use crate::support::proxy::{Proxy, Toward};
use crate::support::scene::{Scene, Service, wait_until};

/// A scene whose service goes through a proxy, and its queue.
fn scene(name: &str, heartbeat: &str) -> (Scene, Proxy) {
    let broker = Broker::shared();
    let mut scene = Scene::on(broker, name);
    scene.declare(Declaration::Durable);
    record(&mut scene, "node_uuid,purpose");
    let proxy = Proxy::to(broker);
    scene
        .replace("host", "127.0.0.1")
        .replace("port", &proxy.port().to_string())
        .default(&format!("heartbeat = {heartbeat}"));
    (scene, proxy)
}

/// So many messages of each node have run, once and in order, and those that are still to come again
/// do not run again. Gives the log of the service, which was never gone.
fn ends_whole(scene: &Scene, service: Service, count: usize) -> String {
    assert_whole(&scene.wait_for_log(count * NODES), count);
    let log = service.stop();
    // What was not acknowledged is in the queue once the broker knows that its connection is gone.
    wait_until("an empty queue", || {
        scene.drain();
        scene.waiting() == Some(0)
    });
    assert_whole(&scene.log(), count);
    scene.delete_queue();
    log
}

fn connections(log: &str) -> usize {
    log.matches("connected to 127.0.0.1:").count()
}

#[test]
fn latency_is_borne() {
    let (scene, proxy) = scene("latency", "10");
    proxy.slow(Duration::from_millis(200));
    let service = scene.listen();
    scene.publish_all(load(0, 20));
    scene.wait_for_log(20 * NODES);
    proxy.slow(Duration::from_millis(400));
    scene.publish_all(load(20, 20));
    scene.wait_for_log(40 * NODES);
    proxy.forward();
    let log = ends_whole(&scene, service, 40);
    assert_eq!(connections(&log), 1, "{log}");
}

#[test]
fn a_reset_at_any_moment_is_followed_by_another_connection() {
    const RESETS: usize = 12;

    let (scene, proxy) = scene("reset", "60");
    let service = scene.start(&["-v"]);
    service.wait_for("consuming queue");
    for reset in 1..=RESETS {
        wait_until("a connection", || connections(&service.log()) >= reset);
        // Some are delivered by then, some are being acknowledged, and some are in the queue.
        scene.publish_all(load((reset - 1) * 4, 4));
        proxy.reset();
        wait_until("the loss", || {
            service.log().matches("lost the connection to").count() >= reset
        });
    }
    // All may have run before the last connection is made.
    let log = ends_whole(&scene, service, RESETS * 4);
    assert!(connections(&log) >= RESETS, "{log}");
}

#[test]
fn who_is_refused_says_so_and_tries_again() {
    let (scene, proxy) = scene("refused", "60");
    let service = scene.listen();
    scene.publish_all(load(0, 5));
    proxy.refuse();
    service.wait_for("lost the connection to");
    service.wait_for("failed to connect: Connection refused");
    service.wait_for("trying again in");
    scene.publish_all(load(5, 5));
    proxy.forward();
    let log = ends_whole(&scene, service, 10);
    assert_eq!(connections(&log), 2, "{log}");
}

#[test]
fn silence_is_noticed_and_so_is_a_host_that_accepts_and_never_speaks() {
    let (scene, proxy) = scene("silence", "1");
    let service = scene.listen();
    scene.publish_all(load(0, 10));
    scene.wait_for_log(10 * NODES);
    proxy.silence();
    scene.publish_all(load(10, 10));
    service.wait_for("lost the connection to");
    service.wait_for("no answer to the greeting within 10s");
    service.wait_for("trying again in");
    proxy.forward();
    let log = ends_whole(&scene, service, 20);
    // On a busy machine heartbeats may be missed once more.
    assert!(connections(&log) >= 2, "{log}");
}

#[test]
fn what_comes_again_because_its_acknowledgement_was_lost_does_not_run_again() {
    let (scene, proxy) = scene("unheard", "1");
    let service = scene.listen();
    proxy.silence_toward(Toward::Broker);
    scene.publish_all(load(0, 10));
    scene.wait_for_log(10 * NODES);
    // The broker misses the heartbeats, and ends the connection.
    service.wait_for("lost the connection to");
    assert!(scene.waiting().is_some_and(|waiting| waiting > 0));
    proxy.forward();
    scene.publish_all(load(10, 1));
    let log = ends_whole(&scene, service, 11);
    // On a busy machine heartbeats may be missed once more.
    assert!(connections(&log) >= 2, "{log}");
}

#[test]
fn a_service_can_be_stopped_in_silence() {
    let (scene, proxy) = scene("stopped", "60");
    let service = scene.listen();
    proxy.silence_toward(Toward::Broker);
    scene.publish_all(load(0, 4));
    scene.wait_for_log(4 * NODES);
    proxy.silence();
    let log = service.stop();
    assert!(!log.contains("lost the connection"), "{log}");
    proxy.forward();
    let service = scene.listen();
    ends_whole(&scene, service, 4);
}

/// Beginning with a quiet connection: an acknowledgement is a frame of 21 bytes and a heartbeat one
/// of 8, a delivery one of about 100, another of about 100 and one of 2,500.
const CUTS: [(Toward, usize); 10] = [
    (Toward::Broker, 1),
    (Toward::Broker, 3),
    (Toward::Broker, 12),
    (Toward::Broker, 20),
    (Toward::Broker, 25),
    (Toward::Service, 5),
    (Toward::Service, 60),
    (Toward::Service, 150),
    (Toward::Service, 1_000),
    (Toward::Service, 6_000),
];

/// Beginning with the first byte: the greetings are about 500 bytes from the broker and 400 from the
/// service, then come the frames that open the connection, its channels and the consumer.
const EARLY_CUTS: [(Toward, usize); 6] = [
    (Toward::Broker, 4),
    (Toward::Broker, 200),
    (Toward::Broker, 480),
    (Toward::Service, 0),
    (Toward::Service, 300),
    (Toward::Service, 560),
];

#[test]
fn a_frame_that_is_cut_in_the_middle_is_as_if_it_had_not_come() {
    let (scene, proxy) = scene("cut", "1");
    let service = scene.start(&["-v"]);
    service.wait_for("consuming queue");
    for (made, (toward, bytes)) in CUTS.into_iter().enumerate() {
        proxy.cut_after(toward, bytes);
        scene.publish_all(load(made, 1));
        wait_until("the cut", || proxy.cuts() > made);
        scene.wait_for_log((made + 1) * NODES);
        wait_until("the next connection", || {
            connections(&service.log()) >= made + 2
        });
    }
    for (made, (toward, bytes)) in EARLY_CUTS.into_iter().enumerate() {
        let made = CUTS.len() + made;
        proxy.cut_after(toward, bytes);
        proxy.reset();
        scene.publish_all(load(made, 1));
        wait_until("the cut", || proxy.cuts() > made);
        scene.wait_for_log((made + 1) * NODES);
    }
    let log = ends_whole(&scene, service, CUTS.len() + EARLY_CUTS.len());
    assert!(log.contains("trying again in"), "{log}");
}

#[test]
fn connections_that_are_lost_as_soon_as_they_are_made_are_made_ever_more_rarely() {
    let (scene, proxy) = scene("again", "60");
    scene.publish_all(load(0, 5));
    // The login passes, and no delivery.
    proxy.cut_each_after(Toward::Service, 900);
    let said = given_up(&scene);
    let line = line_with(&said, "error: failed to connect to the broker");
    assert!(line.contains("lost the connection again"), "{line}");

    let service = scene.start(&["-v"]);
    // The first pauses are from 0.25 s to 0.5 s and from 0.5 s to 1 s, the third is a second or more.
    let pauses = || {
        let log = service.log();
        let lost = log
            .lines()
            .filter(|line| line.contains("lost the connection to"));
        lost.map(|line| {
            let (_, pause) = line.split_once("; trying again in ").expect("a pause");
            pause.to_owned()
        })
        .collect::<Vec<_>>()
    };
    wait_until("the third pause", || pauses().len() == 3);
    let pauses = pauses();
    assert!(pauses[0].ends_with("ms"), "{pauses:?}");
    assert!(
        pauses[2].ends_with('s') && !pauses[2].ends_with("ms"),
        "{pauses:?}"
    );
    proxy.forward();
    ends_whole(&scene, service, 5);
}
