//! Sources to which requests are sent: each is answered once what it brought is on disk, and not before.
//!
//! A kind of source says what its requests mean ([`Meaning`]); all else is the same for each. A request waits, while its
//! events go the way of all events; [`Source::settle`] is what answers it. As long as the journal cannot be written,
//! requests are refused in such a way that their senders keep them. What is refused for what it says is kept nowhere: its
//! sender is told, and still has it, while strangers could fill a quarantine.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use ring::rand::{SystemRandom, generate};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::batch::Interest;
use super::{
    Arrival, Batch, Decoded, LARGEST_BATCH, Opening, Pending, Received, Source, SourceError,
    SourceErrorKind,
};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, payload_path};
use crate::core::event::{Event, Found, PayloadPath};
use crate::http::listener::{Handler, ListenError, Place, Serving};
use crate::http::posts::options::PostOptions;
use crate::http::posts::{Gate, Post};
use crate::http::refusal::{Answer, Refusal, RefusalLog, discard};
use crate::telemetry::Condition;

/// In the section of such a source.
pub(super) const KEY: OptionRow = OptionRow {
    name: "key",
    scope: Scope::Source,
    kind: Kind::Field,
    default: None,
    meaning: "a path into the event's payload: runs of events with the same value there never overlap, and start in \
              order. Where there is none, and without `key`, those of the whole source do; with `alertmanager`, those \
              of an alert",
};

/// How many requests may wait for their commit, besides those whose commit is under way.
const WAITING: usize = 1_000;

/// How many bytes of bodies share a commit at most; one alone may be larger.
const LARGEST_COMMIT: usize = 4 * 1024 * 1024;

/// What the requests to a kind of source mean.
pub(super) trait Meaning: Send + Sync + 'static {
    /// The events that a request brings.
    ///
    /// # Errors
    /// [`Refusal`], if it brings none that could be read.
    fn events(&self, post: &Post, now: Timestamp) -> Result<Vec<Event>, Refusal>;
}

/// A source to which requests are sent.
pub(super) struct PostedSource {
    place: Place,
    door: Arc<Door>,
    /// As it was opened.
    opening: Opening,
    posted: mpsc::Receiver<Posted>,
    /// Once requests are taken.
    serving: Option<Serving>,
    /// What was handed over, and is not answered yet.
    unanswered: Vec<Receipt>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    OnDisk,
    /// It may be on disk later, for all that is known; nobody promises that.
    NotTaken,
}

/// A request that waits.
struct Posted {
    events: Vec<Event>,
    size: usize,
    receipt: Receipt,
}

/// By what a request is answered.
struct Receipt {
    answer: oneshot::Sender<Fate>,
    /// The room that it takes up until then.
    _room: Option<OwnedSemaphorePermit>,
}

impl Receipt {
    fn settle(self, fate: Fate) {
        // Its sender may have gone.
        let _ = self.answer.send(fate);
    }
}

impl PostedSource {
    /// A source of these options, whose requests mean this.
    pub(super) fn new(options: &PostOptions, meaning: impl Meaning, opening: Opening) -> Self {
        let (sender, posted) = mpsc::channel(WAITING);
        let door = Door {
            identity: opening.identity.clone(),
            gate: Gate::new(options.access.clone(), options.largest),
            meaning: Box::new(meaning),
            interest: opening.interest.clone(),
            posted: sender,
            is_held_up: AtomicBool::new(false),
            refusals: RefusalLog::default(),
        };
        Self {
            place: options.place.clone(),
            door: Arc::new(door),
            opening,
            posted,
            serving: None,
            unanswered: Vec::new(),
        }
    }

    /// Takes requests from now on.
    fn begin(&mut self) -> Result<(), SourceError> {
        let unreadable = |message| SourceError {
            kind: SourceErrorKind::Failed,
            message,
            hint: "correct the option, or let the user of the service read the file",
        };
        self.door.gate.check().map_err(unreadable)?;
        let listeners = &self.opening.listeners;
        let serving = listeners.serve(&self.place, Arc::clone(&self.door) as _);
        self.serving = Some(
            serving.map_err(|ListenError { message, hint }| SourceError {
                kind: SourceErrorKind::Failed,
                message,
                hint,
            })?,
        );
        let words = format!(
            "{}: taking requests at {}",
            self.opening.identity, self.place
        );
        tracing::info!("{words}");
        self.opening.teller.tell(Condition {
            is_ready: true,
            words,
            ..Condition::default()
        });
        Ok(())
    }

    /// This one, and as many more as are there and may share its commit.
    fn batch(&mut self, first: Posted) -> Batch {
        let mut decoded = Vec::new();
        let (mut size, mut next) = (0, Some(first));
        while let Some(posted) = next {
            size += posted.size;
            let events = posted.events.into_iter().map(Arrival::whole);
            decoded.extend(events.map(Decoded::Event));
            self.unanswered.push(posted.receipt);
            let has_room = decoded.len() < LARGEST_BATCH && size < LARGEST_COMMIT;
            next = has_room.then(|| self.posted.try_recv().ok()).flatten();
        }
        Batch {
            decoded,
            progress: None,
        }
    }

    /// Answers all that is not answered, handed over or not.
    fn turn_away(&mut self) {
        let waiting = std::iter::from_fn(|| self.posted.try_recv().ok());
        let waiting = waiting.map(|posted| posted.receipt);
        for receipt in self.unanswered.drain(..).chain(waiting) {
            receipt.settle(Fate::NotTaken);
        }
    }
}

impl Source for PostedSource {
    fn name(&self) -> &str {
        let Opening { identity, .. } = &self.opening;
        identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            if self.opening.until_drained {
                // Whoever sends something waits for the service that stays.
                return Ok(Received::Drained);
            }
            if self.serving.is_none() {
                self.begin()?;
            }
            self.door.is_held_up.store(false, Ordering::Relaxed);
            // This source holds the door, so it is never the last.
            let first = self.posted.recv().await;
            Ok(first.map_or(Received::Drained, |first| {
                Received::Batch(self.batch(first))
            }))
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        for receipt in self.unanswered.drain(..) {
            receipt.settle(Fate::OnDisk);
        }
        Box::pin(std::future::ready(()))
    }

    fn give_back(&mut self) -> Pending<'_, ()> {
        self.door.is_held_up.store(true, Ordering::Relaxed);
        self.turn_away();
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        self.posted.close();
        self.turn_away();
        self.serving = None;
        Box::pin(std::future::ready(()))
    }
}

/// Where requests come in.
struct Door {
    identity: String,
    gate: Gate,
    meaning: Box<dyn Meaning>,
    interest: Interest,
    posted: mpsc::Sender<Posted>,
    /// The journal cannot be written.
    is_held_up: AtomicBool,
    refusals: RefusalLog,
}

impl Door {
    /// Takes a request, and waits until it is on disk. Gives the ids of its events.
    async fn take(&self, head: &Parts, body: &mut Incoming) -> Result<Vec<String>, Refusal> {
        self.not_held_up()?;
        let post = self.gate.take(head, body).await?;
        let events = self.meaning.events(&post, Timestamp::now())?;
        let ids = events.iter().map(|event| event.id.clone()).collect();
        let wanted = |event: &Event| self.interest.wants(&event.event_type, &event.id);
        let (answer, answered) = oneshot::channel();
        let posted = Posted {
            events: events.into_iter().filter(wanted).collect(),
            size: post.body.len(),
            receipt: Receipt {
                answer,
                _room: post.room,
            },
        };
        // That may have changed while the body came.
        self.not_held_up()?;
        self.posted.try_send(posted).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Refusal::later("too many requests are waiting: send it again in a moment")
            }
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        match answered.await {
            Ok(Fate::OnDisk) => Ok(ids),
            Ok(Fate::NotTaken) if self.is_held_up.load(Ordering::Relaxed) => Err(held_up()),
            Ok(Fate::NotTaken) | Err(_) => Err(stopping()),
        }
    }

    fn not_held_up(&self) -> Result<(), Refusal> {
        let is_held_up = self.is_held_up.load(Ordering::Relaxed);
        if is_held_up { Err(held_up()) } else { Ok(()) }
    }
}

fn held_up() -> Refusal {
    Refusal::later("the journal cannot be written now: send it again later")
}

fn stopping() -> Refusal {
    Refusal::later("the source is being stopped: send it again later")
}

impl Handler for Door {
    fn answer(&self, request: Request<Incoming>, from: IpAddr) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let (head, mut body) = request.into_parts();
            match self.take(&head, &mut body).await {
                Ok(ids) => accepted(&ids),
                Err(refusal) => {
                    self.refusals
                        .note(&self.identity, from, &refusal, Instant::now());
                    discard(&head.headers, body).await;
                    refusal.answer()
                }
            }
        })
    }
}

impl fmt::Debug for PostedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedSource")
            .field("opening", &self.opening)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// The answer to a request whose events are on disk.
fn accepted(ids: &[String]) -> Answer {
    let body = json!({ "events": ids }).to_string() + "\n";
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::ACCEPTED;
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// An id for an event that has none of its own, which no other event ever has.
///
/// # Errors
/// [`Refusal`], if the system gives out no random numbers.
pub(super) fn new_id() -> Result<String, Refusal> {
    let random = generate::<[u8; 16]>(&SystemRandom::new());
    let random = random.map_err(|_| {
        Refusal::later("the system has no random numbers now: send it again in a moment")
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(random.expose())))
}

/// Where the key of an event is, if it is anywhere.
#[derive(Clone, Debug, Default)]
pub struct KeyPath(Option<PayloadPath>);

impl KeyPath {
    /// At this path of the payload.
    #[must_use]
    pub fn at(path: PayloadPath) -> Self {
        Self(Some(path))
    }

    /// Reads the [`KEY`]; `None` if a problem makes it none.
    pub(super) fn read(options: &mut Options<'_>) -> Option<Self> {
        let Some(option) = options.get(KEY.name) else {
            return Some(Self::default());
        };
        let text = option.value.as_str().trim();
        payload_path(options, option, KEY.name, text, false).map(Self::at)
    }

    /// The event, with what is found there as its key, or with this one if nothing is.
    pub(super) fn key(&self, event: Event, otherwise: &str) -> Event {
        let found = self.0.as_ref().map(|path| path.find(&event));
        let found =
            found.filter(|found| !matches!(found, Found::Nothing | Found::One(Value::Null)));
        let key = found.map_or_else(|| otherwise.to_owned(), |found| found.to_text());
        event.with_key(key)
    }
}

#[cfg(test)]
#[path = "tests/posted.rs"]
mod tests;
