//! How the service is doing, for those who ask over HTTP: `/metrics`, `/healthz` and `/readyz`, at an address for
//! administrators alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::core::address::Address;
use crate::core::outage::Outage;
use crate::http::listener::{Handler, ListenError, Listeners, Place, RoutePath, Serving};
use crate::http::refusal::{Answer, Refusal, plain};
use crate::journal::{Journal, JournalError};
use crate::telemetry::{Conditions, metrics};

/// How often it is tried to listen at an address that could not be had.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Whoever asks is answered by then, also if the journal does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The form of Prometheus' text.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is asked for, by path.
const PATHS: [(&str, Asked); 3] = [
    ("/metrics", Asked::Metrics),
    ("/healthz", Asked::Health),
    ("/readyz", Asked::Readiness),
];

#[derive(Clone, Copy, Debug)]
enum Asked {
    Metrics,
    Health,
    Readiness,
}

struct Health<J> {
    asked: Asked,
    journal: J,
    conditions: Conditions,
}

/// Answers at this address until `stop` is cancelled. An address that cannot be had is no reason to stop a service: it is told, and
/// tried again.
pub(super) async fn answer<J: Journal + Clone>(
    address: Address,
    journal: J,
    conditions: Conditions,
    stop: CancellationToken,
) {
    let listeners = Listeners::default();
    let mut outage = Outage::default();
    let serving = loop {
        let error = match serve(&listeners, &address, &journal, &conditions) {
            Ok(serving) => {
                tracing::info!("answering /metrics, /healthz and /readyz at {address}");
                break serving;
            }
            Err(error) => error,
        };
        if let Some(notice) = outage.failed(&error.message, Instant::now()) {
            tracing::error!(
                "{}; nobody is told of metrics and health until that is possible (`http`): {}{notice}",
                error.message,
                error.hint
            );
        }
        let waiting = tokio::time::sleep(TRY_AGAIN);
        if stop.run_until_cancelled(waiting).await.is_none() {
            return;
        }
    };
    stop.cancelled().await;
    drop(serving);
    listeners.close().await;
}

fn serve<J: Journal + Clone>(
    listeners: &Listeners,
    address: &Address,
    journal: &J,
    conditions: &Conditions,
) -> Result<Vec<Serving>, ListenError> {
    let serve = |(path, asked): (&str, Asked)| {
        let place = Place {
            address: address.clone(),
            tls: None,
            path: RoutePath::parse(path).expect("a path"),
        };
        let health = Health {
            asked,
            journal: journal.clone(),
            conditions: conditions.clone(),
        };
        listeners.serve(&place, Arc::new(health))
    };
    PATHS.into_iter().map(serve).collect()
}

impl<J: Journal> Handler for Health<J> {
    fn answer(&self, request: Request<Incoming>, _: IpAddr) -> BoxFuture<'_, Answer> {
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        async move {
            if !is_get {
                return Refusal::other_method("GET").answer();
            }
            let answer = tokio::time::timeout(PATIENCE, self.look());
            match answer.await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
                Err(_) => {
                    let why = format!("the journal has not answered for {PATIENCE:?}\n");
                    plain(StatusCode::SERVICE_UNAVAILABLE, why)
                }
            }
        }
        .boxed()
    }
}

impl<J: Journal> Health<J> {
    async fn look(&self) -> Result<Answer, JournalError> {
        let census = self.journal.census().await?;
        match self.asked {
            Asked::Health => Ok(plain(StatusCode::OK, "ok\n".to_owned())),
            Asked::Metrics => {
                let sources = self.journal.sources().await?;
                let ready = self.conditions.ready();
                let mut answer =
                    plain(StatusCode::OK, metrics::rendered(&census, &sources, &ready));
                let form = HeaderValue::from_static(EXPOSITION);
                answer.headers_mut().insert(CONTENT_TYPE, form);
                Ok(answer)
            }
            Asked::Readiness => {
                let (is_ready, words) = self.conditions.readiness();
                let status = if is_ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                Ok(plain(status, format!("{words}\n")))
            }
        }
    }
}
