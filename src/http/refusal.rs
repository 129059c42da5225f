//! Says no to a request: a status, the reason in words, and a log that does not grow with the number of requests.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{
    ALLOW, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use tokio::time::timeout;

use crate::core::outage::{Notice, Outage};

/// How soon a sender that is put off should ask again, in seconds.
const LATER: &str = "1";

/// How much is taken of a body that nobody wants, and for how long.
const DISCARDED: usize = 16 * 1024 * 1024;
const DISCARDING: Duration = Duration::from_secs(2);

/// After so long without a refusal, the next one is news.
const QUIET: Duration = Duration::from_secs(60 * 60);

/// What is answered to a request.
pub type Answer = Response<Full<Bytes>>;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub status: StatusCode,
    /// The reason, for the sender and the log. Nothing of the request but what is safe to show.
    pub why: Cow<'static, str>,
    /// What the log is told instead.
    cause: Option<String>,
    /// A header that belongs to it.
    header: Option<(HeaderName, &'static str)>,
}

/// An answer in plain text.
#[must_use]
pub fn plain(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let form = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, form);
    answer
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(status: StatusCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            why: why.into(),
            cause: None,
            header: None,
        }
    }

    /// The request is no fault of its sender's, who is to keep it and to send it again.
    #[must_use]
    pub fn later(why: &'static str) -> Self {
        Self {
            header: Some((RETRY_AFTER, LATER)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }

    /// What it says cannot be read, for this reason.
    pub fn unreadable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// The same, and what the log is told instead.
    #[must_use]
    pub fn because(self, cause: String) -> Self {
        let cause = Some(cause);
        Self { cause, ..self }
    }

    /// The sender has not shown who it is, which it is to do in this way, if in any that HTTP knows.
    #[must_use]
    pub fn unknown_sender(why: &'static str, challenge: Option<&'static str>) -> Self {
        Self {
            header: challenge.map(|challenge| (WWW_AUTHENTICATE, challenge)),
            ..Self::new(StatusCode::UNAUTHORIZED, why)
        }
    }

    /// Only this method is taken.
    #[must_use]
    pub fn other_method(allowed: &'static str) -> Self {
        let why = format!("only {allowed} is taken here");
        Self {
            header: Some((ALLOW, allowed)),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, why)
        }
    }

    /// The answer that says so.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let mut answer = plain(self.status, format!("{}\n", self.why));
        let headers = answer.headers_mut();
        if let Some((name, value)) = &self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

/// Takes what is left of the body of a request that is refused, and drops it: a sender whose connection is closed while it
/// sends may never read the answer. One that waits to be asked for the body is not asked.
pub async fn discard<B: Body<Data = Bytes> + Unpin>(headers: &HeaderMap, mut body: B) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let discarding = async {
        let mut size = 0;
        while let Some(Ok(frame)) = body.frame().await
            && size < DISCARDED
        {
            size += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // Whoever takes longer than that loses the answer.
    drop(timeout(DISCARDING, discarding).await);
}

/// Writes refusals to the log: each new reason, up to a few, and then how many there were, ever more rarely.
#[derive(Debug, Default)]
pub struct RefusalLog(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    refusals: Outage,
    last: Option<Instant>,
}

impl RefusalLog {
    /// Notes that whoever has this name refused a request from this address.
    pub fn note(&self, name: &str, from: IpAddr, refusal: &Refusal, now: Instant) {
        let Refusal {
            status, why, cause, ..
        } = refusal;
        let why = cause.as_deref().unwrap_or(why);
        let cause = format!("{}: {why}", status.as_u16());
        if let Some(notice) = self.news(&cause, now) {
            tracing::warn!("{name}: refused a request from {from} with {cause}{notice}");
        }
    }

    /// Notes that something was refused for this reason. Answers whether that is to be logged.
    pub fn news(&self, cause: &str, now: Instant) -> Option<Notice> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_quiet = |last: Instant| now.duration_since(last) >= QUIET;
        if noted.last.is_some_and(is_quiet) {
            noted.refusals = Outage::default();
        }
        noted.last = Some(now);
        noted.refusals.failed(cause, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::captured::capture;

    #[test]
    fn an_answer_says_why_and_what_to_do() {
        let cases = [
            (Refusal::new(StatusCode::NOT_FOUND, "no"), None),
            (Refusal::later("no"), Some(("retry-after", "1"))),
            (
                Refusal::unknown_sender("no", Some("Bearer")),
                Some(("www-authenticate", "Bearer")),
            ),
            (Refusal::unknown_sender("no", None), None),
            (Refusal::other_method("POST"), Some(("allow", "POST"))),
        ];
        for (refusal, header) in cases {
            let answer = refusal.answer();
            assert_eq!(answer.status(), refusal.status);
            assert_eq!(answer.headers().len(), 1 + usize::from(header.is_some()));
            if let Some((name, value)) = header {
                assert_eq!(answer.headers()[name], value);
            }
        }
    }

    #[test]
    fn a_flood_of_refusals_is_a_few_lines() {
        let (log, said) = (RefusalLog::default(), capture());
        let from = [10, 0, 0, 1].into();
        let began = Instant::now();
        let refuse = |why: String, seconds: u64| {
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, why);
            log.note(
                "webhook:hook",
                from,
                &refusal,
                began + Duration::from_secs(seconds),
            );
        };
        for number in 0..1_000_u64 {
            refuse("wrong token".into(), number / 100);
            refuse(format!("line {number} is no JSON"), number / 100);
        }
        let lines = said.messages();
        assert_eq!(lines.len(), 8, "{lines:?}");
        assert_eq!(
            lines[0],
            "WARN webhook:hook: refused a request from 10.0.0.1 with 401: wrong token"
        );
        refuse("wrong token".into(), 100);
        assert!(said.messages()[8].ends_with("wrong token (for 100s now, 2001 failures)"));
        refuse("wrong token".into(), 100 + QUIET.as_secs());
        assert_eq!(said.messages()[9], lines[0]);
    }
}
