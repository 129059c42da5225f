//! Asks the hosts of a search, one after the other until one answers.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER, WARNING};
use reqwest::{Client, StatusCode, Url};
use secrecy::SecretString;
use serde_json::Value;

use super::Search;
use super::answer::{Page, Paging, default_limit};
use super::each::Each;
use crate::http::{self, Answer, Broken, Deadline, LateClient, display_url, message, retry_after};

/// The most bytes of an answer, or of one page of it.
pub(super) const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// In words that show no secret.
    pub(super) why: String,
    /// Not to ask again before this time has passed, if the server says so.
    pub(super) wait: Option<Duration>,
    /// Whether the same request would be refused again, until somebody does something about it.
    pub(super) is_refused: bool,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self {
            why,
            wait: None,
            is_refused: false,
        }
    }
}

impl Failure {
    fn refused(why: String) -> Self {
        Self {
            is_refused: true,
            ..Self::from(why)
        }
    }
}

/// Asks for one search.
#[derive(Debug)]
pub(super) struct Asker {
    search: Arc<Search>,
    client: LateClient,
    /// The host that answered last.
    host: usize,
}

impl Asker {
    pub(super) fn new(search: Arc<Search>) -> Self {
        Self {
            search,
            client: LateClient::default(),
            host: 0,
        }
    }

    /// Asks for a page. A host that cannot answer is left out, and the next one asked.
    ///
    /// # Errors
    /// [`Failure`] if none of them gives a good answer.
    pub(super) async fn page(&mut self, body: &Value) -> Result<Page, Failure> {
        let client = self.client.of(&self.search.trust);
        let client = client.map_err(|problem| Failure::from(problem.to_string()))?;
        let search = Arc::clone(&self.search);
        let count = search.addresses.len();
        let mut failures: Vec<Failure> = Vec::new();
        for turn in 0..count {
            let host = (self.host + turn) % count;
            match search.ask(client, &search.addresses[host], body).await {
                Ok(page) => {
                    self.host = host;
                    return Ok(page);
                }
                Err(failure) => {
                    let is_refused = failure.is_refused;
                    failures.push(failure);
                    if is_refused {
                        break;
                    }
                }
            }
        }
        // One host that can be asked sooner is enough.
        let wait = failures.iter().map(|failure| failure.wait).min().flatten();
        let is_refused = failures.iter().any(|failure| failure.is_refused);
        // The files by which each knows the other may be replaced by then: they are read again.
        self.client = LateClient::default();
        let why: Vec<_> = failures.into_iter().map(|failure| failure.why).collect();
        Err(Failure {
            why: why.join("; "),
            wait,
            is_refused,
        })
    }
}

impl Search {
    /// How the pages of an answer with these headers are told.
    fn paging(&self, headers: &HeaderMap) -> Paging {
        let warnings = headers.get_all(WARNING).iter();
        let mut limits = warnings.filter_map(|it| default_limit(it.to_str().ok()?));
        let limit = limits.next().filter(|_| self.query.each == Each::Rows);
        let paging = self.query.paging;
        let size = limit.unwrap_or(paging.size);
        Paging { size, ..paging }
    }

    async fn ask(&self, client: &Client, address: &Url, body: &Value) -> Result<Page, Failure> {
        let host = address.origin().ascii_serialization();
        let mut secrets = Vec::new();
        let builder = client
            .post(address.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body.to_string());
        let request = match &self.login {
            Some(login) => login.add_to(builder, &mut secrets),
            None => builder
                .build()
                .map_err(|error| error.without_url().to_string()),
        };
        // What is wrong with a file of ours is so whoever is asked.
        let request = request.map_err(Failure::refused)?;
        let secrets: Vec<&SecretString> = secrets.iter().collect();
        let failed = |why: String| Failure::from(message::blanked(&why, &secrets));
        let deadline = Deadline::after(self.timeout);
        let names = self.trust.names;
        let answer = http::exchange(client, names, request, LARGEST_ANSWER, deadline).await;
        let answer = answer.map_err(|error| failed(format!("no answer from {host}: {error}")))?;
        if answer.status != StatusCode::OK {
            let mut failure = refusal(&answer, &host, &secrets);
            if self.query.each == Each::Rows && has_no_esql(&answer) {
                failure.why.push_str(NO_ESQL);
            }
            return Err(failure);
        }
        match answer.broken {
            None => {}
            Some(Broken::Long) => {
                let why = format!(
                    "the answer of {host} has more than {LARGEST_ANSWER} bytes: let the query ask for less, or \
                     set a smaller `size` in it"
                );
                return Err(Failure::refused(why));
            }
            Some(Broken::Late) => {
                let timeout = self.timeout;
                return Err(failed(format!(
                    "the answer of {host} did not end within {timeout:?}"
                )));
            }
            Some(Broken::Cut(why)) => {
                return Err(failed(format!("the answer of {host} broke off: {why}")));
            }
        }
        let paging = self.paging(&answer.headers);
        Page::read(&answer.body, &self.query.each, paging)
            .map_err(|why| failed(format!("{}: {why}", display_url(address))))
    }
}

/// Said of a server that does not know where ES|QL is asked.
const NO_ESQL: &str = "; ES|QL needs Elasticsearch 8.11 or later, and OpenSearch has none: write the query as `query` \
                       instead of `esql`";

/// Whether the server knows no ES|QL. To such a one `/_query` is the name of an index, to which nothing is posted, or
/// nothing at all. Where it is only the query's index that is missing, the error has a `type`.
pub(super) fn has_no_esql(answer: &Answer) -> bool {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let error = body.as_ref().and_then(|body| body.get("error"));
    match answer.status {
        StatusCode::METHOD_NOT_ALLOWED => true,
        StatusCode::NOT_FOUND => error.is_none_or(|error| error.get("type").is_none()),
        StatusCode::BAD_REQUEST => error
            .and_then(Value::as_str)
            .is_some_and(|error| error.starts_with("no handler found")),
        _ => false,
    }
}

/// What a status means that is not that of an answer. A request that is wrong is so for every host of a cluster.
fn refusal(answer: &Answer, host: &str, secrets: &[&SecretString]) -> Failure {
    let status = answer.status;
    let header = |name| answer.headers.get(name)?.to_str().ok();
    let said = match header(LOCATION).filter(|_| status.is_redirection()) {
        Some(to) => {
            let to = message::server_message(to.as_bytes(), secrets);
            format!("which leads to {to}: redirects are not followed")
        }
        None => message::server_message(&answer.body, secrets),
    };
    let is_busy = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let wait = header(RETRY_AFTER).filter(|_| is_busy);
    let wait = wait.and_then(|text| retry_after::wait(text, Timestamp::now()));
    Failure {
        why: format!("{host} answered {status}: {said}"),
        wait,
        is_refused: status.is_client_error() && !is_busy,
    }
}
