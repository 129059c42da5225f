//! Batches as senders make them, and as nobody should.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;
use proptest::prelude::*;
use rskafka::protocol::traits::WriteType;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

const CODECS: [i16; 5] = [0, 1, 2, 3, 4];

fn spot() -> Spot {
    ("t".to_owned(), 3)
}

fn packed(codec: i16, bytes: &[u8]) -> Vec<u8> {
    match codec {
        1 => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        2 => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
        3 => {
            let mut encoder = FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        4 => compress_to_vec(bytes, CompressionLevel::Fastest),
        _ => bytes.to_vec(),
    }
}

/// The records of these values, each sent a millisecond after the one before.
fn records(values: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in values.iter().enumerate() {
        let record = Record {
            timestamp_delta: i64::try_from(number).unwrap(),
            offset_delta: i32::try_from(number).unwrap(),
            key: Some(b"k".to_vec()),
            value: Some(value.to_vec()),
            headers: Vec::new(),
        };
        record.write(&mut bytes).unwrap();
    }
    bytes
}

/// A batch from this offset on, of so many records, which are in `body`.
fn batch(offset: i64, attributes: i16, number: usize, body: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend(attributes.to_be_bytes());
    rest.extend(0_i32.to_be_bytes());
    rest.extend(1_000_i64.to_be_bytes());
    rest.extend(2_000_i64.to_be_bytes());
    rest.extend([0; 14]);
    rest.extend(i32::try_from(number).unwrap().to_be_bytes());
    rest.extend(body);
    let mut batch = Vec::new();
    batch.extend(offset.to_be_bytes());
    batch.extend(i32::try_from(rest.len() + 9).unwrap().to_be_bytes());
    batch.extend(0_i32.to_be_bytes());
    batch.push(2);
    batch.extend(crc32c::crc32c(&rest).to_be_bytes());
    batch.extend(rest);
    batch
}

fn batch_of(offset: i64, codec: i16, values: &[&[u8]]) -> Vec<u8> {
    batch(
        offset,
        codec,
        values.len(),
        &packed(codec, &records(values)),
    )
}

/// Offset, time and value of each message.
fn told(bytes: &[u8], offset: i64) -> Result<Vec<(i64, i64, String)>, String> {
    let told = |it: Message| {
        assert_eq!((it.topic.as_str(), it.partition), ("t", 3));
        let value = String::from_utf8(it.value.unwrap()).unwrap();
        (it.offset, it.millis, value)
    };
    let (read, _) = messages(bytes, &spot(), offset, LARGEST_ANSWER)?;
    Ok(read.into_iter().map(told).collect())
}

#[test]
fn each_codec_is_unpacked_from_the_offset_on_and_what_is_cut_off_is_left() {
    for codec in CODECS {
        let mut bytes = batch_of(7, codec, &[b"a", b"b", b"c"]);
        bytes.extend(batch_of(10, 0, &[b"d"]));
        bytes.extend(&batch_of(11, codec, &[b"e"])[..69]);
        let expected = [(8, 1_001, "b"), (9, 1_002, "c"), (10, 1_000, "d")];
        let expected = expected.map(|(offset, time, value)| (offset, time, value.to_owned()));
        assert_eq!(told(&bytes, 8).unwrap(), expected, "{codec}");
    }
}

#[test]
fn the_brokers_time_counts_where_it_says_so_and_the_ends_of_transactions_are_no_messages() {
    let body = records(&[b"a"]);
    let mut bytes = batch(0, CONTROL, 1, &body);
    bytes.extend(batch(1, TIME_OF_BROKER, 1, &body));
    assert_eq!(told(&bytes, 0).unwrap(), [(1, 2_000, "a".to_owned())]);
}

#[test]
fn snappy_may_be_in_pieces_as_java_writes_it() {
    let body = records(&[b"a", b"b"]);
    let mut pieces = [JAVA_SNAPPY, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
    for piece in body.chunks(5) {
        let piece = packed(2, piece);
        pieces.extend(u32::try_from(piece.len()).unwrap().to_be_bytes());
        pieces.extend(piece);
    }
    let values: Vec<String> = told(&batch(0, 2, 2, &pieces), 0)
        .unwrap()
        .into_iter()
        .map(|(_, _, value)| value)
        .collect();
    assert_eq!(values, ["a", "b"]);
    let cut = batch(0, 2, 2, &pieces[..pieces.len() - 1]);
    let why = told(&cut, 0).unwrap_err();
    assert!(why.contains("a piece is cut off"), "{why}");
}

#[test]
fn no_more_is_unpacked_than_an_answer_may_have() {
    let large = vec![b'x'; LARGEST_ANSWER - 100];
    for codec in &CODECS[1..] {
        // One fits, and another one behind it is left for the next answer.
        let mut bytes = batch_of(0, *codec, &[&large]);
        assert!(bytes.len() < LARGEST_ANSWER / 15, "{codec}");
        bytes.extend(batch_of(1, *codec, &[&large]));
        let (read, length) = messages(&bytes, &spot(), 0, LARGEST_ANSWER).unwrap();
        assert_eq!(length, bytes.len() / 2, "{codec}");
        let offsets: Vec<i64> = read.iter().map(|it| it.offset).collect();
        assert_eq!(offsets, [0], "{codec}");
        // What is larger by itself is told.
        let bytes = batch_of(0, *codec, &[&large, &large]);
        let why = told(&bytes, 0).unwrap_err();
        let expected =
            "their batch unpacks to more than 16777216 bytes; have their senders put less into one";
        assert_eq!(why, expected, "{codec}");
    }
}

#[test]
fn no_more_batches_are_unpacked_than_are_asked_for() {
    let batches = [batch_of(0, 1, &[b"a"]), batch_of(1, 1, &[b"b"])];
    let bytes = batches.concat();
    for (enough, length) in [
        (0, batches[0].len()),
        (records(&[b"a"]).len(), batches[0].len()),
        (records(&[b"a"]).len() + 1, bytes.len()),
    ] {
        let (_, read) = messages(&bytes, &spot(), 0, enough).unwrap();
        assert_eq!(read, length, "{enough}");
    }
    // Those before the offset count nothing.
    let (read, _) = messages(&bytes, &spot(), 1, 0).unwrap();
    assert_eq!(read.len(), 1);
}

#[test]
fn what_is_damaged_is_told() {
    let whole = batch_of(0, 1, &[b"a"]);
    let mut flipped = whole.clone();
    flipped[70] ^= 1;
    let mut old = whole.clone();
    old[at::VERSION] = 1;
    let mut short = whole;
    short[at::LENGTH + 3] = 3;
    let cases = [
        (flipped, "the checksum of a batch is wrong"),
        (
            old,
            "expected batches of the version 2, but found version 1",
        ),
        (short, "the length of a batch is less than that of its head"),
        (
            batch(0, 1, 1, b"no gzip"),
            "they are compressed (gzip), and damaged: ",
        ),
        (
            batch(0, 2, 1, b"\xff"),
            "they are compressed (snappy), and damaged: ",
        ),
        (
            batch(0, 3, 1, b"no lz4"),
            "they are compressed (lz4), and damaged: ",
        ),
        (
            batch(0, 4, 1, b"no zstd"),
            "they are compressed (zstd), and damaged: ",
        ),
        (
            batch(0, 5, 1, b""),
            "they are compressed in a way that is not known (number 5)",
        ),
        (
            batch(0, 0, 2, &records(&[b"a"])),
            "a batch cannot be decoded: ",
        ),
        (
            batch(0, 0, 1, &records(&[b"a", b"b"])),
            "a batch has 9 bytes behind its messages",
        ),
    ];
    for (bytes, expected) in cases {
        let why = told(&bytes, 0).unwrap_err();
        assert!(why.starts_with(expected), "{why}");
    }
}

proptest! {
    /// Whatever is sent, nothing panics, and no message comes from before the offset.
    #[test]
    fn any_body_is_messages_or_told(
        codec in 0_i16..6,
        number in 0_usize..5,
        body in prop::collection::vec(any::<u8>(), 0..200),
        packs in any::<bool>(),
    ) {
        let body = if packs { packed(codec, &body) } else { body };
        let batch = batch(5, codec, number, &body);
        if let Ok((read, length)) = messages(&batch, &spot(), 6, 1_000) {
            prop_assert!(length <= batch.len());
            prop_assert!(read.iter().all(|it| it.offset >= 6));
        }
    }
}
