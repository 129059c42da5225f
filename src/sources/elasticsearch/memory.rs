//! What is remembered from one answer to the next, and what an answer is told as. Pure: times are arguments.
//!
//! [`Memory`] is the source's cursor: how far its schedule has come, and what is open, that is found and not yet over.
//! It is in the commit with the events, so that a crash neither repeats one nor loses one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::core::schedule::Reached;
use crate::journal::Cursor;

/// The most that can be open at once.
pub(super) const MOST: usize = 10_000;

/// The most bytes that the identities of what is open take together.
pub(super) const LARGEST: usize = 1024 * 1024;

/// What a source remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// How far its schedule has come.
    pub(super) reached: Reached,
    /// What was found and is not over, by identity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) open: BTreeMap<String, Open>,
}

impl Memory {
    /// What of it is read again when the source is opened.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("times, texts and numbers serialize"))
    }
}

/// Something that was found and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// When it was first found.
    pub(super) since: Timestamp,
    /// When it was last told.
    pub(super) told: Timestamp,
    /// How many whole answers in a row lacked it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) absent: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// When something is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Telling {
    /// What was told is not told again within this time. Without it, it is not as long as each answer has it.
    pub(super) backoff: Option<SignedDuration>,
    /// It is over when so many whole answers in a row lack it.
    pub(super) resolve_after: Option<u32>,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// What was found in this place of the answer.
    Found(usize),
    /// That what has this identity is over.
    Resolved(String, Open),
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    /// In the order of the answer; then what is over.
    pub(super) tells: Vec<Tell>,
    /// What is open then.
    pub(super) open: BTreeMap<String, Open>,
}

impl Decided {
    /// Changes what was open before as far as these of its tells say: what is remembered if they are all that is on disk.
    pub(super) fn keep(
        &self,
        open: &mut BTreeMap<String, Open>,
        told: &[Tell],
        identities: &[String],
    ) {
        for tell in told {
            match tell {
                Tell::Found(place) => {
                    let identity = &identities[*place];
                    let now = self.open.get(identity).cloned();
                    open.extend(now.map(|now| (identity.clone(), now)));
                }
                Tell::Resolved(identity, _) => drop(open.remove(identity)),
            }
        }
    }
}

impl Telling {
    /// Decides on an answer at `at`, in which these identities were found; of several that are the same, the first
    /// counts. One that is not whole says nothing of what it lacks.
    ///
    /// # Errors
    /// That more is open than can be remembered, in words.
    pub(super) fn decide(
        self,
        open: &BTreeMap<String, Open>,
        found: &[String],
        at: Timestamp,
        is_whole: bool,
    ) -> Result<Decided, String> {
        let mut tells = Vec::new();
        let mut then: BTreeMap<String, Open> = BTreeMap::new();
        for (place, identity) in found.iter().enumerate() {
            if then.contains_key(identity) {
                continue;
            }
            let known = open.get(identity);
            let is_told = known.is_none_or(|known| match self.backoff {
                Some(backoff) => is_over(known.told, backoff, at),
                None => false,
            });
            if is_told {
                tells.push(Tell::Found(place));
            }
            let told = known.filter(|_| !is_told);
            let now = Open {
                since: known.map_or(at, |known| known.since),
                told: told.map_or(at, |known| known.told),
                absent: 0,
            };
            then.insert(identity.clone(), now);
        }
        for (identity, known) in open {
            if then.contains_key(identity) {
                continue;
            }
            let mut known = known.clone();
            known.absent = known.absent.saturating_add(u32::from(is_whole));
            let is_absent = known.absent > 0;
            match self.resolve_after {
                Some(after) if known.absent >= after => {
                    tells.push(Tell::Resolved(identity.clone(), known));
                    continue;
                }
                None if is_absent && self.backoff.is_none_or(|it| is_over(known.told, it, at)) => {
                    continue;
                }
                Some(_) | None => {}
            }
            then.insert(identity.clone(), known);
        }
        let bytes: usize = then.keys().map(String::len).sum();
        if then.len() > MOST || bytes > LARGEST {
            return Err(format!(
                "{} different things are found or not over yet, with {bytes} bytes of identities, but at most \
                 {MOST} and {LARGEST} bytes can be remembered: let the query find less",
                then.len()
            ));
        }
        Ok(Decided { tells, open: then })
    }
}

/// Whether a time has passed since then. A clock that was far ahead then makes nobody wait for longer.
fn is_over(since: Timestamp, length: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(since).abs() >= length
}
