//! TLS towards the broker: the files that it needs, and why a TLS connection failed.

use std::io;
use std::path::Path;

use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError};

use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::read;
use crate::amqp::settings::Tls;

/// What to check where the server does not speak TLS.
pub(super) const NOT_TLS: &str = "is this RabbitMQ's port for TLS?";

/// The broker looks at our certificate last; what it says then may be lost with the connection.
pub(super) fn turned_away(tls: &Tls) -> String {
    match &tls.identity {
        None => "the broker's log says why; if it asks for a certificate, set `ssl_cert_file` and \
                 `ssl_key_file` to one that it trusts"
            .to_owned(),
        Some((certificate, _)) => out_of_date(certificate).unwrap_or_else(|| {
            format!(
                "the broker's log says why it turned away the certificate {} (`ssl_cert_file`)",
                certificate.display()
            )
        }),
    }
}

/// That a certificate of ours is too old or too young, if it is. Brokers that do not ask for one take it
/// all the same, so this only explains a refusal.
fn out_of_date(path: &Path) -> Option<String> {
    let chain = certificates(path, "ssl_cert_file").ok()?;
    let (_, certificate) = parse_x509_certificate(chain.first()?).ok()?;
    let (validity, now) = (certificate.validity(), ASN1Time::now());
    let certificate = format!("the certificate {} (`ssl_cert_file`)", path.display());
    if now > validity.not_after {
        let end = validity.not_after;
        Some(format!("{certificate} expired on {end}: renew it"))
    } else if now < validity.not_before {
        let start = validity.not_before;
        Some(format!(
            "{certificate} is not valid before {start}: set this host's clock, or wait"
        ))
    } else {
        None
    }
}

/// Why there is no TLS, and what to look at; `otherwise`, if the error alone does not tell.
pub(super) fn insecure(error: &io::Error, tls: &Tls, otherwise: &str) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};

    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let remedy = match cause {
        Some(InvalidCertificate(why)) => broker_certificate(why).to_owned(),
        Some(AlertReceived(alert)) => alerted(*alert, tls),
        Some(InvalidMessage(_)) => {
            "this port seems to be one without TLS: RabbitMQ's port for TLS is usually 5671"
                .to_owned()
        }
        _ => otherwise.to_owned(),
    };
    format!("failed to set up TLS: {error}; {remedy}")
}

/// What to do about a certificate of the broker that is not good.
fn broker_certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer => {
            "set `ssl_ca_file` to the certificate of the authority that signed the broker's"
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "the broker's certificate has no subjectAltName, and the name in its subject (CN) does \
             not count: have one made with a subjectAltName that names the host"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "name the host as the broker's certificate does"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "have the broker's certificate renewed"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the broker's certificate is not valid yet: compare the clocks of this host and of the \
             authority"
        }
        CertificateError::Revoked => "the broker's certificate was revoked: have a new one made",
        CertificateError::BadSignature => {
            "the authority in `ssl_ca_file` has the name of the one that signed the broker's \
             certificate, but another key"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the broker's certificate is not one of a server: have it made with the extended key \
             usage serverAuth"
        }
        other if is_old_version(other) => {
            "the broker's certificate is an X.509 certificate of version 1: have one of version 3 \
             made, with a subjectAltName that names the host"
        }
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "the broker's certificate is that of an authority: have one for a server made"
        }
        _ => "have the broker's certificate replaced by one of X.509 version 3 for this host",
    }
}

/// An error of which the library that looks at certificates has a name only in its text.
fn is_old_version(error: &CertificateError) -> bool {
    let text = format!("{error:?}");
    text.contains("UnsupportedCertVersion")
}

/// What the broker says of our certificate, or of having none.
fn alerted(alert: AlertDescription, tls: &Tls) -> String {
    let Some((path, _)) = &tls.identity else {
        return turned_away(tls);
    };
    let certificate = format!("{} (`ssl_cert_file`)", path.display());
    match alert {
        AlertDescription::CertificateExpired => out_of_date(path).unwrap_or_else(|| {
            format!(
                "by the broker's clock, the certificate {certificate} has expired or is not valid yet"
            )
        }),
        AlertDescription::CertificateRevoked => {
            format!("the certificate {certificate} was revoked: have a new one made")
        }
        AlertDescription::UnknownCA => format!(
            "the broker does not know the authority that signed the certificate {certificate}: have \
             the broker trust it, or use another certificate"
        ),
        AlertDescription::ProtocolVersion
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity => {
            "the broker accepts no version of TLS, or no cipher, that this program offers (TLS 1.2 \
             and 1.3)"
                .to_owned()
        }
        _ => turned_away(tls),
    }
}

/// Reads the files again for each connection: certificates are renewed while the service runs.
pub(super) fn connector(tls: &Tls) -> Result<RustlsConnector, String> {
    let Tls { ca_file, identity } = tls;
    let trusted = match RustlsConnectorConfig::new_with_native_certs() {
        Ok(system) => system,
        // A system without any certificate does without, if the broker's own authority is known.
        Err(_) if ca_file.is_some() => RustlsConnectorConfig::default(),
        Err(error) => {
            return Err(format!(
                "failed to find the system's certificates: {error}; install ca-certificates, or set \
                 `ssl_ca_file`"
            ));
        }
    };
    let trusted = match ca_file {
        Some(path) => trusted.with_parsable_certificates(certificates(path, "ssl_ca_file")?),
        None => trusted,
    };
    match identity {
        None => trusted
            .connector_with_no_client_auth()
            .map_err(|error| format!("failed to set up TLS: {error}")),
        Some((certificate, key)) => {
            let chain = certificates(certificate, "ssl_cert_file")?;
            let secret = private_key(key)?;
            trusted
                .connector_with_single_cert(chain, secret)
                .map_err(|error| unusable(&error, certificate, key))
        }
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read(path, "ssl_key_file")?;
    let place = format!("{} (`ssl_key_file`)", path.display());
    // Both forms have the word: `BEGIN ENCRYPTED PRIVATE KEY`, and a header `Proc-Type: 4,ENCRYPTED`.
    if memchr::memmem::find(&pem, b"ENCRYPTED").is_some() {
        return Err(format!(
            "the key in {place} is encrypted, and a service cannot ask for its passphrase: store \
             it without one (`openssl pkey -in KEY -out NEW`), readable for this service alone"
        ));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        format!(
            "failed to find a private key in {place}: {error}; expected it in PEM form, without a \
             passphrase"
        )
    })
}

/// Why a certificate and its key cannot be shown to the broker.
fn unusable(error: &io::Error, certificate: &Path, key: &Path) -> String {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let what = format!(
        "failed to use the certificate {} (`ssl_cert_file`) with the key {} (`ssl_key_file`)",
        certificate.display(),
        key.display()
    );
    match cause {
        Some(rustls::Error::InconsistentKeys(_)) => {
            format!("{what}: the key does not belong to the certificate")
        }
        Some(rustls::Error::InvalidCertificate(why)) if is_old_version(why) => {
            format!("{what}: it is an X.509 certificate of version 1; have one of version 3 made")
        }
        _ => format!("{what}: {error}"),
    }
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path, option)?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!(
            "expected a certificate in PEM form in {} (`{option}`), but found none",
            path.display()
        )),
        Err(error) => Err(format!(
            "failed to read the certificates of {} (`{option}`): {error}",
            path.display()
        )),
    }
}
