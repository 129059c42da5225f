//! Partitions with compressed batches, over a connection of our own.
//!
//! The library would unpack a batch whatever that comes to. So it is built without that, and says of such a batch that it
//! cannot be read; from then on the partition is asked here, by the library's connection and its form of questions,
//! but the answer's batches are left as they are for `unpack.rs`. The library opens these parts of it for its own fuzzing
//! (`unstable-fuzzing`), and may change them with any version; so it is pinned.

use std::io::{Cursor, Read};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use rskafka::client::error::ProtocolError;
use rskafka::messenger::Messenger;
use rskafka::protocol::api_key::ApiKey;
use rskafka::protocol::api_version::{ApiVersion, ApiVersionRange};
use rskafka::protocol::messages::{
    FetchRequest, FetchRequestPartition, FetchRequestTopic, MetadataRequest, ReadVersionedError,
    ReadVersionedType, RequestBody, WriteVersionedError, WriteVersionedType,
};
use rskafka::protocol::primitives::{Int16, Int32, Int64, NullableBytes, String_};
use rskafka::protocol::traits::{ReadError, ReadType};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, BufStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Kafka;
use super::client::{
    CLIENT_ID, Fetched, LARGEST_ANSWER, LIMIT, Trouble, of_broker, of_request, sasl, within,
};
use super::memory::Spot;
use super::unpack;

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Connection = Messenger<BufStream<Box<dyn Stream>>>;

/// The leader of a partition.
pub(super) struct Packed {
    leader: Connection,
    spot: Spot,
    left: Left,
}

/// What is left of an answer: it may be much once it is unpacked.
#[derive(Default)]
struct Left {
    /// From this offset on.
    next: i64,
    batches: Vec<u8>,
    /// The offset behind the last message that there is.
    end: i64,
}

impl Packed {
    /// Connects to the leader of a partition.
    pub(super) async fn connect(kafka: &Kafka, spot: &Spot) -> Result<Self, Trouble> {
        let mut trouble = Trouble::Failed("no broker is named".to_owned());
        for broker in &kafka.brokers {
            let found = async {
                let connection = open(kafka, broker).await?;
                leader(&connection, spot).await
            };
            match found.await {
                Ok(address) => {
                    return Ok(Self {
                        leader: open(kafka, &address).await?,
                        spot: spot.clone(),
                        left: Left::default(),
                    });
                }
                Err(why) => trouble = why,
            }
        }
        Err(trouble)
    }

    /// Its messages from this offset on: about so many bytes as they are sent, or the first batch; nothing, if none comes
    /// within this time.
    pub(super) async fn fetch(
        &mut self,
        offset: i64,
        bytes: i32,
        wait: Duration,
    ) -> Result<Fetched, Trouble> {
        let enough = usize::try_from(bytes).unwrap_or_default();
        let left = mem::take(&mut self.left);
        if left.next == offset {
            let fetched = self.unpack(left, offset, enough)?;
            if !fetched.messages.is_empty() {
                return Ok(fetched);
            }
        }
        let (topic, partition) = &self.spot;
        let request = FetchRequest {
            // Of one who is no broker.
            replica_id: Int32(-1),
            max_wait_ms: Int32(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)),
            min_bytes: Int32(1),
            max_bytes: Some(Int32(bytes)),
            isolation_level: None,
            topics: vec![FetchRequestTopic {
                topic: String_(topic.clone()),
                partitions: vec![FetchRequestPartition {
                    partition: Int32(*partition),
                    fetch_offset: Int64(offset),
                    partition_max_bytes: Int32(bytes),
                }],
            }],
        };
        let answer = self.leader.request(Fetch(request));
        let answer = within(wait + LIMIT, async { answer.await.map_err(of_request) }).await?;
        if let Some(error) = ProtocolError::new(answer.error) {
            return Err(of_broker(error));
        }
        let left = Left {
            next: offset,
            batches: answer.bytes,
            end: answer.end,
        };
        self.unpack(left, offset, enough)
    }

    /// The first of these messages; the others are left. Nothing is, if they cannot be read.
    fn unpack(&mut self, mut left: Left, offset: i64, enough: usize) -> Result<Fetched, Trouble> {
        let unpacked = unpack::messages(&left.batches, &self.spot, offset, enough);
        let (messages, read) = unpacked.map_err(Trouble::Unreadable)?;
        let end = left.end;
        if let Some(last) = messages.last() {
            left.next = last.offset.saturating_add(1);
            left.batches.drain(..read);
            self.left = left;
        }
        Ok(Fetched { messages, end })
    }
}

/// Connects to a broker, and logs in.
async fn open(kafka: &Kafka, address: &str) -> Result<Connection, Trouble> {
    let failed = |why: String| Trouble::Failed(format!("failed to connect to {address}: {why}"));
    let opening = async {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| failed(error.to_string()))?;
        let stream: Box<dyn Stream> = match &kafka.trust {
            None => Box::new(stream),
            Some(trust) => {
                let config = trust
                    .config()
                    .map_err(|problem| failed(problem.to_string()))?;
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let name = ServerName::try_from(host.to_owned());
                let name = name.map_err(|error| failed(error.to_string()))?;
                let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
                Box::new(
                    connecting
                        .await
                        .map_err(|error| failed(error.to_string()))?,
                )
            }
        };
        let mut connection =
            Messenger::new(BufStream::new(stream), LARGEST_ANSWER, Arc::from(CLIENT_ID));
        let agreed = connection.sync_versions().await;
        agreed.map_err(|error| failed(error.to_string()))?;
        if let Some(login) = &kafka.login {
            let login = sasl(login).map_err(Trouble::Failed)?;
            let logged_in = connection.do_sasl(login).await;
            logged_in.map_err(|error| failed(error.to_string()))?;
        }
        Ok(connection)
    };
    within(LIMIT, opening).await
}

/// The address of the leader of a partition. To ask for a topic by its name may make it, so all are asked for.
async fn leader(connection: &Connection, spot: &Spot) -> Result<String, Trouble> {
    let (topic, partition) = spot;
    let request = MetadataRequest {
        topics: None,
        allow_auto_topic_creation: None,
    };
    let answer = connection.request(request);
    let answer = within(LIMIT, async { answer.await.map_err(of_request) }).await?;
    let topic = answer.topics.into_iter().find(|it| it.name.0 == *topic);
    let topic = topic.ok_or(Trouble::Missing)?;
    if let Some(error) = topic.error {
        return Err(of_broker(error));
    }
    let mut partitions = topic.partitions.into_iter();
    let found = partitions.find(|it| it.partition_index.0 == *partition);
    let found = found.ok_or(Trouble::Missing)?;
    let mut brokers = answer.brokers.into_iter();
    let broker = brokers.find(|it| it.node_id == found.leader_id);
    let broker = broker.ok_or_else(|| of_broker(ProtocolError::LeaderNotAvailable))?;
    Ok(format!("{}:{}", broker.host.0, broker.port.0))
}

/// A question for messages whose answer is not unpacked.
struct Fetch(FetchRequest);

/// What was found, as the broker has it.
struct Batches {
    error: i16,
    end: i64,
    bytes: Vec<u8>,
}

impl RequestBody for Fetch {
    type ResponseBody = Batches;
    const API_KEY: ApiKey = ApiKey::Fetch;
    const API_VERSION_RANGE: ApiVersionRange =
        ApiVersionRange::new(ApiVersion(Int16(4)), ApiVersion(Int16(4)));
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion =
        FetchRequest::FIRST_TAGGED_FIELD_IN_REQUEST_VERSION;
}

impl WriteVersionedType<Vec<u8>> for Fetch {
    fn write_versioned(
        &self,
        writer: &mut Vec<u8>,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        self.0.write_versioned(writer, version)
    }
}

/// Of the one partition that was asked for.
impl ReadVersionedType<Cursor<Vec<u8>>> for Batches {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        _: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        // How long the broker would like to be left alone.
        Int32::read(reader)?;
        one(reader, "topic")?;
        String_::read(reader)?;
        one(reader, "partition")?;
        Int32::read(reader)?;
        let error = Int16::read(reader)?.0;
        let end = Int64::read(reader)?.0;
        // The last offset of transactions that have ended, and those that were aborted: producer and first offset.
        Int64::read(reader)?;
        for _ in 0..Int32::read(reader)?.0 {
            Int64::read(reader)?;
            Int64::read(reader)?;
        }
        let bytes = NullableBytes::read(reader)?.0.unwrap_or_default();
        Ok(Self { error, end, bytes })
    }
}

/// Reads the number of what follows, which is to be one.
fn one(reader: &mut impl Read, what: &str) -> Result<(), ReadError> {
    match Int32::read(reader)?.0 {
        1 => Ok(()),
        number => {
            let why = format!("expected one {what} in an answer, but found {number}");
            Err(ReadError::Malformed(why.into()))
        }
    }
}
