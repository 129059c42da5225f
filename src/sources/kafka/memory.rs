//! How far each partition was read, and where one is begun or gone on with. Pure.
//!
//! [`Memory`] is the source's cursor. A topic is in it from the moment on that the beginnings of all its partitions are
//! known, so that a partition that is found later is known to be new.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Cursor;

/// So many places are shown.
const SHOWN: usize = 4;

/// The partitions that there are, by their topics.
pub(super) type Topics = BTreeMap<String, BTreeSet<i32>>;

/// A partition: its topic, and its number.
pub(super) type Spot = (String, i32);

/// Where a topic is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With what comes from now on.
    Latest,
    /// With the first message that is kept.
    Earliest,
    /// With the first message of this time or later.
    At(Timestamp),
}

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Memory {
    topics: BTreeMap<String, BTreeMap<i32, Place>>,
}

/// How far a partition was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The offset of the next message.
    pub(super) next: i64,
    /// How many logs there were in this place before: of a topic that is made anew, offsets begin anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) log: u32,
    /// The partition was not there when it was last looked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) gone: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What follows from which partitions there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Those to read on.
    pub(super) known: BTreeSet<Spot>,
    /// Those whose beginnings are to be found, by topic; and where, unless at the first message that is kept.
    pub(super) new: BTreeMap<String, (Start, BTreeSet<i32>)>,
    /// The topics that are not there.
    pub(super) missing: BTreeSet<String>,
    /// The partitions that were there before, of topics that are.
    pub(super) fewer: BTreeSet<Spot>,
}

/// What a partition has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The offset of the first message that is kept.
    pub(super) first: i64,
    /// The offset behind the last one.
    pub(super) end: i64,
    /// Where it would be begun.
    pub(super) start: i64,
}

/// Why a partition could not be gone on with where it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The broker has removed what was not read yet.
    Removed,
    /// The log ends before that place: it is another one, or has lost its end.
    Shorter,
}

impl Memory {
    /// What of it is read again when the source is opened.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("names and numbers serialize"))
    }

    pub(super) fn place(&self, (topic, partition): &Spot) -> Option<Place> {
        self.topics.get(topic)?.get(partition).copied()
    }

    pub(super) fn put(&mut self, (topic, partition): &Spot, place: Place) {
        let partitions = self.topics.entry(topic.clone()).or_default();
        partitions.insert(*partition, place);
    }

    /// Compares with what there is, of the topics that are asked for; those that are not are forgotten. What is not there
    /// is remembered as gone.
    pub(super) fn compare(&mut self, asked: &[String], there: &Topics, start: Start) -> Seen {
        self.topics.retain(|topic, _| asked.contains(topic));
        let mut seen = Seen::default();
        for topic in asked {
            let now = there.get(topic).filter(|now| !now.is_empty());
            if now.is_none() {
                seen.missing.insert(topic.clone());
            }
            let Some(known) = self.topics.get_mut(topic) else {
                if let Some(now) = now {
                    seen.new.insert(topic.clone(), (start, now.clone()));
                }
                continue;
            };
            for (partition, place) in &mut *known {
                let spot = (topic.clone(), *partition);
                match now {
                    Some(now) if now.contains(partition) => drop(seen.known.insert(spot)),
                    Some(_) => {
                        place.gone = true;
                        seen.fewer.insert(spot);
                    }
                    None => place.gone = true,
                }
            }
            let now = now.into_iter().flatten().copied();
            let new: BTreeSet<i32> = now.filter(|it| !known.contains_key(it)).collect();
            if !new.is_empty() {
                // What they have came after the others were begun.
                seen.new.insert(topic.clone(), (Start::Earliest, new));
            }
        }
        seen
    }

    /// How far it was read, in words.
    pub(super) fn in_words(&self) -> String {
        let places = self.topics.iter().flat_map(|(topic, partitions)| {
            let places = partitions.iter();
            places.map(move |(partition, place)| (topic.as_str(), *partition, place.next))
        });
        if self.topics.is_empty() {
            return "nothing begun".to_owned();
        }
        format!("next {}", in_words(places))
    }
}

/// The first of these offsets, each with its topic and partition.
pub(super) fn in_words<'a>(places: impl Iterator<Item = (&'a str, i32, i64)>) -> String {
    let written = |(topic, partition, next)| format!("{topic}:{partition}:{next}");
    let mut places: Vec<String> = places.map(written).collect();
    let others = places.len().saturating_sub(SHOWN);
    places.truncate(SHOWN);
    let shown = places.join(", ");
    match others {
        0 => shown,
        1 => format!("{shown}, and 1 partition more"),
        _ => format!("{shown}, and {others} partitions more"),
    }
}

impl Place {
    /// Where it goes on when the next message's offset is out of range; nothing to tell if it is in range by now.
    ///
    /// What is left is read where some was removed. A log that ends earlier is another one, whose messages are others:
    /// read from its beginning if the partition was gone meanwhile, else from where a topic is begun.
    pub(super) fn after_loss(self, span: Span) -> (Self, Option<Loss>) {
        if self.next < span.first {
            let place = Self {
                next: span.first,
                ..self
            };
            return (place, Some(Loss::Removed));
        }
        if self.next > span.end {
            let next = if self.gone { span.first } else { span.start };
            let place = Self {
                next,
                log: self.log.saturating_add(1),
                gone: false,
            };
            return (place, Some(Loss::Shorter));
        }
        (self, None)
    }
}
