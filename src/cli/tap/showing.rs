//! Shows messages as lines: what came, and what rules make of it.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::backlog::{Backlog, Next};
use super::saving::save;
use super::{Args, unsaved};
use crate::app::parts::{Config, Listen};
use crate::cli::explain::{answers, as_json, reason, runs};
use crate::cli::output::{self, Format, moment};
use crate::cli::report::Failure;
use crate::core::event::Event;
use crate::core::printable::{printable, printable_json};
use crate::core::rules::EventPattern;
use crate::journal::Journal;
use crate::ops::explain::Answer;
use crate::sources::Decoded;

/// What is shown, and how.
pub(super) struct Showing {
    config: Config<Listen>,
    /// Where values of the store are looked up, if there is a journal.
    journal: Option<Arc<dyn Journal>>,
    matches: bool,
    save: Option<PathBuf>,
    limit: Option<u64>,
    event_type: Option<EventPattern>,
    format: Format,
}

/// A message, ready to be shown.
enum Shown<'a> {
    Event {
        event: &'a Event,
        answers: Option<Vec<Answer<'a>>>,
        file: Option<PathBuf>,
    },
    /// A service puts it into quarantine: why.
    Undecodable(&'a str),
}

impl Showing {
    pub(super) fn new(
        config: Config<Listen>,
        journal: Option<Arc<dyn Journal>>,
        args: &Args,
    ) -> Self {
        Self {
            config,
            journal,
            matches: args.matches,
            save: args.save.clone(),
            limit: args.limit,
            event_type: args.event_type.clone(),
            format: args.format,
        }
    }

    /// Shows on standard output what comes, until it is enough, or nobody reads on.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written or saved.
    pub(super) fn show(&self, backlog: &Backlog) -> Result<(), Failure> {
        let (mut shown, mut left_out) = (0, 0);
        while self.limit.is_none_or(|limit| shown < limit)
            && let Some(next) = backlog.next()
        {
            left_out += next.left_out;
            let Some(mut lines) = self.lines(next)? else {
                continue;
            };
            if left_out > 0 {
                lines.insert_str(0, &self.gap(left_out));
                left_out = 0;
            }
            let mut out = io::stdout().lock();
            match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
                Ok(()) => shown += 1,
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => return Err(output::failure(&error)),
            }
        }
        Ok(())
    }

    /// The lines for a message; `None` if it is not to be shown.
    fn lines(&self, next: Next) -> Result<Option<String>, Failure> {
        let Next { at, message, .. } = next;
        let routing_key = message.routing_key().to_owned();
        let line = |shown: &Shown<'_>| match self.format {
            Format::Table => in_words(at, &routing_key, shown),
            Format::Json => as_line(at, &routing_key, shown),
        };
        match message.decoded() {
            Some(Decoded::Event(arrival)) if self.is_meant(&arrival.event.event_type) => {
                let event = arrival.event;
                let shown = Shown::Event {
                    event: &event,
                    answers: self.answers(&event)?,
                    file: self.saved(&event)?,
                };
                Ok(Some(line(&shown)))
            }
            // Its type is not known.
            Some(Decoded::Undecodable(kept)) if self.event_type.is_none() => {
                Ok(Some(line(&Shown::Undecodable(&kept.reason))))
            }
            _ => Ok(None),
        }
    }

    /// The line for messages that are missing.
    fn gap(&self, left_out: u64) -> String {
        match self.format {
            Format::Table => {
                format!(
                    "(messages left out, because they came faster than they could be shown: {left_out})\n"
                )
            }
            Format::Json => format!("{}\n", json!({"left_out": left_out})),
        }
    }

    fn is_meant(&self, event_type: &str) -> bool {
        let pattern = self.event_type.as_ref();
        pattern.is_none_or(|pattern| pattern.matches(event_type))
    }

    fn answers(&self, event: &Event) -> Result<Option<Vec<Answer<'_>>>, Failure> {
        if !self.matches {
            return Ok(None);
        }
        answers(&self.config, event, || Ok(self.journal.clone())).map(Some)
    }

    fn saved(&self, event: &Event) -> Result<Option<PathBuf>, Failure> {
        let Some(folder) = &self.save else {
            return Ok(None);
        };
        let saved = save(folder, event);
        saved.map(Some).map_err(|error| unsaved(folder, &error))
    }
}

/// A line for people, and one for each rule below it.
fn in_words(at: Timestamp, routing_key: &str, shown: &Shown<'_>) -> String {
    let at = moment(at);
    let line = |text: String| printable(text.as_bytes()) + "\n";
    match shown {
        Shown::Undecodable(why) => line(format!("{at} undecodable, from {routing_key}: {why}")),
        Shown::Event {
            event,
            answers,
            file,
        } => {
            let name = event.data().get("node_name").and_then(Value::as_str);
            let key = name.map_or_else(|| event.key().text, str::to_owned);
            let key = match key.as_str() {
                "" => String::new(),
                key => format!(", {key}"),
            };
            let lease = event.lease().map(|lease| format!(", lease {lease}"));
            let file = file.as_ref().map(|file| format!(", in {}", file.display()));
            let mut lines = line(format!(
                "{at} {}{key}{}, event {}{}",
                event.event_type,
                lease.unwrap_or_default(),
                event.id,
                file.unwrap_or_default()
            ));
            for answer in answers.iter().flatten() {
                let (rule, runs) = (&answer.rule.name, runs(answer));
                lines += &line(format!("    [{rule}] {runs}: {}", reason(answer)));
            }
            lines
        }
    }
}

/// The same as a line of JSON.
fn as_line(at: Timestamp, routing_key: &str, shown: &Shown<'_>) -> String {
    let mut line = json!({"received_at": at.to_string(), "routing_key": routing_key});
    match shown {
        Shown::Undecodable(why) => line["undecodable"] = (*why).into(),
        Shown::Event {
            event,
            answers,
            file,
        } => {
            line["key"] = event.key().text.into();
            line["lease"] = event.lease().into();
            line["event"] = json!(event);
            if let Some(answers) = answers {
                line["rules"] = answers.iter().map(as_json).collect::<Vec<Value>>().into();
            }
            if let Some(file) = file {
                line["file"] = file.display().to_string().into();
            }
        }
    }
    printable_json(&line.to_string()).into_owned() + "\n"
}
