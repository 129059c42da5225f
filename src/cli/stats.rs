//! `stats`: what became of runs in a span of time, and what waits.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use comfy_table::Table;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Places;
use super::inputs::ask;
use super::output::{Format, cell, moment, print_json, print_line, table};
use super::runs::which::when;
use crate::cli::report::{Exit, Failure};
use crate::journal::{Browse as _, Stats};

/// How long the longest bar is, in characters.
const LONGEST: u64 = 30;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions stats
  esi-event-actions stats --since 7d --format json";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Since when: a time ago like `2h` or `7d`, a time, or a date
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = when)]
    since: Timestamp,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let stats = ask(places.journal()?.stats(args.since))?;
    if args.format == Format::Json {
        return print_json(&as_json(&stats));
    }
    print_line(&shown(&stats, args.since, io::stdout().is_terminal()))
}

fn shown(stats: &Stats, since: Timestamp, bars: bool) -> String {
    let parts = [
        (
            format!("rules since {}", moment(since)),
            "no runs",
            rules(stats),
        ),
        (
            "runs that finished, by hour".to_owned(),
            "none",
            hours(stats, bars),
        ),
        (
            "keys with the most runs that wait or run".to_owned(),
            "none",
            keys(stats, bars),
        ),
        (
            "attempts that took the longest".to_owned(),
            "none",
            slowest(stats, bars),
        ),
    ];
    let part = |(head, nothing, table): (String, &str, Table)| {
        let body = if table.is_empty() {
            nothing.to_owned()
        } else {
            table.to_string()
        };
        format!("{head}\n{body}")
    };
    parts.map(part).join("\n\n")
}

fn rules(stats: &Stats) -> Table {
    let mut table = table(&[
        "rule",
        "succeeded",
        "discarded",
        "cancelled",
        "unfinished",
        "attempts",
        "failed",
        "took each",
    ]);
    for rule in &stats.rules {
        let each = u32::try_from(rule.attempts).ok().filter(|all| *all > 0);
        let numbers = [
            rule.succeeded,
            rule.discarded,
            rule.cancelled,
            rule.unfinished,
            rule.attempts,
            rule.failed,
        ];
        let mut cells = vec![cell(&rule.rule)];
        cells.extend(numbers.map(|number| cell(&number.to_string())));
        cells.push(cell(
            &each.map_or_else(String::new, |all| seconds(rule.took / all)),
        ));
        table.add_row(cells);
    }
    table
}

fn hours(stats: &Stats, bars: bool) -> Table {
    let most = stats.hours.iter().map(|hour| hour.finished).max();
    let mut table = table(&["hour", "finished", "not succeeded", ""]);
    for hour in &stats.hours {
        table.add_row([
            cell(&moment(hour.hour)),
            cell(&hour.finished.to_string()),
            cell(&hour.not_succeeded.to_string()),
            cell(&bar(hour.finished, most, bars)),
        ]);
    }
    table
}

fn keys(stats: &Stats, bars: bool) -> Table {
    let most = stats.keys.iter().map(|key| key.runs).max();
    let mut table = table(&["key", "runs", "oldest", ""]);
    for key in &stats.keys {
        table.add_row([
            cell(&key.key),
            cell(&key.runs.to_string()),
            cell(&moment(key.since)),
            cell(&bar(key.runs, most, bars)),
        ]);
    }
    table
}

fn slowest(stats: &Stats, bars: bool) -> Table {
    let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let most = stats.slowest.iter().map(|one| millis(one.took)).max();
    let mut table = table(&["run", "attempt", "rule", "key", "took", ""]);
    for one in &stats.slowest {
        table.add_row([
            cell(&one.run.to_string()),
            cell(&one.attempt.to_string()),
            cell(&one.rule),
            cell(&one.key),
            cell(&seconds(one.took)),
            cell(&bar(millis(one.took), most, bars)),
        ]);
    }
    table
}

fn seconds(took: Duration) -> String {
    format!("{:.3} s", took.as_secs_f64())
}

/// A bar whose length is to the longest as the number to the most; nothing where nobody sees it.
fn bar(number: u64, most: Option<u64>, bars: bool) -> String {
    let most = most.filter(|most| bars && *most > 0);
    let length = most.map_or(0, |most| {
        u128::from(number) * u128::from(LONGEST) / u128::from(most)
    });
    "█".repeat(usize::try_from(length).unwrap_or_default())
}

fn as_json(stats: &Stats) -> Value {
    let rules = stats.rules.iter().map(|rule| {
        json!({
            "rule": rule.rule,
            "succeeded": rule.succeeded,
            "discarded": rule.discarded,
            "cancelled": rule.cancelled,
            "unfinished": rule.unfinished,
            "attempts": rule.attempts,
            "failed_attempts": rule.failed,
            "seconds": rule.took.as_secs_f64(),
        })
    });
    let hours = stats.hours.iter().map(|hour| {
        json!({
            "hour": hour.hour.to_string(),
            "finished": hour.finished,
            "not_succeeded": hour.not_succeeded,
        })
    });
    let keys = stats.keys.iter().map(|key| {
        json!({"key": key.key, "runs": key.runs, "oldest_accepted_at": key.since.to_string()})
    });
    let slowest = stats.slowest.iter().map(|one| {
        json!({
            "run": one.run,
            "attempt": one.attempt,
            "rule": one.rule,
            "key": one.key,
            "seconds": one.took.as_secs_f64(),
        })
    });
    json!({
        "rules": rules.collect::<Value>(),
        "hours": hours.collect::<Value>(),
        "keys": keys.collect::<Value>(),
        "slowest": slowest.collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_number_is_large_where_somebody_sees_it() {
        for (number, most, bars, length) in [
            (10, Some(10), true, 30),
            (5, Some(10), true, 15),
            (0, Some(10), true, 0),
            (0, Some(0), true, 0),
            (10, Some(10), false, 0),
            (u64::MAX, Some(u64::MAX), true, 30),
        ] {
            assert_eq!(bar(number, most, bars).chars().count(), length, "{number}");
        }
    }
}
