//! `runs watch`: a line for each change of a run, as long as the command is not ended.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::which::Which;
use crate::cli::inputs::ask;
use crate::cli::output::{Format, moment, print_line};
use crate::cli::report::{Exit, Failure};
use crate::core::printable::{printable, printable_json};
use crate::core::run::State;
use crate::journal::{Browse, JournalError, RunSummary};
use crate::ops::watch::{Change, Watch};
use crate::telemetry::print_error;

/// How long after a look the next one is: a line is not later than that.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) fn watch(journal: &dyn Browse, which: &Which, format: Format) -> Result<Exit, Failure> {
    let mut watch = ask(Watch::begin(journal, which.filter(None, usize::MAX)))?;
    print_error("watching runs; Ctrl-C ends it");
    loop {
        let changes = ask(async {
            let changes = watch.changes(journal).await?;
            if changes.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
            Ok::<_, JournalError>(changes)
        })?;
        for change in changes {
            print_line(&match format {
                Format::Table => words(&change, Timestamp::now()),
                Format::Json => line(&change),
            })?;
        }
    }
}

fn words(change: &Change, now: Timestamp) -> String {
    let RunSummary {
        id,
        rule,
        key,
        state,
        attempts,
        reason,
        ..
    } = &change.run;
    let before = change.before.map_or("new", State::as_str);
    let reason = match reason {
        Some(reason) if state.is_final() || change.run.due_at.is_some() => format!(": {reason}"),
        _ => String::new(),
    };
    let text =
        format!("run {id} [{rule}] of {key}: {before} → {state}, attempt {attempts}{reason}");
    format!("{} {}", moment(now), printable(text.as_bytes()))
}

fn line(change: &Change) -> String {
    let shown = json!({
        "before": change.before.map(State::as_str),
        "run": super::summary_json(&change.run),
    });
    printable_json(&shown.to_string()).into_owned()
}
