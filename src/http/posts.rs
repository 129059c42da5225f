//! Requests that bring something: who may send them, and how large they may be and how long they may take.
//!
//! What is refused here is refused before anything is made of it. The sender is told why, and so keeps what it has.

mod access;
mod headers;
pub mod options;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use access::{Access, HmacCheck, Login, SecretFile};

use super::refusal::Refusal;
use crate::core::python_json;

/// How long a sender may take for a body.
const BODY: Duration = Duration::from_secs(30);

/// How many bytes of bodies that are not on disk yet are held at a time, over all connections; at least that many of the
/// largest there may be.
const HELD: usize = 32 * 1024 * 1024;
const LARGEST_AT_ONCE: usize = 4;

/// Lets requests in, or refuses them.
#[derive(Debug)]
pub struct Gate {
    access: Access,
    largest: usize,
    room: Arc<Semaphore>,
}

/// A request that was let in.
#[derive(Debug, Default)]
pub struct Post {
    /// Its path without the first slash, percent-decoded.
    pub endpoint: String,
    /// All its headers, also those that are secret.
    pub headers: HeaderMap,
    /// Its body, unpacked.
    pub body: Vec<u8>,
    /// The header that its signature is in, which nothing shows.
    pub signature: Option<HeaderName>,
    /// The room that it takes up until this is dropped.
    pub room: Option<OwnedSemaphorePermit>,
}

impl Gate {
    /// Lets in what this access allows, and bodies of so many bytes.
    #[must_use]
    pub fn new(access: Access, largest: usize) -> Self {
        let room = HELD.max(largest.saturating_mul(LARGEST_AT_ONCE));
        Self {
            access,
            largest,
            room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Whether the files with the secrets can be used.
    ///
    /// # Errors
    /// Why not, in words that name the file.
    pub fn check(&self) -> Result<(), String> {
        self.access.check()
    }

    /// Takes a request: first looks at who has sent it, and then reads what it brings.
    ///
    /// # Errors
    /// [`Refusal`], which also says if the sender is too slow.
    pub async fn take<B: Body<Data = Bytes> + Unpin>(
        &self,
        head: &Parts,
        body: &mut B,
    ) -> Result<Post, Refusal> {
        self.access.of_head(&head.headers)?;
        if head.method != Method::POST {
            return Err(Refusal::other_method("POST"));
        }
        let packing = packing(&head.headers)?;
        self.fits(&head.headers)?;
        let reading = timeout(BODY, self.read(body)).await;
        let (body, room) = reading.map_err(|_| {
            let why = format!("the whole request did not come within {BODY:?}");
            Refusal::new(StatusCode::REQUEST_TIMEOUT, why)
        })??;
        // The signature is of what was sent, not of what it is once it is unpacked.
        self.access.of_body(&head.headers, &body)?;
        let path = head.uri.path();
        let path = percent_decode_str(path.strip_prefix('/').unwrap_or(path));
        Ok(Post {
            endpoint: path.decode_utf8_lossy().into_owned(),
            body: unpacked(body, packing, self.largest)?,
            headers: head.headers.clone(),
            signature: self.access.hmac.as_ref().map(|hmac| hmac.header.clone()),
            room,
        })
    }

    /// What can be told of a body before it is read.
    fn fits(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(length) = headers.get(CONTENT_LENGTH) else {
            if headers.contains_key(TRANSFER_ENCODING) {
                return Ok(());
            }
            let why = "expected a `Content-Length`, or `Transfer-Encoding: chunked`";
            return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, why));
        };
        // What is no number, the protocol has refused.
        let length = length.to_str().ok().and_then(|text| text.parse().ok());
        if length.is_some_and(|length: u64| length > self.largest as u64) {
            return Err(too_large(self.largest));
        }
        Ok(())
    }

    async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: &mut B,
    ) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Refusal> {
        let (mut bytes, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while let Some(frame) = body.frame().await {
            let broken = "the body broke off, or its parts are wrong";
            let frame = frame.map_err(|_| Refusal::unreadable(broken))?;
            let Ok(part) = frame.into_data() else {
                continue;
            };
            if part.len() > self.largest - bytes.len() {
                return Err(too_large(self.largest));
            }
            let more = u32::try_from(part.len()).unwrap_or(u32::MAX);
            let more = Arc::clone(&self.room).try_acquire_many_owned(more);
            let more = more.map_err(|_| {
                Refusal::later("too many requests are under way: send it again in a moment")
            })?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&part);
        }
        Ok((bytes, room))
    }
}

impl Post {
    /// What its body says.
    ///
    /// # Errors
    /// [`Refusal`], if it is no JSON.
    pub fn json(&self) -> Result<Value, Refusal> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(Refusal::unreadable("expected JSON, but the body is empty"));
        }
        python_json::read(&self.body).map_err(|unreadable| {
            let (line, column) = (unreadable.error.line(), unreadable.error.column());
            Refusal::unreadable(format!(
                "expected JSON in UTF-8, but found something else at line {line}, column {column}"
            ))
        })
    }

    /// What is told of the request itself: its path, and its headers without secrets.
    #[must_use]
    pub fn meta(&self) -> Map<String, Value> {
        let headers = headers::shown(
            &self.headers,
            self.signature.as_ref().map(HeaderName::as_str),
        );
        let fields = [
            ("endpoint", self.endpoint.clone().into()),
            ("headers", headers.into()),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

fn too_large(largest: usize) -> Refusal {
    let why =
        format!("expected a body of at most {largest} bytes (`max_body`), but this one is larger");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Not,
    Gzip,
    Zlib,
}

/// How it is packed, and that it is nothing but UTF-8 once it is not: JSON is (RFC 8259, 8.1).
fn packing(headers: &HeaderMap) -> Result<Packing, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let refused = |why: &'static str| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    let kind = text(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let charset = kind
        .split(';')
        .find_map(|part| part.trim().strip_prefix("charset="));
    let charset = charset.map(|name| name.trim_matches('"'));
    if !matches!(
        charset,
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii")
    ) {
        return refused("expected JSON in UTF-8, but `Content-Type` names another charset");
    }
    match text(CONTENT_ENCODING)
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "identity" => Ok(Packing::Not),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        "deflate" => Ok(Packing::Zlib),
        _ => refused("expected `gzip` or `deflate` in `Content-Encoding`, or none"),
    }
}

fn unpacked(body: Vec<u8>, packing: Packing, largest: usize) -> Result<Vec<u8>, Refusal> {
    let unpack: Box<dyn Read + '_> = match packing {
        Packing::Not => return Ok(body),
        Packing::Gzip => Box::new(MultiGzDecoder::new(&body[..])),
        Packing::Zlib => Box::new(ZlibDecoder::new(&body[..])),
    };
    let mut text = Vec::new();
    let read = unpack.take(largest as u64 + 1).read_to_end(&mut text);
    if text.len() > largest {
        return Err(too_large(largest));
    }
    match read {
        Ok(_) => Ok(text),
        Err(_) => Err(Refusal::unreadable(
            "the body cannot be unpacked as `Content-Encoding` says",
        )),
    }
}

#[cfg(test)]
mod tests;
