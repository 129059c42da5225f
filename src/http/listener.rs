//! Listens for HTTP requests: servers that share an address share one listener, and each has a path of it.
//!
//! A listener begins with its first server and ends a moment after its last one, so that a server that is only
//! started anew is not missed: until it is back, its path answers that it will be. What a server does not decide
//! is bounded here: how many connections there are, how long they may be silent, how large the head of a request is.

mod place;
mod routes;
mod serving;
mod socket;
mod tls;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use hyper::Request;
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use place::{Conflict, Place, RoutePath, TlsFiles};

use super::refusal::{Answer, RefusalLog};
use crate::core::address::Address;
use routes::{Found, Routes};
use socket::Socket;
use tls::Tls;

/// How long a path, and the listener with it, is kept after its server has gone.
const KEPT: Duration = Duration::from_secs(2);

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one that came from this address. The future is dropped if the sender goes.
    fn answer(&self, request: Request<Incoming>, from: IpAddr) -> BoxFuture<'_, Answer>;
}

/// The listeners of a service.
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<Mutex<BTreeMap<Address, Running>>>);

/// A server that takes requests, until this is dropped.
#[derive(Debug)]
pub struct Serving {
    listeners: Listeners,
    listener: Arc<Listener>,
    number: u64,
}

/// Why requests cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ListenError {
    /// What has failed.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

#[derive(Debug)]
struct Running {
    listener: Arc<Listener>,
    accepting: JoinHandle<()>,
}

/// One address.
struct Listener {
    address: Address,
    routes: Mutex<Routes>,
    tls: Mutex<Option<Tls>>,
    /// Those with whom no TLS could be agreed on.
    without_tls: RefusalLog,
    /// Ends it, once what is under way is answered.
    end: CancellationToken,
}

impl Listeners {
    /// Has a server take the requests of a place from now on. What TLS is spoken with at its address is what the last one
    /// to come says; those of one configuration say the same.
    ///
    /// # Errors
    /// [`ListenError`] if the address or a path is taken, or a file cannot be used.
    pub fn serve(&self, place: &Place, handler: Arc<dyn Handler>) -> Result<Serving, ListenError> {
        let files = place.tls.as_ref();
        let tls = files.map(|files| Tls::new(files, Instant::now()));
        let tls = tls.transpose()?;
        let mut running = lock(&self.0);
        let listener = if let Some(Running { listener, .. }) = running.get(&place.address) {
            *lock(&listener.tls) = tls;
            Arc::clone(listener)
        } else {
            let socket = Socket::bind(&place.address)?;
            let listener = Arc::new(Listener {
                address: place.address.clone(),
                routes: Mutex::default(),
                tls: Mutex::new(tls),
                without_tls: RefusalLog::default(),
                end: CancellationToken::new(),
            });
            let accepting = tokio::spawn(serving::accept(socket, Arc::clone(&listener)));
            let this = Running {
                listener: Arc::clone(&listener),
                accepting,
            };
            running.insert(place.address.clone(), this);
            listener
        };
        let number = lock(&listener.routes).add(place.path.clone(), handler);
        let number = number.ok_or_else(|| ListenError {
            message: format!("{place} is another source's"),
            hint: "give each source a `path` of its own",
        })?;
        Ok(Serving {
            listeners: self.clone(),
            listener,
            number,
        })
    }

    /// Ends all of them, once what is under way is answered.
    pub async fn close(&self) {
        let running = std::mem::take(&mut *lock(&self.0));
        for Running { listener, .. } in running.values() {
            listener.end.cancel();
        }
        // One that panicked has ended, too.
        join_all(running.into_values().map(|it| it.accepting)).await;
    }

    /// Keeps the path of a server no longer; nor the listener, if that was the last one.
    fn forget(&self, listener: &Arc<Listener>, number: u64) {
        let mut running = lock(&self.0);
        let mut routes = lock(&listener.routes);
        routes.remove(number);
        let is_this = |it: &Running| Arc::ptr_eq(&it.listener, listener);
        if routes.is_empty() && running.get(&listener.address).is_some_and(is_this) {
            listener.end.cancel();
            running.remove(&listener.address);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        lock(&self.listener.routes).vacate(self.number);
        let (listeners, number) = (self.listeners.clone(), self.number);
        let listener = Arc::clone(&self.listener);
        // Without a runtime nothing listens any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(KEPT).await;
                listeners.forget(&listener, number);
            });
        }
    }
}

impl Listener {
    /// What the next connection is secured with; `None` for plain HTTP.
    fn secured_with(&self) -> Option<Arc<ServerConfig>> {
        let tls = lock(&self.tls);
        tls.as_ref().map(|tls| tls.config(Instant::now()))
    }

    fn find(&self, path: &str) -> Found {
        lock(&self.routes).find(path)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
