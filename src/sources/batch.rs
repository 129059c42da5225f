//! What a source hands over: decoded deliveries that are put on disk together.

use std::fmt;
use std::sync::Arc;

use crate::core::event::{Event, Key, PayloadPath};
use crate::core::redact::without_context;
use crate::core::rules::RuleSet;
use crate::journal::{Progress, QuarantineEntry};

/// This many bytes of a quarantined delivery are kept. ESI Leap's messages are about 2 kB.
pub const KEPT_IN_QUARANTINE: usize = 64 * 1024;

/// How a quarantined body begins that could not be decompressed, and so is not kept: it may hold
/// secrets that could not be blanked.
pub const NOT_KEPT: &str = "[compressed body, not kept";

/// What a source has to give.
#[derive(Debug)]
pub enum Received {
    /// Something has arrived, or has been read.
    Batch(Batch),
    /// Nothing is waiting, and the source was asked to say so rather than wait.
    Drained,
}

/// What goes on disk in one commit, and is settled by one receipt, which the source keeps.
#[derive(Debug, Default)]
pub struct Batch {
    /// What the deliveries were decoded to, in order of arrival. May be empty: events that no rule wants
    /// are settled like the others.
    pub decoded: Vec<Decoded>,
    /// From a source that keeps a cursor: what to note in the same commit.
    pub progress: Option<Progress>,
}

/// What a delivery was decoded to.
#[derive(Clone, Debug)]
pub enum Decoded {
    /// An event whose type some rule names.
    Event(Arrival),
    /// A delivery that holds no event that could be read.
    Undecodable(QuarantineEntry),
}

/// An event as it arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The event.
    pub event: Event,
    /// What it lacks, until it is completed; `None` for an event that is whole.
    pub lacks: Option<Lacks>,
    /// The queue it came from; empty for other sources.
    pub origin: String,
    /// The delivery's bytes, if it came as bytes. Where not, the event's JSON text goes to quarantine in
    /// their place, and the source's decoder reads that too.
    pub body: Option<Vec<u8>>,
}

impl Arrival {
    /// An event that is whole, and never was bytes.
    #[must_use]
    pub fn whole(event: Event) -> Self {
        Self {
            event,
            lacks: None,
            origin: String::new(),
            body: None,
        }
    }
}

/// Whether what is at a path can be looked up only once the event has been completed.
pub type Lacks = fn(&PayloadPath) -> bool;

/// Decodes what is kept of a quarantined delivery, unless no rule wants its type of event.
pub type Decode = fn(&[u8], &Interest) -> Result<Option<Arrival>, String>;

/// Finds what decodes the deliveries of the source of this name.
pub type Decoders = fn(&str) -> Option<Decode>;

/// Decodes the JSON text of an event: a [`Decode`] for sources whose deliveries are no bytes.
///
/// # Errors
/// Why it is no event, in words.
pub fn decode_event(body: &[u8], interest: &Interest) -> Result<Option<Arrival>, String> {
    let event: Event = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let is_wanted = interest.wants(&event.event_type, &event.id);
    Ok(is_wanted.then(|| Arrival::whole(event)))
}

/// Whether any rule is for a type of event: an event that no rule wants is not decoded any further.
#[derive(Clone)]
pub struct Interest(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Interest {
    /// An interest in the types of event for which `wants` holds.
    pub fn new(wants: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(wants))
    }

    /// An interest in all there is.
    #[must_use]
    pub fn in_all() -> Self {
        Self::new(|_| true)
    }

    /// What these rules want.
    #[must_use]
    pub fn of(rules: Arc<RuleSet>) -> Self {
        Self::new(move |event_type| rules.wants(event_type))
    }

    /// Whether an event of this type is wanted. One that is not leaves no other trace than a line.
    #[must_use]
    pub fn wants(&self, event_type: &str, id: &dyn fmt::Display) -> bool {
        let wants = (self.0)(event_type);
        if !wants {
            tracing::debug!(event = %id, "no rule is for {event_type}");
        }
        wants
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Interest")
    }
}

/// A delivery for quarantine: the head of its body without secrets, and how long it was.
#[must_use]
pub fn for_quarantine(
    source: &str,
    origin: &str,
    reason: String,
    body: &[u8],
    key: Option<Key>,
) -> QuarantineEntry {
    let kept = &body[..body.len().min(KEPT_IN_QUARANTINE)];
    QuarantineEntry {
        source: source.to_owned(),
        origin: origin.to_owned(),
        reason,
        body: without_context(kept),
        size: body.len() as u64,
        key,
    }
}
