//! Whom a client trusts, what it shows to those who ask for a certificate, and what to look at when TLS
//! fails.

mod config;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reqwest::{Certificate, Client, Identity, redirect};
use rustls::CertificateError;

use super::chain;
use crate::os::lookup::Lookup;

/// Whom to trust, and what to show to those who ask for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Whether certificates are verified.
    pub verify: bool,
    /// Of authorities to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The certificate, and its key if that is in a file of its own.
    pub identity: Option<(PathBuf, Option<PathBuf>)>,
    /// What those who set this call it.
    pub names: TrustNames,
}

/// How a part calls what it trusts by, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustNames {
    /// The peer, as in `the certificate of the cloud`.
    pub peer: &'static str,
    /// The option with [`Trust::ca_file`].
    pub ca_file: &'static str,
    /// The option with the certificate of [`Trust::identity`], if there is one.
    pub certificate: Option<&'static str>,
    /// And the one with its key.
    pub key: Option<&'static str>,
}

/// Why a client cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {hint}")]
pub struct TrustProblem {
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Trust {
    /// What `ssl_ca_file` says of whom to trust as a server, which is not shown anything.
    #[must_use]
    pub fn in_server(ca_file: Option<PathBuf>) -> Self {
        Self {
            verify: true,
            ca_file,
            identity: None,
            names: TrustNames {
                peer: "the server",
                ca_file: "ssl_ca_file",
                certificate: None,
                key: None,
            },
        }
    }

    /// A client that trusts them. Its requests follow no redirect, since what they carry is meant for one
    /// server alone, and are never repeated.
    ///
    /// # Errors
    /// [`TrustProblem`] if a file cannot be used.
    pub fn client(&self) -> Result<Client, TrustProblem> {
        let names = self.names;
        let mut builder = Client::builder()
            .user_agent(concat!("esi-event-actions/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(Lookup)
            .tls_danger_accept_invalid_certs(!self.verify);
        if let Some(path) = &self.ca_file {
            let found = Certificate::from_pem_bundle(&read(path, names.ca_file)?);
            let found = found.ok().filter(|found| !found.is_empty());
            let found = found.ok_or_else(|| TrustProblem {
                message: format!(
                    "expected certificates in PEM form in {} (`{}`), but found none",
                    path.display(),
                    names.ca_file
                ),
                hint: format!(
                    "name the file of the authority that signed the certificate of {}",
                    names.peer
                ),
            })?;
            builder = builder.tls_certs_merge(found);
        }
        if let Some((certificate, key)) = &self.identity {
            let (of_certificate, of_key) = (
                names.certificate.unwrap_or_default(),
                names.key.unwrap_or_default(),
            );
            let mut pem = read(certificate, of_certificate)?;
            if let Some(key) = key {
                pem.push(b'\n');
                pem.extend(read(key, of_key)?);
            }
            let identity = Identity::from_pem(&pem).map_err(|_| TrustProblem {
                message: format!(
                    "expected a certificate and its private key in PEM form in {} (`{of_certificate}`){}, but \
                     found something else",
                    certificate.display(),
                    key.as_ref()
                        .map_or_else(String::new, |key| format!(" and {} (`{of_key}`)", key.display())),
                ),
                hint: "name both files, the key without a passphrase".to_owned(),
            })?;
            builder = builder.identity(identity);
        }
        builder.build().map_err(|error| TrustProblem {
            message: format!("failed to set up TLS: {}", chain(&error.without_url())),
            hint: format!("install ca-certificates, or correct {}", names.all()),
        })
    }
}

fn read(path: &Path, option: &str) -> Result<Vec<u8>, TrustProblem> {
    std::fs::read(path).map_err(|error| TrustProblem {
        message: format!("failed to read {} (`{option}`): {error}", path.display()),
        hint: format!("correct `{option}`"),
    })
}

/// A client that is made when it is first needed: a file that it takes may come later.
#[derive(Debug, Default)]
pub struct LateClient(OnceLock<Client>);

impl LateClient {
    /// The one that trusts these.
    ///
    /// # Errors
    /// [`TrustProblem`] if a file cannot be used; the next time it is looked at again.
    pub fn of(&self, trust: &Trust) -> Result<&Client, TrustProblem> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = trust.client()?;
        Ok(self.0.get_or_init(|| client))
    }
}

impl TrustNames {
    fn all(self) -> String {
        let options = [Some(self.ca_file), self.certificate, self.key];
        let options: Vec<_> = options
            .into_iter()
            .flatten()
            .map(|it| format!("`{it}`"))
            .collect();
        match options.split_last() {
            Some((last, before)) if !before.is_empty() => {
                format!("{} and {last}", before.join(", "))
            }
            _ => options.concat(),
        }
    }

    /// What to look at if TLS is what failed.
    pub(super) fn remedy(self, error: &reqwest::Error) -> Option<String> {
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
                    InvalidCertificate(CertificateError::UnknownIssuer) => format!(
                        "set `{}` to the certificate of the authority that signed that of {}",
                        self.ca_file, self.peer
                    ),
                    InvalidCertificate(
                        CertificateError::NotValidForName
                        | CertificateError::NotValidForNameContext { .. },
                    ) => "name the host as its certificate does".to_owned(),
                    InvalidCertificate(_) => {
                        format!("have the certificate of {} renewed", self.peer)
                    }
                    AlertReceived(_) => match (self.certificate, self.key) {
                        (Some(certificate), Some(key)) => format!(
                            "if {} asks for a certificate, set `{certificate}` and `{key}` to one that it \
                             trusts",
                            self.peer
                        ),
                        _ => format!("check whether {} asks for a certificate", self.peer),
                    },
                    InvalidMessage(_) => {
                        "this port seems to be one without TLS: try `http://`".to_owned()
                    }
                    _ => format!("check {}", self.all()),
                });
            }
            cause = wrapped
                .map(|wrapped| wrapped as &(dyn Error + 'static))
                .or_else(|| error.source());
        }
        None
    }
}
