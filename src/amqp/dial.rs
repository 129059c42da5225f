//! Connects to one host: the TCP connection, TLS if it is configured, and the login, at each of
//! its addresses in turn.
//!
//! The client library gets a connection that exists already. Its own connecting cannot be
//! aborted: it would keep a thread and a socket for each host that accepts and never answers.

mod budget;
mod refusal;
mod tls;

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_compat::Compat;
use async_rs::Runtime;
use lapin::tcp::RustlsConnector;
use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::settings::{Broker, Endpoint, LoginMethod, Tls};
use crate::config::Password;
use crate::os::credentials::{credential_file, first_line};
use crate::os::lookup::addresses;

pub use budget::Budget;
use budget::{Metered, Stream, runtime};
use refusal::refused;
use tls::{NOT_TLS, connector, insecure};

/// How long a host may take from the first packet to the end of the login. Its addresses share it,
/// but each has at least [`LEAST_SHARE`].
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last of many addresses is waited for.
const LEAST_SHARE: Duration = Duration::from_secs(2);

/// The largest frame that is agreed on; a larger body comes in several. The client library reserves memory
/// for 32 of them, twice, and a busy queue fills that: neither the broker nor what it calls its default must
/// decide how much it is.
const FRAME_MAX: u32 = 16_384;

/// Sets up what the client library ends connections with: a thread that it starts for the first one that
/// is lost, and panics if there is no room for it, then and ever after.
///
/// Called once, before there is a runtime.
///
/// # Errors
/// Why there is no such thread.
pub fn prepare() -> io::Result<()> {
    let first = thread::Builder::new().spawn(|| drop(Compat::new(())))?;
    let refused = |_| io::Error::other("the AMQP client library could not start its thread");
    first.join().map_err(refused)
}

/// Connects to this host and logs in, trying its addresses in turn. The host's silence at one address
/// must not use up the time of the others.
///
/// # Errors
/// Why not, in words that name the addresses, but not the host yet.
pub(super) async fn dial(
    broker: &Broker,
    endpoint: &Endpoint,
) -> Result<(Connection, Budget), String> {
    let found = timeout(CONNECT_TIMEOUT, addresses(&endpoint.host, endpoint.port))
        .await
        .map_err(|_| format!("failed to look up the host: no answer within {CONNECT_TIMEOUT:?}"))?
        .map_err(|error| format!("failed to look up the host: {error}"))?;
    dial_any(broker, endpoint, found).await
}

/// The same, the addresses being known.
async fn dial_any(
    broker: &Broker,
    endpoint: &Endpoint,
    found: Vec<SocketAddr>,
) -> Result<(Connection, Budget), String> {
    let uri = uri(broker, endpoint)?;
    let tls = match &broker.tls {
        Some(tls) => Some((connector(tls)?, tls)),
        None => None,
    };
    let mut reasons = Reasons::default();
    let share = share(found.len());
    for address in found {
        let attempt = Attempt {
            broker,
            endpoint,
            tls: tls.as_ref(),
            address,
            time: share,
        };
        match attempt.dial(uri.clone()).await {
            Ok(connected) => {
                if !reasons.0.is_empty() {
                    let (host, port) = (&endpoint.host, endpoint.port);
                    tracing::warn!(
                        "failed to connect to {host}:{port} at {}",
                        reasons.to_text(host)
                    );
                }
                return Ok(connected);
            }
            Err(why) => reasons.add(address.ip(), why),
        }
    }
    Err(reasons.to_text(&endpoint.host))
}

/// The share of the time that each of this many addresses has.
fn share(addresses: usize) -> Duration {
    let number = u64::try_from(addresses.max(1)).unwrap_or(u64::MAX);
    Duration::from_secs(CONNECT_TIMEOUT.as_secs() / number).max(LEAST_SHARE)
}

/// Why the addresses of a host could not be used; those with one reason stand together.
#[derive(Debug, Default)]
struct Reasons(Vec<(String, Vec<IpAddr>)>);

impl Reasons {
    fn add(&mut self, address: IpAddr, why: String) {
        match self.0.iter_mut().find(|(known, _)| *known == why) {
            Some((_, addresses)) => addresses.push(address),
            None => self.0.push((why, vec![address])),
        }
    }

    fn to_text(&self, host: &str) -> String {
        let each: Vec<String> = self
            .0
            .iter()
            .map(|(why, addresses)| {
                let named: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
                // The host may be this address itself: do not repeat it.
                if named == [host] {
                    why.clone()
                } else {
                    format!("{}: {why}", named.join(", "))
                }
            })
            .collect();
        if each.is_empty() {
            return "the host has no address".to_owned();
        }
        each.join("; ")
    }
}

/// One address of a host, and the time that it has.
struct Attempt<'a> {
    broker: &'a Broker,
    endpoint: &'a Endpoint,
    tls: Option<&'a (RustlsConnector, &'a Tls)>,
    address: SocketAddr,
    time: Duration,
}

impl Attempt<'_> {
    async fn dial(&self, uri: AMQPUri) -> Result<(Connection, Budget), String> {
        let time = self.time;
        let deadline = Instant::now() + time;
        let failed = |error| format!("failed to connect: {error}");
        let plain = timeout_at(deadline, TcpStream::connect(self.address))
            .await
            .map_err(|_| format!("no connection within {time:?}"))?
            .map_err(failed)?;
        plain.set_nodelay(true).map_err(failed)?;
        let wire = plain.as_fd().try_clone_to_owned().map_err(failed)?;
        let wire = std::net::TcpStream::from(wire);
        let stream = Stream::Plain(Compat::new(plain));

        let stream = match self.tls {
            None => stream,
            Some((connector, tls)) => {
                timeout_at(deadline, stream.into_rustls(connector, &self.endpoint.host))
                    .await
                    .map_err(|_| format!("no answer to TLS within {time:?}: {NOT_TLS}"))?
                    .map_err(|error| insecure(&error, tls, NOT_TLS))?
            }
        };

        let properties =
            ConnectionProperties::default().with_connection_name("esi-event-actions".into());
        let budget = Budget::default();
        let stream = AsyncTcpStream::Plain(Metered::new(stream, budget.clone()));
        let ready = Mutex::new(Some(stream));
        let take_ready = async move |_, _: Runtime<_>| {
            let stream = ready.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted).into())
        };
        let greeting = Connection::connector(uri, runtime(), take_ready, properties);
        let Ok(greeted) = timeout_at(deadline, greeting).await else {
            // This ends the library's thread too.
            if let Err(error) = wire.shutdown(Shutdown::Both) {
                tracing::debug!("failed to close an abandoned connection: {error}");
            }
            return Err(format!(
                "no answer to the greeting within {time:?}: is this RabbitMQ's port, and does \
                 `ssl` match what it expects?"
            ));
        };
        let connection = greeted.map_err(|error| refused(&error, self.endpoint, self.broker))?;
        Ok((connection, budget))
    }
}

/// Whom to log in as, and what is agreed on. A broker that wants less of it gets less.
fn uri(broker: &Broker, endpoint: &Endpoint) -> Result<AMQPUri, String> {
    Ok(AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: endpoint.user.clone(),
                password: password(&endpoint.password)?,
            },
            host: endpoint.host.clone(),
            port: endpoint.port,
        },
        vhost: broker.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(FRAME_MAX),
            heartbeat: Some(u16::try_from(broker.heartbeat.as_secs()).unwrap_or(u16::MAX)),
            auth_mechanism: Some(match broker.login_method {
                LoginMethod::Plain => SASLMechanism::Plain,
                LoginMethod::AmqPlain => SASLMechanism::AMQPlain,
                LoginMethod::External => SASLMechanism::External,
            }),
            ..AMQPQueryString::default()
        },
    })
}

fn password(password: &Password) -> Result<String, String> {
    match password {
        Password::Text(text) => Ok(text.expose_secret().to_owned()),
        Password::File { name, folder } => {
            let line = first_line(&credential_file(name, folder), "password_file")?;
            Ok(line.expose_secret().to_owned())
        }
    }
}

fn read(path: &Path, option: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path)
        .map_err(|error| format!("failed to read {} (`{option}`): {error}", path.display()))
}

#[cfg(test)]
mod tests;
