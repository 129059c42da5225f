//! The options of a timer, and how they are read.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, cron, every, zone};
use crate::core::schedule::{Missed, Schedule, Times};

/// In the section of a timer.
pub(super) const OPTIONS: [OptionRow; 7] = [
    OptionRow {
        name: "every",
        scope: Scope::Source,
        kind: Kind::PositiveDuration,
        default: None,
        meaning: "fires when the timer is first started, and then at this interval; a restart of the \
                  service does not shift it",
    },
    OptionRow {
        name: "cron",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "instead of `every`: minute, hour, day, month and weekday, as in `0 3 * * mon-fri`; 0 and \
                  7 are Sunday, `L` is the last day, `fri#2` the second Friday. Where day and weekday are \
                  both given, both must match. A local time that is skipped when the clocks change fires \
                  right after the change; one that comes twice fires once",
    },
    OptionRow {
        name: "at",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "instead of `every`: a single time, like `2027-01-31T18:00`, or with its offset from UTC, \
                  like `2027-01-31T18:00+01:00`",
    },
    OptionRow {
        name: "timezone",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "the time zone of `cron` and `at`, like `Europe/Berlin`; without it, that of the machine",
    },
    OptionRow {
        name: "missed",
        scope: Scope::Source,
        kind: Kind::Choice(&["none", "once", "all"]),
        default: Some("once"),
        meaning: "what happens to times that passed while the service was down: `none` of them fires, the \
                  last one does (`once`), or `all` do. Up to a minute late is not missed",
    },
    OptionRow {
        name: "jitter",
        scope: Scope::Source,
        kind: Kind::Duration,
        default: Some("0s"),
        meaning: "fires later by up to this length of time; the delay of a scheduled time is always the \
                  same",
    },
    OptionRow {
        name: "limit",
        scope: Scope::Source,
        kind: Kind::Number(1, 1_000_000_000),
        default: None,
        meaning: "how many times it fires in total",
    },
];

/// What is missing, or too much.
const ONE_OF: &str = "write one of `every = 10m`, `cron = 0 3 * * *` and `at = 2027-01-31T18:00`";

/// Reads the schedule of a timer; `None` if a problem makes it none. `now` tells what is over.
pub(super) fn read(options: &mut Options<'_>, now: Timestamp) -> Option<Schedule> {
    let given: Vec<&str> = ["every", "cron", "at"]
        .into_iter()
        .filter(|name| !options.lacks(name))
        .collect();
    let zone = zone(options, "timezone", TimeZone::system());
    let missed = options.parse("missed", "write `none`, `once` or `all`", |text| match text
        .to_ascii_lowercase()
        .as_str()
    {
        "none" => Some(Missed::None),
        "once" => Some(Missed::Once),
        "all" => Some(Missed::All),
        _ => None,
    });
    let jitter = options.duration("jitter");
    let limit = (!options.lacks("limit")).then(|| options.number("limit"));
    let times = match given[..] {
        ["every"] => every(options, jitter),
        // Of a zone that there is not, nothing comes; but the rest is to be told, too.
        ["cron"] => cron(options, zone.clone().unwrap_or(TimeZone::UTC), now),
        ["at"] => at(options, zone.as_ref().unwrap_or(&TimeZone::UTC), now),
        [] => {
            options.report_section(
                "expected `every`, `cron` or `at` in the timer, but found none",
                ONE_OF,
            );
            None
        }
        _ => {
            let message = format!(
                "expected one schedule in the timer, but found `{}`",
                given.join("` and `")
            );
            options.report_section(&message, ONE_OF);
            None
        }
    };
    zone?;
    Some(Schedule {
        times: times?,
        missed: missed?,
        jitter,
        limit,
    })
}

fn at(options: &mut Options<'_>, zone: &TimeZone, now: Timestamp) -> Option<Times> {
    let text = options.text("at")?;
    let local = || text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok();
    let time = text
        .parse()
        .ok()
        .or_else(|| local().map(|local| local.timestamp()));
    let Some(time) = time else {
        let message = format!("expected a time in `at`, but found `{text}`");
        options.report_value(
            "at",
            Problem::error(
                message,
                "write it like `2027-01-31T18:00` or `2027-01-31T18:00+01:00`",
            ),
        );
        return None;
    };
    if time < now {
        let message = format!("`at` is over: {time}");
        let hint =
            "a timer that is started after its time does not fire; correct it, or remove the timer";
        options.report_value("at", Problem::warning(message, hint));
    }
    Some(Times::At(time))
}
