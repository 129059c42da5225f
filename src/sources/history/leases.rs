//! Leases: each is requested once a pass, however many events are about it, and a few at a time. What one is like
//! now is requested anew, unless somebody has just done so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::time::Instant;

use super::cloud_status::CloudStatus;
use super::record::{Lease, Record, Row, with_lease_of_now};
use super::{Client, ClientError};
use crate::core::event::Event;
use crate::core::retry::RetryPolicy;
use crate::sources::{Enrich, Incomplete, NotNow, Pending};

/// How many questions are under way at once: with the `openstack` program each costs about a second
/// of a processor.
const AT_ONCE: usize = 4;

/// Without passes, answers are forgotten after this time.
const KEPT: Duration = Duration::from_secs(60);

type Answer = Result<Lease, ClientError>;

/// A question about a lease.
#[derive(Debug)]
struct Question {
    asked: Instant,
    answer: OnceCell<Answer>,
}

impl Question {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            asked: Instant::now(),
            answer: OnceCell::new(),
        })
    }
}

/// Shows leases, to intake for new events and to dispatch for those whose lease could not be shown, or is to be looked
/// at again.
#[derive(Debug)]
pub struct Leases<C> {
    client: Arc<C>,
    retry: RetryPolicy,
    cloud: watch::Sender<CloudStatus>,
    places: Semaphore,
    asked: Mutex<HashMap<String, Arc<Question>>>,
    has_passes: bool,
}

impl<C> Leases<C> {
    pub(super) fn new(client: Arc<C>, retry: RetryPolicy) -> Self {
        Self {
            client,
            retry,
            cloud: watch::Sender::default(),
            places: Semaphore::new(AT_ONCE),
            asked: Mutex::default(),
            has_passes: true,
        }
    }

    /// Leases for a service that does not read the event history.
    #[must_use]
    pub fn without_passes(client: C, retry: RetryPolicy) -> Self {
        Self {
            cloud: watch::Sender::new(CloudStatus::ReachedLast),
            has_passes: false,
            ..Self::new(Arc::new(client), retry)
        }
    }

    /// A new pass begins: what was found out before may be so no longer.
    pub(super) fn forget(&self) {
        self.asked().clear();
        self.cloud.send_replace(CloudStatus::Unknown);
    }

    /// The cloud has answered in this pass.
    pub(super) fn cloud_reached(&self) {
        self.cloud.send_replace(CloudStatus::Reached);
    }

    /// The cloud, or the way there, has failed. In a pass nothing more is asked until the next one; between
    /// passes, for as long as a first retry takes.
    pub(super) fn cloud_failed(&self, why: String) {
        let pause = self.retry.first_delay;
        self.cloud
            .send_modify(|cloud| cloud.fail(why, Instant::now() + pause));
    }

    /// All rows of this pass have been handed over and settled.
    pub(super) fn pass_over(&self) {
        self.cloud.send_modify(CloudStatus::end_pass);
    }

    /// There is no further pass, so nothing waits for it.
    pub(super) fn close(&self) {
        self.cloud.send_if_modified(|cloud| {
            let is_unknown = *cloud == CloudStatus::Unknown;
            if is_unknown {
                let why = "the event history is not read any more".to_owned();
                *cloud = CloudStatus::Failed { why, until: None };
            }
            is_unknown
        });
    }

    /// Why nothing is asked now, if that is so: the cloud has failed.
    pub(super) fn failure(&self) -> Option<String> {
        self.cloud.borrow().failure(Instant::now())
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Question>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is known of the pass under way whether the cloud can be reached. While it cannot,
    /// no lease is to blame.
    async fn reachable(&self) -> Result<(), String> {
        let mut cloud = self.cloud.subscribe();
        // The sender is here, so the channel is never closed.
        drop(cloud.wait_for(|cloud| *cloud != CloudStatus::Unknown).await);
        match self.failure() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }
}

impl<C: Client> Leases<C> {
    /// One lease. An answer of this pass serves again; unless `again` is set, so does a refusal.
    async fn show(&self, uuid: &str, again: bool) -> Answer {
        let question = {
            let mut asked = self.asked();
            let question = asked.entry(uuid.to_owned()).or_insert_with(Question::new);
            if again && matches!(question.answer.get(), Some(Err(_))) {
                *question = Question::new();
            }
            Arc::clone(question)
        };
        question.answer.get_or_init(|| self.ask(uuid)).await.clone()
    }

    /// One lease as it is now. An answer serves that was asked for at `since` or later.
    async fn show_since(&self, uuid: &str, since: Instant) -> Answer {
        let question = {
            let mut asked = self.asked();
            if !self.has_passes {
                let now = Instant::now();
                asked.retain(|_, question| now < question.asked + KEPT);
            }
            let question = asked.entry(uuid.to_owned()).or_insert_with(Question::new);
            if question.asked < since {
                *question = Question::new();
            }
            Arc::clone(question)
        };
        question.answer.get_or_init(|| self.ask(uuid)).await.clone()
    }

    /// Asks for a lease. Once the cloud has failed, only questions that are under way are waited for: each
    /// further one could hang as long as a question may.
    async fn ask(&self, uuid: &str) -> Answer {
        // Never closed.
        let _place = self.places.acquire().await;
        if let Some(why) = self.failure() {
            return Err(ClientError::Failed(why));
        }
        let answer = self.client.lease(uuid).await;
        if let Err(ClientError::Failed(why)) = &answer {
            self.cloud_failed(why.clone());
        }
        answer
    }
}

impl<C: Client> Enrich for Leases<C> {
    fn complete(&self, event: Event, again: bool) -> Pending<'_, Result<Event, Incomplete>> {
        Box::pin(async move {
            let Some(row) = Row::of(&event).filter(|row| row.lease().is_some()) else {
                return Ok(event);
            };
            self.reachable().await.map_err(Incomplete::Unreachable)?;
            let uuid = &row.object_uuid;
            match self.show(uuid, again).await {
                Ok(shown) => {
                    let lease = Some(shown);
                    Ok(Record { row, lease }.into_event())
                }
                Err(ClientError::NotShown(why)) => Err(Incomplete::Refused(format!(
                    "the lease {uuid} cannot be shown: {why}"
                ))),
                Err(ClientError::Failed(why)) => Err(Incomplete::Unreachable(why)),
            }
        })
    }

    fn now<'a>(
        &'a self,
        event: &'a Event,
        lease: &'a str,
        since: std::time::Instant,
    ) -> Pending<'a, Result<Event, NotNow>> {
        Box::pin(async move {
            self.reachable().await.map_err(NotNow::Unknown)?;
            let shown = self.show_since(lease, since.into()).await;
            shown
                .map(|shown| with_lease_of_now(event, shown))
                .map_err(|error| match error {
                    absent if absent.is_absence() => NotNow::Absent(absent.to_string()),
                    unknown => NotNow::Unknown(unknown.to_string()),
                })
        })
    }

    fn retry_policy(&self) -> RetryPolicy {
        self.retry
    }

    fn what(&self) -> &'static str {
        "lease"
    }
}

#[cfg(test)]
mod tests;
