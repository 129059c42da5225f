//! `explain`: what would run for an event, and why not.

mod json;
mod words;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Places;
use super::inputs::{ask, block_on, failed_to_read};
use super::output::{Format, cell, print_json, print_line, table};
use crate::app::parts::{Config, FORMS};
use crate::cli::report::{Exit, Failure};
use crate::core::event::Event;
use crate::core::printable::printable;
use crate::core::rules::{Finding, Given, Judgement, Verdict};
use crate::core::store::Values;
use crate::journal::{Journal, QuarantineId, with_values};
use crate::ops::explain::{
    Answer, NoEvent, NoLease, ask_throttles, explain, in_journal, in_quarantine, made_up,
    with_lease,
};
pub(super) use json::as_json;
pub(super) use words::reason;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions explain 94e02d82-0a0f-4f5c-9d0a-6a3f0f2b8c11   # an event in the journal
  esi-event-actions explain notification.json
  esi-event-actions explain --event-type esi_leap.lease.fulfill.end --payload '{\"purpose\": \"test\"}'
  esi-event-actions explain --quarantined 3";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with a notification as it is on the wire, a row of the event history as `openstack esi
    /// event list --format json` prints it, or an event as scripts read it; `-` for standard input;
    /// or the id of an event in the journal
    #[arg(
        required_unless_present_any = ["quarantined", "event_type"],
        conflicts_with_all = ["quarantined", "event_type"]
    )]
    event: Option<String>,

    /// A type of event, instead of an event: of one that is sent now, with this `--payload`
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["quarantined", "lease"])]
    event_type: Option<String>,

    /// The payload of such an event, as JSON: the lease, or what another service or source would send
    #[arg(
        long,
        value_name = "JSON",
        requires = "event_type",
        default_value = "{}"
    )]
    payload: String,

    /// The number of a delivery in quarantine, instead of an event
    #[arg(long, value_name = "NUMBER")]
    quarantined: Option<QuarantineId>,

    /// A file with the lease that the row is about, as `openstack esi lease show --format json`
    /// prints it
    #[arg(long, value_name = "FILE")]
    lease: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let config = places.load()?;
    let event = find(places, args)?;
    let journal = || {
        let opened = places.journal().map(Some);
        opened.map_err(|failure| failure.during("failed to look up values of the store"))
    };
    let mut answers = answers(&config, &event, journal)?;
    // Without a journal nothing has been counted yet, which is told.
    if answers.iter().any(|answer| answer.throttle.is_some())
        && let Ok(journal) = places.journal()
    {
        block_on(ask_throttles(
            &journal,
            &mut answers,
            &event,
            Timestamp::now(),
        ))??;
    }
    if args.format == Format::Json {
        let rules: Vec<_> = answers.iter().map(as_json).collect();
        return print_json(&json!({"id": event.id, "type": event.event_type, "rules": rules}));
    }
    let mut table = table(&["rule", "runs", "why"]);
    for answer in &answers {
        table.add_row([
            cell(&answer.rule.name),
            cell(runs(answer)),
            cell(&reason(answer)),
        ]);
    }
    let head = format!(
        "event {} of type {}, sent {}",
        event.id, event.event_type, event.time
    );
    print_line(&printable(head.as_bytes()))?;
    print_line(&table.to_string())?;
    let filters = filters(&answers);
    filters.map_or(Ok(Exit::Success), |filters| {
        print_line("")?;
        print_line(&filters.to_string())
    })
}

/// What each filter found, of the rules that have operators: the first that refuses is not all there is to say.
fn filters(answers: &[Answer<'_>]) -> Option<comfy_table::Table> {
    let has_more = |finding: &Finding| finding.operator.is_some() || finding.alternative.is_some();
    let mut answers = answers
        .iter()
        .filter(|answer| answer.findings.iter().any(has_more))
        .peekable();
    answers.peek()?;
    let mut table = table(&["rule", "path", "wanted", "found", "how", "holds"]);
    for answer in answers {
        for finding in &answer.findings {
            let path = match finding.alternative {
                Some(number) => format!("{} (filter_any {number})", finding.path),
                None => finding.path.clone(),
            };
            let wanted = match finding.operator {
                Some(operator) => format!("{operator} {}", finding.wanted),
                None => finding.wanted.clone(),
            };
            let how = finding.how.map(|how| how.to_string()).unwrap_or_default();
            let (how, holds) = match &finding.holds {
                Ok(true) => (how, "yes"),
                Ok(false) => (how, "no"),
                Err(why) => (why.clone(), "undecidable"),
            };
            let cells = [
                &answer.rule.name,
                &path,
                &wanted,
                &finding.found,
                &how,
                holds,
            ];
            table.add_row(cells.map(cell));
        }
    }
    Some(table)
}

/// What each rule makes of the event. The `journal` is asked for only if one asks for values of the store; where there is
/// none, no value is known.
pub(super) fn answers<'a, F>(
    config: &'a Config<F>,
    event: &Event,
    journal: impl FnOnce() -> Result<Option<Arc<dyn Journal>>, Failure>,
) -> Result<Vec<Answer<'a>>, Failure> {
    let now = Timestamp::now();
    let explain = |values: &Arc<Values>| {
        let stored = &**values;
        let given = Given { now, stored };
        explain(
            &config.rules,
            &config.actions,
            &FORMS,
            event,
            &given,
            values,
        )
    };
    let values = Arc::default();
    let answers = explain(&values);
    if values.missing().is_empty() {
        return Ok(answers);
    }
    let Some(journal) = journal()? else {
        return Ok(answers);
    };
    let at_once = CancellationToken::new();
    at_once.cancel();
    ask(with_values(&*journal, &at_once, explain))
}

/// A word for what a rule does with the event: whether it runs.
pub(super) fn runs(answer: &Answer<'_>) -> &'static str {
    match answer.judgement {
        Judgement::Decided(Verdict::Run { .. }) => "yes",
        Judgement::Decided(_) => "no",
        Judgement::Awaits { .. } => "perhaps",
    }
}

/// The event that the arguments name.
fn find(places: &Places, args: &Args) -> Result<Event, Failure> {
    let argument = args.event.as_deref().unwrap_or_default();
    if let Some(event_type) = &args.event_type {
        return made_up(event_type, &args.payload, Timestamp::now())
            .map_err(|why| no_payload(&why));
    }
    let event = if let Some(id) = args.quarantined {
        find_in_quarantine(places, id)?
    } else if argument != "-" && !Path::new(argument).exists() {
        find_in_journal(places, argument)?
    } else {
        let body = read("the event", argument)?;
        (FORMS.read)(&body).map_err(|why| no_event(argument, &why))?
    };
    let Some(file) = &args.lease else {
        return Ok(event);
    };
    let file = file.display().to_string();
    with_lease(&FORMS, &event, &read("the lease", &file)?).map_err(|none| match none {
        NoLease::Unreadable(why) => Failure::new(
            Exit::Failed,
            &format!("failed to read a lease from {file}: {why}"),
            "give what `openstack esi lease show UUID --format json` prints",
        ),
        NoLease::NotNeeded => Failure::new(
            Exit::Usage,
            "a notification has its lease within it",
            "leave --lease out, or give a row of the event history",
        ),
    })
}

fn no_payload(why: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        &format!("expected JSON in --payload, but found something else: {why}"),
        "write it like --payload '{\"node_name\": \"n1\", \"purpose\": \"test\"}'",
    )
}

fn read(what: &str, file: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().read_to_end(&mut body),
        file => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut body)),
    };
    read.map_err(|error| failed_to_read(what, file, &error, "name a file that is there"))?;
    Ok(body)
}

fn find_in_journal(places: &Places, id: &str) -> Result<Event, Failure> {
    let journal = places.journal().map_err(|failure| {
        failure.during(&format!(
            "there is no file `{id}`, and no event of that id can be looked for"
        ))
    })?;
    let event = block_on(in_journal(&journal, id))?.map_err(|none| match none {
        NoEvent::Journal(error) => error.into(),
        NoEvent::Unreadable(why) => no_event(id, &why),
    })?;
    event.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            &format!("there is neither a file `{id}` nor an event of that id in the journal"),
            "`esi-event-actions runs list --format json` shows the ids of events; events that \
             concern no rule are not kept",
        )
    })
}

fn find_in_quarantine(places: &Places, id: QuarantineId) -> Result<Event, Failure> {
    let journal = places.journal()?;
    block_on(in_quarantine(&journal, &FORMS, id))?.map_err(|none| match none {
        NoEvent::Journal(error) => error.into(),
        NoEvent::Unreadable(why) => Failure::new(
            Exit::Failed,
            &format!(
                "failed to read an event from the quarantined delivery {id}: {}",
                printable(why.as_bytes())
            ),
            &format!("`esi-event-actions quarantine show {id}` shows what is kept of it"),
        ),
    })
}

fn no_event(argument: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        &format!("failed to read an event from {argument}: {why}"),
        "give a notification as it is on the wire, one row of the event history, or an event as a \
         script reads it",
    )
}

#[cfg(test)]
mod tests;
