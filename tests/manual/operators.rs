//! docs/operators.md, followed by an administrator beside a real broker.

use super::following::Follower;
use crate::packages::install;
use crate::support::amqp::unique;
use crate::support::broker::Broker;
use crate::support::scene::{Scene, lease, wait_until};
use crate::support::system::{System, text};

#[test]
fn the_page_for_operators_is_followed_word_for_word() {
    let share_network = ["--network=host"];
    let Some(system) = System::boot("docs/operators.md is not followed", &share_network) else {
        return;
    };
    install(&system);
    let scene = Scene::new("operators");
    let broker = Broker::shared();
    let values = [
        ("rabbit.example.org", broker.host().to_owned()),
        ("5672", broker.port().to_string()),
        ("events-user", broker.user().to_owned()),
        ("events-password", broker.password().to_owned()),
        ("esi_leap_versioned_notifications.info", scene.queue.clone()),
        // ESI Leap makes it with its first error.
        (
            "esi_leap_versioned_notifications.error",
            unique("operators.error"),
        ),
    ];
    let mut admin = Follower::new(&system, "admin", "docs/operators.md", values);
    let may_become_root = "admin ALL=(ALL) NOPASSWD: ALL\n";
    system.write(may_become_root, "/etc/sudoers.d/admin", "440");

    admin.follow_to("set-it-up");
    scene.publish(lease("one", "node-1"));
    wait_until("a run has succeeded", || {
        let listed = system.call(&["esi-event-actions", "runs", "list"]);
        text(&listed.stdout).contains("succeeded")
    });
    admin.follow_to("see-it-work");
    admin.follow_to("change-rules");
    system.wait_for("was read again");
    admin.follow_to("stop");
    assert_eq!(system.property("ActiveState"), "inactive");
    assert_eq!(system.property("Result"), "success");
    admin.follow_to("runs");
    admin.follow_to("the-log");
    admin.end();
    scene.delete_queue();
}
