//! Limits of the broker, and virtual hosts that are not there just now: they are blamed alone.

use super::{NOBODY, VHOST, alone, given_up, line_with, record};
use crate::support::amqp::Declaration;
use crate::support::scene::{FULFILL, Scene, notification};

#[test]
fn what_stands_in_the_way_of_a_login_is_blamed_alone() {
    let (ours, _turn) = alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "limits");
    scene.declare(Declaration::Durable);
    record(&mut scene, "node_name");
    let (user, password) = NOBODY;
    let as_user = |scene: &mut Scene, user: &str, password: &str| {
        scene.replace("user", user).replace("password", password);
    };
    let refused = |scene: &Scene, parts: &[&str], never: &[&str]| {
        let said = given_up(scene);
        let line = line_with(&said, "error: failed to connect to the broker");
        for part in parts {
            assert!(line.contains(part), "no `{part}` in {line}");
        }
        for part in never {
            assert!(!line.contains(part), "`{part}` in {line}");
        }
    };
    let blames_others = ["check `vhost`", "check `user`", "it does not exist"];

    as_user(&mut scene, user, password);
    ours.broker
        .rabbitmqctl(&["set_user_limits", user, r#"{"max-connections": 0}"#]);
    refused(
        &scene,
        &[
            "user `nobody` has reached its limit of connections",
            "rabbitmqctl set_user_limits",
        ],
        &blames_others,
    );
    ours.broker
        .rabbitmqctl(&["clear_user_limits", user, "max-connections"]);

    let (user, password) = (ours.broker.user(), ours.broker.password().to_owned());
    as_user(&mut scene, user, &password);
    ours.broker
        .rabbitmqctl(&["set_vhost_limits", "-p", VHOST, r#"{"max-connections": 0}"#]);
    refused(
        &scene,
        &[
            "virtual host `faults` has reached its limit of connections",
            "rabbitmqctl set_vhost_limits",
        ],
        &blames_others,
    );
    ours.broker
        .rabbitmqctl(&["clear_vhost_limits", "-p", VHOST]);

    ours.eval(&["rabbit_vhost_sup_sup:stop_and_delete_vhost(<<\"faults\">>)"]);
    refused(
        &scene,
        &["virtual host `faults` is down", "rabbitmqctl restart_vhost"],
        &blames_others,
    );
    ours.broker.rabbitmqctl(&["restart_vhost", "-p", VHOST]);
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "limits-lifted");
    scene.declare(Declaration::Durable);
    record(&mut scene, "node_name");
    scene.publish(notification(FULFILL).body);
    scene.drain();
    assert_eq!(scene.log().len(), 1);
}
