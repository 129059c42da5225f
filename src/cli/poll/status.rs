//! `poll --status`: how far each history has been read, when, and what failed last.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::Places;
use crate::cli::inputs::ask;
use crate::cli::output::{Format, cell, moment, print_json, print_line, table};
use crate::cli::report::{Exit, Failure};
use crate::journal::{Browse, SourceRecord};
use crate::sources::history::cloud_of;
use crate::sources::history::window::Window;

pub(super) fn run(places: &Places, format: Format) -> Result<Exit, Failure> {
    let mut sources = ask(places.journal()?.sources())?;
    sources.retain(|source| source.source != cloud_of(&source.source));
    if format == Format::Json {
        return print_json(&sources.iter().map(as_json).collect());
    }
    if sources.is_empty() {
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
    for source in &sources {
        let (failed_at, why) = source.failure.clone().unzip();
        let id = last_event_id(source);
        let or_never = |time: Option<Timestamp>| time.map_or("never".into(), moment);
        table.add_row([
            cell(cloud_of(&source.source)),
            cell(&id.map_or("none".into(), |id| id.to_string())),
            cell(&or_never(source.passed_at)),
            cell(&or_never(failed_at)),
            cell(&source.failures.to_string()),
            cell(&why.unwrap_or_default()),
        ]);
    }
    print_line(&table.to_string())
}

/// What the cursor says, if it can be read.
fn last_event_id(source: &SourceRecord) -> Option<i64> {
    let window = source.cursor.as_ref().map(Window::of)?;
    window.ok().map(|window| window.position())
}

fn as_json(source: &SourceRecord) -> Value {
    let (failed_at, why) = source.failure.clone().unzip();
    json!({
        "cloud": cloud_of(&source.source),
        "last_event_id": last_event_id(source),
        "passed_at": source.passed_at.map(|time| time.to_string()),
        "failed_at": failed_at.map(|time| time.to_string()),
        "failures": source.failures,
        "failure": why,
    })
}
