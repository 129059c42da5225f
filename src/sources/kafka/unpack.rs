//! The bytes of a partition, as a broker gives them → messages. Pure.
//!
//! They are batches, each of which its sender may have compressed. A few bytes can unpack to any number, so what all
//! batches of an answer unpack to is bounded as the answer itself is. Once that is used up, what follows is left for
//! the next answer.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use rskafka::protocol::record::Record;
use rskafka::protocol::traits::ReadType;
use ruzstd::decoding::StreamingDecoder;

use super::client::LARGEST_ANSWER;
use super::memory::Spot;
use super::message::Message;

/// Where things are in a batch of the version 2, which is all that brokers write: its own length counts from `LENGTH` on,
/// and its checksum covers what comes from `ATTRIBUTES` on.
mod at {
    pub(super) const LENGTH: usize = 8;
    pub(super) const LEADER: usize = 12;
    pub(super) const VERSION: usize = 16;
    pub(super) const CHECKSUM: usize = 17;
    pub(super) const ATTRIBUTES: usize = 21;
    pub(super) const FIRST_TIME: usize = 27;
    pub(super) const LAST_TIME: usize = 35;
    pub(super) const RECORDS: usize = 57;
    pub(super) const BODY: usize = 61;
}

/// The attribute of a batch that holds no messages, but tells of the end of a transaction.
const CONTROL: i16 = 1 << 5;

/// The attribute of a batch whose messages have the time at which the broker took them: that of the last one.
const TIME_OF_BROKER: i16 = 1 << 3;

/// What Java's library writes before what it compresses by snappy, which it does piece by piece.
const JAVA_SNAPPY: &[u8] = b"\x82SNAPPY\0";

/// The messages from this offset on, and how many of the bytes they are: as far as all of a batch is there, until they
/// were `enough` bytes when unpacked, or there is no room for what comes next.
///
/// # Errors
/// Why the first batch cannot be read, in words.
pub fn messages(
    bytes: &[u8],
    spot: &Spot,
    offset: i64,
    enough: usize,
) -> Result<(Vec<Message>, usize), String> {
    let mut messages = Vec::new();
    let (mut rest, mut room) = (bytes, LARGEST_ANSWER);
    while messages.is_empty() || LARGEST_ANSWER - room < enough {
        let read = match first_batch(rest) {
            Ok(None) => break,
            Ok(Some(batch)) => read(batch, spot, &mut room).map(|it| (it, batch.len())),
            Err(why) => Err(why),
        };
        match read {
            Ok((read, length)) => {
                messages.extend(read.into_iter().filter(|it| it.offset >= offset));
                rest = &rest[length..];
            }
            // The next answer begins with it.
            Err(_) if !messages.is_empty() => break,
            Err(why) => return Err(why),
        }
    }
    Ok((messages, bytes.len() - rest.len()))
}

/// The first batch of these; `None` if its end is missing.
fn first_batch(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    if bytes.len() < at::BODY {
        return Ok(None);
    }
    let length = i32::from_be_bytes(array(bytes, at::LENGTH));
    let least = at::BODY - at::LEADER;
    let length = usize::try_from(length).ok().filter(|it| *it >= least);
    let length =
        length.ok_or_else(|| "the length of a batch is less than that of its head".to_owned())?;
    Ok(bytes.get(..at::LEADER.saturating_add(length)))
}

/// The messages of a batch; what they unpack to is taken from `room`.
fn read(batch: &[u8], spot: &Spot, room: &mut usize) -> Result<Vec<Message>, String> {
    let version = batch[at::VERSION];
    if version != 2 {
        return Err(format!(
            "expected batches of the version 2, but found version {version}"
        ));
    }
    let checksum = u32::from_be_bytes(array(batch, at::CHECKSUM));
    if crc32c::crc32c(&batch[at::ATTRIBUTES..]) != checksum {
        return Err("the checksum of a batch is wrong".to_owned());
    }
    let attributes = i16::from_be_bytes(array(batch, at::ATTRIBUTES));
    if attributes & CONTROL != 0 {
        return Ok(Vec::new());
    }
    let first_offset = i64::from_be_bytes(array(batch, 0));
    let first_time = i64::from_be_bytes(array(batch, at::FIRST_TIME));
    let last_time = i64::from_be_bytes(array(batch, at::LAST_TIME));
    let records = i32::from_be_bytes(array(batch, at::RECORDS));
    let unpacked = unpack(attributes & 7, &batch[at::BODY..], *room)?;
    *room -= unpacked.len();
    let mut rest = &unpacked[..];
    let mut messages = Vec::new();
    for _ in 0..records {
        let record = Record::read(&mut rest);
        let record = record.map_err(|error| format!("a batch cannot be decoded: {error}"))?;
        let millis = if attributes & TIME_OF_BROKER == 0 {
            first_time.saturating_add(record.timestamp_delta)
        } else {
            last_time
        };
        let headers = record.headers.into_iter();
        messages.push(Message {
            topic: spot.0.clone(),
            partition: spot.1,
            offset: first_offset.saturating_add(record.offset_delta.into()),
            log: 0,
            key: record.key,
            value: record.value,
            headers: headers
                .map(|it| (it.key, it.value))
                .collect::<BTreeMap<_, _>>(),
            millis,
        });
    }
    if rest.is_empty() {
        Ok(messages)
    } else {
        Err(format!(
            "a batch has {} bytes behind its messages",
            rest.len()
        ))
    }
}

/// What these bytes unpack to, if that is no more than there is room for. The codec is the number that Kafka gives it.
///
/// # Errors
/// Why they cannot be unpacked, in words.
pub fn unpack(codec: i16, packed: &[u8], room: usize) -> Result<Vec<u8>, String> {
    match codec {
        0 => within(packed, room, "none"),
        1 => within(GzDecoder::new(packed), room, "gzip"),
        2 => snappy(packed, room),
        3 => within(FrameDecoder::new(packed), room, "lz4"),
        4 => {
            let decoder = StreamingDecoder::new(packed);
            within(
                decoder.map_err(|error| damaged("zstd", &error))?,
                room,
                "zstd",
            )
        }
        other => Err(format!(
            "they are compressed in a way that is not known (number {other})"
        )),
    }
}

fn within(decoder: impl Read, room: usize, codec: &str) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(room).unwrap_or(u64::MAX);
    let read = decoder
        .take(limit.saturating_add(1))
        .read_to_end(&mut unpacked);
    read.map_err(|error| damaged(codec, &error))?;
    fits(unpacked.len(), room)?;
    Ok(unpacked)
}

/// Bare, or in pieces as Java's library writes it.
fn snappy(packed: &[u8], room: usize) -> Result<Vec<u8>, String> {
    let Some(pieces) = packed.strip_prefix(JAVA_SNAPPY) else {
        return piece(packed, room);
    };
    let cut = || damaged("snappy", &"a piece is cut off");
    // Two versions, which have never changed.
    let mut rest = pieces.get(8..).ok_or_else(cut)?;
    let mut unpacked = Vec::new();
    while !rest.is_empty() {
        let length = rest.first_chunk::<4>().ok_or_else(cut)?;
        let end = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let packed = rest.get(4..end.saturating_add(4)).ok_or_else(cut)?;
        unpacked.extend(piece(packed, room - unpacked.len())?);
        rest = &rest[4 + packed.len()..];
    }
    Ok(unpacked)
}

fn piece(packed: &[u8], room: usize) -> Result<Vec<u8>, String> {
    let length = snap::raw::decompress_len(packed).map_err(|error| damaged("snappy", &error))?;
    fits(length, room)?;
    let unpacked = snap::raw::Decoder::new().decompress_vec(packed);
    unpacked.map_err(|error| damaged("snappy", &error))
}

fn fits(length: usize, room: usize) -> Result<(), String> {
    if length <= room {
        return Ok(());
    }
    Err(format!(
        "their batch unpacks to more than {LARGEST_ANSWER} bytes; have their senders put less into one"
    ))
}

fn damaged(codec: &str, why: &dyn std::fmt::Display) -> String {
    format!("they are compressed ({codec}), and damaged: {why}")
}

/// So many bytes of a batch, from there on.
fn array<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[from..from + N]);
    array
}

#[cfg(test)]
mod tests;
