//! What commands ask the service that holds a journal: its rules are in force, and theirs need not be.
//!
//! A request is written into the journal. The service looks for requests, decides, and writes each answer in
//! the commit that does what it says, so that none is decided twice.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Acceptance, Accepted, QuarantineId, Reply};

/// The number of a request; given by the journal, and never again.
pub type RequestId = i64;

/// That a delivery in quarantine be decoded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryRequest {
    /// Its number.
    pub id: RequestId,
    /// The delivery.
    pub delivery: QuarantineId,
    /// Who asks, in words.
    pub asked_by: String,
}

/// What the service makes of the delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// This is to be accepted for it.
    Release(Acceptance),
    /// It has to stay in quarantine, for this reason.
    Keep(String),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAnswer {
    /// The delivery is out of quarantine.
    Accepted(Accepted),
    /// It stays there, for this reason.
    Stays(String),
    /// There is no such delivery.
    Absent,
}

/// Requests and their answers.
pub trait Requests: Send + Sync + 'static {
    /// Whether a service holds the journal.
    fn is_served(&self) -> Reply<'_, bool>;

    /// Asks for a delivery to be decoded again. Asked again by the same with the same time, it is the same
    /// request.
    fn request_retry(
        &self,
        delivery: QuarantineId,
        asked_by: String,
        now: Timestamp,
    ) -> Reply<'_, RequestId>;

    /// The answer to a request, once there is one.
    fn answer_to(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>>;

    /// Takes a request back. One that is answered already stays so, and that is the answer.
    fn withdraw(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>>;

    /// What nobody has answered, the oldest first.
    fn unanswered(&self) -> Reply<'_, Vec<RetryRequest>>;

    /// Does what is decided, and answers the request with that, in one transaction. Nothing is done for a
    /// request that has been answered, whose answer it is then, or withdrawn, which has none.
    fn answer(
        &self,
        request: RequestId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Reply<'_, Option<RetryAnswer>>;
}

impl<J: Requests + ?Sized> Requests for Arc<J> {
    fn is_served(&self) -> Reply<'_, bool> {
        (**self).is_served()
    }

    fn request_retry(
        &self,
        delivery: QuarantineId,
        asked_by: String,
        now: Timestamp,
    ) -> Reply<'_, RequestId> {
        (**self).request_retry(delivery, asked_by, now)
    }

    fn answer_to(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        (**self).answer_to(request)
    }

    fn withdraw(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        (**self).withdraw(request)
    }

    fn unanswered(&self) -> Reply<'_, Vec<RetryRequest>> {
        (**self).unanswered()
    }

    fn answer(
        &self,
        request: RequestId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Reply<'_, Option<RetryAnswer>> {
        (**self).answer(request, resolution, now)
    }
}
