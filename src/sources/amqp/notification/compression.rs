//! Compressed bodies, as kombu sends them when ESI Leap sets `kombu_compression`. Pure.
//!
//! kombu names the algorithm in a header, `compression`, and what it calls gzip is a zlib stream. Real
//! gzip is read as well. The size of the result is bounded, so that a small message cannot fill the memory.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use bzip2::read::BzDecoder;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::{DecodeError, LARGEST_BODY};
use crate::core::printable::printable;

/// How the sender labelled a body, as far as that is not what every notification has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    content_type: Option<String>,
    content_encoding: Option<String>,
    compression: Option<String>,
}

/// Of each label this many characters are shown.
const LONGEST_LABEL: usize = 60;

/// How every gzip file begins, and no zlib stream.
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Labels {
    /// The labels of a message. JSON in UTF-8 without compression needs none, and costs nothing.
    #[must_use]
    pub fn new(
        content_type: Option<&str>,
        content_encoding: Option<&str>,
        compression: Option<&str>,
    ) -> Self {
        let unless = |label: Option<&str>, usual: &str| {
            label
                .filter(|label| !label.is_empty() && !label.eq_ignore_ascii_case(usual))
                .map(str::to_owned)
        };
        Self {
            content_type: unless(content_type, "application/json"),
            content_encoding: unless(content_encoding, "utf-8"),
            compression: unless(compression, ""),
        }
    }

    /// Whether the sender says that the body is compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }

    /// The body as it was before the sender compressed it.
    ///
    /// # Errors
    /// [`DecodeError`] if it cannot be decompressed, or is too large once it is.
    pub fn decompress<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, DecodeError> {
        let Some(compression) = &self.compression else {
            return Ok(Cow::Borrowed(body));
        };
        let mut text = Vec::new();
        decompress_into(&mut text, body, compression)?;
        if text.len() > LARGEST_BODY {
            return Err(DecodeError::TooLargeOnceDecompressed);
        }
        Ok(Cow::Owned(text))
    }

    /// As much of the beginning of a body as can be read, where [`Labels::decompress`] fails: nothing
    /// if that is not known, or the compressed body is too large itself.
    #[must_use]
    pub fn decompressed_head(&self, body: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(compression) = &self.compression {
            // What was read before the failure is what is asked for.
            drop(decompress_into(&mut text, body, compression));
        }
        text
    }
}

/// Decompresses as far as the body can be read, and no further than shows that it is too large.
fn decompress_into(text: &mut Vec<u8>, body: &[u8], compression: &str) -> Result<(), DecodeError> {
    if body.len() > LARGEST_BODY {
        return Err(DecodeError::TooLarge { size: body.len() });
    }
    let read = match compression.to_ascii_lowercase().as_str() {
        "application/x-gzip" | "application/gzip" | "gzip" | "zlib" => {
            if body.starts_with(&GZIP) {
                read_bounded(MultiGzDecoder::new(body), text)
            } else {
                read_bounded(ZlibDecoder::new(body), text)
            }
        }
        "application/x-bz2" | "application/x-bzip2" | "bz2" | "bzip2" | "bzip" => {
            read_bounded(BzDecoder::new(body), text)
        }
        _ => {
            let compression = printable_label(compression);
            return Err(DecodeError::Compression { compression });
        }
    };
    read.map(drop).map_err(|error| DecodeError::Corrupt {
        found: printable_label(&error.to_string()),
    })
}

/// Reads to the end, or until it is certain that there is too much.
fn read_bounded(decoder: impl Read, text: &mut Vec<u8>) -> std::io::Result<usize> {
    decoder.take(LARGEST_BODY as u64 + 1).read_to_end(text)
}

fn printable_label(label: &str) -> String {
    let end = label.char_indices().nth(LONGEST_LABEL);
    match end {
        None => printable(label.as_bytes()),
        Some((end, _)) => printable(&label.as_bytes()[..end]) + "…",
    }
}

/// The unusual labels, as a part of the reason why a body could not be read; empty if there are none.
impl fmt::Display for Labels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "; it came with ";
        for (name, label) in [
            ("content type", &self.content_type),
            ("content encoding", &self.content_encoding),
            ("compression", &self.compression),
        ] {
            if let Some(label) = label {
                write!(formatter, "{before}{name} `{}`", printable_label(label))?;
                before = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn labelled(compression: &str) -> Labels {
        Labels::new(Some("application/json"), Some("utf-8"), Some(compression))
    }

    #[test]
    fn of_what_cannot_be_decompressed_the_head_is_read() {
        let text = "0123456789".repeat(100_000);
        let body = zlib(text.as_bytes());
        let head = labelled("gzip").decompressed_head(&body[..body.len() / 2]);
        let head = String::from_utf8(head).unwrap();
        assert!(
            head.len() > 1000 && text.starts_with(&head),
            "{}",
            head.len()
        );
        let large = zlib(&vec![b'x'; LARGEST_BODY + 10]);
        let head = labelled("gzip").decompressed_head(&large);
        assert_eq!(head.len(), LARGEST_BODY + 1);
        for (compression, body) in [("lzma", &body[..]), ("gzip", b"no stream")] {
            assert!(labelled(compression).decompressed_head(body).is_empty());
        }
        let plain = Labels::default();
        assert!(plain.decompressed_head(b"text").is_empty());
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(body: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_kombu_compresses_is_read() {
        let text = br#"{"a": 1}"#;
        let cases = [
            ("application/x-gzip", zlib(text)),
            ("application/x-gzip", gzip(text)),
            ("GZIP", zlib(text)),
            ("application/x-bz2", bzip2(text)),
            ("", text.to_vec()),
        ];
        for (compression, body) in cases {
            let read = labelled(compression).decompress(&body).unwrap();
            assert_eq!(*read, text[..], "{compression}");
        }
        let real = include_bytes!("../../../../tests/data/kombu-gzip.body");
        let read = labelled("application/x-gzip").decompress(real).unwrap();
        assert!(read.starts_with(b"{") && read.ends_with(b"}"));
    }

    #[test]
    fn what_cannot_be_decompressed_says_why() {
        let most = vec![b' '; LARGEST_BODY];
        let bomb = vec![b' '; 16 * LARGEST_BODY];
        assert_eq!(
            labelled("gzip").decompress(&zlib(&most)).unwrap().len(),
            LARGEST_BODY
        );
        let once = "expected at most 4194304 bytes once decompressed";
        let cut = zlib(b"text");
        let cases = [
            ("gzip", zlib(&bomb), once),
            ("gzip", gzip(&bomb), once),
            ("bzip2", bzip2(&bomb), once),
            ("gzip", most.clone(), "cannot be decompressed"),
            ("gzip", [most, vec![0]].concat(), "the body has 4194305"),
            (
                "gzip",
                cut[..cut.len() - 5].to_vec(),
                "cannot be decompressed",
            ),
            ("gzip", Vec::new(), "cannot be decompressed"),
            ("bzip2", b"{}".to_vec(), "cannot be decompressed"),
            ("application/x-lzma", b"{}".to_vec(), "`application/x-lzma`"),
            ("application/zstd", b"{}".to_vec(), "`kombu_compression`"),
            ("a\u{1b}[1m", b"{}".to_vec(), "`a\\x1b[1m`"),
        ];
        for (compression, body, part) in cases {
            let reason = labelled(compression).decompress(&body).unwrap_err();
            let reason = reason.to_string();
            assert!(reason.contains(part), "{reason} has no {part}");
            assert!(reason.len() < 300, "{reason}");
        }
    }

    #[test]
    fn usual_labels_are_not_reported() {
        assert_eq!(labelled("").to_string(), "");
        assert_eq!(
            Labels::new(Some("a/b"), Some("binary"), Some(&"x".repeat(100))).to_string(),
            format!(
                "; it came with content type `a/b`, content encoding `binary`, compression `{}…`",
                "x".repeat(60)
            )
        );
    }
}
