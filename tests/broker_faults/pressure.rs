//! The journal's disk cannot be written: what waits stays with the broker.

use std::process::Command;
use std::time::{Duration, Instant};

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::record;
use crate::support::amqp::{self, Declaration};
use crate::support::broker::Broker;
use crate::support::scene::{Scene, Service, lease, program, wait_until};

const PREFETCH: u32 = 10;
const MESSAGES: usize = 100;

/// Limits the size that a file may reach through the service; a full disk for it alone, and for
/// root too.
pub(super) fn limit_files(service: &Service, bytes: &str) {
    let pid = service.pid().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let output = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .output()
        .expect("prlimit starts; it is in the package util-linux");
    let why = "prlimit cannot fill the service's disk here";
    assert!(output.status.success(), "{why}: {output:?}");
}

/// `listen`, to which a limit is no more than a full disk.
pub(super) fn start_limitable(scene: &Scene) -> Service {
    let mut command = Command::new("sh");
    // Without the trap the kernel would end the service, which no full disk does.
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(program())
        .args(["listen", "--config"])
        .arg(scene.config());
    Service::start(&mut command)
}

/// Publishes [`MESSAGES`] to a service whose disk is full, and looks for a while whether so many are with
/// the broker and under way to nobody. Once there is room, all of them are performed in order.
fn no_more_is_held_than(held: u32, declaration: Declaration) {
    let mut scene = Scene::on(Broker::shared(), "pressure");
    scene.declare(declaration);
    record(&mut scene, "purpose");
    scene.default(&format!("prefetch = {PREFETCH}"));
    let service = start_limitable(&scene);
    service.wait_for("consuming queue");

    limit_files(&service, "1");
    scene.publish_all((0..MESSAGES).map(|number| lease(&number.to_string(), "one")));
    service.wait_for("retrying every second");
    let done = if held == 0 {
        "returned the unacknowledged"
    } else {
        "keeping the"
    };
    service.wait_for(&format!("{done} deliveries of queue {}", scene.queue));
    let ready = u32::try_from(MESSAGES).expect("a number") - held;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2500) {
        assert_eq!(scene.waiting(), Some(ready), "{declaration:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(scene.log().is_empty());

    limit_files(&service, "unlimited");
    let log = scene.wait_for_log(MESSAGES);
    let expected: Vec<String> = (0..MESSAGES).map(|number| format!("{number}|")).collect();
    assert_eq!(log, expected, "{declaration:?}");
    wait_until("everything to be acknowledged", || {
        scene.states() == vec!["succeeded"; MESSAGES]
    });
    let log = service.stop();
    assert_eq!(log.matches("connected to").count(), 1, "{log}");
    if !declaration.is_auto_delete() {
        assert_eq!(scene.waiting(), Some(0));
        scene.delete_queue();
    }
}

#[test]
fn while_the_journal_cannot_be_written_nothing_is_held() {
    no_more_is_held_than(0, Declaration::Transient);
    no_more_is_held_than(0, Declaration::Durable);
    no_more_is_held_than(0, Declaration::Quorum);
}

#[test]
fn a_queue_that_goes_without_a_consumer_keeps_it() {
    no_more_is_held_than(PREFETCH, Declaration::AutoDelete);
    no_more_is_held_than(PREFETCH, Declaration::DurableAutoDelete);
    no_more_is_held_than(PREFETCH, Declaration::Expiring);
}

#[test]
fn asking_whether_a_queue_stays_makes_none() {
    let scene = Scene::on(Broker::shared(), "asked");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let number = AMQPValue::LongInt(-1);
    let kind = |kind: &str| Some(AMQPValue::LongString(kind.into()));
    let mut asked = vec![("x-queue-type", kind("impossible").expect("a kind"), None)];
    for name in [
        "x-expires",
        "x-message-ttl",
        "x-max-length",
        "x-max-length-bytes",
    ] {
        for kind in [None, kind("classic"), kind("quorum"), kind("stream")] {
            asked.push((name, number.clone(), kind));
        }
    }
    let mut declarations = Vec::new();
    for (durable, auto_delete) in [(true, true), (false, true), (true, false), (false, false)] {
        declarations.extend(asked.iter().map(|it| (durable, auto_delete, it)));
    }
    for (durable, auto_delete, (name, impossible, kind)) in declarations {
        // As the service asks.
        let refusal = runtime.block_on(async {
            let connection = amqp::connect(Broker::shared().url()).await;
            let channel = connection.create_channel().await.expect("a channel");
            let mut arguments = FieldTable::default();
            arguments.insert((*name).into(), impossible.clone());
            if let Some(kind) = kind {
                arguments.insert("x-queue-type".into(), kind.clone());
            }
            let options = QueueDeclareOptions {
                durable,
                auto_delete,
                ..QueueDeclareOptions::default()
            };
            let queue = scene.queue.as_str().into();
            channel.queue_declare(queue, options, arguments).await
        });
        let refusal = refusal.expect_err("a refusal").to_string();
        assert!(refusal.contains("PRECONDITION_FAILED"), "{refusal}");
        assert_eq!(scene.waiting(), None);
    }
}
