//! What `check --connect` and `tap` say to a user who may not do everything, and when the connection is lost.

use super::{NOBODY, TEMPORARY, VHOST, alone, line_with, record};
use crate::support::amqp::Declaration;
use crate::support::scene::{FULFILL, Scene, Service, notification};

#[test]
fn a_user_who_may_not_do_everything_is_told_what_that_keeps_from_working() {
    let (ours, _turn) = alone();
    let (user, password) = NOBODY;
    let allow = |configure: &str, write: &str, read: &str| {
        let steps = ["set_permissions", "-p", VHOST, user, configure, write, read];
        ours.broker.rabbitmqctl(&steps);
    };
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "looking");
    scene.declare(Declaration::Durable);
    scene.publish(notification(FULFILL).body);
    record(&mut scene, "node_name");
    scene.replace("user", user).replace("password", password);
    let exchange = scene.exchange.clone();
    scene.default(&format!("exchange = {exchange}"));
    let tap = || {
        let output = scene.run(&["tap", "--limit", "1"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };

    // May consume, and nothing else.
    allow("", "", ".*");
    let (code, told) = scene.connects();
    assert_eq!(code, Some(0), "{told}");
    let queue = &scene.queue;
    let line = format!(
        "bus: queue {queue}: how it is declared is told only to users who may configure it; 1 message ready, no consumer"
    );
    assert_eq!(line_with(&told, "bus: queue"), line);
    let (code, said) = tap();
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "error: the broker refuses a queue to listen with: ",
        "hint: the user has to be allowed to configure, write and read queues whose names begin with `amq.gen-`",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }

    // What the hint says is enough.
    allow(
        "^amq[.]gen-",
        "^amq[.]gen-",
        &format!("^amq[.]gen-|^{exchange}$"),
    );
    let mut command = scene.program("tap");
    let mut tapping = Service::start(&mut command);
    tapping.wait_for("listening to exchange ");
    let (code, told) = scene.connects();
    assert_eq!(code, TEMPORARY, "{told}");
    assert!(
        told.contains(&format!("error: queue {queue} cannot be consumed: ")),
        "{told}"
    );
    assert_eq!(scene.waiting(), Some(1));

    ours.broker
        .rabbitmqctl(&["close_all_connections", "-p", VHOST, "of a test"]);
    let (status, said) = tapping.wait();
    assert_eq!(status.code(), TEMPORARY, "{said}");
    assert!(said.contains("error: lost the connection to "), "{said}");
    allow("", "", "");
}
