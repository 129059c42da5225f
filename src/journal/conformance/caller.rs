//! Makes the calls of a case, once or twice, and compares the answers.

mod announcing;
mod claiming;
mod requests;
mod storing;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Asking, Ground, LostAnswers};
use crate::core::event::Key;
use crate::core::retention::Retention;
use crate::core::throttle::{Throttled, Window};
use crate::journal::{
    Accept, Acceptance, Accepted, Answer, AttemptEnd, Browse, Census, ClaimedRun, Completion,
    Dropped, Entry, Journal, JournalError, Keep, OpenAttempt, Owner, Placement, Pruned,
    QuarantineId, Quarantined, Reply, RetryFrom, RunDetail, RunFilter, RunId, RunSummary,
    SourceRecord, Start, Stats, Version,
};

/// One service, or one command. What it holds of its claims it says with each claim, as dispatch does.
pub(in crate::journal) struct Caller {
    journal: LostAnswers<Arc<dyn Journal>>,
    asking: Asking,
    owner: Option<Owner>,
    held: Mutex<BTreeSet<(RunId, u32)>>,
    /// Goes last.
    ground: Arc<Ground>,
}

impl Caller {
    /// A service.
    pub(super) async fn join(
        journal: Arc<dyn Journal>,
        asking: Asking,
        ground: Arc<Ground>,
    ) -> Self {
        let mut caller = Self::beside(journal, asking, ground);
        let times = if asking == Asking::Once { 1 } else { 2 };
        for _ in 0..times {
            // Whoever asks again goes by the last answer.
            let owner = caller
                .journal
                .inner()
                .join("host".to_owned(), super::story::at(0));
            let owner = owner.await.unwrap();
            assert_ne!(caller.owner.replace(owner), Some(owner));
        }
        caller
    }

    /// A command.
    pub(super) fn beside(journal: Arc<dyn Journal>, asking: Asking, ground: Arc<Ground>) -> Self {
        Self {
            journal: LostAnswers::of(journal),
            asking,
            owner: None,
            held: Mutex::default(),
            ground,
        }
    }

    pub(in crate::journal) fn owner(&self) -> Owner {
        self.owner.expect("a command claims nothing")
    }

    pub(in crate::journal) async fn leave(&self, now: Timestamp) -> Answer<()> {
        let owner = self.owner();
        self.ask(|journal| journal.leave(owner, now)).await
    }

    /// Whether an owner has the duty of a source.
    pub(in crate::journal) async fn duty(
        &self,
        owner: Owner,
        source: &str,
        placement: Placement,
    ) -> bool {
        let duty = self.ask(|journal| journal.duty(owner, source.to_owned(), placement));
        duty.await.unwrap()
    }

    /// Asks, and compares what is answered the second time: `again` says whether that fits the first answer.
    async fn ask_with<T: Debug + Send + 'static>(
        &self,
        again: impl Fn(&T, &Answer<T>) -> bool + Send + Sync,
        question: impl for<'a> Fn(&'a dyn Journal) -> Reply<'a, T> + Send + Sync,
    ) -> Answer<T> {
        let first = match self.asking {
            Asking::Once => return question(self.journal.inner()).await,
            Asking::Twice => question(self.journal.inner()).await,
            Asking::UntilAnswered => {
                let unanswered = question(&self.journal).await;
                assert!(unanswered.is_err_and(|error| error.is_temporary()));
                self.journal.take_lost()
            }
        };
        let second = match self.asking {
            Asking::UntilAnswered => question(&self.journal).await,
            _ => question(self.journal.inner()).await,
        };
        let fits = match (&first, &second) {
            (Ok(first), second) => again(first, second),
            (Err(first), Err(second)) => first.to_string() == second.to_string(),
            (Err(_), Ok(_)) => false,
        };
        assert!(fits, "answered {first:?}, then {second:?}");
        first
    }

    async fn ask<T: Debug + PartialEq + Send + 'static>(
        &self,
        question: impl for<'a> Fn(&'a dyn Journal) -> Reply<'a, T> + Send + Sync,
    ) -> Answer<T> {
        let same =
            |first: &T, second: &Answer<T>| second.as_ref().is_ok_and(|second| second == first);
        self.ask_with(same, question).await
    }

    pub(in crate::journal) async fn started(
        &self,
        run: RunId,
        attempt: u32,
        handle: String,
    ) -> Answer<()> {
        let owner = self.owner();
        self.ask(|journal| journal.started(owner, run, attempt, handle.clone()))
            .await
    }

    pub(in crate::journal) async fn remark(
        &self,
        run: RunId,
        attempt: u32,
        remark: String,
    ) -> Answer<()> {
        self.ask(|journal| journal.remark(run, attempt, remark.clone()))
            .await
    }

    /// Completes the event of a run that it has claimed.
    pub(in crate::journal) async fn complete(
        &self,
        claimed: &ClaimedRun,
        event: &str,
        key: Key,
    ) -> Answer<()> {
        let completion = self.completion(claimed, event, key);
        self.complete_as(completion).await
    }

    /// The completion of a run that it has claimed: of one that starts now, without end, share and throttle.
    pub(in crate::journal) fn completion(
        &self,
        claimed: &ClaimedRun,
        event: &str,
        key: Key,
    ) -> Completion {
        Completion {
            owner: self.owner(),
            run: claimed.id,
            attempt: claimed.attempt,
            event: event.to_owned(),
            key,
            start: Start::Now,
            start_by: None,
            share: None,
            throttle: None,
            at: super::story::at(50),
        }
    }

    /// The same with what else a rule may say.
    pub(in crate::journal) async fn complete_as(&self, completion: Completion) -> Answer<()> {
        self.ask(|journal| journal.complete(completion.clone()))
            .await?;
        let attempt = (completion.run, completion.attempt);
        self.held.lock().unwrap().remove(&attempt);
        Ok(())
    }

    /// The end of an attempt of its own.
    pub(in crate::journal) async fn record(&self, end: AttemptEnd) -> Answer<()> {
        let owner = self.owner();
        self.record_as(AttemptEnd { owner, ..end }).await
    }

    /// The end of an attempt of whomever it says.
    pub(in crate::journal) async fn record_as(&self, end: AttemptEnd) -> Answer<()> {
        self.ask(|journal| journal.record(end.clone())).await?;
        self.held.lock().unwrap().remove(&(end.run, end.attempt));
        Ok(())
    }

    pub(in crate::journal) async fn open_attempts(&self) -> Answer<Vec<OpenAttempt>> {
        let owner = self.owner();
        self.ask(|journal| journal.open_attempts(owner)).await
    }

    pub(in crate::journal) async fn clock_stepped(&self, now: Timestamp) -> Answer<()> {
        self.ask(|journal| journal.clock_stepped(now)).await
    }
}

/// What was new is known the second time.
fn known_by_now(first: &[Accepted], second: &[Accepted]) -> bool {
    let fits = |(first, second): (&Accepted, &Accepted)| match first {
        Accepted::Runs { .. } | Accepted::Known => *second == Accepted::Known,
        Accepted::Quarantined(_) | Accepted::Noted => second == first,
    };
    first.len() == second.len() && first.iter().zip(second).all(fits)
}

fn is_absent<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Err(JournalError::Absent { .. }))
}

impl Accept for Caller {
    fn accept(&self, entries: Arc<[Entry]>, now: Timestamp) -> Reply<'_, Vec<Accepted>> {
        self.ground
            .know(entries.iter().filter_map(|entry| match entry {
                Entry::Event(event) => Some(event),
                _ => None,
            }));
        let again = |first: &Vec<Accepted>, second: &Answer<Vec<Accepted>>| {
            second
                .as_ref()
                .is_ok_and(|second| known_by_now(first, second))
        };
        Box::pin(self.ask_with(again, move |journal| journal.accept(entries.clone(), now)))
    }
}

impl Browse for Caller {
    fn version(&self) -> Reply<'_, Version> {
        Box::pin(self.ask(|journal| journal.version()))
    }

    /// Asked once: a second answer would have to wait for another change.
    fn changed(&self) -> Reply<'_, ()> {
        self.journal.changed()
    }

    fn census(&self) -> Reply<'_, Census> {
        Box::pin(self.ask(|journal| journal.census()))
    }

    fn runs(&self, filter: RunFilter) -> Reply<'_, Vec<RunSummary>> {
        Box::pin(self.ask(move |journal| journal.runs(filter.clone())))
    }

    fn run(&self, id: RunId) -> Reply<'_, RunDetail> {
        Box::pin(self.ask(move |journal| journal.run(id)))
    }

    fn event(&self, id: String) -> Reply<'_, Option<String>> {
        Box::pin(self.ask(move |journal| journal.event(id.clone())))
    }

    fn stats(&self, since: Timestamp) -> Reply<'_, Stats> {
        Box::pin(self.ask(move |journal| journal.stats(since)))
    }

    fn sources(&self) -> Reply<'_, Vec<SourceRecord>> {
        Box::pin(self.ask(|journal| journal.sources()))
    }

    fn window(&self, rule: String, throttled: Throttled) -> Reply<'_, Option<Window>> {
        Box::pin(self.ask(move |journal| journal.window(rule.clone(), throttled.clone())))
    }

    fn quarantined(&self, limit: usize) -> Reply<'_, Vec<Quarantined>> {
        Box::pin(self.ask(move |journal| journal.quarantined(limit)))
    }

    fn quarantined_one(&self, id: QuarantineId) -> Reply<'_, Quarantined> {
        Box::pin(self.ask(move |journal| journal.quarantined_one(id)))
    }
}

/// An operator who asks again is told that it is done: there is nothing more of this kind to do.
impl Keep for Caller {
    fn retry(&self, runs: Vec<RunId>, from: RetryFrom) -> Reply<'_, ()> {
        let again =
            |(): &(), second: &Answer<()>| matches!(second, Err(JournalError::Illegal { .. }));
        Box::pin(self.ask_with(again, move |journal| journal.retry(runs.clone(), from)))
    }

    /// What waited is cancelled by now; what runs is still to be ended.
    fn cancel(&self, runs: Vec<RunId>, reason: String, now: Timestamp) -> Reply<'_, Vec<RunId>> {
        let again = |first: &Vec<RunId>, second: &Answer<Vec<RunId>>| match second {
            Ok(second) => first == second,
            Err(error) => matches!(error, JournalError::Illegal { .. }),
        };
        Box::pin(self.ask_with(again, move |journal| {
            journal.cancel(runs.clone(), reason.clone(), now)
        }))
    }

    fn release(&self, id: QuarantineId, entry: Acceptance, now: Timestamp) -> Reply<'_, Accepted> {
        self.ground.know([&entry]);
        let again = |_: &Accepted, second: &Answer<Accepted>| is_absent(second);
        Box::pin(self.ask_with(again, move |journal| {
            journal.release(id, entry.clone(), now)
        }))
    }

    fn drop_quarantined(&self, ids: Vec<QuarantineId>) -> Reply<'_, Vec<Dropped>> {
        let again = |_: &Vec<Dropped>, second: &Answer<Vec<Dropped>>| is_absent(second);
        Box::pin(self.ask_with(again, move |journal| journal.drop_quarantined(ids.clone())))
    }

    /// Asked once: each step deletes other things.
    fn prune(&self, retention: Retention, now: Timestamp) -> Reply<'_, Pruned> {
        Box::pin(async move { self.journal.inner().prune(retention, now).await })
    }
}
