//! A journal that does what it is asked and then says that it is unavailable, every other time it is asked
//! this. So does one
//! over a network whose connection breaks after the commit.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::core::retention::Retention;
use crate::core::run::State as RunState;
use crate::core::throttle::{Throttled, Window};
use crate::journal::{
    Accept, Acceptance, Accepted, Announced, Answer, AttemptEnd, Backup, Browse, Census, Changed,
    Claim, Claimed, Completion, Dropped, Entry, Journal, JournalError, Keep, OpenAttempt, Owner,
    Placement, Pruned, QuarantineId, Quarantined, Reply, RequestId, Requests, Resolution,
    RetryAnswer, RetryFrom, RetryRequest, RunDetail, RunFilter, RunId, RunSummary, Size,
    SourceRecord, Stats, Store, StoreChange, StorePage, StoredValue, Version, Work,
};

/// Such a journal, by another one.
#[derive(Debug)]
pub(crate) struct LostAnswers<J> {
    journal: J,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The methods whose next answer arrives, because their last one did not.
    arrive: BTreeSet<&'static str>,
    lost: Option<Box<dyn Any + Send>>,
}

impl<J: Journal> LostAnswers<J> {
    pub(crate) fn of(journal: J) -> Self {
        Self {
            journal,
            state: Mutex::default(),
        }
    }

    /// The journal whose answers arrive.
    pub(crate) fn inner(&self) -> &J {
        &self.journal
    }

    /// The answer that was lost last.
    pub(crate) fn take_lost<T: 'static>(&self) -> Answer<T> {
        let lost = self.state.lock().unwrap().lost.take();
        let lost = lost.and_then(|lost| lost.downcast().ok());
        *lost.expect("an answer of this type was lost")
    }

    fn lose<'a, T: Send + 'static>(
        &'a self,
        method: &'static str,
        reply: Reply<'a, T>,
    ) -> Reply<'a, T> {
        Box::pin(async move {
            let answer = reply.await;
            let mut state = self.state.lock().unwrap();
            if state.arrive.remove(method) {
                return answer;
            }
            state.arrive.insert(method);
            state.lost = Some(Box::new(answer));
            Err(JournalError::Unavailable {
                what: "hear the answer",
                path: "of a test".to_owned(),
                source: "the connection was lost".into(),
            })
        })
    }
}

impl<J: Journal> Accept for LostAnswers<J> {
    fn accept(&self, entries: Arc<[Entry]>, now: Timestamp) -> Reply<'_, Vec<Accepted>> {
        self.lose("accept", self.journal.accept(entries, now))
    }
}

impl<J: Journal> Work for LostAnswers<J> {
    fn join(&self, host: String, now: Timestamp) -> Reply<'_, Owner> {
        self.lose("join", self.journal.join(host, now))
    }

    fn leave(&self, owner: Owner, now: Timestamp) -> Reply<'_, ()> {
        self.lose("leave", self.journal.leave(owner, now))
    }

    fn duty(&self, owner: Owner, source: String, placement: Placement) -> Reply<'_, bool> {
        self.lose("duty", self.journal.duty(owner, source, placement))
    }

    fn claim(&self, claim: Claim, now: Timestamp) -> Reply<'_, Claimed> {
        self.lose("claim", self.journal.claim(claim, now))
    }

    fn started(&self, owner: Owner, run: RunId, attempt: u32, handle: String) -> Reply<'_, ()> {
        self.lose("started", self.journal.started(owner, run, attempt, handle))
    }

    fn remark(&self, run: RunId, attempt: u32, remark: String) -> Reply<'_, ()> {
        self.lose("remark", self.journal.remark(run, attempt, remark))
    }

    fn complete(&self, completion: Completion) -> Reply<'_, ()> {
        self.lose("complete", self.journal.complete(completion))
    }

    fn record(&self, end: AttemptEnd) -> Reply<'_, ()> {
        self.lose("record", self.journal.record(end))
    }

    fn open_attempts(&self, owner: Owner) -> Reply<'_, Vec<OpenAttempt>> {
        self.lose("open_attempts", self.journal.open_attempts(owner))
    }

    fn announce_ends(&self, ends: Vec<RunState>) -> Reply<'_, ()> {
        self.lose("announce_ends", self.journal.announce_ends(ends))
    }

    fn announce(
        &self,
        announced: Arc<[Announced]>,
        now: Timestamp,
    ) -> Reply<'_, Vec<Vec<Accepted>>> {
        self.lose("announce", self.journal.announce(announced, now))
    }

    fn clock_stepped(&self, now: Timestamp) -> Reply<'_, ()> {
        self.lose("clock_stepped", self.journal.clock_stepped(now))
    }

    fn name(&self) -> &str {
        self.journal.name()
    }
}

impl<J: Journal> Browse for LostAnswers<J> {
    fn version(&self) -> Reply<'_, Version> {
        self.lose("version", self.journal.version())
    }

    fn changed(&self) -> Reply<'_, ()> {
        self.journal.changed()
    }

    fn census(&self) -> Reply<'_, Census> {
        self.lose("census", self.journal.census())
    }

    fn runs(&self, filter: RunFilter) -> Reply<'_, Vec<RunSummary>> {
        self.lose("runs", self.journal.runs(filter))
    }

    fn run(&self, id: RunId) -> Reply<'_, RunDetail> {
        self.lose("run", self.journal.run(id))
    }

    fn event(&self, id: String) -> Reply<'_, Option<String>> {
        self.lose("event", self.journal.event(id))
    }

    fn stats(&self, since: Timestamp) -> Reply<'_, Stats> {
        self.lose("stats", self.journal.stats(since))
    }

    fn sources(&self) -> Reply<'_, Vec<SourceRecord>> {
        self.lose("sources", self.journal.sources())
    }

    fn window(&self, rule: String, throttled: Throttled) -> Reply<'_, Option<Window>> {
        self.lose("window", self.journal.window(rule, throttled))
    }

    fn quarantined(&self, limit: usize) -> Reply<'_, Vec<Quarantined>> {
        self.lose("quarantined", self.journal.quarantined(limit))
    }

    fn quarantined_one(&self, id: QuarantineId) -> Reply<'_, Quarantined> {
        self.lose("quarantined_one", self.journal.quarantined_one(id))
    }
}

impl<J: Journal> Keep for LostAnswers<J> {
    fn retry(&self, runs: Vec<RunId>, from: RetryFrom) -> Reply<'_, ()> {
        self.lose("retry", self.journal.retry(runs, from))
    }

    fn cancel(&self, runs: Vec<RunId>, reason: String, now: Timestamp) -> Reply<'_, Vec<RunId>> {
        self.lose("cancel", self.journal.cancel(runs, reason, now))
    }

    fn release(&self, id: QuarantineId, entry: Acceptance, now: Timestamp) -> Reply<'_, Accepted> {
        self.lose("release", self.journal.release(id, entry, now))
    }

    fn drop_quarantined(&self, ids: Vec<QuarantineId>) -> Reply<'_, Vec<Dropped>> {
        self.lose("drop_quarantined", self.journal.drop_quarantined(ids))
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> Reply<'_, Pruned> {
        self.lose("prune", self.journal.prune(retention, now))
    }
}

impl<J: Journal> Backup for LostAnswers<J> {
    fn backup(&self, file: PathBuf) -> Reply<'_, u64> {
        self.lose("backup", self.journal.backup(file))
    }

    fn check(&self) -> Reply<'_, Vec<String>> {
        self.lose("check", self.journal.check())
    }

    fn size(&self) -> Reply<'_, Size> {
        self.lose("size", self.journal.size())
    }
}

impl<J: Journal> Requests for LostAnswers<J> {
    fn is_served(&self) -> Reply<'_, bool> {
        self.lose("is_served", self.journal.is_served())
    }

    fn request_retry(
        &self,
        delivery: QuarantineId,
        asked_by: String,
        now: Timestamp,
    ) -> Reply<'_, RequestId> {
        self.lose(
            "request_retry",
            self.journal.request_retry(delivery, asked_by, now),
        )
    }

    fn answer_to(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        self.lose("answer_to", self.journal.answer_to(request))
    }

    fn withdraw(&self, request: RequestId) -> Reply<'_, Option<RetryAnswer>> {
        self.lose("withdraw", self.journal.withdraw(request))
    }

    fn unanswered(&self) -> Reply<'_, Vec<RetryRequest>> {
        self.lose("unanswered", self.journal.unanswered())
    }

    fn answer(
        &self,
        request: RequestId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Reply<'_, Option<RetryAnswer>> {
        self.lose("answer", self.journal.answer(request, resolution, now))
    }
}

impl<J: Journal> Store for LostAnswers<J> {
    fn values(
        &self,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Reply<'_, BTreeMap<String, StoredValue>> {
        self.lose("values", self.journal.values(names, now))
    }

    fn list_values(&self, page: StorePage, now: Timestamp) -> Reply<'_, Vec<StoredValue>> {
        self.lose("list_values", self.journal.list_values(page, now))
    }

    fn change_value(&self, change: StoreChange, now: Timestamp) -> Reply<'_, Changed> {
        self.lose("change_value", self.journal.change_value(change, now))
    }
}
