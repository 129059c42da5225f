//! Messages of topics of Apache Kafka, or of what speaks its protocol: each is an event.
//!
//! ```ini
//! [source:alarms]
//! type = kafka
//! brokers = k1.example.org:9093, k2.example.org:9093
//! topics = alarms
//! ssl = yes
//! sasl = scram-sha-512
//! user = events
//! password_file = kafka-password
//! ```
//!
//! The event is of type `alarms`. Its payload is that of `ansible.eda.kafka`, with the message's key besides:
//!
//! ```json
//! {"body":{"host":"n7"},"meta":{"source_offset":"alarms:0:42","produced_at":"2026-11-26T01:02:03.456000Z",
//!  "headers":{"trace":"a"},"key":"n7","uuid":"5d0d4c5a-…"}}
//! ```
//!
//! There is no consumer group: how far each partition was read is the source's cursor, and moves in the commit that
//! accepts the messages (`memory.rs`, pure). `client.rs` is what knows the client library, with `packed.rs` for partitions whose
//! batches are compressed and `unpack.rs` (pure) for what is in these; `consumer.rs` asks by it, and `reader.rs` is one
//! partition; `message.rs` makes events (pure), and `source.rs` hands them over.

mod client;
mod consumer;
mod memory;
mod message;
mod options;
mod packed;
mod reader;
mod source;
mod tasks;
mod unpack;
mod uuid;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use message::{Message, Messages};
pub use unpack::{messages, unpack};

use super::{
    Asking, FeedCheckup, KeyPath, Opening, Pending, Reply, Setup, Source, SourcePart, decode_event,
};
use crate::config::table::{PartOptions, SourceKind};
use crate::config::{Options, Problem};
use crate::http::Trust;
use crate::journal::{Cursor, Placement};
use crate::os::limits::allow_many_open_files;
use client::Cluster;
use memory::{Memory, Start};
use source::KafkaSource;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "kafka",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: decode_event,
    reached: Some(reached),
};

/// What is read, where from, and how to get in.
#[derive(Clone, Debug)]
struct Kafka {
    /// `HOST:PORT` of each broker to begin with; they name the others.
    brokers: Vec<String>,
    topics: Vec<String>,
    /// Where a topic is begun.
    start: Start,
    /// Where the key of an event is.
    key: KeyPath,
    /// TLS, if it is used.
    trust: Option<Trust>,
    login: Option<SaslLogin>,
}

/// How to log in. The password is read for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SaslLogin {
    mechanism: Mechanism,
    user: String,
    password_file: PathBuf,
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    /// It is sent.
    Plain,
    /// SCRAM-SHA-256: it is not.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

impl Kafka {
    /// Whether a broker lets us in, and has the topics. To ask for one by its name might make it.
    async fn look(&self) -> Reply {
        let looked = async {
            Cluster::connect(&Arc::new(self.clone()))
                .await?
                .topics(&self.topics)
                .await
        };
        let found = match looked.await {
            Ok(found) => found,
            Err(trouble) => {
                let hint = "correct what the message names, or look at the brokers";
                return Reply::refusal(consumer::told(trouble), hint);
            }
        };
        let mut reply = Reply::fact(format!("connected to {}", self.brokers.join(", ")));
        for topic in &self.topics {
            match found.get(topic) {
                Some(partitions) => {
                    let partitions = partitions.len();
                    reply
                        .facts
                        .push(format!("topic {topic}: partitions: {partitions}"));
                }
                None => reply.problems.push(Problem::warning(
                    consumer::absent(topic),
                    "if it should exist by now, look at its name and at the rights of the user",
                )),
            }
        }
        reply
    }
}

/// How far topics were read, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let memory: Memory = serde_json::from_str(&cursor.0).ok()?;
    Some(memory.in_words())
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let kafka = options::read(options, folder)?;
    Some(Arc::new(Arc::new(kafka)))
}

impl Setup for Arc<Kafka> {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        // Each partition has a connection of its own.
        allow_many_open_files();
        Box::new(KafkaSource::new(Arc::clone(self), opening))
    }

    /// The cursor moves with the messages.
    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        format!("{} at {}", self.topics.join(", "), self.brokers.join(", "))
    }

    fn ask<'a>(&'a self, _: &'a Asking<'a>) -> Pending<'a, Option<Reply>> {
        Box::pin(async move { Some(self.look().await) })
    }

    fn secret_files(&self) -> Vec<(PathBuf, &'static str)> {
        let passwords = self.login.iter();
        let passwords = passwords.map(|login| (login.password_file.clone(), "password_file"));
        let keys = self.trust.iter().filter_map(|trust| trust.identity.clone());
        let keys = keys.filter_map(|(_, key)| Some((key?, "ssl_key_file")));
        passwords.chain(keys).collect()
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        let mut checkup = FeedCheckup::default();
        let authorities = self.trust.iter().filter_map(|trust| trust.ca_file.clone());
        let certificates = self.trust.iter().filter_map(|trust| trust.identity.clone());
        let files = authorities
            .map(|path| ("ssl_ca_file", path))
            .chain(certificates.map(|(path, _)| ("ssl_cert_file", path)));
        for (option, path) in files {
            if let Err(error) = File::open(&path) {
                let message = format!("failed to read {} (`{option}`): {error}", path.display());
                let hint = "put the file there, or name it as the user of the service finds it";
                let problem = Problem::warning(message, hint);
                checkup.problems.push(problem.within(section));
            }
        }
        checkup
    }
}

#[cfg(test)]
mod tests;
