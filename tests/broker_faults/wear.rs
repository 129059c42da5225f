//! What a broker does or refuses again and again uses nothing up, however few channels it allows.

use super::limits::{FewChannels, is_consumed_once_made};
use super::queues::take_exclusively;
use super::{VHOST, alone, record};
use crate::support::amqp::Declaration;
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

#[test]
fn a_queue_that_is_deleted_again_and_again_is_consumed_each_time() {
    // One for the consumer, and one each for those that end beside it: the broker counts them until it has
    // heard of their end.
    const CHANNELS: u16 = 4;
    const TIMES: usize = 4 * CHANNELS as usize;
    let (ours, _turn) = alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "deleted-often");
    record(&mut scene, "node_name");
    scene.declare(Declaration::Durable);
    let _few = FewChannels::set(ours, CHANNELS);
    let service = scene.listen();
    let mut files = usize::MAX;
    for time in 1..=TIMES {
        scene.delete_queue();
        scene.declare(if time % 2 == 0 {
            Declaration::Durable
        } else {
            Declaration::Quorum
        });
        scene.publish(notification(FULFILL).body);
        scene.wait_for_log(time);
        if time == 3 {
            files = service.files_at_rest();
        }
    }
    wait_until("no more files than at first", || {
        service.open_files().len() <= files
    });
    let log = service.stop();
    assert_eq!(log.matches("connected to").count(), 1, "{log}");
    assert!(!log.contains("no further channel"), "{log}");
    scene.delete_queue();
}

#[test]
fn a_queue_that_is_locked_for_long_is_asked_for_without_wear() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (ours, _turn) = alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "locked");
    record(&mut scene, "node_name");
    let (host, _) = ours.broker.url().rsplit_once('/').expect("a URL");
    let owner = take_exclusively(&runtime, &format!("{host}/{VHOST}"), &scene.queue);
    let _few = FewChannels::set(ours, 2);
    let service = scene.start(&["-v"]);
    wait_until("more refusals than there are channels", || {
        let log = service.log();
        log.matches("over a separate connection").count() > 3
    });
    let log = service.log();
    let refusals = log.matches("another connection uses it exclusively");
    assert_eq!(refusals.count(), 1, "{log}");
    let closing = owner.close(200, "done".into());
    runtime.block_on(closing).expect("the end");
    is_consumed_once_made(&scene, service);
}

#[test]
fn a_broker_without_a_limit_of_channels_has_none() {
    let (ours, _turn) = alone();
    let mut scene = Scene::in_vhost(&ours.broker, VHOST, "unlimited");
    record(&mut scene, "node_name");
    let _unlimited = FewChannels::set(ours, 0);
    let service = scene.start(&[]);
    service.wait_for("the queue does not exist yet");
    scene.declare(Declaration::Durable);
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    let log = service.stop();
    assert!(!log.contains("renewing"), "{log}");
    scene.delete_queue();
}
