//! The address of a cluster of one broker: what is behind it can be changed, taken away, or be behind TLS and a login.
//!
//! A client goes to the addresses that brokers give. So in what they answer, theirs is replaced by the door's, which is as
//! long.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Kafka;
use super::sasl::Login;
use crate::support::sender::free_port;

/// How a request for messages begins.
const FETCH: [u8; 2] = [0, 1];

/// What has to be passed.
#[derive(Clone, Default)]
pub(crate) struct Guard {
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// User and password.
    pub(crate) login: Option<(String, String)>,
}

/// The door; it is gone when this is dropped.
pub(crate) struct Door {
    port: u16,
    /// The port of the broker behind it; 0 if there is none. Connections end when that changes.
    behind: watch::Sender<u16>,
    /// By which mechanisms users came in.
    logins: Arc<Mutex<Vec<String>>>,
    /// How long an answer with messages is at least.
    pad: watch::Sender<usize>,
    _runtime: Runtime,
}

impl Door {
    pub(crate) fn to(kafka: &Kafka) -> Self {
        Self::guarded(kafka, Guard::default())
    }

    pub(crate) fn guarded(kafka: &Kafka, guard: Guard) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let port = free_port();
        let (behind, seen) = watch::channel(kafka.ports[0]);
        let logins = Arc::default();
        let (pad, padded) = watch::channel(0);
        let way = Way {
            port,
            behind: seen,
            guard,
            logins: Arc::clone(&logins),
            pad: padded,
        };
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port)));
        let listener = listener.expect("a port");
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(way.clone().connection(stream));
            }
        });
        Self {
            port,
            behind,
            logins,
            pad,
            _runtime: runtime,
        }
    }

    /// The address by its number.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same by its name, which certificates are for.
    pub(crate) fn named(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// From now on there is no broker.
    pub(crate) fn close(&self) {
        self.behind.send_replace(0);
    }

    /// From now on this cluster is behind it.
    pub(crate) fn lead_to(&self, kafka: &Kafka) {
        self.behind.send_replace(kafka.ports[0]);
    }

    /// From now on, an answer with messages is made at least so long.
    pub(crate) fn pad(&self, length: usize) {
        self.pad.send_replace(length);
    }

    /// By which mechanisms users came in so far.
    pub(crate) fn logins(&self) -> Vec<String> {
        let logins = self.logins.lock();
        logins.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Way {
    port: u16,
    behind: watch::Receiver<u16>,
    guard: Guard,
    logins: Arc<Mutex<Vec<String>>>,
    pad: watch::Receiver<usize>,
}

impl Way {
    async fn connection(self, stream: TcpStream) {
        drop(stream.set_nodelay(true));
        match &self.guard.tls {
            Some(config) => {
                if let Ok(stream) = TlsAcceptor::from(Arc::clone(config)).accept(stream).await {
                    self.serve(stream).await;
                }
            }
            None => self.serve(stream).await,
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite) {
        let port = *self.behind.borrow_and_update();
        let Ok(broker) = TcpStream::connect(("127.0.0.1", port)).await else {
            return;
        };
        // What is written is to be on its way at once.
        drop(broker.set_nodelay(true));
        let (mut from_client, mut to_client) = tokio::io::split(stream);
        let (mut from_broker, mut to_broker) = broker.into_split();
        let user = self.guard.login.clone();
        if let Some((user, password)) = user {
            let mut login = Login::new(user, password);
            while !login.is_done() {
                let Some(request) = frame(&mut from_client).await else {
                    return;
                };
                let answer = login.answer(&request);
                if put(&mut to_client, &answer).await.is_none() {
                    return;
                }
            }
            let logins = self.logins.lock();
            let mut logins = logins.unwrap_or_else(PoisonError::into_inner);
            logins.push(login.mechanism().to_owned());
        }
        // What is asked first is answered first.
        let asked = Mutex::new(VecDeque::new());
        let asked = || asked.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = async {
            while let Some(request) = frame(&mut from_client).await {
                asked().push_back(request.starts_with(&FETCH));
                put(&mut to_broker, &request).await?;
            }
            Some(())
        };
        let answers = async {
            while let Some(mut answer) = frame(&mut from_broker).await {
                let named = self.guard.tls.is_some();
                replace(&mut answer, port, self.port, named);
                if asked().pop_front() == Some(true) {
                    let length = answer.len().max(*self.pad.borrow());
                    answer.resize(length, 0);
                }
                put(&mut to_client, &answer).await?;
            }
            Some(())
        };
        let mut behind = self.behind.clone();
        tokio::select! {
            _ = requests => {}
            _ = answers => {}
            _ = behind.changed() => {}
        }
    }
}

/// Reads a request or an answer, without its length.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let length = from.read_i32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).ok()?];
    from.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

async fn put(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Option<()> {
    let length = i32::try_from(frame.len()).expect("a small frame");
    to.write_i32(length).await.ok()?;
    to.write_all(frame).await.ok()?;
    to.flush().await.ok()
}

/// The address of a broker as the protocol writes it: host and port. `localhost` is as long as `127.0.0.1`.
fn replace(answer: &mut [u8], port: u16, by: u16, named: bool) {
    let written = |host: &str, port: u16| {
        let length = u16::try_from(host.len()).expect("a short name");
        [
            &length.to_be_bytes()[..],
            host.as_bytes(),
            &u32::from(port).to_be_bytes(),
        ]
        .concat()
    };
    let old = written("127.0.0.1", port);
    let new = written(if named { "localhost" } else { "127.0.0.1" }, by);
    for at in 0..answer.len().saturating_sub(old.len() - 1) {
        if answer[at..].starts_with(&old) {
            answer[at..at + new.len()].copy_from_slice(&new);
        }
    }
}
