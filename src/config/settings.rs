//! What a configuration says, validated: the values everything else is built from.
//!
//! Nothing here is checked again later, and nothing here can show a password.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::journal::Retention;
use crate::retry::RetryPolicy;
use crate::rules::RuleSet;

use super::problem::Problems;
use super::text::Position;

/// What came of reading a configuration file; `F` says how to reach the feed it was read for.
#[derive(Debug)]
pub struct Reading<F = ()> {
    /// The configuration, unless there is an error among the problems.
    pub config: Option<Config<F>>,
    /// The programs that the rules name, for the check whether they are there.
    pub scripts: Vec<ScriptPlace>,
    /// Where the file itself holds a secret, for the check of who may read it.
    pub secret: Option<SecretPlace>,
    /// All that is wrong, or worth saying.
    pub problems: Problems,
}

/// Where a rule names its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPlace {
    /// The rule.
    pub rule: String,
    /// The first word of its `script`.
    pub program: String,
    /// Where that stands.
    pub position: Position,
    /// Whether the rule is in force.
    pub enabled: bool,
}

/// Where the file holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    /// The option.
    pub option: String,
    /// Of the option's name.
    pub position: Position,
}

/// A whole configuration; `F` says how to reach the feed it was read for.
#[derive(Clone, Debug)]
pub struct Config<F = ()> {
    /// The file it was read from.
    pub path: PathBuf,
    /// The bus, the event history, or nothing.
    pub feed: F,
    /// Where the journal lies, if the file says so.
    pub state_dir: Option<PathBuf>,
    /// How many scripts run at once, over all keys.
    pub max_parallel: usize,
    /// How long running scripts may take to finish when the service stops.
    pub stop_timeout: Duration,
    /// How long finished things are kept.
    pub retention: Retention,
    /// The rules, in the order of the file.
    pub rules: RuleSet,
}

impl<F> Config<F> {
    /// The folder of the file: scripts are looked up and run there.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path.parent().map(PathBuf::from).unwrap_or_default()
    }
}

/// How to read ESI Leap's event history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Who asks ESI Leap.
    pub client: HistoryClient,
    /// The limit of one question.
    pub client_timeout: Duration,
    /// How many ids before the cursor are asked for again each time.
    pub overlap: i64,
    /// What follows when a lease cannot be shown.
    pub lease_retry: RetryPolicy,
}

/// Who asks ESI Leap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryClient {
    /// The `openstack` program: its words, of which there is at least one.
    Openstack(Vec<String>),
    /// Our own.
    Native,
}

/// How to reach RabbitMQ, and what to consume there.
#[derive(Clone, Debug)]
pub struct Amqp {
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
    /// The queues to consume; never empty.
    pub queues: Vec<String>,
    /// Whether to make queues that are missing, and how.
    pub declare_queues: DeclareQueues,
    /// The exchange to bind queues to that are made.
    pub exchange: String,
    /// How many deliveries the broker may have under way to us, for each queue.
    pub prefetch: u16,
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

/// A password, or where to read it each time one is needed.
#[derive(Clone, Debug)]
pub enum Password {
    /// It stands in the configuration.
    Text(SecretString),
    /// The first line of a file.
    File {
        /// As written. A relative one is looked for among the service's credentials
        /// (`$CREDENTIALS_DIRECTORY`, set by systemd) and then in `folder`.
        name: PathBuf,
        /// The configuration file's folder.
        folder: PathBuf,
    },
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

/// Whether queues that are missing are made, with their binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeclareQueues {
    /// They are waited for: ESI Leap makes them with its first message.
    #[default]
    No,
    /// Classic, gone with the broker: oslo.messaging's default.
    Transient,
    /// Classic and durable: oslo's `amqp_durable_queues`.
    Durable,
    /// Replicated: oslo's `rabbit_quorum_queue`.
    Quorum,
}
