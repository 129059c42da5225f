//! A real RabbitMQ for every scenario: a foreign one, one in a container, or a node of our own.
//!
//! The first of these that there is: the broker that `AMQP_URL` names; a container, where a Docker
//! engine answers and the `docker` command reaches the same one; a private node of the system's
//! `rabbitmq-server` package on loopback. Whatever is missing (image, package) is fetched or built,
//! and said. There is no fourth way: without a broker a scenario fails, with the remedy.
//!
//! Calls block, and may be made inside and outside an async runtime. What this process started is
//! removed at its end, however it ends.

mod docker;
mod local;
pub(crate) mod reaper;
mod tls;

use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lapin::uri::{AMQPScheme, AMQPUri};
use tokio::runtime::Handle;

use super::amqp;
pub(crate) use reaper::Reaper;
pub(crate) use tls::ServerTls;

/// How long a broker that we start may take to greet a client. Seconds are usual; a loaded machine
/// needs more.
const STARTUP_LIMIT: Duration = Duration::from_secs(180);

/// How long a foreign broker may take, which is running already.
const FOREIGN_LIMIT: Duration = Duration::from_secs(15);

/// How long a broker may take to shut down before it is killed.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(60);

/// Both processors of a small machine are for the tests: the broker's schedulers do not spin. Without
/// `+Q` Erlang sets memory aside for as many files as it may open, and some engines set no limit.
const ERLANG_ARGUMENTS: &str = "+sbwt none +sbwtdcpu none +sbwtdio none +Q 65536";

/// A running broker, or one that was stopped by its owner.
pub(crate) struct Broker {
    address: AMQPUri,
    url: String,
    tls_port: Option<u16>,
    owned: Option<Owned>,
    /// Whether it takes commands: known once it has been asked since its last start.
    takes_commands: AtomicBool,
}

/// A broker that this process started.
enum Owned {
    Container(Box<docker::Container>),
    Node(local::Node),
}

impl Broker {
    /// The broker that all scenarios of this process share; started by the first of them.
    ///
    /// It belongs to everybody: use exchanges and queues with names of your own
    /// ([`amqp::unique`]), and do not stop it.
    ///
    /// # Panics
    /// If there is no broker and none can be started.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match std::env::var("AMQP_URL") {
            Ok(url) if !url.is_empty() => Self::foreign(url),
            _ => Self::start_own(None),
        });
        match shared {
            Ok(broker) => broker,
            Err(why) => panic!("no broker for the scenarios: {why}"),
        }
    }

    /// A broker for one scenario alone, which may stop, freeze and reconfigure it.
    ///
    /// It is started by Docker or locally even if `AMQP_URL` is set: a broker that somebody else
    /// runs is not ours to restart.
    ///
    /// # Panics
    /// If none can be started.
    pub(crate) fn private() -> Self {
        Self::start_own(None).unwrap_or_else(|why| panic!("no broker for this scenario: {why}"))
    }

    /// The same, with a port for TLS besides.
    ///
    /// # Panics
    /// If none can be started.
    pub(crate) fn private_with_tls(tls: &ServerTls<'_>) -> Self {
        Self::start_own(Some(tls))
            .unwrap_or_else(|why| panic!("no broker for this scenario: {why}"))
    }

    /// `amqp://…` with user, password, host, port and virtual host.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A name or an address.
    pub(crate) fn host(&self) -> &str {
        &self.address.authority.host
    }

    /// The AMQP port; the same after a restart.
    pub(crate) fn port(&self) -> u16 {
        self.address.authority.port
    }

    /// The port for AMQP in TLS.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn tls_port(&self) -> u16 {
        self.tls_port.expect("the broker was started with TLS")
    }

    /// A user with all rights in [`Broker::vhost`].
    pub(crate) fn user(&self) -> &str {
        &self.address.authority.userinfo.username
    }

    /// That user's password.
    pub(crate) fn password(&self) -> &str {
        &self.address.authority.userinfo.password
    }

    /// The virtual host, unescaped: `/` unless `AMQP_URL` says otherwise.
    pub(crate) fn vhost(&self) -> &str {
        &self.address.vhost
    }

    /// Shuts the broker down in an orderly way, as its operator would, and waits until it is down.
    ///
    /// # Panics
    /// If it is not ours, or does not end.
    pub(crate) fn stop(&self) {
        match self.owned() {
            Owned::Container(container) => container.stop(),
            Owned::Node(node) => node.stop(),
        }
    }

    /// Starts a stopped broker on the same port with what it kept, and waits until it greets.
    ///
    /// # Panics
    /// If it is not ours, or does not come up.
    pub(crate) fn start(&self) {
        self.takes_commands.store(false, Ordering::Relaxed);
        match self.owned() {
            Owned::Container(container) => container.start(),
            Owned::Node(node) => node.start(),
        }
        self.wait_until_ready()
            .unwrap_or_else(|why| panic!("{why}"));
    }

    /// [`Broker::stop`] and [`Broker::start`].
    ///
    /// # Panics
    /// As they do.
    pub(crate) fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Freezes the broker: connections stay open, and nothing answers.
    ///
    /// # Panics
    /// If it is not ours, or not running.
    pub(crate) fn pause(&self) {
        match self.owned() {
            Owned::Container(container) => container.pause(),
            Owned::Node(node) => node.pause(),
        }
    }

    /// Lets a frozen broker go on where it was.
    ///
    /// # Panics
    /// If it is not ours, or not frozen.
    pub(crate) fn unpause(&self) {
        match self.owned() {
            Owned::Container(container) => container.unpause(),
            Owned::Node(node) => node.unpause(),
        }
    }

    /// Makes a user who may do everything in the virtual host.
    ///
    /// # Panics
    /// If the broker is not ours, or refuses.
    pub(crate) fn add_user(&self, name: &str, password: &str) {
        self.rabbitmqctl(&["add_user", name, password]);
        let vhost = self.vhost();
        self.rabbitmqctl(&["set_permissions", "-p", vhost, name, ".*", ".*", ".*"]);
    }

    /// What `rabbitmqctl` prints on standard output.
    ///
    /// # Panics
    /// If the broker is not ours, or the command fails.
    pub(crate) fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let run = |arguments: &[&str]| match self.owned() {
            Owned::Container(container) => container.rabbitmqctl(arguments),
            Owned::Node(node) => node.rabbitmqctl(arguments),
        };
        // A broker greets clients a moment before it counts as started, and refuses commands until then.
        if !self.takes_commands.load(Ordering::Relaxed) {
            let limit = STARTUP_LIMIT.as_secs().to_string();
            run(&["await_startup", "--timeout", &limit]);
            self.takes_commands.store(true, Ordering::Relaxed);
        }
        run(arguments)
    }

    fn owned(&self) -> &Owned {
        self.owned
            .as_ref()
            .expect("the broker is ours; for more than messages take Broker::private()")
    }

    fn foreign(url: String) -> Result<Self, String> {
        // To the client library `host/` names a virtual host without a name; nobody means that.
        let url = if url.ends_with('/') && url.matches('/').count() == 3 {
            url + "%2f"
        } else {
            url
        };
        // The password may be a real one: the error does not repeat the address.
        let address: AMQPUri = url.parse().map_err(|why| {
            format!("AMQP_URL is no address such as amqp://user:password@host:5672/%2f: {why}")
        })?;
        if address.scheme != AMQPScheme::AMQP {
            return Err("AMQP_URL must begin with amqp://, without TLS".to_owned());
        }
        let broker = Self {
            address,
            url,
            tls_port: None,
            owned: None,
            takes_commands: AtomicBool::new(false),
        };
        broker.wait_until_ready()?;
        say(&format!(
            "broker: the one of AMQP_URL at {}:{}",
            broker.host(),
            broker.port()
        ));
        Ok(broker)
    }

    fn start_own(tls: Option<&ServerTls<'_>>) -> Result<Self, String> {
        let (owned, host, port, tls_port) = match docker::engine() {
            Ok(()) => {
                let container = docker::Container::create(tls)?;
                let (host, port) = (container.host.clone(), container.port);
                let tls_port = container.tls_port;
                (Owned::Container(Box::new(container)), host, port, tls_port)
            }
            Err(why) => {
                say(&format!("broker: not in Docker, {why}"));
                let node = local::Node::create(tls)?;
                let (port, tls_port) = (node.port, node.tls_port);
                (Owned::Node(node), "127.0.0.1".to_owned(), port, tls_port)
            }
        };
        let url = format!("amqp://guest:guest@{host}:{port}/%2f");
        let address = url
            .parse()
            .map_err(|why| format!("{url} is no address: {why}"))?;
        let broker = Self {
            address,
            url,
            tls_port,
            owned: Some(owned),
            takes_commands: AtomicBool::new(false),
        };
        broker.wait_until_ready()?;
        Ok(broker)
    }

    /// Waits for a whole AMQP handshake: an open port alone may be Docker's proxy.
    fn wait_until_ready(&self) -> Result<(), String> {
        let limit = if self.owned.is_some() {
            STARTUP_LIMIT
        } else {
            FOREIGN_LIMIT
        };
        let started = Instant::now();
        loop {
            let Err(why) = apart(|| amqp::try_connect(&self.url)) else {
                return Ok(());
            };
            let ended = self.owned.as_ref().is_some_and(Owned::has_ended);
            if ended || started.elapsed() > limit {
                let log = self.owned.as_ref().map(Owned::log_tail).unwrap_or_default();
                return Err(format!(
                    "the broker at {}:{} {} ({why})\n{log}",
                    self.host(),
                    self.port(),
                    if ended {
                        "ended while starting"
                    } else {
                        "lets nobody in"
                    },
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Owned {
    fn has_ended(&self) -> bool {
        match self {
            Self::Container(container) => container.has_ended(),
            Self::Node(node) => node.has_ended(),
        }
    }

    fn log_tail(&self) -> String {
        let log = match self {
            Self::Container(container) => container.log(),
            Self::Node(node) => node.log(),
        };
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// Runs what `begin` makes to its end on a runtime of its own, which lives as long as the process: clients
/// of the engine keep connections in it. Safe inside another runtime, which it blocks meanwhile.
fn apart<T: Send, F: Future<Output = T>>(begin: impl FnOnce() -> F + Send) -> T {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    let handle = RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    });
    std::thread::scope(|scope| scope.spawn(|| handle.block_on(begin())).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Tells the person at the terminal, past the harness, which keeps what a passing test prints.
fn say(line: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs one of the project's scripts with its output on our standard error.
pub(crate) fn run_script(name: &str, arguments: &[&str]) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(name);
    let status = std::process::Command::new(&path)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|why| format!("failed to start {}: {why}", path.display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "{} {} failed: {status}",
            path.display(),
            arguments.join(" ")
        ))
    }
}

/// A port on which nothing listens. Below the range from which the kernel gives ports to outgoing
/// connections, so that nobody has taken it when a stopped broker comes back.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(20_000..30_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A name that no other broker on this machine has.
fn unique_name() -> String {
    format!(
        "esi-event-actions-{}-{:08x}",
        std::process::id(),
        fastrand::u32(..)
    )
}
