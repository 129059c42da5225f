//! What comes from elsewhere than the bus: requests to a webhook, lines of a program, and a history of which nothing is new.

use std::fmt::Write as _;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::counts::{Counts, LONGEST};
use super::measure::{median, rate, wait_for};
use super::peers::{self, PARSE, RECEIVE};
use super::sizes::Sizes;
use super::support::openstack::row;
use super::support::poller::Poller;
use super::support::scene::{DELETE, FULFILL, Service};
use super::support::sender::free_port;
use super::support::stage::Stage;
use super::table::{Goal, Row};

/// Whoever sends requests, each the next one once the last was answered.
const SENDERS: usize = 32;

/// What fills a body, so that it is as large as a notification is in the journal.
const FILLING: usize = 900;

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    vec![
        webhook(sizes.rounds, sizes.requests),
        exec(sizes.rounds, sizes.lines),
        poll(sizes.rounds, sizes.rows),
    ]
}

fn webhook(rounds: usize, requests: usize) -> Row {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let address = format!("127.0.0.1:{}", free_port());
        let receiver = peers::own(RECEIVE, &[&address]).spawn();
        let mut receiver: Child = receiver.expect("this program");
        bare.push(rate(requests, sent(&address, requests)));
        receiver.kill().expect("kill");
        receiver.wait().expect("a child");

        let address = format!("127.0.0.1:{}", free_port());
        let mut stage = Stage::new("");
        stage.rule(
            "source:hook",
            &format!("type = webhook\nlisten = {address}\nauth = none\nid = payload.id"),
        );
        stage.rule(
            "r",
            "events = hook\nscript = /bin/true\nfilter_params = {\"payload.text\": \"never\"}",
        );
        let service = Service::start(stage.program("listen").arg("--quiet"));
        ours.push(rate(requests, sent(&address, requests)));
        service.stop();
    }
    Row::of(
        "requests to a webhook, kept in the journal",
        "requests/s",
        median(&ours),
        ("bare axum and SQLite", median(&bare)),
        Goal::AtLeast(0.5),
    )
}

/// How long so many requests take from the first until the answer to the last, once somebody takes them.
fn sent(address: &str, count: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        connected(address).await;
        let began = Instant::now();
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let numbers = (0..count).skip(sender).step_by(SENDERS);
            senders.spawn(send(address.to_owned(), numbers));
        }
        senders.join_all().await;
        began.elapsed()
    })
}

async fn connected(address: &str) -> TcpStream {
    let began = Instant::now();
    loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            return stream;
        }
        assert!(began.elapsed() < LONGEST, "nobody at {address}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Sends a request with each of these numbers over one connection.
async fn send(address: String, numbers: impl Iterator<Item = usize>) {
    let mut stream = BufReader::new(connected(&address).await);
    let text = "x".repeat(FILLING);
    for number in numbers {
        let body = json!({"id": number.to_string(), "text": text}).to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = stream.get_mut().write_all(request.as_bytes()).await;
        sent.expect("a connection that stays");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = stream.read_line(&mut head).await.expect("an answer");
            assert!(read > 0, "an answer that is cut off: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 202 "), "{head}");
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length: ");
        let length = length.and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let mut answer = vec![0; length.expect("a length")];
        stream.read_exact(&mut answer).await.expect("an answer");
    }
}

/// Lines of a type that no rule is for, and a last one.
fn exec(rounds: usize, lines: usize) -> Row {
    let mut stage = Stage::new("");
    stage.rule(
        "source:feed",
        &format!(
            "type = exec\ncommand = {}",
            stage
                .script("feed.sh", "cat lines; exec sleep 3600")
                .display()
        ),
    );
    stage.rule("last", "events = feed.last\nscript = /bin/true");
    let mut text = String::new();
    for number in 0..lines {
        writeln!(
            text,
            r#"{{"id": "e{number}", "type": "other", "i": {number}}}"#
        )
        .expect("memory");
    }
    text.push_str("{\"type\": \"last\"}\n");
    fs::write(stage.path("lines"), text).expect("a file");
    let mut rates = Vec::new();
    for round in 1..=rounds {
        let began = Instant::now();
        let service = Service::start(stage.program("listen").arg("--quiet"));
        wait_for(&Counts::of(&stage), round, "succeeded");
        rates.push(rate(lines, began.elapsed()));
        service.stop();
    }
    Row::alone(
        "lines of a program that no rule is for",
        "lines/s",
        median(&rates),
        Goal::AtLeast(50_000.0),
    )
}

/// A pass over a history of which nothing is new, whose client prints all of it.
fn poll(rounds: usize, rows: usize) -> Row {
    let mut poller = Poller::recording(DELETE);
    let program = poller.script("history.sh", "exec cat \"${0%/*}/history\"");
    let program = program.to_str().expect("a path in UTF-8").to_owned();
    poller.replace("openstack_command", &program);
    let ids = 1..=i64::try_from(rows).expect("a small number");
    let history: Vec<_> = ids.map(|id| row(id, FULFILL, "lease", "node")).collect();
    let history = serde_json::to_string(&history).expect("JSON");
    fs::write(poller.path("history"), history).expect("a file");
    poller.pass(&["--from-start", "--quiet"]);
    let (mut ours, mut parsed) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let millis = |took: Duration| took.as_secs_f64() * 1_000.0;
        parsed.push(millis(peers::timed(&mut peers::own(PARSE, &[&program]))));
        ours.push(millis(peers::timed(&mut poller.polling(&["--quiet"]))));
    }
    Row::of(
        &format!("poll pass over {rows} rows, nothing new"),
        "ms",
        median(&ours),
        ("parsing them once", median(&parsed)),
        Goal::AtMost(1.5),
    )
}
