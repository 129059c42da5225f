//! Whether one more event of a group starts, waits for the end of its window, or is held back. Pure.
//!
//! A rule with a throttle lets only some of the events start that match it. It counts them by group, in windows that
//! begin with an event and do not move with later ones. The journal keeps the window of each group, asks
//! [`Throttled::decide`] in the commit that accepts an event, and writes the window that this answers.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::event::{Event, Found, Key, PayloadPath};

/// So many events of a window a run of [`Kind::Batch`] is given; the others are counted.
pub const BATCH_EVENTS: u64 = 100;

/// So many bytes of the bodies of these are read for it; those beyond are counted, too.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What a throttle lets start, and how long its windows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// What it lets start.
    pub kind: Kind,
    /// How long a window is.
    pub window: Duration,
}

/// Which of the events of a window starts, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first, at once.
    OnceWithin,
    /// The first, at the end of the window.
    OnceAfter,
    /// The same, and its run is given all events of the window.
    Batch,
    /// The one of this number, at once.
    Threshold(u32),
}

/// As it is written in the file. Throttles are the same if this is.
impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = Length(self.window);
        match self.kind {
            Kind::OnceWithin => write!(f, "once_within = {window}"),
            Kind::OnceAfter => write!(f, "once_after = {window}"),
            Kind::Batch => write!(f, "batch = {window}"),
            Kind::Threshold(number) => write!(f, "threshold = {number} within {window}"),
        }
    }
}

/// A length of time in the largest unit that makes it a whole number.
struct Length(Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.as_millis();
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        let unit = units
            .into_iter()
            .find(|(unit, _)| all.is_multiple_of(*unit));
        let (unit, name) = unit.unwrap_or((1, "ms"));
        write!(f, "{}{name}", all / unit)
    }
}

/// The throttle of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttling {
    /// What it lets start.
    pub throttle: Throttle,
    /// Events with the same values here are a group; without paths, those with the same key of the run.
    pub by: Vec<PayloadPath>,
}

impl Throttling {
    /// The throttle of a run of this key that the rule makes of this event.
    #[must_use]
    pub fn of(&self, event: &Event, key: &Key) -> Throttled {
        Throttled {
            throttle: self.throttle,
            group: self.group(event, key),
        }
    }

    /// Values are compared with their types: the number 1 and the text `1` are two groups.
    fn group(&self, event: &Event, key: &Key) -> Option<Key> {
        if self.by.is_empty() {
            return Some(key.limited());
        }
        let value = |path: &PayloadPath| match path.find(event) {
            Found::Nothing => None,
            Found::One(value) if value.is_null() => None,
            Found::One(value) => serde_json::to_string(value).ok(),
            Found::Several(values) => serde_json::to_string(&values).ok(),
        };
        let values: Option<Vec<String>> = self.by.iter().map(value).collect();
        let paths: Vec<&str> = self.by.iter().map(PayloadPath::as_str).collect();
        let group = Key {
            space: format!("throttle_by {}", paths.join(",")),
            text: values?.join(","),
        };
        Some(group.limited())
    }
}

impl Decision {
    /// The same of a run that is not to start before this time: the later of two times holds.
    #[must_use]
    pub fn not_before(self, start_at: Option<Timestamp>) -> Self {
        match (self, start_at) {
            (Self::StartAt(end), Some(start_at)) => Self::StartAt(end.max(start_at)),
            (decision, _) => decision,
        }
    }
}

/// A run that a throttle may hold back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// What may start.
    pub throttle: Throttle,
    /// Which events are counted together with its own; none if it lacks what they are grouped by. Then it is a
    /// group of its own.
    pub group: Option<Key>,
}

/// The window of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When its first event was accepted.
    pub began_at: Timestamp,
    /// From when on it means nothing any more.
    pub ends_at: Timestamp,
    /// How many events were accepted in it, with those that were held back.
    pub events: u64,
    /// The number of the run that was let through, if there is one yet.
    pub run: Option<i64>,
    /// Whether that run still waits for the end of the window.
    pub run_waits: bool,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its run starts.
    Start,
    /// Its run starts then, for all events of the window.
    StartAt(Timestamp),
    /// Its run never starts, for this reason.
    HoldBack(String),
}

impl Throttled {
    /// What becomes of an event that is accepted now, and the window of its group after that. The run that is let
    /// through, if it is this one, is for the caller to note in there.
    #[must_use]
    pub fn decide(&self, known: Option<Window>, now: Timestamp) -> (Decision, Window) {
        let Throttle { kind, .. } = self.throttle;
        let known = known.filter(|window| self.throttle.is_open(window, now));
        let mut window = match known {
            Some(window) if window.began_at <= now => window,
            known => {
                // After a step of the clock, no window lasts longer than its length from now.
                let ends_at = now.saturating_add(self.throttle.window);
                Window {
                    began_at: now,
                    ends_at: ends_at.unwrap_or(Timestamp::MAX),
                    events: known.map_or(0, |window| window.events),
                    run: known.and_then(|window| window.run),
                    run_waits: known.is_some_and(|window| window.run_waits),
                }
            }
        };
        window.events = window.events.saturating_add(1);
        let decision = match kind {
            Kind::OnceWithin if window.events == 1 => Decision::Start,
            Kind::OnceAfter | Kind::Batch if window.events == 1 => {
                Decision::StartAt(window.ends_at)
            }
            Kind::Threshold(number) if window.events == u64::from(number) => Decision::Start,
            _ => Decision::HoldBack(self.reason(&window)),
        };
        (decision, window)
    }

    /// Why the last event of this window is held back.
    fn reason(&self, window: &Window) -> String {
        let Window { events, run, .. } = window;
        let (began_at, ends_at) = (Second(window.began_at), Second(window.ends_at));
        let run = run.map_or("another run".to_owned(), |run| format!("run {run}"));
        let because = match self.throttle.kind {
            Kind::OnceWithin => format!("{run} was let through at {began_at}"),
            Kind::OnceAfter => format!("{run} stands for it, at {ends_at}"),
            Kind::Batch if *events > BATCH_EVENTS => {
                let throttle = self.throttle;
                return format!(
                    "only counted by {run}, at {ends_at} ({throttle}): its event is number {events} since {began_at}, and \
                     at most {BATCH_EVENTS} are told of"
                );
            }
            Kind::Batch => return format!("told of by {run}, at {ends_at} ({})", self.throttle),
            Kind::Threshold(_) if self.group.is_none() => {
                "its event has nothing at `throttle_by`, and is counted alone".to_owned()
            }
            Kind::Threshold(number) if *events < u64::from(number) => {
                format!("its event is number {events} since {began_at}")
            }
            Kind::Threshold(_) => {
                format!("its event is number {events} since {began_at}, and {run} was let through")
            }
        };
        format!("held back by {}: {because}", self.throttle)
    }
}

impl Throttle {
    /// Whether an event that is accepted now belongs to the window.
    fn is_open(self, window: &Window, now: Timestamp) -> bool {
        let is_at_end = matches!(self.kind, Kind::OnceAfter | Kind::Batch);
        now < window.ends_at && (!is_at_end || window.run_waits)
    }
}

/// A time to the second.
struct Second(Timestamp);

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}

#[cfg(test)]
mod tests;
