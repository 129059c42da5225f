//! Kafka for the scenarios: librdkafka's mock cluster behind a door that does what a test says.
//!
//! The cluster is a process of its own (`kafka.py`), with the library of Debian's python3-confluent-kafka. The door
//! (`kafka/door.rs`) is the address that sources are told of; what is behind it can be gone, or be another cluster.

mod door;
mod sasl;

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

pub(crate) use door::{Door, Guard};

/// Where Debian has the Python that its packages are for.
const PYTHON: &str = "/usr/bin/python3";

/// A cluster.
pub(crate) struct Kafka {
    process: Child,
    /// Those of its brokers.
    ports: Vec<u16>,
    talk: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

/// A message that is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent<'a> {
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) key: Option<&'a str>,
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl<'a> Sent<'a> {
    pub(crate) fn text(value: &'a str) -> Self {
        Self {
            value: Some(value.as_bytes()),
            ..Self::default()
        }
    }
}

impl Kafka {
    /// One of so many brokers, without topics.
    pub(crate) fn of(brokers: usize) -> Self {
        let mut process = Command::new(PYTHON)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/kafka.py"
            ))
            .arg(brokers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("/usr/bin/python3, of the package python3");
        let stdin = process.stdin.take().expect("a pipe");
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let ports: Result<_, _> = line.split_ascii_whitespace().map(str::parse).collect();
        let ports: Vec<u16> = ports.expect("ports");
        assert_eq!(
            ports.len(),
            brokers,
            "is the package python3-confluent-kafka installed?"
        );
        Self {
            process,
            ports,
            talk: RefCell::new((stdin, stdout)),
        }
    }

    /// One of one broker, with a topic of so many partitions.
    pub(crate) fn with(topic: &str, partitions: usize) -> Self {
        let kafka = Self::of(1);
        kafka.make(topic, partitions);
        kafka
    }

    pub(crate) fn make(&self, topic: &str, partitions: usize) {
        self.order(&json!({"make": topic, "partitions": partitions}));
    }

    /// Has a broker, counted from 1, lead a partition; or nobody, with -1.
    pub(crate) fn lead(&self, topic: &str, partition: i32, broker: i32) {
        self.order(&json!({"lead": topic, "partition": partition, "broker": broker}));
    }

    /// Has a broker go away.
    pub(crate) fn down(&self, broker: usize) {
        self.order(&json!({ "down": broker }));
    }

    /// Has it come back.
    pub(crate) fn up(&self, broker: usize) {
        self.order(&json!({ "up": broker }));
    }

    /// The addresses of all brokers, with commas between them.
    pub(crate) fn addresses(&self) -> String {
        let addresses = self.ports.iter().map(|port| format!("127.0.0.1:{port}"));
        addresses.collect::<Vec<_>>().join(", ")
    }

    /// Sends messages, and gives their offsets.
    pub(crate) fn send(&self, topic: &str, partition: i32, messages: &[Sent<'_>]) -> Vec<i64> {
        self.send_with(topic, partition, messages, &json!({}))
    }

    /// Sends texts to partition 0.
    pub(crate) fn send_texts<T: AsRef<str>>(&self, topic: &str, texts: &[T]) -> Vec<i64> {
        let messages: Vec<_> = texts.iter().map(|it| Sent::text(it.as_ref())).collect();
        self.send(topic, 0, &messages)
    }

    /// The same, with options of the sender.
    pub(crate) fn send_with(
        &self,
        topic: &str,
        partition: i32,
        messages: &[Sent<'_>],
        options: &Value,
    ) -> Vec<i64> {
        let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        let message = |sent: &Sent<'_>| {
            let headers = sent.headers.iter();
            let headers: Vec<_> = headers
                .map(|(name, value)| (name, encoded(value.as_bytes())))
                .collect();
            json!({
                "value": sent.value.map(encoded),
                "key": sent.key.map(|key| encoded(key.as_bytes())),
                "headers": headers,
            })
        };
        let messages: Vec<Value> = messages.iter().map(message).collect();
        let offsets = self.order(&json!({
            "send": topic, "partition": partition, "messages": messages, "options": options,
        }));
        serde_json::from_value(offsets).expect("offsets")
    }

    fn order(&self, order: &Value) -> Value {
        let (stdin, stdout) = &mut *self.talk.borrow_mut();
        writeln!(stdin, "{order}").expect("a cluster");
        let mut answer = String::new();
        stdout.read_line(&mut answer).expect("a line");
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{order} failed"))
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
