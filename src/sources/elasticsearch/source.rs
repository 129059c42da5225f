//! A search as a `Source`: it asks when its schedule says so, and what an answer is told as is in one commit with what
//! is remembered of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Search;
use super::answer::{Next, Page};
use super::client::{Asker, Failure};
use super::each::Finding;
use super::event::{failed, id_of_document, id_of_found, resolved};
use super::memory::{MOST, Memory, Open, Tell};
use crate::core::event::Event;
use crate::core::outage::Outage;
use crate::core::retry::RetryPolicy;
use crate::core::schedule::Reached;
use crate::journal::{Cursor, ProgressStep};
use crate::sources::{
    Arrival, Batch, Decoded, LARGEST_BATCH, Opening, Pending, Received, Source, SourceError,
    SourceErrorKind,
};
use crate::telemetry::Condition;

/// How often the clock is read while waiting: it may be set meanwhile, or the machine may sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The delay after a first failure; it doubles from one to the next.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// No failure delays the next request for longer than this, unless the server asks for it.
const LONGEST_DELAY: Duration = Duration::from_secs(5 * 60);

/// From this failure in a row on there is an event of it.
pub(super) const FAILURES: u32 = 3;

/// Asks for a search at the times of its schedule.
#[derive(Debug)]
pub(super) struct SearchSource {
    search: Arc<Search>,
    asker: Asker,
    /// As it was opened, but with the cursor that is on disk by now.
    opening: Opening,
    /// What is to be put on disk, in this order.
    waiting: VecDeque<Part>,
    /// The part that is under way to the disk.
    handed_over: Option<HandedOver>,
    /// Documents whose further pages are still to be asked for.
    pass: Option<Pass>,
    /// After a failure: not to ask before this time.
    not_before: Option<Instant>,
    outage: Outage,
    /// Answers that are not whole, where they are taken all the same.
    gaps: Outage,
}

/// What goes on disk in one commit.
type Part = (Vec<Decoded>, Option<ProgressStep>);

/// One time that a search was due at.
#[derive(Clone, Debug)]
struct Pass {
    at: Timestamp,
    /// How far the schedule has come with that.
    reached: Reached,
    /// What was asked about before was up to here.
    since: Timestamp,
    /// The page to ask for, unless it is the first.
    next: Option<Next>,
}

/// What its cursor is once that is settled, if it moves.
#[derive(Debug)]
struct HandedOver(Option<ProgressStep>);

impl SearchSource {
    /// A search that has come as far as its cursor says, if there is one.
    pub(super) fn new(search: Arc<Search>, opening: Opening) -> Self {
        let source = Self {
            asker: Asker::new(Arc::clone(&search)),
            search,
            opening,
            waiting: VecDeque::new(),
            handed_over: None,
            pass: None,
            not_before: None,
            outage: Outage::default(),
            gaps: Outage::default(),
        };
        source.tell("no answer yet");
        source
    }

    /// What is remembered; nothing when it is opened for the first time.
    fn memory(&self) -> Result<Option<Memory>, SourceError> {
        let Some(Cursor(text)) = &self.opening.stored else {
            return Ok(None);
        };
        let memory = serde_json::from_str(text).map_err(|error| SourceError {
            kind: SourceErrorKind::Failed,
            message: format!(
                "the journal's memory of elasticsearch {} cannot be read: {error}",
                self.opening.name
            ),
            hint: "give the source another name, and it begins anew",
        });
        memory.map(Some)
    }

    /// Does what there is to do now; answers how long there is nothing, if that is so.
    async fn advance(&mut self) -> Result<Option<Duration>, SourceError> {
        let now = Timestamp::now();
        let Some(memory) = self.memory()? else {
            let memory = Memory {
                reached: Reached::begun(now),
                open: [].into(),
            };
            self.put(Vec::new(), Some(ProgressStep::Read(memory.cursor())));
            return Ok(None);
        };
        let name = &self.opening.name;
        let schedule = &self.search.schedule;
        let reached = schedule.take_back(memory.reached.clone(), now);
        if reached != memory.reached {
            // The clock was set. It is noted, so that it is taken back once.
            let memory = Memory { reached, ..memory };
            self.put(Vec::new(), Some(ProgressStep::Read(memory.cursor())));
            return Ok(None);
        }
        let fired = schedule.fire(name, &reached, now);
        // As long as it fails, the same time.
        let next = schedule.next(name, &reached);
        let Some((firing, due)) = fired.firings.last().zip(next) else {
            if self.outage.failures() == 0 {
                let words = match next {
                    Some(next) => format!("next query at {next}"),
                    None => "no query is due any more".to_owned(),
                };
                self.tell(&words);
            }
            let wait = next.map(|next| Duration::try_from(next.duration_since(now)));
            return Ok(Some(wait.map_or(LOOK_AGAIN, Result::unwrap_or_default)));
        };
        if let Some(wait) = self.not_before.and_then(|it| {
            let wait = it.saturating_duration_since(Instant::now());
            (!wait.is_zero()).then_some(wait)
        }) {
            return Ok(Some(wait));
        }
        let following = schedule.next(name, &fired.reached);
        // Documents whose pages take longer than it is to the next time are asked for to the end.
        let pass = self.pass.take().unwrap_or_else(|| Pass {
            at: firing.scheduled,
            since: reached.last.unwrap_or(reached.origin),
            reached: fired.reached,
            next: None,
        });
        let asked = if self.search.are_documents_kept() {
            self.gather(&memory, &pass).await
        } else {
            self.page_of_documents(pass).await
        };
        if let Err(failure) = asked {
            let wait = following.map(|next| Duration::try_from(next.duration_since(now)));
            self.fail(failure, due, wait.and_then(Result::ok));
        }
        Ok(None)
    }

    /// Asks for all pages of an answer, and puts what is new of it on disk.
    async fn gather(&mut self, memory: &Memory, pass: &Pass) -> Result<(), Failure> {
        let mut found = Vec::new();
        let mut lacks = None;
        let mut next = None;
        loop {
            let page = self.ask(pass, next.as_ref()).await?;
            lacks = lacks.or(page.lacks);
            found.extend(page.found);
            if found.len() > MOST {
                let why = format!("more than {MOST} things are found: let the query find less");
                return Err(why.into());
            }
            if page.next.is_none() {
                break;
            }
            next = page.next;
        }
        let identities: Vec<String> = found
            .iter()
            .map(|finding| self.search.making.identity(finding))
            .collect();
        let telling = self.search.telling;
        let decided = telling.decide(&memory.open, &identities, pass.at, lacks.is_none())?;
        let mut open = memory.open.clone();
        let mut tells = decided.tells.chunks(LARGEST_BATCH).peekable();
        while let Some(some) = tells.next() {
            let told = some
                .iter()
                .filter_map(|tell| self.told(tell, &found, &identities, pass));
            let told: Vec<Decoded> = told.collect();
            if tells.peek().is_none() {
                self.pass_over(told, pass, decided.open);
                return Ok(());
            }
            decided.keep(&mut open, some, &identities);
            let so_far = Memory {
                reached: memory.reached.clone(),
                open: open.clone(),
            };
            self.put(told, Some(ProgressStep::Read(so_far.cursor())));
        }
        self.pass_over(Vec::new(), pass, decided.open);
        Ok(())
    }

    /// Asks for one page of documents, and puts it on disk: the journal knows those that come again.
    async fn page_of_documents(&mut self, pass: Pass) -> Result<(), Failure> {
        let page = self.ask(&pass, pass.next.as_ref()).await;
        // The others follow when this one is on disk.
        let Page { found, next, .. } = page?;
        let event = |finding: &Finding| {
            let identity = self.search.making.identity(finding);
            let id = id_of_document(&identity);
            let name = &self.opening.name;
            let making = &self.search.making;
            self.wanted(making.found(name, finding, &identity, id, pass.at))
        };
        let events: Vec<Decoded> = found.iter().filter_map(event).collect();
        if next.is_none() {
            self.pass_over(events, &pass, [].into());
            return Ok(());
        }
        if !events.is_empty() {
            self.put(events, None);
        }
        self.pass = Some(Pass { next, ..pass });
        Ok(())
    }

    /// Asks for a page, which has to be whole unless the options say otherwise.
    async fn ask(&mut self, pass: &Pass, next: Option<&Next>) -> Result<Page, Failure> {
        let body = self.search.query.body(pass.since, pass.at, next)?;
        let page = self.asker.page(&body).await?;
        if page.next.is_some() && page.next.as_ref() == next {
            let why = "the same page comes again and again: a `sort` needs a field that tells documents apart";
            return Err(why.to_owned().into());
        }
        match &page.lacks {
            Some(why) if !self.search.takes_partial => {
                let why = format!(
                    "the answer is not whole: {why} (with `partial = yes` it would be taken all the same)"
                );
                return Err(why.into());
            }
            Some(why) => {
                if let Some(notice) = self.gaps.failed(why, std::time::Instant::now()) {
                    let name = &self.opening.name;
                    tracing::warn!(
                        "elasticsearch {name}: an answer that is not whole is taken: {why}{notice}"
                    );
                }
            }
            None => drop(self.gaps.over(std::time::Instant::now())),
        }
        Ok(page)
    }

    fn told(
        &self,
        tell: &Tell,
        found: &[Finding],
        identities: &[String],
        pass: &Pass,
    ) -> Option<Decoded> {
        let name = &self.opening.name;
        self.wanted(match tell {
            Tell::Found(place) => {
                let (finding, identity) = (&found[*place], &identities[*place]);
                let id = id_of_found(identity, pass.at);
                let making = &self.search.making;
                making.found(name, finding, identity, id, pass.at)
            }
            Tell::Resolved(identity, open) => resolved(name, identity, open, pass.at),
        })
    }

    fn wanted(&self, event: Event) -> Option<Decoded> {
        let interest = &self.opening.interest;
        let is_wanted = interest.wants(&event.event_type, &event.id);
        is_wanted.then(|| Decoded::Event(Arrival::whole(event)))
    }

    /// What follows when all of an answer was taken: these events are the last of it.
    fn pass_over(&mut self, events: Vec<Decoded>, pass: &Pass, open: BTreeMap<String, Open>) {
        let memory = Memory {
            reached: pass.reached.clone(),
            open,
        };
        self.put(events, Some(ProgressStep::Passed(memory.cursor())));
        self.pass = None;
        self.not_before = None;
        let words = format!("elasticsearch {} answers again", self.opening.name);
        self.outage.log_end(&words, std::time::Instant::now());
    }

    /// What follows when an answer could not be had that is due since this time. `regular` is how long it is to the next
    /// scheduled time: what is refused is asked again then.
    fn fail(&mut self, failure: Failure, due: Timestamp, regular: Option<Duration>) {
        let Failure {
            why,
            wait,
            is_refused,
        } = failure;
        self.pass = None;
        let policy = RetryPolicy {
            retries: u32::MAX,
            first_delay: FIRST_DELAY,
        };
        let failures = self.outage.failures() + 1;
        let delay = policy.delay_after(failures, fastrand::f64());
        let delay = delay.map_or(LONGEST_DELAY, |delay| delay.min(LONGEST_DELAY));
        let regular = regular.filter(|_| is_refused);
        let delay = [wait, regular].into_iter().flatten().fold(delay, Ord::max);
        let now = Instant::now();
        self.not_before = Some(now + delay);
        let name = &self.opening.name;
        let what = format!("elasticsearch {name}: {why}");
        self.outage
            .log_failure(&what, delay, std::time::Instant::now());
        self.tell(&format!("failed: {why}"));
        // In an outage it is the same event each time, also for a service that is started in it.
        let event = (failures >= FAILURES).then(|| failed(&self.opening.name, &why, due));
        let event = event.and_then(|event| self.wanted(event));
        self.put(event.into_iter().collect(), Some(ProgressStep::Failed(why)));
    }

    fn put(&mut self, events: Vec<Decoded>, step: Option<ProgressStep>) {
        self.waiting.push_back((events, step));
    }

    /// Tells how it is doing. A search that fails holds nobody up: its events come later.
    fn tell(&self, words: &str) {
        self.opening.teller.tell(Condition {
            is_ready: true,
            words: format!("elasticsearch {}: {words}", self.opening.name),
            ..Condition::default()
        });
    }

    fn hand_over(&mut self, (decoded, step): Part) -> Batch {
        self.handed_over = Some(HandedOver(step.clone()));
        self.opening.batch(decoded, step)
    }
}

impl Source for SearchSource {
    fn name(&self) -> &str {
        let Opening { identity, .. } = &self.opening;
        identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            if self.handed_over.take().is_some() {
                // What was handed over is not on disk: it comes again, and what follows it too.
                self.waiting.clear();
                self.pass = None;
            }
            loop {
                if let Some(part) = self.waiting.pop_front() {
                    return Ok(Received::Batch(self.hand_over(part)));
                }
                match self.advance().await? {
                    None => {}
                    Some(_) if self.opening.until_drained => return Ok(Received::Drained),
                    Some(wait) => tokio::time::sleep(wait.min(LOOK_AGAIN)).await,
                }
            }
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        if let Some(HandedOver(Some(ProgressStep::Read(cursor) | ProgressStep::Passed(cursor)))) =
            self.handed_over.take()
        {
            self.opening.stored = Some(cursor);
        }
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
