//! `runs`: list, watch, export, show, retry and cancel, beside the service or without one.

mod export;
mod watch;
pub(super) mod which;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Places;
use super::inputs::ask;
use super::output::{Format, cell, moment, print_json, print_line, state_cell, table};
use crate::cli::report::{Exit, Failure};
use crate::core::printable::printable;
use crate::core::run::State;
use crate::journal::{AttemptRecord, RetryFrom, RunDetail, RunId, RunSummary};
use crate::ops::runs;
use which::Which;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions runs list --state discarded --since 2h
  esi-event-actions runs show 17
  esi-event-actions runs retry 17
  esi-event-actions runs cancel 18 --reason \"wrong node\"
  esi-event-actions runs watch
  esi-event-actions runs export >runs.jsonl";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List runs, the newest last
    List {
        #[command(flatten)]
        which: Which,
        /// How many to list, the newest ones
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: usize,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print a line for each change of a run, until ended
    Watch {
        #[command(flatten)]
        which: Which,
        /// How to print: `json` is one object a line
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print all that is known of runs, a JSON object a line, the oldest first
    Export {
        #[command(flatten)]
        which: Which,
    },
    /// Show a run with its attempts, its output and its event
    Show {
        /// The run's number
        id: RunId,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Make runs due again, in their place before later runs of their key; start scheduled ones now
    Retry {
        /// The runs' numbers
        #[arg(required = true)]
        ids: Vec<RunId>,
        /// Begin at the first step of the rule, not at the one that failed
        #[arg(long)]
        from_start: bool,
    },
    /// Cancel runs that have not started, and end those that are running
    Cancel {
        /// The runs' numbers
        #[arg(required = true)]
        ids: Vec<RunId>,
        /// Why, in your words; `runs list` and `runs show` tell it
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

pub(super) fn run(places: &Places, command: Command) -> Result<Exit, Failure> {
    let journal = places.journal()?;
    match command {
        Command::List {
            which,
            limit,
            format,
        } => list(
            &ask(runs::list(&journal, which.filter(None, limit)))?,
            format,
        ),
        Command::Watch { which, format } => watch::watch(&journal, &which, format),
        Command::Export { which } => export::export(&journal, &which),
        Command::Show { id, format } => show(&ask(runs::show(&journal, id))?, format),
        Command::Retry { ids, from_start } => {
            let from = if from_start {
                RetryFrom::Start
            } else {
                RetryFrom::FailedStep
            };
            let count = ask(runs::retry(&journal, ids, from))?;
            let them = if count == 1 { "it" } else { "them" };
            print_line(&format!(
                "{} due again; a service that stays performs {them} within two seconds, else \
                 the next `poll`",
                are(count)
            ))
        }
        Command::Cancel { ids, reason } => {
            let mut ids = ids;
            ids.sort_unstable();
            ids.dedup();
            let count = ids.len();
            let to_end = ask(runs::cancel(
                &journal,
                ids,
                reason.as_deref(),
                Timestamp::now(),
            ))?;
            let waiting = count - to_end.len();
            let mut told = Vec::new();
            if waiting > 0 {
                told.push(format!("{} cancelled", are(waiting)));
            }
            if !to_end.is_empty() {
                told.push(format!(
                    "{} running: the service ends what is under way within two seconds, and cancels what does not \
                     succeed before",
                    are(to_end.len())
                ));
            }
            print_line(&told.join("; "))
        }
    }
}

/// So many runs, and a verb.
fn are(count: usize) -> String {
    match count {
        1 => "1 run is".to_owned(),
        _ => format!("{count} runs are"),
    }
}

fn list(runs: &[RunSummary], format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return print_json(&runs.iter().map(summary_json).collect());
    }
    let mut table = table(&[
        "run", "state", "rule", "event", "key", "attempts", "accepted", "reason",
    ]);
    for run in runs {
        table.add_row([
            cell(&run.id.to_string()),
            state_cell(run.state),
            cell(&run.rule),
            cell(&run.event_type),
            cell(&run.key),
            cell(&run.attempts.to_string()),
            cell(&moment(run.accepted_at)),
            cell(&runs::standing(run)),
        ]);
    }
    print_line(&table.to_string())
}

fn show(run: &RunDetail, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return print_json(&detail_json(run));
    }
    let summary = &run.summary;
    let mut lines = vec![format!("run {} is {}", summary.id, summary.state)];
    let mut line = |name: &str, value: &str| {
        lines.push(format!("  {name:<9} {}", printable(value.as_bytes())));
    };
    line("rule", &summary.rule);
    line("key", &summary.key);
    line(
        "event",
        &format!(
            "{} {} from {}",
            summary.event_type, summary.event_id, run.source
        ),
    );
    if let Some(maker) = runs::maker(run) {
        line("made by", &maker);
    }
    line("accepted", &moment(summary.accepted_at));
    if let Some(id) = summary.held_by {
        line(
            "waits",
            &format!(
                "for delivery {id} in quarantine, which came before it: `quarantine show {id}` shows it, \
                 `quarantine retry {id}` accepts it, `quarantine drop {id}` gives it up"
            ),
        );
    }
    if let Some(stand) = &run.stand {
        line("step", &runs::step(stand, summary.state));
    }
    if let Some(due) = summary.due_at {
        let name = if summary.state == State::Scheduled {
            "starts"
        } else {
            "due"
        };
        line(name, &moment(due));
    }
    if let Some(start_by) = run.start_by {
        line("not after", &moment(start_by));
    }
    if let Some(batch) = &run.batch {
        line("batch", &runs::told_of(batch));
    }
    if let Some(finished) = summary.finished_at {
        line("finished", &moment(finished));
    }
    let told = run.attempts.last().and_then(|attempt| {
        let outcome = attempt.outcome.as_ref().map(ToString::to_string);
        outcome.or_else(|| attempt.remark.clone())
    });
    if let Some(reason) = summary.reason.as_ref().filter(|_| summary.reason != told) {
        line("reason", reason);
    }
    lines.extend(run.attempts.iter().flat_map(attempt_lines));
    lines.push(format!("event:\n  {}", printable(run.event.as_bytes())));
    print_line(&lines.join("\n"))
}

fn attempt_lines(attempt: &AttemptRecord) -> Vec<String> {
    let of = match &attempt.step {
        Some(step) => format!(" of [{}]", printable(step.as_bytes())),
        None => String::new(),
    };
    let head = format!(
        "attempt {}{of} at {}",
        attempt.number,
        moment(attempt.started_at)
    );
    let how = match (&attempt.outcome, attempt.duration, &attempt.remark) {
        (Some(outcome), Some(duration), _) => {
            format!("{outcome} after {:.3} s", duration.as_secs_f64())
        }
        (.., Some(remark)) => format!("running: {remark}"),
        _ => "running".to_owned(),
    };
    let mut lines = vec![format!("{head}: {}", printable(how.as_bytes()))];
    if attempt.output_dropped > 0 {
        lines.push(format!(
            "  ({} bytes before this are not kept)",
            attempt.output_dropped
        ));
    }
    let output = attempt
        .output
        .strip_suffix(b"\n")
        .unwrap_or(&attempt.output);
    if !output.is_empty() {
        let shown = output.split(|byte| *byte == b'\n').map(printable);
        lines.extend(shown.map(|line| format!("  | {line}")));
    }
    lines
}

fn summary_json(run: &RunSummary) -> Value {
    json!({
        "id": run.id,
        "state": run.state.as_str(),
        "rule": run.rule,
        "key": run.key,
        "event_type": run.event_type,
        "event_id": run.event_id,
        "attempts": run.attempts,
        "accepted_at": run.accepted_at.to_string(),
        "due_at": run.due_at.map(|at| at.to_string()),
        "finished_at": run.finished_at.map(|at| at.to_string()),
        "reason": run.reason,
        "held_by": run.held_by,
    })
}

fn detail_json(run: &RunDetail) -> Value {
    let attempts = run.attempts.iter().map(|attempt| {
        json!({
            "number": attempt.number,
            "step": attempt.step,
            "started_at": attempt.started_at.to_string(),
            "ended_at": attempt.ended_at.map(|at| at.to_string()),
            "seconds": attempt.duration.map(|duration| duration.as_secs_f64()),
            "remark": attempt.remark,
            "outcome": attempt.outcome.as_ref().map(ToString::to_string),
            "output": String::from_utf8_lossy(&attempt.output),
            "output_dropped": attempt.output_dropped,
        })
    });
    let mut shown = summary_json(&run.summary);
    shown["source"] = run.source.as_str().into();
    shown["start_by"] = run.start_by.map(|at| at.to_string()).into();
    if let Some(batch) = &run.batch {
        let others = batch.others.iter().map(|(run, _)| *run);
        shown["batch"] =
            json!({"events": batch.events, "runs_told_of": others.collect::<Vec<_>>()});
    }
    if let Some(stand) = &run.stand {
        shown["steps"] = json!({
            "step": stand.step,
            "failed": stand.failed,
            "results": stand.results,
        });
    }
    shown["attempt_records"] = attempts.collect();
    // The journal wrote it as JSON; if somebody has changed that, it is shown as it is.
    shown["event"] = serde_json::from_str(&run.event).unwrap_or_else(|_| run.event.as_str().into());
    shown
}
