//! What is to become an event: the end of a run, if a rule is for that, and what an attempt has made.
//!
//! An announcement is written in the commit that makes it true: the one that ends the run, whoever ends it, or that
//! records the attempt. A claim hands it out; the service decides the event by its rules, and has it accepted in the
//! commit that takes the announcement out. So a crash in between makes neither no event nor two.

use jiff::Timestamp;

use super::{Entry, RunId};
use crate::core::event::{Key, MadeEvent};
use crate::core::run::{Outcome, State};

/// The number of an announcement; given by the journal, and never again.
pub type AnnouncementId = i64;

/// What is to become an event, and what the journal knows of the run that it comes of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Its number.
    pub id: AnnouncementId,
    /// The run.
    pub run: RunId,
    /// The name of the run's rule.
    pub rule: String,
    /// What the run is ordered by.
    pub key: Key,
    /// The lease that the run's event is about, if it is about one.
    pub lease: Option<String>,
    /// The run's event as JSON text.
    pub event: String,
    /// Since when it is so.
    pub at: Timestamp,
    /// What the event is to tell.
    pub content: Content,
}

/// What an event is to tell that a run makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The end of the run.
    End(RunEnd),
    /// What an attempt has made.
    Made(MadeEvent),
}

/// How a run ended. It may have been retried since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// The state that it came to.
    pub state: State,
    /// Why, in words, if its last attempt does not say so.
    pub reason: Option<String>,
    /// How the attempt ended that ended it; `None` if none did.
    pub outcome: Option<Outcome>,
    /// The end of what that attempt wrote.
    pub output: Vec<u8>,
}

/// What the rules made of an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its number.
    pub id: AnnouncementId,
    /// What is to be accepted for it; nothing, if no rule is for it any more.
    pub entries: Vec<Entry>,
}
