//! The client library, and all that is known of it: connections, what can be asked, and what its errors mean.
//!
//! The library has no time limits of its own. So each question has a limit here, after which its connection is given up.
//! It would repeat what fails, and ask for the leader of a topic by its name, by which brokers make a topic that was
//! deleted; so it is to repeat nothing. It would unpack a compressed batch whatever that comes to; so it is built without
//! that, and a partition with such batches is asked by [`packed`](super::packed).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rskafka::BackoffConfig;
use rskafka::chrono::DateTime;
use rskafka::client::error::{Error, ProtocolError, RequestError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::memory::{Span, Spot, Start, Topics};
use super::packed::Packed;
use super::{Kafka, Mechanism, Message, SaslLogin};
use crate::os::credentials::first_line;

/// The longest answer that is taken. A batch of messages comes whole, however few bytes are asked for.
pub(super) const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// How long a broker may take to answer, besides what it was asked to wait.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Why the library cannot read messages that are compressed.
const COMPRESSED: &str = "they are compressed";

/// What brokers know us by.
pub(super) const CLIENT_ID: &str = concat!("esi-event-actions/", env!("CARGO_PKG_VERSION"));

/// Why something could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no message of this offset.
    OutOfRange,
    /// There is no such partition, as this broker knows.
    Missing,
    /// The next messages cannot be read: in words, why, and what to do.
    Unreadable(String),
    /// Anything else, in words.
    Failed(String),
}

/// A cluster that is reached.
pub(super) struct Cluster {
    client: Client,
    kafka: Arc<Kafka>,
}

/// A partition, over a connection of its own.
pub(super) struct Partition {
    client: PartitionClient,
    kafka: Arc<Kafka>,
    spot: Spot,
    /// By what it is read since compressed messages were found.
    packed: Mutex<Option<Packed>>,
}

/// What was read.
pub(super) struct Fetched {
    /// In order.
    pub(super) messages: Vec<Message>,
    /// The offset behind the last message that there is.
    pub(super) end: i64,
}

impl Cluster {
    /// Connects to one of the brokers, and logs in.
    pub(super) async fn connect(kafka: &Arc<Kafka>) -> Result<Self, Trouble> {
        let no_retries = BackoffConfig {
            deadline: Some(Duration::ZERO),
            ..BackoffConfig::default()
        };
        let mut builder = ClientBuilder::new(kafka.brokers.clone())
            .client_id(CLIENT_ID)
            .max_message_size(LARGEST_ANSWER)
            .backoff_config(no_retries);
        if let Some(trust) = &kafka.trust {
            let config = trust.config();
            let config = config.map_err(|problem| Trouble::Failed(problem.to_string()))?;
            builder = builder.tls_config(Arc::new(config));
        }
        if let Some(login) = &kafka.login {
            builder = builder.sasl_config(sasl(login).map_err(Trouble::Failed)?);
        }
        let client = answered(LIMIT, builder.build()).await.map_err(|trouble| {
            let Trouble::Failed(why) = trouble else {
                return trouble;
            };
            let remedy = remedy(&why, kafka).map(|remedy| format!("; {remedy}"));
            Trouble::Failed(format!(
                "failed to connect to {}: {why}{}",
                kafka.brokers.join(", "),
                remedy.unwrap_or_default()
            ))
        })?;
        Ok(Self {
            client,
            kafka: Arc::clone(kafka),
        })
    }

    /// Those of these topics that there are, with their partitions. To ask for a topic by its name may make it.
    pub(super) async fn topics(&self, asked: &[String]) -> Result<Topics, Trouble> {
        let all = answered(LIMIT, self.client.list_topics()).await?;
        let asked = all.into_iter().filter(|it| asked.contains(&it.name));
        Ok(asked.map(|it| (it.name, it.partitions)).collect())
    }

    /// Connects to the leader of a partition of a topic that there is: it is asked for by its name.
    pub(super) async fn partition(&self, spot: &Spot) -> Result<Partition, Trouble> {
        let (topic, number) = spot.clone();
        let connecting = (self.client).partition_client(topic, number, UnknownTopicHandling::Error);
        let client = answered(LIMIT, connecting).await?;
        Ok(Partition {
            client,
            kafka: Arc::clone(&self.kafka),
            spot: spot.clone(),
            packed: Mutex::default(),
        })
    }
}

impl Partition {
    /// The offset where it is begun.
    pub(super) async fn begin(&self, start: Start) -> Result<i64, Trouble> {
        let at = match start {
            Start::Latest => OffsetAt::Latest,
            Start::Earliest => OffsetAt::Earliest,
            Start::At(time) => {
                let time = DateTime::from_timestamp_millis(time.as_millisecond());
                OffsetAt::Timestamp(time.unwrap_or_default())
            }
        };
        match answered(LIMIT, self.client.get_offset(at)).await? {
            // Of no message that is so late.
            offset if offset < 0 => answered(LIMIT, self.client.get_offset(OffsetAt::Latest)).await,
            offset => Ok(offset),
        }
    }

    /// What it has.
    pub(super) async fn span(&self, start: Start) -> Result<Span, Trouble> {
        Ok(Span {
            first: self.begin(Start::Earliest).await?,
            end: self.begin(Start::Latest).await?,
            start: self.begin(start).await?,
        })
    }

    /// Its messages from this offset on: about so many bytes, or the first batch; nothing, if none comes within this time.
    pub(super) async fn fetch(
        &self,
        offset: i64,
        bytes: i32,
        wait: Duration,
    ) -> Result<Fetched, Trouble> {
        let mut packed = self.packed.lock().await;
        if packed.is_none() {
            match self.fetch_bare(offset, bytes, wait).await {
                Err(Trouble::Unreadable(why)) if why == COMPRESSED => {}
                answer => return answer,
            }
        }
        let packed = match &mut *packed {
            Some(packed) => packed,
            none => none.insert(Packed::connect(&self.kafka, &self.spot).await?),
        };
        packed.fetch(offset, bytes, wait).await
    }

    /// The same by the library.
    async fn fetch_bare(
        &self,
        offset: i64,
        bytes: i32,
        wait: Duration,
    ) -> Result<Fetched, Trouble> {
        let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let fetching = (self.client).fetch_records(offset, 1..bytes.saturating_add(1), millis);
        let (records, end) = answered(wait + LIMIT, fetching).await?;
        let (topic, partition) = &self.spot;
        let message = |it: rskafka::record::RecordAndOffset| Message {
            topic: topic.clone(),
            partition: *partition,
            offset: it.offset,
            log: 0,
            key: it.record.key,
            value: it.record.value,
            headers: it.record.headers,
            millis: it.record.timestamp.timestamp_millis(),
        };
        let messages = records.into_iter().map(message).collect();
        Ok(Fetched { messages, end })
    }
}

/// How to log in; the password is read now.
pub(super) fn sasl(login: &SaslLogin) -> Result<SaslConfig, String> {
    let password = first_line(&login.password_file, "password_file")?;
    let credentials = Credentials::new(login.user.clone(), password.expose_secret().to_owned());
    Ok(match login.mechanism {
        Mechanism::Plain => SaslConfig::Plain(credentials),
        Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
        Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
    })
}

/// What comes within this time. The library's questions are large, so each is kept in one place.
pub(super) fn within<'a, T: Send + 'a>(
    limit: Duration,
    question: impl Future<Output = Result<T, Trouble>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Trouble>> {
    Box::pin(async move {
        let answer = tokio::time::timeout(limit, question).await;
        answer.unwrap_or_else(|_| Err(Trouble::Failed(format!("no answer within {limit:?}"))))
    })
}

/// The same of what the library answers.
fn answered<'a, T: Send + 'a>(
    limit: Duration,
    question: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Trouble>> {
    within(limit, async {
        question.await.map_err(|error| trouble(&error))
    })
}

/// What it means that a broker answers this.
pub(super) fn of_broker(error: ProtocolError) -> Trouble {
    match error {
        ProtocolError::OffsetOutOfRange => Trouble::OutOfRange,
        ProtocolError::UnknownTopicOrPartition => Trouble::Missing,
        ProtocolError::TopicAuthorizationFailed => {
            Trouble::Failed("the user may not read the topic".to_owned())
        }
        other => Trouble::Failed(format!("the broker answers {other:?}")),
    }
}

/// What it means that a question fails in this way.
pub(super) fn of_request(error: RequestError) -> Trouble {
    trouble(&Error::Request(error))
}

/// What an error of the library means. Of some it has no more than the text.
fn trouble(error: &Error) -> Trouble {
    match error {
        Error::ServerError { protocol_error, .. } => of_broker(*protocol_error),
        Error::InvalidResponse(text)
            if text.starts_with("Could not find metadata for partition") =>
        {
            Trouble::Missing
        }
        Error::RetryFailed(rskafka::BackoffError::DeadlineExceded { source, .. }) => {
            match source.downcast_ref::<Error>() {
                Some(error) => trouble(error),
                None => told(&source.to_string()),
            }
        }
        Error::Request(
            error @ (RequestError::ReadError(_)
            | RequestError::ReadVersionedError(_)
            | RequestError::TooMuchData { .. }),
        ) => told(&format!("Cannot decode: {error}")),
        other => told(&other.to_string()),
    }
}

/// The same of what an error says.
fn told(text: &str) -> Trouble {
    // Each layer has put its words before those of the one below.
    let why = text.rsplit("Source: ").next().unwrap_or(text);
    if why.contains("Unimplemented compression: ") {
        return Trouble::Unreadable(COMPRESSED.to_owned());
    }
    if let Some((_, sizes)) = why.split_once("Message too large, limit is ") {
        let size: String = sizes.rsplit("got ").next().unwrap_or(sizes).to_owned();
        return Trouble::Unreadable(format!(
            "their batch has {size}, but at most {LARGEST_ANSWER} are taken; have their senders put less into one"
        ));
    }
    if let Some((_, cause)) = why.split_once("Cannot decode: ") {
        return Trouble::Unreadable(cause.to_owned());
    }
    let why = why
        .replace("Connection is poisoned: ", "")
        .replace("Cannot read framed message: ", "");
    // What rustls says of it ends with the address of an explanation.
    let why = match why.find(": https://docs.rs/") {
        Some(end) => &why[..end],
        None => &why,
    };
    Trouble::Failed(why.to_owned())
}

/// What to look at when no broker can be reached for this reason.
fn remedy(why: &str, kafka: &Kafka) -> Option<&'static str> {
    let has = |text: &str| why.contains(text);
    let has_tls = kafka.trust.is_some();
    Some(if has("UnknownIssuer") {
        "set `ssl_ca_file` to the certificate of the authority that signed the broker's"
    } else if has("BadSignature") {
        "the authority in `ssl_ca_file` has the name of the one that signed the broker's certificate, but another key"
    } else if has("not valid for name") || has("NotValidForName") {
        "name the host as the broker's certificate does"
    } else if has("corrupt message") || has("InvalidContentType") {
        "this port seems to be one without TLS"
    } else if has("matching version for: SaslHandshake") {
        "the broker knows no login: leave out `sasl`"
    } else if has("Sasl") || has("SASL") {
        "check `sasl`, `user` and the password in `password_file`"
    } else if ["early eof", "end of file", "reset by peer", "close_notify"]
        .iter()
        .any(|text| has(text))
    {
        match (has_tls, kafka.login.is_some()) {
            (false, _) => "is it a port with TLS (`ssl = yes`), or one with a login (`sasl`)?",
            (true, false) => {
                "does the broker ask for a certificate (`ssl_cert_file`) or a login (`sasl`)?"
            }
            (true, true) => "the broker's log says why it ends the connection",
        }
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_says_is_told_in_words_that_help() {
        let unreadable = |text: &str| Trouble::Unreadable(text.to_owned());
        let cases = [
            (
                "all retries failed: Retry exceeded deadline. Source: error connecting to broker \"h:1\": IO Error: \
                 Connection refused (os error 111)",
                Trouble::Failed(
                    "error connecting to broker \"h:1\": IO Error: Connection refused (os error 111)"
                        .to_owned(),
                ),
            ),
            (
                "Cannot decode: Cannot read versioned data: Read error: Malformed data: Unimplemented compression: Lz4",
                unreadable(COMPRESSED),
            ),
            (
                "Request error: Connection is poisoned: Cannot read framed message: Message too large, limit is \
                 16777216 bytes but got 20000000 bytes",
                unreadable(
                    "their batch has 20000000 bytes, but at most 16777216 are taken; have their senders put less \
                     into one",
                ),
            ),
            ("Cannot decode: x", unreadable("x")),
            (
                "Connection is poisoned: Cannot read framed message: Cannot read data: peer closed connection without \
                 sending TLS close_notify: https://docs.rs/rustls/latest/rustls/manual",
                Trouble::Failed(
                    "Cannot read data: peer closed connection without sending TLS close_notify".to_owned(),
                ),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
