//! `explain`: what would run for an event, and why not.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Places;
use super::inputs::{ask, failed_to_read};
use super::output::{Format, cell, print_json, print_line, table};
use super::quarantine;
use crate::actions::{Action, Description};
use crate::app::parts;
use crate::cli::report::{Exit, Failure};
use crate::core::event::{Event, PayloadPath};
use crate::core::printable::printable;
use crate::core::python_json;
use crate::core::rules::{EventPattern, Rule, Verdict};
use crate::journal::{Browse, QuarantineId};
use crate::sources::history::record::{Record, Row, lacks};
use crate::sources::{Arrival, Interest};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with a notification as it is on the wire, a row of the event history as `openstack esi
    /// event list --format json` prints it, or an event as scripts read it; `-` for standard input;
    /// or the id of an event in the journal
    #[arg(
        required_unless_present = "quarantined",
        conflicts_with = "quarantined"
    )]
    event: Option<String>,

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
    let answers: Vec<Answer<'_>> = config
        .rules
        .all()
        .iter()
        .map(|rule| {
            let action = config.actions.get(&rule.name);
            Answer::of(rule, action.map(AsRef::as_ref), &event)
        })
        .collect();
    if args.format == Format::Json {
        let rules: Vec<_> = answers.iter().map(Answer::as_json).collect();
        return print_json(&json!({"id": event.id, "type": event.event_type, "rules": rules}));
    }
    let mut table = table(&["rule", "runs", "why"]);
    for answer in &answers {
        let runs = match answer.judgement {
            Judgement::Decided(Verdict::Run { .. }) => "yes",
            Judgement::Decided(_) => "no",
            Judgement::AwaitsLease(_) => "perhaps",
        };
        table.add_row([cell(&answer.rule.name), cell(runs), cell(&answer.reason())]);
    }
    let head = format!(
        "event {} of type {}, sent {}",
        event.id, event.event_type, event.time
    );
    print_line(&printable(head.as_bytes()))?;
    print_line(&table.to_string())
}

/// What can be said of a rule and an event.
enum Judgement {
    /// Everything the rule asks for is there.
    Decided(Verdict),
    /// Nothing refuses the event so far, but these paths can be looked up only in the lease.
    AwaitsLease(Vec<String>),
}

impl Judgement {
    fn of(rule: &Rule, event: &Event) -> Self {
        let lacks = lacks(event);
        let lacks = |path: &PayloadPath| lacks.is_some_and(|lacks| lacks(path));
        let verdict = rule.verdict_by(event, |path| !lacks(path));
        let paths = rule.paths().map(|(_, path)| path);
        let missing: Vec<String> = paths
            .filter(|path| lacks(path))
            .map(PayloadPath::to_string)
            .collect();
        match verdict {
            Verdict::Run { .. } if !missing.is_empty() => Self::AwaitsLease(missing),
            verdict => Self::Decided(verdict),
        }
    }
}

/// What is answered for one rule.
struct Answer<'a> {
    rule: &'a Rule,
    judgement: Judgement,
    /// What would be done, if the rule runs.
    done: Option<Description>,
}

impl<'a> Answer<'a> {
    fn of(rule: &'a Rule, action: Option<&dyn Action>, event: &Event) -> Self {
        let judgement = Judgement::of(rule, event);
        let runs = matches!(judgement, Judgement::Decided(Verdict::Run { .. }));
        let done = action.filter(|_| runs);
        Self {
            rule,
            judgement,
            done: done.map(|action| action.describe(event)),
        }
    }

    /// The answer in words.
    fn reason(&self) -> String {
        let verdict = match &self.judgement {
            Judgement::Decided(verdict) => verdict,
            Judgement::AwaitsLease(paths) => {
                return format!(
                    "the lease decides, for {}: give it with --lease",
                    paths.join(", ")
                );
            }
        };
        match verdict {
            Verdict::Run { key } => {
                let key = shown_key(&key.text);
                let (line, losses) = match &self.done {
                    Some(done) => (done.line.as_str(), &done.losses[..]),
                    None => ("", &[][..]),
                };
                let losses = losses.iter().map(|loss| format!("; {loss}"));
                format!(
                    "{line}, one at a time for {key}{}",
                    losses.collect::<String>()
                )
            }
            Verdict::Disabled => "the rule is switched off by `enabled`".into(),
            Verdict::OtherType => {
                let types: Vec<&str> = self.rule.events.iter().map(EventPattern::as_str).collect();
                format!("it is for {}", types.join(", "))
            }
            Verdict::Refused(mismatch) => mismatch.to_string(),
            Verdict::Undecidable(why) => why.clone(),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let word = match &self.judgement {
            Judgement::AwaitsLease(_) => "awaits_lease",
            Judgement::Decided(Verdict::Run { .. }) => "run",
            Judgement::Decided(Verdict::Disabled) => "disabled",
            Judgement::Decided(Verdict::OtherType) => "other_type",
            Judgement::Decided(Verdict::Refused(_)) => "refused",
            Judgement::Decided(Verdict::Undecidable(_)) => "undecidable",
        };
        let mut shown = json!({"rule": self.rule.name, "verdict": word, "why": self.reason()});
        if let Some(Description {
            whole: (name, whole),
            losses,
            ..
        }) = &self.done
        {
            shown[*name] = whole.clone();
            shown["losses"] = losses.as_slice().into();
        }
        if let Judgement::Decided(Verdict::Run { key }) = &self.judgement {
            shown["key"] = key.text.as_str().into();
        }
        shown
    }
}

fn shown_key(key: &str) -> &str {
    if key.is_empty() {
        "events without a node"
    } else {
        key
    }
}

/// The event that the arguments name.
fn find(places: &Places, args: &Args) -> Result<Event, Failure> {
    let argument = args.event.as_deref().unwrap_or_default();
    let event = if let Some(id) = args.quarantined {
        in_quarantine(places, id)?
    } else if argument != "-" && !Path::new(argument).exists() {
        in_journal(places, argument)?
    } else {
        let body = read("the event", argument)?;
        decode(&body).map_err(|why| no_event(argument, &why))?
    };
    let Some(file) = &args.lease else {
        return Ok(event);
    };
    let file = file.display().to_string();
    let lease = python_json::read(&read("the lease", &file)?).map_err(|error| {
        Failure::new(
            Exit::Failed,
            &format!("failed to read a lease from {file}: {error}"),
            "give what `openstack esi lease show UUID --format json` prints",
        )
    })?;
    let row = Row::of(&event).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "a notification has its lease within it",
            "leave --lease out, or give a row of the event history",
        )
    })?;
    let record = Record {
        row,
        lease: Some(lease),
    };
    Ok(record.into_event())
}

/// An event in any of the forms that one may be in.
fn decode(body: &[u8]) -> Result<Event, String> {
    let decoded = parts::decode(body, &Interest::in_all()).and_then(event);
    decoded.or_else(|undecodable| {
        // As the client prints it.
        let rows: Vec<Row> = python_json::read(body).map_err(|_| undecodable)?;
        let found = rows.len();
        <[Row; 1]>::try_from(rows)
            .map(|[row]| Record { row, lease: None }.into_event())
            .map_err(|_| format!("expected one row, but found {found}"))
    })
}

fn event(arrival: Option<Arrival>) -> Result<Event, String> {
    let event = arrival.map(|arrival| arrival.event);
    event.ok_or_else(|| "no rule is for its type of event".to_owned())
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

fn in_journal(places: &Places, id: &str) -> Result<Event, Failure> {
    let journal = places.journal().map_err(|failure| {
        failure.during(&format!(
            "there is no file `{id}`, and no event of that id can be looked for"
        ))
    })?;
    match ask(journal.event(id.to_owned()))? {
        Some(event) => {
            serde_json::from_str(&event).map_err(|error| no_event(id, &error.to_string()))
        }
        None => Err(Failure::new(
            Exit::Failed,
            &format!("there is neither a file `{id}` nor an event of that id in the journal"),
            "`esi-event-actions runs list --format json` shows the ids of events; events that \
             concern no rule are not kept",
        )),
    }
}

fn in_quarantine(places: &Places, id: QuarantineId) -> Result<Event, Failure> {
    let delivery = ask(places.journal()?.quarantined_one(id))?.delivery;
    let decoded = quarantine::decode(&delivery, &Interest::in_all()).and_then(event);
    decoded.map_err(|why| {
        let why = printable(why.as_bytes());
        Failure::new(
            Exit::Failed,
            &format!("failed to read an event from the quarantined delivery {id}: {why}"),
            &format!("`esi-event-actions quarantine show {id}` shows what is kept of it"),
        )
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
