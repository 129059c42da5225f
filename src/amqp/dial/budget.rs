//! How many bytes are read from a connection before the deliveries in them are settled.
//!
//! The client library reads all that arrives and keeps it until it is asked for, and the broker counts
//! messages, not bytes. So the socket is not read any further once [`LIMIT`] bytes came since the
//! source last had nothing left; the rest stays with the broker. What is held is therefore at most
//! that, and what is still incomplete: one message for each queue.
//!
//! That has a price: RabbitMQ ends a connection over which it could send nothing for 30 s (the
//! `send_timeout` of its listeners). What was not acknowledged comes again over the next connection.
//!
//! The same wrapper keeps the client library from asking for larger frames than the broker has.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_compat::Compat;
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::io::{AsyncRead, AsyncWrite};
use lapin::AsyncTcpStream;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How many bytes are read before what came with them is dealt with.
const LIMIT: usize = 32 << 20;

/// How often a single byte is read beyond the limit, so that the broker, which cannot get its
/// heartbeats through, is not taken for dead. To the broker this shows nothing: the window of TCP
/// stays shut.
const SIGN_OF_LIFE: Duration = Duration::from_millis(400);

/// What is left to be read of a connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Budget(Arc<Mutex<Spent>>);

#[derive(Debug, Default)]
struct Spent {
    bytes: usize,
    /// Whether the connection is to end.
    aborted: bool,
    /// Who wants to read on.
    waiting: Option<Waker>,
}

impl Budget {
    /// All that came is dealt with: nothing of it is held any longer.
    pub fn renew(&self) {
        let waiting = {
            let mut spent = self.spent();
            spent.bytes = 0;
            spent.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Whether the broker has more to send than may be held.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.spent().bytes >= LIMIT
    }

    /// Ends the connection without a word: what the broker has still to send need not be read for its answer.
    pub fn abort(&self) {
        let waiting = {
            let mut spent = self.spent();
            spent.aborted = true;
            spent.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Whether it has been ended so.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.spent().aborted
    }

    fn spend(&self, bytes: usize) {
        let mut spent = self.spent();
        spent.bytes = spent.bytes.saturating_add(bytes);
    }

    /// Whether nothing may be read now. Then the waker is woken as soon as it may.
    fn is_spent(&self, context: &Context<'_>) -> bool {
        let mut spent = self.spent();
        let over = spent.bytes >= LIMIT && !spent.aborted;
        if over {
            spent.waiting = Some(context.waker().clone());
        }
        over
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is under it: TCP, or TLS on that.
pub(super) type Stream = AsyncTcpStream<Compat<TcpStream>>;

/// A connection that is read within a budget, and on which no larger frames are agreed on than the
/// broker offers.
pub(super) struct Metered {
    stream: Stream,
    budget: Budget,
    signs: Interval,
    tuning: Tuning,
}

/// How far frames are agreed on. The client library asks for 8,192 bytes at least, the least of
/// RabbitMQ 4.1. Brokers before it may offer less, down to the protocol's 4,096, and end a connection
/// that asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tuning {
    Awaited,
    /// The broker's offer; no limit at all is 0.
    Offered(u32),
    Agreed,
}

/// The least that the protocol has.
const FRAME_MIN: u32 = 4096;
/// How the method `tune` and its answer begin: a method, on channel 0, of 12 bytes.
const TUNE: [u8; 11] = [1, 0, 0, 0, 0, 0, 12, 0, 10, 0, 30];
const TUNE_OK: [u8; 11] = [1, 0, 0, 0, 0, 0, 12, 0, 10, 0, 31];
/// Where both of them have the size of frames, after the number of channels.
const FRAME_MAX_AT: std::ops::Range<usize> = 13..17;
/// The whole of either, with the byte that ends a frame.
const TUNE_SIZE: usize = 20;

impl Tuning {
    /// Takes note of an offer. It comes alone, since the broker waits for the answer.
    fn look_at(&mut self, read: &[u8]) {
        if *self == Self::Awaited
            && read.starts_with(&TUNE)
            && let Some(size) = read.get(FRAME_MAX_AT)
            && let Ok(size) = size.try_into()
        {
            *self = Self::Offered(u32::from_be_bytes(size));
        }
    }

    /// The answer that is to be sent instead of this one, where it asks for more than the offer.
    fn instead_of(self, written: &[u8]) -> Option<[u8; TUNE_SIZE]> {
        let Self::Offered(offered) = self else {
            return None;
        };
        let mut answer: [u8; TUNE_SIZE] = written.get(..TUNE_SIZE)?.try_into().ok()?;
        let asked = u32::from_be_bytes(answer[FRAME_MAX_AT].try_into().ok()?);
        let agreed = asked.min(offered.max(FRAME_MIN));
        if offered == 0 || agreed == asked || !answer.starts_with(&TUNE_OK) {
            return None;
        }
        answer[FRAME_MAX_AT].copy_from_slice(&agreed.to_be_bytes());
        Some(answer)
    }
}

impl Metered {
    pub(super) fn new(stream: Stream, budget: Budget) -> Self {
        let mut signs = interval_at(Instant::now() + SIGN_OF_LIFE, SIGN_OF_LIFE);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            stream,
            budget,
            signs,
            tuning: Tuning::Awaited,
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let mut buffer = buffer;
        if this.budget.is_aborted() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if this.budget.is_spent(context) {
            if this.signs.poll_tick(context).is_pending() {
                return Poll::Pending;
            }
            buffer = buffer.get_mut(..1).unwrap_or_default();
        }
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(bytes)) = read {
            this.budget.spend(bytes);
            this.tuning.look_at(&buffer[..bytes]);
        }
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.budget.is_aborted() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let Some(answer) = self.tuning.instead_of(buffer) else {
            return Pin::new(&mut self.stream).poll_write(context, buffer);
        };
        let written = Pin::new(&mut self.stream).poll_write(context, &answer);
        if written.is_ready() {
            self.tuning = Tuning::Agreed;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

/// What the client library runs on: tokio, with connections that are read within a budget.
pub(super) fn runtime() -> Runtime<RuntimeParts<Tokio, MeteredReactor>> {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(tokio.clone(), MeteredReactor(tokio)))
}

/// Tokio's reactor, but for the type of its connections.
#[derive(Clone, Debug)]
pub(super) struct MeteredReactor(Tokio);

impl Reactor for MeteredReactor {
    type TcpStream = Metered;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(
        &self,
        duration: Duration,
    ) -> impl futures_util::Stream<Item = std::time::Instant> + Send + 'static {
        self.0.interval(duration)
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would borrow the reactor, which the trait forbids"
    )]
    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Metered>> + Send + 'static {
        async move {
            let stream = Compat::new(TcpStream::connect(address).await?);
            Ok(Metered::new(Stream::Plain(stream), Budget::default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_spent_budget_is_renewed_or_the_connection_ends() {
        let budget = Budget::default();
        let context = Context::from_waker(Waker::noop());
        budget.spend(LIMIT - 1);
        assert!(!budget.is_spent(&context));
        budget.spend(1);
        assert!(budget.is_spent(&context));
        budget.renew();
        assert!(!budget.is_spent(&context));
        budget.spend(usize::MAX);
        assert!(budget.is_spent(&context) && budget.is_used_up());
        budget.abort();
        assert!(!budget.is_spent(&context) && budget.is_aborted());
    }

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_reader_is_woken_by_a_new_budget_and_reads_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut far, _) = far.unwrap();
        far.write_all(&[7; 100]).await.unwrap();
        let near = near.unwrap();
        near.readable().await.unwrap();

        let budget = Budget::default();
        let stream = Stream::Plain(Compat::new(near));
        let mut metered = Metered::new(stream, budget.clone());
        for _ in 0..2 {
            let calls = Arc::new(Calls::default());
            let waker = Waker::from(Arc::clone(&calls));
            let mut context = Context::from_waker(&waker);
            let mut buffer = [0; 10];
            budget.spend(LIMIT);
            // Not before the first sign of life is due, however long this took.
            metered.signs.reset();
            let read = Pin::new(&mut metered).poll_read(&mut context, &mut buffer);
            assert!(read.is_pending());
            assert_eq!(calls.0.load(Ordering::Relaxed), 0);
            budget.renew();
            assert_eq!(calls.0.load(Ordering::Relaxed), 1);
            let read = Pin::new(&mut metered).poll_read(&mut context, &mut buffer);
            assert!(matches!(read, Poll::Ready(Ok(10))), "{read:?}");
        }

        let budget = Budget::default();
        metered.budget = budget.clone();
        budget.spend(LIMIT);
        let mut buffer = [0; 10];
        let read = poll_fn(|context| Pin::new(&mut metered).poll_read(context, &mut buffer)).await;
        assert_eq!(read.unwrap(), 1, "a sign of life");
    }
}
