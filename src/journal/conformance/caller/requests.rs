//! What commands ask the service, as a [`Caller`] asks it.

use jiff::Timestamp;

use super::Caller;
use crate::journal::{
    QuarantineId, Reply, RequestId, Requests, Resolution, RetryAnswer, RetryRequest,
};

impl Requests for Caller {
    fn is_served(&self) -> Reply<'_, bool> {
        Box::pin(self.ask(|journal| journal.is_served()))
    }

    fn request_retry(
        &self,
        delivery: QuarantineId,
        asked_by: String,
        now: Timestamp,
    ) -> Reply<'_, RequestId> {
        Box::pin(self.ask(move |journal| journal.request_retry(delivery, asked_by.clone(), now)))
    }

    fn answer_to(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        Box::pin(self.ask(move |journal| journal.answer_to(request)))
    }

    fn withdraw(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        Box::pin(self.ask(move |journal| journal.withdraw(request)))
    }

    fn unanswered(&self) -> Reply<'_, Vec<RetryRequest>> {
        Box::pin(self.ask(|journal| journal.unanswered()))
    }

    fn answer(
        &self,
        request: RequestId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Reply<'_, Option<RetryAnswer>> {
        if let Resolution::Release(event) = &resolution {
            self.ground.know([event]);
        }
        Box::pin(self.ask(move |journal| journal.answer(request, resolution.clone(), now)))
    }
}
