//! A host of several addresses, the first of which accepts and never speaks.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use super::{VHOST, line_with, record, running, text};
use crate::support::amqp::Declaration;
use crate::support::scene::{FULFILL, Scene, Service, notification, program};

/// A name that the scenario's own file of hosts has.
const NAME: &str = "rabbit.cluster.test";

/// Runs a program where `$1` stands in the place of `/etc/hosts`, for it alone.
const WITH_HOSTS: &str = r#"how=-m; unshare -m true 2>/dev/null || how=-rm
exec unshare "$how" sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$@""#;

/// Leads those who connect to the broker.
fn forward(listener: TcpListener, host: String, port: u16) {
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let broker = TcpStream::connect((host.as_str(), port)).expect("the broker");
            let copies = (client.try_clone(), broker.try_clone());
            let copies = (copies.0.expect("a socket"), copies.1.expect("a socket"));
            for (mut from, mut to) in [(client, broker), (copies.1, copies.0)] {
                thread::spawn(move || {
                    // Either end is the end of both ways.
                    drop(io::copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Both));
                });
            }
        }
    });
}

#[test]
fn a_silent_address_does_not_use_up_the_time_of_the_next() {
    let (ours, _turn) = running();
    // The resolver gives the machine's usual address first.
    let (silent, good) = ("127.0.0.1", "127.0.0.9");
    let listener = TcpListener::bind((silent, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let way = TcpListener::bind((good, port)).expect("the same port of another address");
    forward(way, ours.broker.host().to_owned(), ours.broker.port());
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "addresses");
    scene.declare(Declaration::Transient);
    record(&mut scene, "node_name");
    scene
        .replace("host", NAME)
        .replace("port", &port.to_string());
    let hosts = scene.path("hosts");
    let lines = format!("{silent} {NAME}\n{good} {NAME}\n");
    fs::write(&hosts, lines).expect("a file");

    scene.publish(notification(FULFILL).body);
    let mut command = Command::new("sh");
    command
        .args(["-c", WITH_HOSTS, "sh", text(&hosts)])
        .arg(program())
        .args(["listen", "--config"])
        .arg(scene.config());
    let service = Service::start(&mut command);
    scene.wait_for_log(1);
    let log = service.stop();
    let line = line_with(
        &log,
        &format!("failed to connect to {NAME}:{port} at {silent}"),
    );
    assert!(
        line.contains("no answer to the greeting within 5s"),
        "{line}"
    );
    assert!(
        log.contains(&format!("connected to {NAME}:{port}")),
        "{log}"
    );
}
