//! Leases, asked for once a pass however many events are about them, and a few at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore, watch};

use super::{Client, ClientError};
use crate::core::event::Event;
use crate::core::retry::RetryPolicy;
use crate::history::{Lease, Record, Row};
use crate::sources::{self, NoLease};

/// How many questions are under way at once: with the `openstack` program each costs about a second
/// of a processor.
const AT_ONCE: usize = 4;

type Answer = Result<Lease, ClientError>;

/// What the pass under way has found out about the cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It answers.
    Reached,
    /// It does not, for this reason.
    Failed(String),
}

/// Shows leases, to intake for new events and to dispatch for those whose lease could not be shown.
#[derive(Debug)]
pub struct Leases<C> {
    client: Arc<C>,
    retry: RetryPolicy,
    reach: watch::Receiver<Reach>,
    places: Semaphore,
    asked: Mutex<HashMap<String, Arc<OnceCell<Answer>>>>,
}

impl<C: Client> Leases<C> {
    pub(super) fn new(client: Arc<C>, retry: RetryPolicy, reach: watch::Receiver<Reach>) -> Self {
        Self {
            client,
            retry,
            reach,
            places: Semaphore::new(AT_ONCE),
            asked: Mutex::default(),
        }
    }

    /// A new pass: what was found out before may be so no longer.
    pub(super) fn forget(&self) {
        self.asked().clear();
    }

    /// One lease. An answer of this pass serves again; unless `again` is set, so does a refusal.
    pub(super) async fn show(&self, uuid: &str, again: bool) -> Answer {
        let question = {
            let mut asked = self.asked();
            let question = asked.entry(uuid.to_owned()).or_default();
            if again && matches!(question.get(), Some(Err(_))) {
                *question = Arc::default();
            }
            Arc::clone(question)
        };
        let ask = || async {
            // Never closed.
            let _place = self.places.acquire().await;
            self.client.lease(uuid).await
        };
        question.get_or_init(ask).await.clone()
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<OnceCell<Answer>>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Client> sources::Leases for Arc<Leases<C>> {
    async fn complete(&self, event: Event, first: bool) -> Result<Event, NoLease> {
        let Some(row) = Row::of(&event).filter(|row| row.lease().is_some()) else {
            return Ok(event);
        };
        self.reachable().await?;
        let uuid = &row.object_uuid;
        let shown = self.show(uuid, !first).await.map_err(|error| {
            NoLease::NotShown(format!("the lease {uuid} cannot be shown: {error}"))
        })?;
        let record = Record {
            row,
            lease: Some(shown),
        };
        Ok(record.into_event())
    }

    fn retry_policy(&self) -> RetryPolicy {
        self.retry
    }
}

impl<C> Leases<C> {
    /// Waits until it is known of the pass under way whether the cloud can be reached. While it cannot,
    /// no lease is to blame.
    async fn reachable(&self) -> Result<(), NoLease> {
        let mut reach = self.reach.clone();
        let known = reach.wait_for(|reach| *reach != Reach::Unknown).await;
        match known.as_deref() {
            Ok(Reach::Reached) => Ok(()),
            Ok(Reach::Failed(why)) => Err(NoLease::NotAsked(why.clone())),
            Ok(Reach::Unknown) | Err(_) => Err(NoLease::NotAsked(
                "the event history is not read any more".to_owned(),
            )),
        }
    }
}
