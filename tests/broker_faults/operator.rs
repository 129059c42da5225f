//! What the broker and who runs it can do to a consumer that has done nothing wrong.

use std::fs;

use super::pressure::{limit_files, start_limitable};
use super::restart::{NODES, assert_whole, load};
use super::{LEAVING, Ours, VHOST, add, alone, permit, record, running};
use crate::support::amqp::Declaration;
use crate::support::scene::{Scene, wait_until};

/// How long a condition within the broker is waited for, in its own language.
const UNTIL: &str = "Until = fun Until(Holds) -> \
                     case Holds() of true -> ok; false -> timer:sleep(50), Until(Holds) end end";

/// A scene in the virtual host of these scenarios.
fn scene(ours: &Ours, name: &str) -> Scene {
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, name);
    scene.declare(Declaration::Durable);
    record(&mut scene, "node_uuid,purpose");
    scene
}

/// Nothing is left of these messages, and nothing of them runs again.
fn assert_settled(scene: &Scene, count: usize) {
    scene.drain();
    assert_whole(&scene.log(), count);
    assert_eq!(scene.waiting(), Some(0));
}

#[test]
fn a_user_who_is_removed_and_made_again_is_taken_up() {
    let (ours, _turn) = running();
    let mut scene = scene(ours, "removed");
    let (user, password) = LEAVING;
    scene.replace("user", user).replace("password", password);
    let service = scene.listen();
    scene.publish_all(load(0, 5));
    scene.wait_for_log(5 * NODES);

    ours.broker.rabbitmqctl(&["delete_user", user]);
    service.wait_for("lost the connection to");
    service.wait_for(&format!("the broker refuses user `{user}`"));
    scene.publish_all(load(5, 5));
    ours.eval(&[add(LEAVING), permit(user, ".*")]);

    assert_whole(&scene.wait_for_log(10 * NODES), 10);
    service.stop();
    assert_settled(&scene, 10);
}

#[test]
fn a_queue_that_crashes_gives_again_what_was_under_way_and_it_does_not_run_again() {
    let (ours, _turn) = running();
    let scene = scene(ours, "crashed");
    let service = start_limitable(&scene);
    service.wait_for("consuming queue");
    limit_files(&service, "1");
    scene.publish_all(load(0, 10));
    wait_until("the delivery of all", || scene.waiting() == Some(0));

    // The broker starts the process of a queue that has crashed again, and its consumers with it.
    ours.eval(&[
        UNTIL.to_owned(),
        format!(
            "Pid = fun() -> {{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{VHOST}\">>, \
             queue, <<\"{}\">>)), amqqueue:get_pid(Queue) end",
            scene.queue
        ),
        "Crashed = Pid()".to_owned(),
        "true = exit(Crashed, kill)".to_owned(),
        "Until(fun() -> Pid() =/= Crashed end)".to_owned(),
    ]);
    limit_files(&service, "unlimited");
    scene.publish_all(load(10, 1));

    assert_whole(&scene.wait_for_log(11 * NODES), 11);
    let log = service.stop();
    assert_eq!(log.matches("connected to").count(), 1, "{log}");
    assert_settled(&scene, 11);
}

#[test]
fn a_memory_alarm_holds_up_publishers_and_no_consumer() {
    let (ours, _turn) = alone();
    let scene = scene(ours, "alarm");
    let service = scene.listen();
    service.signal("STOP");
    scene.publish_all(load(0, 10));
    ours.eval(&[
        UNTIL,
        "vm_memory_monitor:set_vm_memory_high_watermark(0.00001)",
        "Until(fun() -> rabbit_alarm:get_alarms() =/= [] end)",
    ]);

    service.signal("CONT");
    scene.wait_for_log(10 * NODES);
    wait_until("the acknowledgement", || scene.waiting() == Some(0));
    service.stop();
    let service = scene.listen();
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| scene.publish_all(load(10, 1)));
        ours.eval(&[
            UNTIL,
            "Blocked = fun(Each) -> \
             rabbit_networking:connection_info(Each, [state]) =:= [{state, blocked}] end",
            "Until(fun() -> lists:any(Blocked, rabbit_networking:connections()) end)",
            "{ok, Usual} = application:get_env(rabbit, vm_memory_high_watermark)",
            "vm_memory_monitor:set_vm_memory_high_watermark(Usual)",
            "Until(fun() -> rabbit_alarm:get_alarms() =:= [] end)",
        ]);
        publishing.join().expect("the alarm is over");
    });

    assert_whole(&scene.wait_for_log(11 * NODES), 11);
    let log = service.stop();
    assert!(!log.contains("WARN"), "{log}");
    assert_settled(&scene, 11);
}

/// How long the broker waits for an acknowledgement, and how often it looks: in milliseconds, for
/// channels that are opened from now on.
fn acknowledgement_within(ours: &Ours, limit: u32, look: u32) {
    ours.eval(&[
        format!("ok = application:set_env(rabbit, consumer_timeout, {limit})"),
        format!("ok = application:set_env(rabbit, channel_tick_interval, {look})"),
    ]);
}

#[test]
fn a_long_script_never_meets_the_limit_of_acknowledgement_and_a_full_disk_outlives_it() {
    let (ours, _turn) = alone();
    acknowledgement_within(ours, 1_000, 200);
    let long = scene(ours, "long");
    long.script(
        "record.sh",
        r#"until [ -e go ]; do sleep 0.05; done; echo "$1|$2|" >>"$LOG""#,
    );
    let full = scene(ours, "full");
    let patient = long.listen();
    long.publish_all(load(0, 2));
    wait_until("scripts under way", || {
        long.states()
            .iter()
            .filter(|state| *state == "running")
            .count()
            == NODES
    });

    // This one begins later and has given back what it had when the limit is met, or meets it.
    let holder = start_limitable(&full);
    holder.wait_for("consuming queue");
    limit_files(&holder, "1");
    full.publish_all(load(0, 10));
    holder.wait_for("retrying every second");
    wait_until("the end of the channel", || {
        // The deliveries are the queue's again.
        full.waiting() == Some(u32::try_from(10 * NODES).expect("a number"))
    });
    limit_files(&holder, "unlimited");
    assert_whole(&full.wait_for_log(10 * NODES), 10);
    let log = holder.stop();
    assert!(
        log.contains("returned the unacknowledged") || log.contains("PRECONDITION_FAILED"),
        "{log}"
    );
    assert_settled(&full, 10);

    fs::write(long.path("go"), "").expect("a file");
    assert_whole(&long.wait_for_log(2 * NODES), 2);
    let log = patient.stop();
    assert!(!log.contains("WARN"), "{log}");
    assert_settled(&long, 2);
    // What is usual.
    acknowledgement_within(ours, 1_800_000, 60_000);
}
