//! Reaching one host: the TCP connection, TLS on it where that is wanted, and the login.
//!
//! The client library is handed a connection that is there already. Its own connecting cannot be
//! given up: it would keep a thread and a socket for each host that accepts and never speaks.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, ErrorKind};
use rustls::CertificateError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use crate::config::{Amqp, Endpoint, Password, Tls};
use crate::sources::lookup::addresses;

/// How long a host may take from the first packet to the end of the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sets up what the client library ends connections with: a thread that it starts for the first one that
/// is lost, and panics if there is no room for it, then and ever after.
///
/// Called once, before there is a runtime.
///
/// # Errors
/// Why there is no such thread.
pub fn prepare() -> io::Result<()> {
    let first = thread::Builder::new().spawn(|| drop(async_compat::Compat::new(())))?;
    let refused = |_| io::Error::other("the client library of AMQP found no room for its thread");
    first.join().map_err(refused)
}

/// Connects to this host and logs in.
///
/// # Errors
/// Why not, in words that do not name the host yet.
pub(super) async fn dial(settings: &Amqp, endpoint: &Endpoint) -> Result<Connection, String> {
    let password = password(&endpoint.password)?;
    let tls = settings.tls.as_ref().map(connector).transpose()?;
    let runtime = lapin::runtime::default_runtime().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + CONNECT_TIMEOUT;

    let connecting = async {
        let addresses = addresses(&endpoint.host, endpoint.port)
            .await
            .map_err(|error| format!("failed to look up the host: {error}"))?;
        let stream = AsyncTcpStream::connect(&runtime, addresses).await;
        stream.map_err(|error| format!("failed to connect: {error}"))
    };
    let stream = timeout_at(deadline, connecting)
        .await
        .map_err(|_| format!("no connection within {CONNECT_TIMEOUT:?}"))??;
    let AsyncTcpStream::Plain(plain) = &stream else {
        return Err("TLS where none was begun: report this".into());
    };
    let wire = plain.get_ref().as_fd().try_clone_to_owned();
    let wire =
        std::net::TcpStream::from(wire.map_err(|error| format!("failed to connect: {error}"))?);

    let stream = match tls {
        None => stream,
        Some(connector) => timeout_at(deadline, stream.into_rustls(&connector, &endpoint.host))
            .await
            .map_err(|_| {
                format!(
                    "no answer to TLS within {CONNECT_TIMEOUT:?}: is this RabbitMQ's port for TLS?"
                )
            })?
            .map_err(|error| insecure(&error, "is this RabbitMQ's port for TLS?"))?,
    };

    let uri = AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: endpoint.user.clone(),
                password,
            },
            host: endpoint.host.clone(),
            port: endpoint.port,
        },
        vhost: settings.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(u16::try_from(settings.heartbeat.as_secs()).unwrap_or(u16::MAX)),
            ..AMQPQueryString::default()
        },
    };
    let properties =
        ConnectionProperties::default().with_connection_name("esi-event-actions".into());
    let ready = Mutex::new(Some(stream));
    let take_ready = async move |_, _| {
        let stream = ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted).into())
    };
    let greeting = Connection::connector(uri, runtime, take_ready, properties);
    let Ok(greeted) = timeout_at(deadline, greeting).await else {
        // This ends the library's thread too.
        if let Err(error) = wire.shutdown(Shutdown::Both) {
            tracing::debug!("failed to end a connection that was given up: {error}");
        }
        return Err(format!(
            "no answer to the greeting within {CONNECT_TIMEOUT:?}: is this RabbitMQ's port, and does \
             `ssl` say the same on both sides?"
        ));
    };
    greeted.map_err(|error| refused(&error, endpoint, settings))
}

/// Why the login failed, and what to look at.
fn refused(error: &lapin::Error, endpoint: &Endpoint, settings: &Amqp) -> String {
    let text = error.to_string();
    if text.contains("ACCESS_REFUSED") || text.contains("ACCESS-REFUSED") {
        return format!(
            "the broker refuses user `{}` or the password: check `user`, `password` or \
             `transport_url`, and that this user may log in from this host ({text})",
            endpoint.user
        );
    }
    if text.contains("NOT_ALLOWED") || text.contains("NOT-ALLOWED") {
        return format!(
            "user `{}` may not use virtual host `{}`, or there is none of that name: check `vhost` \
             ({text})",
            endpoint.user, settings.vhost
        );
    }
    match error.kind() {
        ErrorKind::IOError(error) if settings.tls.is_some() => insecure(error, TURNED_AWAY),
        ErrorKind::IOError(_) | ErrorKind::ParsingError(_) => format!(
            "no RabbitMQ answers there, or one that wants TLS (`ssl = yes`, and usually port 5671): \
             {text}"
        ),
        _ => text,
    }
}

/// The broker looks at our certificate last; what it says then may be lost with the connection.
const TURNED_AWAY: &str = "the broker's log says why; if it asks for a certificate, set \
                           `ssl_cert_file` and `ssl_key_file` to one that it trusts";

/// Why there is no TLS, and what to look at; `otherwise`, if the error alone does not tell.
fn insecure(error: &io::Error, otherwise: &str) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};

    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let remedy = match cause {
        Some(InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "set `ssl_ca_file` to the certificate of the authority that signed the broker's"
        }
        Some(InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "name the host as the broker's certificate does",
        Some(InvalidCertificate(_)) => "have the broker's certificate renewed",
        Some(AlertReceived(_)) => TURNED_AWAY,
        Some(InvalidMessage(_)) => {
            "this port seems to be one without TLS: RabbitMQ's port for TLS is usually 5671"
        }
        _ => otherwise,
    };
    format!("failed to set up TLS: {error}; {remedy}")
}

/// The file that `password_file` names: among the service's credentials, which systemd lays there,
/// if there is one of that name; else from `folder`, the configuration file's.
#[must_use]
pub fn password_file(name: &Path, folder: &Path) -> PathBuf {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|credentials| Path::new(&credentials).join(name))
        .filter(|path| path.exists());
    credential.unwrap_or_else(|| folder.join(name))
}

fn password(password: &Password) -> Result<String, String> {
    match password {
        Password::Text(text) => Ok(text.expose_secret().to_owned()),
        Password::File { name, folder } => {
            let path = password_file(name, folder);
            let text = String::from_utf8(read(&path, "password_file")?)
                .map_err(|_| format!("{} (`password_file`) is not UTF-8", path.display()))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        }
    }
}

/// Reads the files anew for each connection: certificates are renewed while the service runs.
fn connector(tls: &Tls) -> Result<RustlsConnector, String> {
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
            let pem = read(key, "ssl_key_file")?;
            let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
                format!(
                    "failed to find a private key in {} (`ssl_key_file`): {error}; expected it in \
                     PEM form, without a passphrase",
                    key.display()
                )
            })?;
            trusted
                .connector_with_single_cert(chain, secret)
                .map_err(|error| {
                    format!(
                        "failed to use the certificate {} (`ssl_cert_file`) with the key {} \
                         (`ssl_key_file`): {error}",
                        certificate.display(),
                        key.display()
                    )
                })
        }
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

fn read(path: &Path, option: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path)
        .map_err(|error| format!("failed to read {} (`{option}`): {error}", path.display()))
}
