//! `sources`: where events come from, beside the service or without one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Places;
use super::inputs::ask;
use super::output::{Format, cell, moment, print_json, print_line, table};
use crate::app::parts;
use crate::cli::report::{Exit, Failure};
use crate::ops::sources::{self, Configured, SourceStatus};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions sources list
  esi-event-actions sources list --format json";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the sources that the configuration has and those that the journal knows
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

pub(super) fn run(places: &Places, command: &Command) -> Result<Exit, Failure> {
    let Command::List { format } = command;
    let journal = places.journal()?;
    let all = ask(sources::list(&journal, configured(places), parts::reached))?;
    if *format == Format::Json {
        return print_json(&all.iter().map(as_json).collect());
    }
    if all.is_empty() {
        return print_line("there is no source yet");
    }
    let mut table = table(&["source", "what", "since", "read", "how far", "last failure"]);
    for one in &all {
        let time = |time: Option<Timestamp>| time.map(moment).unwrap_or_default();
        table.add_row([
            cell(&one.source),
            cell(one.summary.as_deref().unwrap_or_default()),
            cell(&since(one)),
            cell(&time(one.passed_at)),
            cell(one.reached.as_deref().unwrap_or_default()),
            cell(&failure(one)),
        ]);
    }
    print_line(&table.to_string())
}

/// What the configuration has, if it can be read: one that has to be corrected is no reason not to look at the
/// journal, and `check` tells what is wrong with it.
fn configured(places: &Places) -> Vec<Configured> {
    let reading = places.read(parts::read_for_listen).ok();
    let config = reading.and_then(|reading| reading.config);
    config.map_or_else(Vec::new, |config| config.feed.configured())
}

fn since(one: &SourceStatus) -> String {
    match one.opened_at {
        Some(at) => moment(at),
        // A history is not held open; it is read.
        None if one.passed_at.is_some() => String::new(),
        None => "not yet".to_owned(),
    }
}

fn failure(one: &SourceStatus) -> String {
    match &one.failure {
        Some((at, why)) if one.is_failing => format!("since {}: {why}", moment(*at)),
        Some((at, why)) => format!("over, at {}: {why}", moment(*at)),
        None => String::new(),
    }
}

fn as_json(one: &SourceStatus) -> Value {
    let (failed_at, why) = one.failure.clone().unzip();
    json!({
        "source": one.source,
        "summary": one.summary,
        "opened_at": one.opened_at.map(|time| time.to_string()),
        "passed_at": one.passed_at.map(|time| time.to_string()),
        "reached": one.reached,
        "failing": one.is_failing,
        "failed_at": failed_at.map(|time| time.to_string()),
        "failure": why,
    })
}
