//! Asks the hosts of a search, one after the other until one answers.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use secrecy::SecretString;
use serde_json::Value;

use super::Search;
use super::answer::Page;
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
        let why: Vec<_> = failures.into_iter().map(|failure| failure.why).collect();
        Err(Failure {
            why: why.join("; "),
            wait,
            is_refused,
        })
    }
}

impl Search {
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
            return Err(refusal(&answer, &host, &secrets));
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
        Page::read(&answer.body, &self.query.each, self.query.paging)
            .map_err(|why| failed(format!("{}: {why}", display_url(address))))
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
