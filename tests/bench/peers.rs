//! What the program is measured beside, each as a process of its own: Debian's `amqp-consume`, and the bare
//! loops that do the least there is to do.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use axum::http::StatusCode;
use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::bare::Bare;
use super::support::amqp;
use super::support::broker::Broker;
use super::support::scene::Scene;

pub(crate) const COMMIT: &str = "commit";
pub(crate) const DRAIN: &str = "drain";
pub(crate) const PARSE: &str = "parse";
pub(crate) const RECEIVE: &str = "receive";
pub(crate) const SPAWN: &str = "spawn";
pub(crate) const STAMP: &str = "stamp";

/// Where the bare drain finds the broker: not an argument, since that may hold a password.
const URL: &str = "BENCH_AMQP_URL";

/// What the service has for `prefetch` unless told.
const PREFETCH: u16 = 200;

/// Deliveries that the bare drain acknowledges together.
const ACKED_AT_ONCE: usize = 100;

/// The most requests that the bare receiver commits together.
const COMMITTED_AT_ONCE: usize = 100;

/// What scripts do that are to write something: little, so that the rest can be seen.
pub(crate) const WRITES: [&str; 2] = ["/bin/echo", "done"];

/// This program as that peer.
pub(crate) fn own(peer: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .arg(peer)
        .args(arguments)
        .env(URL, Broker::shared().url());
    command
}

/// `amqp-consume` with a program to be started for each message of the stage's queue.
pub(crate) fn amqp_consume(scene: &Scene, options: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new("amqp-consume");
    command
        .arg(format!("--url={}", Broker::shared().url()))
        .arg(format!("--queue={}", scene.queue))
        .args(options)
        .args(program)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// How long a peer takes from its start to its end, which has to be a good one.
pub(crate) fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    let status = command.status();
    let took = began.elapsed();
    let name = command.get_program().display();
    let status = status.unwrap_or_else(|why| panic!("failed to start {name}: {why}"));
    assert!(status.success(), "{name}: {status}");
    took
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

/// Takes so many messages from a queue, and looks into none of them.
pub(crate) fn drain(queue: &str, count: usize) {
    let url = std::env::var(URL).expect("started by the benchmark");
    runtime().block_on(async {
        let connection = amqp::connect(&url).await;
        let channel = connection.create_channel().await.expect("a channel opens");
        let qos = channel.basic_qos(PREFETCH, BasicQosOptions::default());
        qos.await.expect("the broker takes a prefetch");
        let consumer = channel.basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut deliveries = consumer.await.expect("the queue can be consumed");
        for number in 1..=count {
            let delivery = deliveries.next().await.expect("a delivery");
            let delivery = delivery.expect("a delivery");
            if number.is_multiple_of(ACKED_AT_ONCE) || number == count {
                let acked = delivery.acker.ack(BasicAckOptions { multiple: true });
                acked.await.expect("the broker takes acknowledgements");
            }
        }
        // Acknowledgements are on their way until the broker says that it closes.
        let closed = connection.close(200, "drained".into());
        closed.await.expect("the connection closes");
    });
}

/// Starts so many processes, at most so many at a time, and captures what they write.
pub(crate) fn spawn(count: usize, parallel: usize) {
    let [program, argument] = WRITES;
    runtime().block_on(async {
        let mut running = JoinSet::new();
        for _ in 0..count {
            if running.len() == parallel {
                running.join_next().await;
            }
            running.spawn(async move {
                let output = tokio::process::Command::new(program).arg(argument).output();
                let output = output.await.expect("a process");
                assert!(output.status.success() && !output.stdout.is_empty());
            });
        }
        running.join_all().await;
    });
}

/// Starts a program so many times, one after another, with one small commit in between: the least that a run takes whose end
/// is on disk before the next one begins.
pub(crate) fn commit(program: &str, count: usize) {
    let mut bare = Bare::new();
    let row = [String::from("{}")];
    runtime().block_on(async {
        for _ in 0..count {
            let output = tokio::process::Command::new(program)
                .stdin(Stdio::null())
                .output();
            assert!(output.await.expect("a process").status.success());
            bare.commit(&row);
        }
    });
}

/// Runs a program that prints JSON, and parses that once.
pub(crate) fn parse(program: &str) {
    let output = Command::new(program).output().expect("a process");
    let parsed: Result<Value, _> = serde_json::from_slice(&output.stdout);
    std::hint::black_box(parsed.expect("JSON"));
}

/// Takes requests at an address, and answers each once its body is on disk. What waits is committed together.
pub(crate) fn receive(address: &str) {
    type Body = (String, oneshot::Sender<()>);
    let (taken, waiting) = std::sync::mpsc::channel::<Body>();
    std::thread::spawn(move || {
        let mut bare = Bare::new();
        while let Ok(first) = waiting.recv() {
            let others = waiting.try_iter().take(COMMITTED_AT_ONCE - 1);
            let (bodies, senders): (Vec<_>, Vec<_>) = std::iter::once(first).chain(others).unzip();
            bare.commit(&bodies);
            for sender in senders {
                sender.send(()).expect("who waits for it");
            }
        }
    });
    let take = async move |body: String| {
        let (sender, on_disk) = oneshot::channel();
        taken.send((body, sender)).expect("the other thread");
        on_disk.await.expect("a commit");
        StatusCode::ACCEPTED
    };
    runtime().block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await;
        let router = axum::Router::new().route("/", axum::routing::post(take));
        let serving = axum::serve(listener.expect("a free port"), router);
        serving.await.expect("requests");
    });
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("a time after 1970").as_nanos()
}

/// Notes that a script has begun, and does no more than it must.
pub(crate) fn stamp(file: &Path) {
    let line = format!("{}\n", now());
    let opened = File::options().append(true).create(true).open(file);
    let mut opened = opened.expect("a file");
    opened.write_all(line.as_bytes()).expect("a line");
    // `amqp-consume` ends itself if its program does not read.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("a message");
}
