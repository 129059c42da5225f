//! Leases, asked for once a pass however many events are about them, and a few at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore};

use super::{Client, ClientError};
use crate::event::Event;
use crate::history::{Lease, Record, Row};
use crate::retry::RetryPolicy;
use crate::sources;

/// How many questions are under way at once: with the `openstack` program each costs about a second
/// of a processor.
const AT_ONCE: usize = 4;

type Answer = Result<Lease, ClientError>;

/// Shows leases, to intake for new events and to dispatch for those whose lease could not be shown.
#[derive(Debug)]
pub struct Leases<C> {
    client: Arc<C>,
    retry: RetryPolicy,
    places: Semaphore,
    asked: Mutex<HashMap<String, Arc<OnceCell<Answer>>>>,
}

impl<C: Client> Leases<C> {
    pub(super) fn new(client: Arc<C>, retry: RetryPolicy) -> Self {
        Self {
            client,
            retry,
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
    async fn complete(&self, event: Event, first: bool) -> Result<Event, String> {
        let row = Row::of(&event).ok_or("the event is no row of an event history")?;
        let Some(uuid) = row.lease() else {
            return Ok(event);
        };
        let lease = self.show(uuid, !first).await;
        let lease = lease.map_err(|error| format!("the lease {uuid} cannot be shown: {error}"))?;
        let record = Record {
            row,
            lease: Some(lease),
        };
        Ok(record.into_event())
    }

    fn retry_policy(&self) -> RetryPolicy {
        self.retry
    }
}
