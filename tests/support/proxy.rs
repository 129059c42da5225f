//! A way to the broker that fails on command: latency, silence, resets, cuts, refusals.
//!
//! A TCP proxy on loopback. What it does to the connections it does to those that there are and to
//! those that come, until it is told otherwise.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::broker::{Broker, free_port};

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    Broker,
    Service,
}

/// The way; it is gone when this is dropped.
pub(crate) struct Proxy {
    port: u16,
    orders: watch::Sender<Orders>,
    cut: Arc<Mutex<Cut>>,
    _runtime: Runtime,
}

/// What is done to the connections.
#[derive(Clone, Debug, Default)]
struct Orders {
    latency: Duration,
    silence: Option<Silence>,
    refusing: bool,
    /// Counts resets. A connection lives as long as this stays as it was when it began.
    resets: u64,
}

/// Where nothing is forwarded.
#[derive(Clone, Copy, Debug)]
enum Silence {
    Toward(Toward),
    Both,
}

impl Silence {
    fn covers(self, toward: Toward) -> bool {
        match self {
            Self::Toward(silent) => silent == toward,
            Self::Both => true,
        }
    }
}

/// Where the next connections end.
#[derive(Debug, Default)]
struct Cut {
    toward: Option<Toward>,
    /// How many bytes still pass that way.
    left: usize,
    /// How many pass on each connection to come, if it is to be cut as well.
    again: Option<usize>,
    /// How many connections have been cut.
    made: usize,
}

impl Cut {
    /// How many of so many bytes still pass, and whether the connection ends with them.
    fn pass(&mut self, toward: Toward, bytes: usize) -> (usize, bool) {
        if self.toward != Some(toward) {
            return (bytes, false);
        }
        if bytes < self.left {
            self.left -= bytes;
            return (bytes, false);
        }
        let passing = self.left;
        self.made += 1;
        match self.again {
            Some(bytes) => self.left = bytes,
            None => self.toward = None,
        }
        (passing, true)
    }
}

impl Proxy {
    /// A way to this broker that is good so far.
    pub(crate) fn to(broker: &Broker) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let port = free_port();
        let orders = watch::Sender::default();
        let cut = Arc::default();
        let way = Way {
            broker: (broker.host().to_owned(), broker.port()),
            orders: orders.subscribe(),
            cut: Arc::clone(&cut),
        };
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port)));
        runtime.spawn(way.keep_open(listener.expect("a port")));
        Self {
            port,
            orders,
            cut,
            _runtime: runtime,
        }
    }

    /// Where it listens, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Forwards everything at once, what was held back too.
    pub(crate) fn forward(&self) {
        self.orders.send_modify(|orders| {
            *orders = Orders {
                resets: orders.resets,
                ..Orders::default()
            };
        });
        self.cut().toward = None;
    }

    /// Holds everything back for so long, in both directions.
    pub(crate) fn slow(&self, latency: Duration) {
        self.orders.send_modify(|orders| orders.latency = latency);
    }

    /// Keeps all connections, accepts others, and forwards nothing, not even their end.
    pub(crate) fn silence(&self) {
        self.silent(Silence::Both);
    }

    /// The same in one direction.
    pub(crate) fn silence_toward(&self, toward: Toward) {
        self.silent(Silence::Toward(toward));
    }

    fn silent(&self, silence: Silence) {
        self.orders
            .send_modify(|orders| orders.silence = Some(silence));
    }

    /// Ends all connections with a TCP reset.
    pub(crate) fn reset(&self) {
        self.orders.send_modify(|orders| orders.resets += 1);
    }

    /// Resets all connections, and refuses others.
    pub(crate) fn refuse(&self) {
        self.orders.send_modify(|orders| orders.refusing = true);
    }

    /// Ends the connection over which so many bytes more have gone that way, with the last of them.
    pub(crate) fn cut_after(&self, toward: Toward, bytes: usize) {
        let mut cut = self.cut();
        (cut.toward, cut.left, cut.again) = (Some(toward), bytes, None);
    }

    /// The same, and then again and again after so many bytes.
    pub(crate) fn cut_each_after(&self, toward: Toward, bytes: usize) {
        let mut cut = self.cut();
        (cut.toward, cut.left, cut.again) = (Some(toward), bytes, Some(bytes));
    }

    /// How many connections have been cut.
    pub(crate) fn cuts(&self) -> usize {
        self.cut().made
    }

    fn cut(&self) -> std::sync::MutexGuard<'_, Cut> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every connection knows.
#[derive(Clone)]
struct Way {
    broker: (String, u16),
    orders: watch::Receiver<Orders>,
    cut: Arc<Mutex<Cut>>,
}

impl Way {
    async fn keep_open(mut self, listener: TcpListener) {
        let place = listener.local_addr().expect("an address");
        let mut listener = Some(listener);
        loop {
            if self.orders.borrow_and_update().refusing {
                listener = None;
            } else if listener.is_none() {
                listener = Some(TcpListener::bind(place).await.expect("the port is free"));
            }
            let accepting = async {
                match &listener {
                    Some(listener) => listener.accept().await.expect("a connection").0,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                service = accepting => drop(tokio::spawn(self.clone().carry(service))),
                changed = self.orders.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    async fn carry(mut self, mut service: TcpStream) {
        let resets = self.orders.borrow().resets;
        // A broker that is down is told to the service by the end of its own connection.
        let Ok(mut broker) = TcpStream::connect(self.broker.clone()).await else {
            return;
        };
        for end in [&service, &broker] {
            end.set_nodelay(true).expect("a socket");
        }
        let (from_service, to_service) = service.split();
        let (from_broker, to_broker) = broker.split();
        let is_reset = tokio::select! {
            // Whichever end closes, or fails: the other one is closed after it.
            _ = self.clone().pump(Toward::Broker, from_service, to_broker) => false,
            _ = self.clone().pump(Toward::Service, from_broker, to_service) => false,
            _ = self.orders.wait_for(|now| now.refusing || now.resets != resets) => true,
        };
        if is_reset {
            for end in [&service, &broker] {
                end.set_zero_linger().expect("a socket");
            }
        }
    }

    async fn pump(
        mut self,
        toward: Toward,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            // Before reading, for the end of a connection is not to be noticed; and after it, for
            // the silence may have begun meanwhile.
            self.until_heard(toward).await;
            let read = from.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            let latency = self.orders.borrow().latency;
            tokio::time::sleep(latency).await;
            self.until_heard(toward).await;
            let (passing, is_cut) = self
                .cut
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pass(toward, read);
            to.write_all(&chunk[..passing]).await?;
            if is_cut {
                return Ok(());
            }
        }
    }

    async fn until_heard(&mut self, toward: Toward) {
        let heard = |orders: &Orders| !orders.silence.is_some_and(|silence| silence.covers(toward));
        // Without orders the runtime is about to end.
        drop(self.orders.wait_for(heard).await);
    }
}
