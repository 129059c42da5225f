//! `poll --status`: how far each history has been read, when, and what failed last.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::parts;
use crate::cli::Places;
use crate::cli::inputs::ask;
use crate::cli::output::{Format, cell, moment, print_json, print_line, table};
use crate::cli::report::{Exit, Failure};
use crate::ops::histories::{self, HistoryStatus};

pub(super) fn run(places: &Places, format: Format) -> Result<Exit, Failure> {
    let all = ask(histories::status(&places.journal()?, parts::read_history))?;
    if format == Format::Json {
        return print_json(&all.iter().map(as_json).collect());
    }
    if all.is_empty() {
        return print_line("no event history has been read yet");
    }
    let mut table = table(&[
        "cloud",
        "last event id",
        "last pass",
        "last failure",
        "failures since",
        "why",
    ]);
    for one in &all {
        let (failed_at, why) = one.failure.clone().unzip();
        let or_never = |time: Option<Timestamp>| time.map_or("never".into(), moment);
        table.add_row([
            cell(&one.cloud),
            cell(&(one.last_event_id).map_or("none".into(), |id| id.to_string())),
            cell(&or_never(one.passed_at)),
            cell(&or_never(failed_at)),
            cell(&one.failures.to_string()),
            cell(&why.unwrap_or_default()),
        ]);
    }
    print_line(&table.to_string())
}

fn as_json(one: &HistoryStatus) -> Value {
    let (failed_at, why) = one.failure.clone().unzip();
    json!({
        "cloud": one.cloud,
        "last_event_id": one.last_event_id,
        "passed_at": one.passed_at.map(|time| time.to_string()),
        "failed_at": failed_at.map(|time| time.to_string()),
        "failures": one.failures,
        "failure": why,
    })
}
