//! HTTP, at the rim: one request, one answer of bounded size before a deadline, nothing followed and
//! nothing repeated.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{Certificate, Client, Identity, Request, StatusCode, Url, redirect};
use rustls::CertificateError;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use super::cloud::Tls;
use crate::core::printable::printable;
use crate::os::lookup::Lookup;
use crate::sources::history::native::problem::CloudProblem;

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The header `X-Subject-Token`.
    pub(super) token: Option<SecretString>,
    /// Where a redirect would lead.
    pub(super) elsewhere: Option<String>,
    pub(super) body: Vec<u8>,
}

/// When a call has to be over.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// From now on.
    pub(super) fn after(limit: Duration) -> Self {
        let at = Instant::now() + limit;
        Self { at, limit }
    }

    /// Waits for this, but not longer.
    ///
    /// # Errors
    /// That there is no answer within the limit.
    pub(super) async fn meet<T>(self, waiting: impl Future<Output = T>) -> Result<T, String> {
        let met = timeout_at(self.at, waiting).await;
        met.map_err(|_| format!("no whole answer within {:?}", self.limit))
    }
}

/// A client that trusts whom the settings say. The process has installed its TLS provider.
///
/// # Errors
/// [`CloudProblem`] if a file of the settings cannot be used.
pub(super) fn client(tls: &Tls) -> Result<Client, CloudProblem> {
    let mut builder = Client::builder()
        .user_agent(concat!("esi-event-actions/", env!("CARGO_PKG_VERSION")))
        // What is asked carries a token, which is meant for this server alone.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .dns_resolver(Lookup)
        .tls_danger_accept_invalid_certs(!tls.verify);
    if let Some(path) = &tls.ca_file {
        let found = Certificate::from_pem_bundle(&read(path, "cacert")?);
        let found = found
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or_else(|| {
                CloudProblem::new(
                    format!(
                        "expected certificates in PEM form in {} (`cacert`), but found none",
                        path.display()
                    ),
                    "name the file of the authority that signed the cloud's certificates",
                )
            })?;
        builder = builder.tls_certs_merge(found);
    }
    if let Some((certificate, key)) = &tls.identity {
        let mut pem = read(certificate, "cert")?;
        if let Some(key) = key {
            pem.push(b'\n');
            pem.extend(read(key, "key")?);
        }
        let identity = Identity::from_pem(&pem).map_err(|_| {
            CloudProblem::new(
                format!(
                    "expected a certificate and its private key in PEM form in {} (`cert`){}, but \
                     found something else",
                    certificate.display(),
                    key.as_ref()
                        .map_or_else(String::new, |key| format!(" and {} (`key`)", key.display())),
                ),
                "name both files, the key without a passphrase",
            )
        })?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| {
        CloudProblem::new(
            format!("failed to set up TLS: {}", chain(&error.without_url())),
            "install ca-certificates, or correct `cacert`, `cert` and `key`",
        )
    })
}

fn read(path: &Path, key: &str) -> Result<Vec<u8>, CloudProblem> {
    std::fs::read(path).map_err(|error| {
        CloudProblem::new(
            format!("failed to read {} (`{key}`): {error}", path.display()),
            &format!("correct `{key}`"),
        )
    })
}

/// Asks, and reads the answer whole: up to `limit` bytes, before the deadline.
///
/// # Errors
/// Why there is none, in words that do not name the address yet.
pub(super) async fn exchange(
    client: &Client,
    request: Request,
    limit: usize,
    deadline: Deadline,
) -> Result<Answer, String> {
    let asking = async {
        let mut response = client
            .execute(request)
            .await
            .map_err(|error| failed(error, "no answer"))?;
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let token = header("x-subject-token").map(SecretString::from);
        let elsewhere = header(LOCATION.as_str());
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| {
            failed(
                error,
                &format!("the answer ends early, after {} bytes", body.len()),
            )
        })? {
            if body.len() + part.len() > limit {
                return Err(format!(
                    "expected an answer of at most {limit} bytes, but found more"
                ));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer {
            status,
            token,
            elsewhere,
            body,
        })
    };
    deadline.meet(asking).await?
}

/// An address as it may be shown.
pub(super) fn shown(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    let query = url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    printable(format!("{origin}{}{query}", url.path()).as_bytes())
}

fn failed(error: reqwest::Error, what: &str) -> String {
    let error = error.without_url();
    let remedy = insecure(&error).map_or_else(String::new, |remedy| format!("; {remedy}"));
    format!("{what}: {}{remedy}", chain(&error))
}

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

/// What to look at if TLS is what failed.
fn insecure(error: &reqwest::Error) -> Option<&'static str> {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};

    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        // What an `io::Error` wraps is not among its sources.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let tls = wrapped.and_then(|wrapped| wrapped.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls.or_else(|| error.downcast_ref()) {
            return Some(match tls {
                InvalidCertificate(CertificateError::UnknownIssuer) => {
                    "set `cacert` to the certificate of the authority that signed the cloud's"
                }
                InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                ) => "name the host as its certificate does",
                InvalidCertificate(_) => "have the cloud's certificate renewed",
                AlertReceived(_) => {
                    "if the cloud asks for a certificate, set `cert` and `key` to one that it trusts"
                }
                InvalidMessage(_) => "this port seems to be one without TLS: try `http://`",
                _ => "check `cacert`, `cert` and `key`",
            });
        }
        cause = wrapped
            .map(|wrapped| wrapped as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    None
}
