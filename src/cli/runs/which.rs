//! Which runs a command is about.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::core::duration::duration;
use crate::core::run::State;
use crate::journal::{RunFilter, RunId};

/// The filters that listing, exporting and watching share.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Which {
    /// Only runs in this state; may be given several times
    #[arg(long, value_parser = state)]
    pub(super) state: Vec<State>,
    /// Only runs of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only runs with this key, which is the node unless the rule says otherwise
    #[arg(long)]
    key: Option<String>,
    /// Only runs of events about this lease
    #[arg(long, value_name = "UUID")]
    lease: Option<String>,
    /// Only runs of the event with this id
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Only runs accepted since then: a time ago like `2h` or `7d`, a time, or a date
    #[arg(long, value_name = "TIME", value_parser = when)]
    since: Option<Timestamp>,
    /// Only runs accepted before then, written in the same way
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<Timestamp>,
}

impl Which {
    /// At most so many, the newest, or the oldest of those behind a run.
    pub(super) fn filter(&self, after: Option<RunId>, limit: usize) -> RunFilter {
        RunFilter {
            states: self.state.clone(),
            rule: self.rule.clone(),
            key: self.key.clone(),
            lease: self.lease.clone(),
            event: self.event.clone(),
            since: self.since,
            until: self.until,
            after,
            limit,
        }
    }
}

fn state(word: &str) -> Result<State, String> {
    State::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.into_iter().map(State::as_str).collect();
        format!("expected one of {}", words.join(", "))
    })
}

/// A time on the command line, as it is now and here.
pub(in crate::cli) fn when(text: &str) -> Result<Timestamp, String> {
    moment(text, Timestamp::now(), &TimeZone::system()).ok_or_else(|| {
        "expected a time ago like `2h` or `7d`, a time like `2026-01-15T02:00:00Z`, or a local one like `2026-01-15` or \
         `2026-01-15 02:00`"
            .to_owned()
    })
}

fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(ago) = duration(text) {
        let ago = SignedDuration::try_from(ago).ok()?;
        return now.checked_sub(ago).ok();
    }
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let local: DateTime = text.parse().ok()?;
    let local = zone.to_ambiguous_zoned(local).compatible().ok()?;
    Some(local.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_so_long_ago_or_with_a_zone_or_a_local_one() {
        let now: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let cases = [
            ("90m", Some("2026-01-15T10:30:00Z")),
            ("30", Some("2026-01-15T11:59:30Z")),
            ("2d", Some("2026-01-13T12:00:00Z")),
            ("2026-01-15T02:00:00Z", Some("2026-01-15T02:00:00Z")),
            ("2026-01-15T02:00:00+01:00", Some("2026-01-15T01:00:00Z")),
            ("2026-01-15", Some("2026-01-14T22:00:00Z")),
            ("2026-01-15 02:00", Some("2026-01-15T00:00:00Z")),
            ("2026-01-15T02:00:30", Some("2026-01-15T00:00:30Z")),
            ("yesterday", None),
            ("", None),
            ("2026-13-01", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(moment(text, now, &zone), expected, "{text}");
        }
    }
}
