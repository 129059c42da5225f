//! Options that say when something is due: `every`, and `cron`.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::options::Options;
use crate::core::duration::positive_duration;
use crate::core::ini::problem::Problem;
use crate::core::schedule::Times;

/// The times of the option `every`, each of which fires later by up to `jitter`; `None` if it is not valid.
pub fn every(options: &mut Options<'_>, jitter: Duration) -> Option<Times> {
    let every = options.parse(
        "every",
        "write it like `30s`, `10m`, `2h` or `7d`",
        positive_duration,
    )?;
    if jitter >= every {
        let message = "expected a `jitter` shorter than `every`".to_owned();
        options.report_value(
            "jitter",
            Problem::error(
                message,
                "choose a shorter one: firings must stay in their order",
            ),
        );
        return None;
    }
    SignedDuration::try_from(every).ok().map(Times::Every)
}

/// Those of the option `cron` in this time zone. `now` tells whether there is any.
pub fn cron(options: &mut Options<'_>, zone: TimeZone, now: Timestamp) -> Option<Times> {
    let text = options.text("cron")?;
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .dom_and_dow(true)
        .build();
    let cron: Cron = match parser.parse(text) {
        Ok(cron) => cron,
        Err(error) => {
            let message = format!("expected a cron pattern in `cron`, but found `{text}`: {error}");
            let hint = "write minute, hour, day, month and weekday, like `0 3 * * mon-fri`";
            options.report_value("cron", Problem::error(message, hint));
            return None;
        }
    };
    if cron
        .find_next_occurrence(&now.to_zoned(zone.clone()), false)
        .is_err()
    {
        let message = format!("`{text}` in `cron` is a time that never comes");
        options.report_value("cron", Problem::error(message, "correct day and month"));
        return None;
    }
    if !cron.pattern.is_dom_wildcard() && !cron.pattern.is_dow_wildcard() {
        let message =
            format!("`{text}` in `cron` has a day and a weekday: it fires only where both hold");
        let hint = "write `*` for one of them, unless that is meant: other programs fire where either holds";
        options.report_value("cron", Problem::warning(message, hint));
    }
    Some(Times::Cron(Box::new(cron), zone))
}
