//! How to reach RabbitMQ, validated. Nothing here can show a password.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Password;

/// How to reach RabbitMQ.
#[derive(Clone, Debug)]
pub struct Broker {
    /// The hosts, tried in turn; never empty.
    pub endpoints: Vec<Endpoint>,
    /// The virtual host.
    pub vhost: String,
    /// How often both ends prove that they are alive.
    pub heartbeat: Duration,
    /// TLS, if it is used.
    pub tls: Option<Tls>,
    /// How to prove who we are.
    pub login_method: LoginMethod,
}

/// One host of a broker.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom to log in as; empty where the certificate alone tells.
    pub user: String,
    /// How to prove it; empty in the same case.
    pub password: Password,
}

/// TLS towards the broker. The broker's certificate is always verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, both PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How to log in at the broker: oslo.messaging's `rabbit_login_method`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginMethod {
    /// User and password.
    #[default]
    Plain,
    /// The same, as RabbitMQ wrote it before others did.
    AmqPlain,
    /// Our certificate alone.
    External,
}
