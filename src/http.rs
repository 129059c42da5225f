//! HTTP requests, in both directions.
//!
//! For sources that ask and actions that tell: one request, one answer before a deadline, nothing followed and nothing
//! repeated. The process has installed its TLS provider; the proxy is that of its environment.
//!
//! For sources that are told: [`listener`] takes connections, and [`posts`] decides which requests are let in.

pub mod listener;
mod login;
pub mod message;
pub mod posts;
pub mod refusal;
pub mod retry_after;
mod trust;

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Request, StatusCode, Url};
use tokio::time::{Instant, timeout_at};

pub use login::Login;
pub use trust::{LateClient, Trust, TrustNames, TrustProblem};

use crate::core::printable::printable;

/// The beginning of an answer, or all of it.
#[derive(Debug)]
pub struct Answer {
    /// What the server makes of the request.
    pub status: StatusCode,
    /// What it says besides.
    pub headers: HeaderMap,
    /// As much of the body as there was before it broke off, if it did, and within the limit.
    pub body: Vec<u8>,
    /// Why the body is not whole.
    pub broken: Option<Broken>,
}

/// Why a body is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It has more bytes than are wanted.
    Long,
    /// The deadline came.
    Late,
    /// The connection failed, for this reason.
    Cut(String),
}

/// Why there is no answer, in words that do not name the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The deadline came first.
    #[error("no whole answer within {0:?}")]
    Late(Duration),
    /// The request could not be sent, or the connection failed.
    #[error("{0}")]
    Failed(String),
}

/// When an exchange has to be over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        let at = Instant::now() + limit;
        Self { at, limit }
    }

    /// Waits for this, but not longer.
    ///
    /// # Errors
    /// [`NoAnswer::Late`].
    pub async fn meet<T>(self, waiting: impl Future<Output = T>) -> Result<T, NoAnswer> {
        let met = timeout_at(self.at, waiting).await;
        met.map_err(|_| NoAnswer::Late(self.limit))
    }
}

/// Sends a request, and reads at most `limit` bytes of the answer's body; with a limit of 0 it does not wait for a body. The client is one of
/// [`Trust::client`].
///
/// # Errors
/// [`NoAnswer`] if no status came.
pub async fn exchange(
    client: &Client,
    names: TrustNames,
    request: Request,
    limit: usize,
    deadline: Deadline,
) -> Result<Answer, NoAnswer> {
    let mut kept = Vec::new();
    let take = |part: &[u8]| {
        let room = limit - kept.len();
        kept.extend_from_slice(&part[..part.len().min(room)]);
        part.len() <= room
    };
    let answer = receive(client, names, request, limit, deadline, take).await?;
    Ok(Answer {
        body: kept,
        ..answer
    })
}

/// The same for the last `limit` bytes of the body; answers how many were before them, too.
///
/// # Errors
/// [`NoAnswer`] if no status came.
pub async fn exchange_for_end(
    client: &Client,
    names: TrustNames,
    request: Request,
    limit: usize,
    deadline: Deadline,
) -> Result<(Answer, u64), NoAnswer> {
    let (mut kept, mut dropped) = (Vec::new(), 0);
    let mut keep = |kept: &mut Vec<u8>| {
        let surplus = kept.len().saturating_sub(limit);
        kept.drain(..surplus);
        dropped += surplus as u64;
    };
    let take = |part: &[u8]| {
        kept.extend_from_slice(part);
        // What is moved to the front is not moved for each part.
        if kept.len() > 2 * limit {
            keep(&mut kept);
        }
        true
    };
    let answer = receive(client, names, request, limit, deadline, take).await?;
    keep(&mut kept);
    let answer = Answer {
        body: kept,
        ..answer
    };
    Ok((answer, dropped))
}

/// Sends a request, and hands over the parts of the answer's body until no more are taken; with a limit of 0 none.
async fn receive(
    client: &Client,
    names: TrustNames,
    request: Request,
    limit: usize,
    deadline: Deadline,
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<Answer, NoAnswer> {
    let asking = deadline.meet(client.execute(request)).await?;
    let mut response = asking.map_err(|error| NoAnswer::Failed(failed(error, names)))?;
    let broken = loop {
        if limit == 0 {
            break None;
        }
        match deadline.meet(response.chunk()).await {
            Ok(Ok(Some(part))) if take(&part) => {}
            Ok(Ok(Some(_))) => break Some(Broken::Long),
            Ok(Ok(None)) => break None,
            Ok(Err(error)) => break Some(Broken::Cut(failed(error, names))),
            Err(_) => break Some(Broken::Late),
        }
    };
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: Vec::new(),
        broken,
    })
}

/// An address as it may be shown: without user and password.
#[must_use]
pub fn display_url(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    let query = url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    printable(format!("{origin}{}{query}", url.path()).as_bytes())
}

fn failed(error: reqwest::Error, names: TrustNames) -> String {
    let is_plain = error.url().is_some_and(|url| url.scheme() == "http");
    let error = error.without_url();
    let why = chain(&error);
    let remedy = names.remedy(&error).or_else(|| {
        // What answers with no HTTP at all; TLS does, with an alert.
        let is_no_http = is_plain && why.contains(NO_HTTP);
        is_no_http.then(|| "this port seems to be one with TLS: try `https://`".to_owned())
    });
    let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
    format!("{why}{remedy}")
}

/// What the client's error says where an answer does not begin as HTTP does. It tells that in no other way.
const NO_HTTP: &str = "invalid HTTP version";

/// An error and its causes, each once.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    printable(text.as_bytes())
}
