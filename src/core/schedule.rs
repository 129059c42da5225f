//! When something is due by a schedule: pure, on times that are given.
//!
//! What has a schedule, a timer for one, fires at *scheduled times*: each length of time from a fixed origin, the
//! times of a cron pattern in a time zone, or one single time. How far it has come is [`Reached`], which is kept with
//! the events: a restart delays nothing, and each scheduled time fires once.

use std::fmt;
use std::time::Duration;

use croner::Cron;
use flate2::Crc;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How many scheduled times fire at once at most; the rest fires directly after.
const AT_ONCE: usize = 1_000;

/// How many stretches of firings are remembered at most: a new one begins only after a downtime, or where the clock
/// was set.
const STRETCHES: usize = 8;

/// A time that fires no later than this was not missed: services are busy at times.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// Scheduled times, and which of them fire.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The scheduled times.
    pub times: Times,
    /// What becomes of those that passed while nothing could fire.
    pub missed: Missed,
    /// Each fires later by up to this, and for the same time always by the same.
    pub jitter: Duration,
    /// How many times it fires in total.
    pub limit: Option<u64>,
}

/// Scheduled times.
#[derive(Clone, Debug)]
pub enum Times {
    /// At the origin, and each of these lengths of time after it.
    Every(SignedDuration),
    /// When the clock of a time zone shows what the pattern says. A local time that a change of the clock
    /// leaves out is the first one after it; one that comes twice counts once.
    Cron(Box<Cron>, TimeZone),
    /// Once.
    At(Timestamp),
}

/// What becomes of scheduled times that passed while nothing could fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// Nothing.
    None,
    /// The last of them fires.
    #[default]
    Once,
    /// Each of them fires.
    All,
}

/// How far the schedule of a timer, for one, has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// When it was first started.
    pub origin: Timestamp,
    /// The last scheduled time that is over, whether it fired or not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Timestamp>,
    /// How many times it has fired.
    pub count: u64,
    /// What has fired, as far as that is remembered: after the clock was set back it comes again.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stretches: Vec<Stretch>,
}

/// The first and the last of scheduled times that fired one after the other, with none left out between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch(Timestamp, Timestamp);

/// What fires at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// In the order of the times.
    pub firings: Vec<Firing>,
    /// The first of the times that were missed and do not fire, if any were.
    pub left_out: Option<Timestamp>,
    /// How far the timer has come with that.
    pub reached: Reached,
}

/// One firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Which one it is, from 1.
    pub number: u64,
    /// The time that it was scheduled for.
    pub scheduled: Timestamp,
}

/// In a few words, for the log.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.times {
            Times::Every(length) => write!(f, "every {length:#}"),
            Times::Cron(cron, zone) => {
                let zone = zone.iana_name().unwrap_or("the machine's time zone");
                write!(f, "at `{}` in {zone}", cron.as_str())
            }
            Times::At(time) => write!(f, "at {time}"),
        }
    }
}

impl Reached {
    /// A timer that is started for the first time.
    #[must_use]
    pub fn new(origin: Timestamp) -> Self {
        Self {
            origin,
            last: None,
            count: 0,
            stretches: Vec::new(),
        }
    }

    /// One that is started at this time: a second is as near as anybody sets a clock.
    #[must_use]
    pub fn begun(now: Timestamp) -> Self {
        Self::new(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }

    /// The time up to which all scheduled times are over.
    fn over(&self) -> Option<Timestamp> {
        self.last.or_else(|| just_before(self.origin))
    }

    /// Counts a firing, unless it is known; gives its number. It follows directly on the scheduled time `before`.
    fn fire(&mut self, scheduled: Timestamp, before: Option<Timestamp>) -> u64 {
        let mut stretches = self.stretches.iter_mut();
        if stretches.any(|Stretch(first, last)| (*first..=*last).contains(&scheduled)) {
            return self.count;
        }
        self.count += 1;
        let mut stretches = self.stretches.iter_mut();
        match stretches.find(|Stretch(_, last)| Some(*last) == before) {
            Some(Stretch(_, last)) => *last = scheduled,
            None => self.stretches.push(Stretch(scheduled, scheduled)),
        }
        if self.stretches.len() > STRETCHES {
            // The clock would have to be set back the furthest for that one.
            let ends = self.stretches.iter().map(|stretch| stretch.1);
            let oldest = ends.min();
            self.stretches.retain(|stretch| Some(stretch.1) != oldest);
        }
        self.count
    }
}

impl Schedule {
    /// Takes back what lies ahead of `now` by more than clocks are set by all the time: the clock was wrong
    /// then. What fired already has its event, makes no second one and is not counted again.
    #[must_use]
    pub fn take_back(&self, mut reached: Reached, now: Timestamp) -> Reached {
        let is_wrong = |time: &Timestamp| time.duration_since(now) > LATE;
        if is_wrong(&reached.origin) {
            reached.origin = now;
            if matches!(self.times, Times::Every(_)) {
                // Its times are others from now on.
                reached.stretches.clear();
            }
        }
        if reached.last.as_ref().is_some_and(is_wrong) {
            reached.last = Some(now);
        }
        reached
    }

    /// What fires at `now`, and how far the timer has come with that.
    #[must_use]
    pub fn fire(&self, timer: &str, reached: &Reached, now: Timestamp) -> Fired {
        let mut fired = Fired {
            firings: Vec::new(),
            left_out: None,
            reached: reached.clone(),
        };
        while fired.firings.len() < AT_ONCE
            && self
                .next(timer, &fired.reached)
                .is_some_and(|next| next <= now)
            && let Some((next, scheduled)) = self.following(timer, &fired.reached, now)
        {
            let reached = &mut fired.reached;
            let before = reached.last.replace(scheduled);
            let late = now.duration_since(self.delayed(timer, scheduled));
            let fires = self.missed != Missed::None || late <= LATE;
            if next < scheduled || !fires {
                fired.left_out.get_or_insert(next);
            }
            if fires {
                let before = before.filter(|_| next == scheduled);
                let number = reached.fire(scheduled, before);
                fired.firings.push(Firing { number, scheduled });
            }
        }
        fired
    }

    /// When it fires next; `None` if never again.
    #[must_use]
    pub fn next(&self, timer: &str, reached: &Reached) -> Option<Timestamp> {
        if self.limit.is_some_and(|limit| reached.count >= limit) {
            return None;
        }
        let next = self.times.after(reached.origin, reached.over()?)?;
        Some(self.delayed(timer, next))
    }

    /// The next scheduled time, and the one to go on with: the same or, where only the last of those that
    /// were missed counts, that one.
    fn following(
        &self,
        timer: &str,
        reached: &Reached,
        now: Timestamp,
    ) -> Option<(Timestamp, Timestamp)> {
        let over = reached.over()?;
        let next = self.times.after(reached.origin, over)?;
        if self.missed == Missed::All {
            return Some((next, next));
        }
        let mut last = self.times.until(reached.origin, now);
        while let Some(time) = last.filter(|time| *time > next) {
            if self.delayed(timer, time) <= now {
                return Some((next, time));
            }
            last = self.times.until(reached.origin, just_before(time)?);
        }
        Some((next, next))
    }

    /// When a scheduled time fires: the jitter is made of the time and the timer's name, so that it is the
    /// same for everybody who asks.
    fn delayed(&self, timer: &str, scheduled: Timestamp) -> Timestamp {
        let jitter = self.jitter.as_millis();
        if jitter == 0 {
            return scheduled;
        }
        let mut hash = Crc::new();
        hash.update(timer.as_bytes());
        hash.update(&scheduled.as_millisecond().to_be_bytes());
        let delay = (u128::from(hash.sum()) * jitter) >> u32::BITS;
        let delay = Duration::from_millis(u64::try_from(delay).unwrap_or(u64::MAX));
        scheduled.checked_add(delay).unwrap_or(scheduled)
    }
}

impl Times {
    /// The first scheduled time after this one.
    fn after(&self, origin: Timestamp, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(length) => nth(origin, *length, passed(origin, *length, time)? + 1),
            Self::Cron(cron, zone) => {
                let next = cron.find_next_occurrence(&time.to_zoned(zone.clone()), false);
                Some(next.ok()?.timestamp())
            }
            Self::At(at) => (*at > time).then_some(*at),
        }
    }

    /// The last scheduled time that is not after this one.
    fn until(&self, origin: Timestamp, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(length) => nth(origin, *length, passed(origin, *length, time)?),
            Self::Cron(cron, zone) => {
                let last = cron.find_previous_occurrence(&time.to_zoned(zone.clone()), true);
                Some(last.ok()?.timestamp())
            }
            Self::At(at) => (*at <= time).then_some(*at),
        }
    }
}

/// How often the length goes into what has passed since the origin; below 0 before it.
fn passed(origin: Timestamp, length: SignedDuration, time: Timestamp) -> Option<i128> {
    let passed = time.duration_since(origin).as_nanos();
    passed.checked_div_euclid(length.as_nanos())
}

fn nth(origin: Timestamp, length: SignedDuration, number: i128) -> Option<Timestamp> {
    let nanos = length.as_nanos().checked_mul(number)?;
    Timestamp::from_nanosecond(origin.as_nanosecond().checked_add(nanos)?).ok()
}

fn just_before(time: Timestamp) -> Option<Timestamp> {
    time.checked_sub(SignedDuration::from_nanos(1)).ok()
}

#[cfg(test)]
mod tests;
