//! A server for requests: it notes what it gets, byte by byte, and answers or fails as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The method, the path and the version.
    pub(crate) line: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// When all of it was there.
    pub(crate) at: Instant,
}

/// What is done to answer, before the connection is closed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Say(Vec<u8>),
    /// Until [`HttpServer::release`].
    Hold,
    /// So many bytes of the same letter.
    Flood(usize),
}

/// An answer with this status line, these header lines, and a body.
pub(crate) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let headers: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    vec![Step::Say([head.as_bytes(), body].concat())]
}

/// The server; its threads end with the process.
pub(crate) struct HttpServer {
    shared: Arc<Shared>,
    port: u16,
}

/// What is done to answer a request.
type Answering = dyn Fn(&Received) -> Vec<Step> + Send + Sync;

struct Shared {
    received: Mutex<Vec<Received>>,
    answering: Mutex<Arc<Answering>>,
    is_released: AtomicBool,
}

impl HttpServer {
    /// Answers each request in turn like this; those after the last like the last.
    pub(crate) fn start(answers: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self::serve(in_turn(answers), None)
    }

    /// Answers each request as this says.
    pub(crate) fn answering(
        answering: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Arc::new(answering), None)
    }

    /// The same with TLS.
    pub(crate) fn start_with_tls(
        tls: ServerConfig,
        answers: impl IntoIterator<Item = Vec<Step>>,
    ) -> Self {
        Self::serve(in_turn(answers), Some(Arc::new(tls)))
    }

    fn serve(answering: Arc<Answering>, tls: Option<Arc<ServerConfig>>) -> Self {
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            answering: Mutex::new(answering),
            is_released: AtomicBool::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let of_threads = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&of_threads), tls.clone());
                thread::spawn(move || {
                    let Some(tls) = tls else {
                        return shared.converse(stream);
                    };
                    let session = ServerConnection::new(tls).expect("a session");
                    shared.converse(StreamOwned::new(session, stream));
                });
            }
        });
        Self { shared, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Without TLS, and with nothing behind the port.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers from now on like this, in turn.
    pub(crate) fn answer_with(&self, answers: impl IntoIterator<Item = Vec<Step>>) {
        *locked(&self.shared.answering) = in_turn(answers);
    }

    /// What has come so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        locked(&self.shared.received).clone()
    }

    /// Whoever is held gets the rest of the answer, now and later.
    pub(crate) fn release(&self) {
        self.shared.is_released.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn converse(&self, stream: impl Conversation) {
        let mut reader = BufReader::new(stream);
        let Some(received) = read(&mut reader) else {
            // As servers do that are spoken to in another protocol.
            drop(
                reader
                    .get_mut()
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            );
            return;
        };
        locked(&self.received).push(received.clone());
        let answering = Arc::clone(&locked(&self.answering));
        for step in answering(&received) {
            let said = match step {
                Step::Say(bytes) => reader.get_mut().write_all(&bytes),
                Step::Flood(count) => std::io::copy(
                    &mut std::io::repeat(b'x').take(count as u64),
                    reader.get_mut(),
                )
                .map(drop),
                Step::Hold => {
                    while !self.is_released.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(10));
                    }
                    Ok(())
                }
            };
            if said.and_then(|()| reader.get_mut().flush()).is_err() {
                return;
            }
        }
        reader.get_mut().close();
    }
}

/// Each of these answers in turn; then the last one always.
fn in_turn(answers: impl IntoIterator<Item = Vec<Step>>) -> Arc<Answering> {
    let answers: Mutex<VecDeque<_>> = Mutex::new(answers.into_iter().collect());
    Arc::new(move |_| {
        let mut answers = locked(&answers);
        match answers.len() {
            0 | 1 => answers.front().cloned().unwrap_or_default(),
            _ => answers.pop_front().unwrap_or_default(),
        }
    })
}

trait Conversation: Read + Write {
    /// Says that nothing more comes.
    fn close(&mut self);
}

impl Conversation for TcpStream {
    fn close(&mut self) {
        drop(self.shutdown(std::net::Shutdown::Write));
    }
}

impl Conversation for StreamOwned<ServerConnection, TcpStream> {
    fn close(&mut self) {
        self.conn.send_close_notify();
        drop(self.flush());
    }
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader
            .read_line(&mut line)
            .ok()
            .filter(|bytes| *bytes > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let (line, headers) = lines.split_first()?;
    let headers: BTreeMap<String, String> = headers
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        line: line.clone(),
        headers,
        body,
        at: Instant::now(),
    })
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
