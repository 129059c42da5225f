//! `explain`: what would run for an event, and why not.

use std::io::Read;
use std::path::Path;

use serde_json::json;

use super::Places;
use super::inputs::{ask, failed_to_read};
use super::output::{Format, cell, print_json, print_line, table};
use crate::event::Event;
use crate::journal::Journal;
use crate::notification::Envelope;
use crate::printable::printable;
use crate::report::{Exit, Failure};
use crate::rules::{EventPattern, Rule, Verdict};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with a notification as it is on the wire, or an event as scripts read it; `-` for
    /// standard input; or the id of an event in the journal
    event: String,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let config = places.load()?;
    let event = find(places, &args.event)?;
    let verdicts: Vec<(&Rule, Verdict)> = config
        .rules
        .all()
        .iter()
        .map(|rule| (&**rule, rule.verdict(&event)))
        .collect();
    if args.format == Format::Json {
        let rules: Vec<_> = verdicts
            .iter()
            .map(|(rule, verdict)| as_json(rule, verdict, &event))
            .collect();
        return print_json(&json!({"id": event.id, "type": event.event_type, "rules": rules}));
    }
    let mut table = table(&["rule", "runs", "why"]);
    for (rule, verdict) in &verdicts {
        let runs = if matches!(verdict, Verdict::Run { .. }) {
            "yes"
        } else {
            "no"
        };
        table.add_row([
            cell(&rule.name),
            cell(runs),
            cell(&reason(rule, verdict, &event)),
        ]);
    }
    let head = format!(
        "event {} of type {}, sent {}",
        event.id, event.event_type, event.time
    );
    print_line(&printable(head.as_bytes()))?;
    print_line(&table.to_string())
}

/// The verdict in words.
fn reason(rule: &Rule, verdict: &Verdict, event: &Event) -> String {
    match verdict {
        Verdict::Run { key } => format!(
            "{}, one at a time for {}",
            command(rule, event),
            shown_key(key)
        ),
        Verdict::Disabled => "the rule is switched off by `enabled`".into(),
        Verdict::OtherType => {
            let types: Vec<&str> = rule.events.iter().map(EventPattern::as_str).collect();
            format!("it is for {}", types.join(", "))
        }
        Verdict::Refused(mismatch) => mismatch.to_string(),
        Verdict::Undecidable(why) => why.clone(),
    }
}

/// The program and all its arguments.
fn words(rule: &Rule, event: &Event) -> impl Iterator<Item = String> {
    rule.script
        .words
        .iter()
        .cloned()
        .chain(rule.arguments(event))
}

/// The command with its arguments, quoted like for a shell.
fn command(rule: &Rule, event: &Event) -> String {
    let quoted = words(rule, event).map(|word| match shlex::try_quote(&word) {
        Ok(quoted) => quoted.into_owned(),
        // Only a NUL cannot be quoted; no process would take it either.
        Err(_) => format!("{word:?}"),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn shown_key(key: &str) -> &str {
    if key.is_empty() {
        "events without a node"
    } else {
        key
    }
}

fn as_json(rule: &Rule, verdict: &Verdict, event: &Event) -> serde_json::Value {
    let word = match verdict {
        Verdict::Run { .. } => "run",
        Verdict::Disabled => "disabled",
        Verdict::OtherType => "other_type",
        Verdict::Refused(_) => "refused",
        Verdict::Undecidable(_) => "undecidable",
    };
    let mut shown =
        json!({"rule": rule.name, "verdict": word, "why": reason(rule, verdict, event)});
    if let Verdict::Run { key } = verdict {
        shown["command"] = words(rule, event).collect();
        shown["key"] = key.as_str().into();
    }
    shown
}

/// The event that the argument names.
fn find(places: &Places, argument: &str) -> Result<Event, Failure> {
    if argument != "-" && !Path::new(argument).exists() {
        let journal = places.journal().map_err(|failure| {
            failure.during(&format!(
                "there is no file `{argument}`, and no event of that id can be looked for"
            ))
        })?;
        let event = ask(journal.event(argument.to_owned()))?;
        return match event {
            Some(event) => {
                serde_json::from_str(&event).map_err(|error| no_event(argument, &error.to_string()))
            }
            None => Err(Failure::new(
                Exit::Failed,
                &format!(
                    "there is neither a file `{argument}` nor an event of that id in the journal"
                ),
                "`esi-event-actions runs list --format json` shows the ids of events; events that \
                 concern no rule are not kept",
            )),
        };
    }
    let mut body = Vec::new();
    let read = match argument {
        "-" => std::io::stdin().lock().read_to_end(&mut body),
        file => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut body)),
    };
    read.map_err(|error| {
        failed_to_read("the event", argument, &error, "name a file that is there")
    })?;
    let decoded = Envelope::open(&body).and_then(|envelope| envelope.notification()?.into_event());
    decoded.or_else(|undecodable| {
        // The form of the journal and of standard input is the other one it may be in.
        let event = serde_json::from_slice::<Event>(&body);
        event.map_err(|_| no_event(argument, &undecodable.to_string()))
    })
}

fn no_event(argument: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        &format!("failed to read an event from {argument}: {why}"),
        "give a notification as it is on the wire, or an event as a script reads it",
    )
}
