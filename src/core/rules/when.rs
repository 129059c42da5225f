//! When a run starts that a rule makes of an event, and how long that makes sense. Pure.
//!
//! Times are written in many ways. What can be trusted of ESI Leap's is its users' `start_time` and `end_time`, and
//! the time at which a notification was sent: they are UTC, whether they say so or not. What ESI Leap notes by
//! itself is the local time of its host, also where it says `Z`.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::operators::described;
use super::{EventPattern, Recheck};
use crate::core::duration::duration;
use crate::core::event::{Event, Found, InvalidPath, PayloadPath};
use crate::core::times::since_1970;

/// What a rule says of the time of its runs.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// When they start, if not at once.
    pub start_at: Option<StartAt>,
    /// How long after that, or after the event, they may still start.
    pub max_age: Option<Duration>,
    /// The zone of times that cannot be trusted.
    pub zone: Option<TimeZone>,
    /// The types of event that make them pointless.
    pub cancelled_by: Vec<EventPattern>,
    /// Whether an attempt under way is ended for it.
    pub cancel_running: bool,
    /// How many of them run at once.
    pub limit: Option<u32>,
    /// How many of those with the same value here, rather than of all.
    pub limit_by: Option<PayloadPath>,
    /// What their lease has to be like when they start.
    pub recheck: Option<Recheck>,
}

/// When a run of an event starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// When, if the rule says so; or why that cannot be told.
    pub start_at: Result<Option<Timestamp>, String>,
    /// It is cancelled if it has not started by then.
    pub start_by: Option<Timestamp>,
}

/// A time in an event, and how long before or after it.
#[derive(Clone, Debug)]
pub struct StartAt {
    anchor: Anchor,
    shift: SignedDuration,
    text: String,
}

#[derive(Clone, Debug)]
enum Anchor {
    /// The event's own time.
    Time,
    At(PayloadPath),
}

/// How much of a time without zone, or with a false one, is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// It is UTC.
    Utc,
    /// Without zone, it is of a zone that the operator knows.
    Zoned,
    /// So it is if it says `Z`.
    FalseZ,
}

/// Fields of a lease that ESI Leap's host writes by itself.
const LOCAL: [&str; 3] = ["fulfill_time", "expire_time", "event_time"];

/// Those that its users give.
const GIVEN: [&str; 2] = ["start_time", "end_time"];

impl StartAt {
    /// Reads `PATH`, `PATH + DURATION` or `PATH - DURATION`, where `time` is the event's own.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let invalid = |message: String, offset| InvalidPath {
            message,
            hint: EXAMPLES.into(),
            offset,
        };
        let mut signs = text.char_indices().filter(|(at, sign)| {
            matches!(sign, '+' | '-') && text[..*at].ends_with(char::is_whitespace)
        });
        let sign = signs.next_back();
        let path = sign.map_or(text, |(at, _)| text[..at].trim_end());
        if sign.is_none()
            && let Some(at) = glued_sign(text)
        {
            let found = &text[at..];
            let message = format!(
                "expected a space before and after the sign in `start_at`, but found `{found}`"
            );
            return Err(invalid(message, at));
        }
        let shift = match sign {
            None => SignedDuration::ZERO,
            Some((at, sign)) => {
                let after = &text[at + 1..];
                let begin = at + 1 + after.len() - after.trim_start().len();
                let length = after.trim();
                let shift = duration(length).and_then(|it| SignedDuration::try_from(it).ok());
                let shift = shift.ok_or_else(|| {
                    let found = if length.is_empty() {
                        "nothing".into()
                    } else {
                        format!("`{length}`")
                    };
                    let message = format!(
                        "expected a length of time after `{sign}` in `start_at`, but found {found}"
                    );
                    invalid(message, begin)
                })?;
                if sign == '-' { -shift } else { shift }
            }
        };
        if path.is_empty() {
            let message = "expected a path or `time` in `start_at`, but found nothing".to_owned();
            return Err(invalid(message, 0));
        }
        let anchor = match path {
            "time" => Anchor::Time,
            path => Anchor::At(PayloadPath::parse(path)?),
        };
        Ok(Self {
            anchor,
            shift,
            text: text.to_owned(),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it looks up in the payload.
    #[must_use]
    pub fn path(&self) -> Option<&PayloadPath> {
        match &self.anchor {
            Anchor::Time => None,
            Anchor::At(path) => Some(path),
        }
    }

    /// Whether that is over whenever an event comes.
    #[must_use]
    pub fn is_always_over(&self) -> bool {
        matches!(self.anchor, Anchor::Time) && self.shift.is_negative()
    }

    /// Whether it starts from a time of ESI Leap's that says `Z` and is, or may be, local time of its host.
    #[must_use]
    pub fn local_field(&self) -> Option<&str> {
        let field = *self.path()?.fields().first()?;
        (LOCAL.contains(&field) || field == "start_time").then_some(field)
    }

    /// Whether what it starts from is no time in any lease: a field that is known to be something else.
    #[must_use]
    pub fn timeless_field(&self, is_known: impl Fn(&str) -> bool) -> Option<&str> {
        let field = *self.path()?.fields().first()?;
        let is_time = LOCAL.contains(&field) || GIVEN.contains(&field);
        // What lies within an object, its users have named.
        let is_object = matches!(
            field,
            "properties" | "resource_properties" | "node_properties"
        );
        (is_known(field) && !is_time && !is_object).then_some(field)
    }

    /// The time for an event.
    ///
    /// # Errors
    /// What was found instead of a time.
    fn time(&self, event: &Event, zone: &TimeZone) -> Result<Timestamp, String> {
        let time = match &self.anchor {
            Anchor::Time => event_time(event, zone),
            Anchor::At(path) => {
                let found = path.find(event);
                let time = match &found {
                    Found::One(value) => value_time(value, trust(path, event), zone),
                    _ => None,
                };
                time.ok_or_else(|| (path.to_string(), described(&found)))
            }
        };
        let time = time.map_err(|(place, found)| {
            format!("`start_at` expected a time at `{place}`, but found {found}")
        })?;
        Ok(later(time, self.shift))
    }
}

/// What to write instead.
const EXAMPLES: &str = "write it like `end_time - 24h`, `time + 10m` or `end_time`";

/// The sign of a `time+30s`, in bytes: no path ends like that.
fn glued_sign(text: &str) -> Option<usize> {
    let (at, _) = text
        .char_indices()
        .rev()
        .find(|(_, sign)| matches!(sign, '+' | '-'))?;
    let length = text[at + 1..].trim();
    let is_length = length.starts_with(|c: char| c.is_ascii_digit()) && duration(length).is_some();
    (is_length && !text.starts_with('$')).then_some(at)
}

fn later(time: Timestamp, shift: SignedDuration) -> Timestamp {
    let end = if shift.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    time.checked_add(shift).unwrap_or(end)
}

/// How much of the times at a path is known.
fn trust(path: &PayloadPath, event: &Event) -> Trust {
    if !event.event_type.starts_with("esi_leap.") {
        return Trust::Zoned;
    }
    match path.fields().first() {
        Some(field) if LOCAL.contains(field) => Trust::FalseZ,
        Some(field) if GIVEN.contains(field) => Trust::Utc,
        _ => Trust::Zoned,
    }
}

/// The time of an event itself; else what is there instead.
fn event_time(event: &Event, zone: &TimeZone) -> Result<Timestamp, (String, String)> {
    // oslo.messaging writes UTC as Python does, with a space; the event history of ESI Leap has its local time.
    let trust = if event.time.contains(' ') {
        Trust::Utc
    } else {
        Trust::Zoned
    };
    text_time(&event.time, trust, zone)
        .ok_or_else(|| ("time".to_owned(), format!("the text {:?}", event.time)))
}

fn value_time(value: &Value, trust: Trust, zone: &TimeZone) -> Option<Timestamp> {
    match value {
        Value::String(text) => text_time(text, trust, zone),
        Value::Number(number) => since_1970(number),
        _ => None,
    }
}

fn text_time(text: &str, trust: Trust, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    let without_z = text.strip_suffix(['Z', 'z']);
    if trust != Trust::FalseZ || without_z.is_none() {
        // Only of one with a zone this can be told.
        if let Ok(time) = text.parse::<Timestamp>() {
            return Some(time);
        }
    }
    let zone = match (trust, without_z) {
        (Trust::Utc, _) | (Trust::Zoned, Some(_)) => TimeZone::UTC,
        _ => zone.clone(),
    };
    // A date alone is no time; nor is what names its zone in some other way.
    let text = without_z.unwrap_or(text);
    if !text.contains(':') || !text.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let civil: DateTime = text.parse().ok()?;
    // A time that the clock skips is the one after the gap, one that comes twice is the first. The last day of the
    // year 9999, when leases end that have no end, is beyond all timestamps.
    Some(
        civil
            .to_zoned(zone)
            .map_or(Timestamp::MAX, |at| at.timestamp()),
    )
}

impl When {
    /// When a run of this event starts.
    #[must_use]
    pub fn timing(&self, event: &Event) -> Timing {
        let zone = &self.zone.clone().unwrap_or(TimeZone::UTC);
        let start_at = self
            .start_at
            .as_ref()
            .map(|it| it.time(event, zone))
            .transpose();
        let age = self
            .max_age
            .and_then(|age| SignedDuration::try_from(age).ok());
        let start_by = match (&start_at, age) {
            (Ok(Some(start)), Some(age)) => Ok(Some(later(*start, age))),
            (Ok(None), Some(age)) => event_time(event, zone).map(|time| Some(later(time, age))),
            _ => Ok(None),
        };
        match (start_at, start_by) {
            (start_at, Ok(start_by)) => Timing { start_at, start_by },
            (_, Err((place, found))) => Timing {
                start_at: Err(format!(
                    "`max_age` expected a time at `{place}`, but found {found}"
                )),
                start_by: None,
            },
        }
    }

    /// What its run shares with others of the rule, if there is a limit.
    #[must_use]
    pub fn share(&self, event: &Event) -> Option<String> {
        self.limit?;
        let by = self.limit_by.as_ref();
        Some(by.map_or_else(String::new, |path| {
            path.find(event).to_text_within(LONGEST_SHARE).text
        }))
    }

    /// Whether an event of this type makes its runs pointless.
    #[must_use]
    pub fn is_cancelled_by(&self, event_type: &str) -> bool {
        self.cancelled_by
            .iter()
            .any(|pattern| pattern.matches(event_type))
    }
}

/// The most bytes of what runs share. Longer ones differ in their beginnings, or share.
const LONGEST_SHARE: usize = 64 * 1024;

#[cfg(test)]
mod tests;
