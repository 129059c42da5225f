//! Getting in: several hosts, some of them dead or dumb, and who may log in.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use super::{ODD, VHOST, given_up, line_with, record, running};
use crate::support::amqp::Declaration;
use crate::support::broker::{Broker, free_port};
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

#[test]
fn a_wrong_password_is_logged_but_never_shown_and_the_right_one_is_used() {
    let mut scene = Scene::new("password");
    record(&mut scene, "node_name");
    let broker = Broker::shared();
    fs::write(scene.path("secret"), "hidden-and-wrong\n").expect("a file");
    scene.replace("password_file", "secret").without("password");
    scene.publish(notification(FULFILL).body);
    let said = given_up(&scene);
    let service = scene.start(&["-v"]);
    wait_until("a second attempt", || {
        service.log().matches("the broker refuses user `").count() >= 2
    });
    fs::write(scene.path("secret"), format!("{}\n", broker.password())).expect("a file");
    scene.wait_for_log(1);
    let log = service.stop();

    let line = line_with(&log, "the broker refuses user");
    let place = format!("{}:{}", broker.host(), broker.port());
    for part in [broker.user(), &place, "trying again in", "check `user`"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(
        said.contains("error: failed to connect to the broker"),
        "{said}"
    );
    assert!(said.contains("the broker refuses user"), "{said}");
    assert!(!(log + &said).contains("hidden-and-wrong"));
}

#[test]
fn a_virtual_host_that_does_not_exist_is_logged() {
    let mut scene = Scene::new("vhost");
    record(&mut scene, "node_name");
    scene.replace("vhost", "nowhere");
    let said = given_up(&scene);
    let line = line_with(&said, "error: failed to connect to the broker");
    assert!(line.contains("virtual host `nowhere`"), "{line}");
    assert!(line.contains("check `vhost`"), "{line}");

    let service = scene.start(&[]);
    service.wait_for("trying again in");
    service.stop();
}

#[test]
fn a_transport_url_with_a_dead_and_a_dumb_host_leads_to_the_third() {
    let (ours, _turn) = running();
    let broker = &ours.broker;
    let dumb = TcpListener::bind("127.0.0.1:0").expect("a port");
    let dumb_port = dumb.local_addr().expect("an address").port();
    let dead_port = free_port();

    let mut scene = Scene::in_vhost(broker, VHOST, "hosts");
    scene.declare(Declaration::Transient);
    record(&mut scene, "node_name");
    for option in ["user", "password", "host", "port", "vhost"] {
        scene.without(option);
    }
    let login = "esi%2Fleap:p%40ss%3A%2F%2C%25%3F%23word";
    let url = format!(
        "rabbit://u:p@127.0.0.1:{dead_port},u:hidden@127.0.0.1:{dumb_port},{login}@{}:{}/{VHOST}?ssl=0",
        broker.host(),
        broker.port()
    );
    scene.default(&format!("transport_url = {url}"));
    scene.publish(notification(FULFILL).body);
    let service = scene.listen();
    scene.wait_for_log(1);
    let log = service.stop();

    let dead = line_with(&log, &format!("failed to connect to 127.0.0.1:{dead_port}"));
    assert!(dead.contains("Connection refused"), "{dead}");
    let line = line_with(&log, &format!("failed to connect to 127.0.0.1:{dumb_port}"));
    assert!(
        line.contains("no answer to the greeting within 10s"),
        "{line}"
    );
    let connected = format!("connected to {}:{}", broker.host(), broker.port());
    assert!(log.contains(&connected), "{log}");
    assert!(!log.contains("hidden") && !log.contains(ODD.1), "{log}");

    // Nothing is kept of the attempt that was given up.
    let (mut stream, _) = dumb.accept().expect("the attempt");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket");
    let mut greeting = Vec::new();
    stream.read_to_end(&mut greeting).expect("the end");
    assert_eq!(greeting, b"AMQP\0\0\x09\x01");
}
