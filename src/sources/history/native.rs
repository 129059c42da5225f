//! Our own client: Keystone and ESI Leap by HTTP, with the settings that the `openstack` program has.
//!
//! It costs a request where the program costs a second of CPU. The modules: [`cloud`] and [`clouds`]
//! find the settings, [`keystone`] and [`leap`] make requests and read answers; [`crate::http`]
//! sends them.

mod cloud;
mod clouds;
mod keystone;
mod leap;
mod problem;
mod yaml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Request, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use cloud::Cloud;
pub use clouds::Variables;
pub use problem::CloudProblem;

use super::client::{Client, ClientError};
use crate::http::{self, Answer, Broken, Deadline, NoAnswer, display_url, message};
use crate::sources::history::record::{Lease, Row};
use cloud::Login;
use keystone::Token;

/// The largest answer about events that is read, in bytes: about a million rows.
const EVENTS_LIMIT: usize = 256 << 20;

/// The largest answer of any other kind.
const ANSWER_LIMIT: usize = 4 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Asks one cloud.
pub struct NativeClient {
    cloud: Cloud,
    /// How long a call may take, the request for a token included.
    limit: Duration,
    http: reqwest::Client,
    /// Locked while a token is asked for, so that many calls ask for one.
    held: Mutex<Option<Held>>,
}

struct Held {
    token: Arc<Token>,
    until: Instant,
}

impl fmt::Debug for NativeClient {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("NativeClient")
            .field("cloud", &self.cloud)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl NativeClient {
    /// A client for this cloud, whose calls take no longer than `limit` each. Nothing is asked yet.
    /// The process has installed its TLS provider; the proxy is that of its environment.
    ///
    /// # Errors
    /// [`CloudProblem`] if a certificate or a key cannot be used.
    pub fn new(cloud: Cloud, limit: Duration) -> Result<Self, CloudProblem> {
        if !cloud.trust.verify {
            tracing::warn!(
                cloud = cloud.name(),
                "certificates are not verified (`verify: false` or `insecure`): an attacker on the \
                 network can read the password"
            );
        }
        Ok(Self {
            http: cloud.trust.client()?,
            cloud,
            limit,
            held: Mutex::new(None),
        })
    }

    /// Asks ESI Leap for what is at this address below its endpoint, with a token; once more with a
    /// new one if a kept one is refused.
    async fn ask(
        &self,
        address: impl Fn(&Url) -> Url,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Reply, ClientError> {
        let (mut token, mut kept) = self.token(None, deadline).await?;
        loop {
            let url = address(&token.leap);
            let mut request = Request::new(Method::GET, url.clone());
            let headers = request.headers_mut();
            headers.insert(ACCEPT, JSON);
            let mut value = HeaderValue::from_str(token.secret.expose_secret())
                .map_err(|_| self.failed(&url, "expected a token that fits into a header", None))?;
            value.set_sensitive(true);
            headers.insert("x-auth-token", value);
            let answer = (self.exchange(request, limit, deadline).await)
                .map_err(|why| self.failed(&url, &why, Some(&token.secret)))?;
            if answer.status != StatusCode::UNAUTHORIZED || !kept {
                return Ok(Reply { url, token, answer });
            }
            (token, _) = self.token(Some(&token), deadline).await?;
            kept = false;
        }
    }

    /// A token that may be used, and whether it was there already; never the refused one.
    async fn token(
        &self,
        refused: Option<&Arc<Token>>,
        deadline: Deadline,
    ) -> Result<(Arc<Token>, bool), ClientError> {
        let url = keystone::address(&self.cloud);
        let mut held = deadline
            .meet(self.held.lock())
            .await
            .map_err(|why| self.failed(&url, &why.to_string(), None))?;
        if let Some(Held { token, until }) = &*held
            && Instant::now() < *until
            && !refused.is_some_and(|refused| Arc::ptr_eq(refused, token))
        {
            return Ok((Arc::clone(token), true));
        }
        *held = None;
        let asked = Instant::now();
        let mut request = Request::new(Method::POST, url.clone());
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        request.headers_mut().insert(ACCEPT, JSON);
        *request.body_mut() = Some(keystone::request(&self.cloud).into());
        let answer = (self.exchange(request, ANSWER_LIMIT, deadline).await)
            .map_err(|why| self.failed(&url, &why, None))?;
        let secret = header(&answer, "x-subject-token").map(SecretString::from);
        let secret = secret.as_ref();
        if answer.status == StatusCode::UNAUTHORIZED {
            let said = message::server_message(&answer.body, &self.secrets(secret));
            let remedy = match self.cloud.login {
                Login::Password { .. } => "check user, domains, project and password of",
                Login::Token { .. } => "the token may have expired; put a new one into",
                Login::ApplicationCredential { .. } => {
                    "if the application credential has expired, make a new one for"
                }
            };
            let origin = &self.cloud.origin;
            let why = format!("Keystone refuses the login: {said}; {remedy} {origin}");
            return Err(self.failed(&url, &why, secret));
        }
        if !answer.status.is_success() {
            return Err(self.refused(&url, &answer, secret));
        }
        let token = keystone::read(secret, &answer.body, &self.cloud, &self.secrets(secret));
        let token = Arc::new(token.map_err(|why| self.failed(&url, &why, secret))?);
        let until = asked + token.usable;
        *held = Some(Held {
            token: Arc::clone(&token),
            until,
        });
        Ok((token, false))
    }

    /// Sends a request and reads the answer whole.
    async fn exchange(
        &self,
        request: Request,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Answer, String> {
        let names = self.cloud.trust.names;
        let answer = http::exchange(&self.http, names, request, limit, deadline).await;
        let answer = answer.map_err(|error| match error {
            NoAnswer::Failed(why) => format!("no answer: {why}"),
            late @ NoAnswer::Late(_) => late.to_string(),
        })?;
        match &answer.broken {
            None => Ok(answer),
            Some(Broken::Long) => Err(format!(
                "expected an answer of at most {limit} bytes, but found more"
            )),
            Some(Broken::Late) => Err(NoAnswer::Late(self.limit).to_string()),
            Some(Broken::Cut(why)) => Err(format!(
                "the answer ends early, after {} bytes: {why}",
                answer.body.len()
            )),
        }
    }

    /// What no message may show.
    fn secrets<'a>(&'a self, token: Option<&'a SecretString>) -> Vec<&'a SecretString> {
        let login = match &self.cloud.login {
            Login::Password { password, .. } => password,
            Login::Token { token, .. } => token,
            Login::ApplicationCredential { secret, .. } => secret,
        };
        token.into_iter().chain([login]).collect()
    }

    fn failed(&self, url: &Url, why: &str, token: Option<&SecretString>) -> ClientError {
        let text = format!("{}: {why}", display_url(url));
        ClientError::Failed(message::blanked(&text, &self.secrets(token)))
    }

    /// Turns an HTTP error response into a `ClientError`.
    fn refused(&self, url: &Url, answer: &Answer, token: Option<&SecretString>) -> ClientError {
        let said = message::server_message(&answer.body, &self.secrets(token));
        let why = match header(answer, LOCATION.as_str()) {
            Some(elsewhere) if answer.status.is_redirection() => format!(
                "answers {} with a redirect to {}, which is not followed with a token or password; \
                 correct `auth_url`, or set `lease_endpoint_override`",
                answer.status,
                message::server_message(elsewhere.as_bytes(), &self.secrets(token)),
            ),
            _ => format!("answers {}: {said}", answer.status),
        };
        self.failed(url, &why, token)
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

/// An answer of ESI Leap, and how it was asked.
struct Reply {
    url: Url,
    token: Arc<Token>,
    answer: Answer,
}

impl Client for NativeClient {
    async fn events(&self, after: i64) -> Result<Vec<Row>, ClientError> {
        let deadline = Deadline::after(self.limit);
        let address = |leap: &Url| leap::events_address(leap, after);
        let Reply { url, token, answer } = self.ask(address, EVENTS_LIMIT, deadline).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(&url, &answer, Some(&token.secret)));
        }
        leap::events(&answer.body, &self.secrets(Some(&token.secret)))
            .map_err(|why| self.failed(&url, &why, Some(&token.secret)))
    }

    async fn lease(&self, uuid: &str) -> Result<Lease, ClientError> {
        let deadline = Deadline::after(self.limit);
        if !leap::is_uuid(uuid) {
            let uuid = crate::core::printable::printable(uuid.as_bytes());
            let why = format!("expected the UUID of a lease, but found `{uuid}`");
            return Err(ClientError::NotShown(why));
        }
        let address = |leap: &Url| leap::lease_address(leap, uuid);
        let Reply { url, token, answer } = self.ask(address, ANSWER_LIMIT, deadline).await?;
        let secrets = self.secrets(Some(&token.secret));
        if answer.status == StatusCode::OK {
            return leap::lease(&answer.body, uuid, &secrets)
                .map_err(|why| self.failed(&url, &why, Some(&token.secret)));
        }
        if leap::speaks_of_lease(answer.status, &answer.body) {
            let said = message::server_message(&answer.body, &secrets);
            return Err(ClientError::NotShown(format!(
                "{}: answers {}: {said}",
                display_url(&url),
                answer.status
            )));
        }
        Err(self.refused(&url, &answer, Some(&token.secret)))
    }
}

#[cfg(test)]
mod recorded;
