//! Accepts connections, and has the requests on them answered, within limits that no sender can exceed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Listener;
use super::routes::Found;
use super::socket::{Socket, Stream};
use crate::core::outage::Outage;
use crate::http::refusal::{Answer, Refusal, discard};
use crate::os::limits::allow_many_open_files;

/// How many connections to an address may be open; others wait until the kernel has no more room for them.
const CONNECTIONS: usize = 1_024;

/// How long TLS may take to be agreed on.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the head of a request may take, and how long a connection may be silent before the next one.
const HEAD: Duration = Duration::from_secs(30);

/// How many headers a request may have.
const HEADERS: usize = 100;

/// The most bytes of a connection that are held before they are looked at: so large may the head of a request be.
const BUFFER: usize = 32 * 1024;

/// How long a sender may leave unconfirmed what it was answered.
const UNREAD: Duration = Duration::from_secs(30);

/// How long what is under way may take when the listener ends.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How long to wait before the next attempt when the system gives out no connection.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Accepts connections until the listener is to end, and then until what is under way is answered.
pub(super) async fn accept(socket: Socket, listener: Arc<Listener>) {
    let address = &listener.address;
    allow_many_open_files();
    let (slots, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    let (mut full, mut failing) = (Outage::default(), Outage::default());
    let accepting = async {
        loop {
            let slot = if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                let what = format!("{address}: there is room for connections again");
                full.log_end(&what, Instant::now());
                slot
            } else {
                let cause =
                    format!("{address}: {CONNECTIONS} connections are open, further ones wait");
                if let Some(notice) = full.failed(&cause, Instant::now()) {
                    tracing::warn!("{cause}{notice}");
                }
                let slot = Arc::clone(&slots).acquire_owned().await;
                slot.expect("nobody closes it")
            };
            match socket.accept().await {
                Ok((stream, from)) => {
                    connections.spawn(connection(stream, from, Arc::clone(&listener), slot));
                }
                Err(error) => {
                    let what = format!("{address}: cannot accept connections: {error}");
                    failing.log_failure(&what, TRY_AGAIN, Instant::now());
                    sleep(TRY_AGAIN).await;
                }
            }
            // Those that have ended.
            while connections.try_join_next().is_some() {}
        }
    };
    listener.end.run_until_cancelled(accepting).await;
    drop(socket);
    let last = async { while connections.join_next().await.is_some() {} };
    if timeout(LAST_ANSWERS, last).await.is_err() {
        tracing::warn!("{address}: some requests were not answered within {LAST_ANSWERS:?}");
    }
}

/// Serves one connection; what goes wrong on it concerns its sender alone, and is told to that one where it can be.
async fn connection(
    stream: Stream,
    from: SocketAddr,
    listener: Arc<Listener>,
    _slot: OwnedSemaphorePermit,
) {
    let stream = match stream {
        Stream::Network(stream) => stream,
        // TLS is of the network alone.
        Stream::File(stream) => return exchanges(stream, from, &listener).await,
    };
    // Answers are small, and whoever does not take them must not hold a place for long. Where the system lacks either,
    // nothing but that is lost.
    let _ = stream.set_nodelay(true);
    let unread = u32::try_from(UNREAD.as_millis()).unwrap_or(u32::MAX);
    let _ = set_tcp_user_timeout(&stream, unread);
    let Some(config) = listener.secured_with() else {
        return exchanges(stream, from, &listener).await;
    };
    let agreeing = timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream));
    let why = match listener.end.run_until_cancelled(agreeing).await {
        None => return,
        Some(Ok(Ok(stream))) => return exchanges(stream, from, &listener).await,
        Some(Ok(Err(error))) => error.to_string(),
        Some(Err(_)) => format!("it took longer than {HANDSHAKE:?}"),
    };
    if let Some(notice) = listener.without_tls.news(&why, Instant::now()) {
        let address = &listener.address;
        tracing::warn!("{address}: no TLS with {}: {why}{notice}", from.ip());
    }
}

async fn exchanges<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    from: SocketAddr,
    listener: &Listener,
) {
    let service =
        service_fn(async |request| Ok::<_, Infallible>(answer(request, from, listener).await));
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER)
        // Who has sent all there is may close that half, and still wants the answer.
        .half_close(true);
    let mut exchanges = pin!(protocol.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = exchanges.as_mut() => ended,
        () = listener.end.cancelled() => {
            exchanges.as_mut().graceful_shutdown();
            exchanges.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(
            "{}: the connection of {from} broke off: {error}",
            listener.address
        );
    }
}

async fn answer(request: Request<Incoming>, from: SocketAddr, listener: &Listener) -> Answer {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let refusal = match listener.find(&path) {
        Found::Handler(handler) => return handler.answer(request, from.ip()).await,
        Found::Vacant => Refusal::later("what takes requests at this path is being started"),
        Found::Nobody => Refusal::new(StatusCode::NOT_FOUND, "nothing takes requests at this path"),
    };
    let (head, body) = request.into_parts();
    discard(&head.headers, body).await;
    refusal.answer()
}
