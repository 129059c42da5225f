//! A program that writes events to its standard output, a JSON object a line, and is told of each commit on its
//! standard input.
//!
//! What several kinds of source have in common; what a line means is theirs ([`Read`]). Lines are counted from 1. Once
//! lines are on disk, events or in quarantine, the program reads `{"ack": N}`, where N is the number of the last one of
//! them: an acknowledgement covers all lines before it. While the journal cannot be written the pipe is not read, so
//! the program waits in its next write. A line may also be a question about the store (`question.rs`), which is answered once
//! the lines before it are on disk, or say how the program is doing.
//!
//! It is a process group of its own, and ended as one: SIGTERM, `kill_grace`, SIGKILL. One that ends by itself has
//! failed, and is started again by whoever opens sources; what an earlier service left of it is ended before.

mod lines;
mod log;
pub(crate) mod python;
mod question;
mod reader;
mod running;
mod source;
mod writer;

pub use lines::{LONGEST_LINE, Lines, RawLine};
pub(crate) use question::Question;
use reader::Reader;
pub(crate) use source::ProgramSource;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Arrival, Decoded, FeedFile, Interest, decode_event};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Problem, Purpose, shown_command};
use crate::core::event::Event;
use crate::core::ini::text::Position;
use crate::os::program::{Unfit, locate};

/// How long the program may take to end; the same for every kind of source.
pub(crate) const KILL_GRACE: OptionRow = OptionRow {
    name: "kill_grace",
    scope: Scope::Source,
    kind: Kind::Duration,
    default: Some("10s"),
    meaning: "when the service stops or the source changes, the time between SIGTERM and SIGKILL for the program and \
              all processes that it started",
};

/// What is started, and how.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments, already split; never empty.
    pub(crate) words: Vec<String>,
    /// The option that names it, and where that stands.
    pub(crate) option: (&'static str, Option<Position>),
    /// Where it is looked for and run: the configuration file's folder.
    pub(crate) folder: PathBuf,
    /// How long it may take to end when it is asked to, until it is forced.
    pub(crate) kill_grace: Duration,
    /// Whether it is started again when it has ended well.
    pub(crate) restart: bool,
    /// What it reads on its standard input before anything else.
    pub(crate) prelude: Vec<u8>,
    /// What its lines mean.
    pub(crate) read: Read,
}

/// What an object that a program wrote means, or why it cannot be an event.
pub(crate) type Read = fn(Map<String, Value>, &Line<'_>) -> Result<Said, NoEvent>;

/// Whether a program that ended well is started again; the same for every kind of source.
pub(crate) const RESTART: OptionRow = OptionRow {
    name: "restart",
    scope: Scope::Source,
    kind: Kind::Switch,
    default: Some("yes"),
    meaning: "whether the program is started again when it has ended with exit status 0. After any other end it is \
              started again in any case, each time after a longer while",
};

/// What a program says with a line.
#[derive(Debug)]
pub(crate) enum Said {
    /// What has happened.
    Event(Box<Event>),
    /// It wants to know or to change a value of the store.
    Question(Question),
    /// How it is doing.
    Doing(Doing),
}

/// How a program says to be doing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It cannot do its work for now, for this reason, in words.
    Failing(String),
    /// It can again.
    Well,
}

/// Something that cannot be an event.
#[derive(Debug)]
pub(crate) struct NoEvent {
    /// Why not.
    pub(crate) reason: String,
    /// What is kept of it.
    pub(crate) body: Vec<u8>,
}

/// Where an object stands that a program wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// The name of the source.
    pub(crate) source: &'a str,
    /// A text that no other start of any program has.
    pub(crate) start: &'a str,
    /// Which line it is, from 1.
    pub(crate) number: u64,
    /// When it was read.
    pub(crate) now: Timestamp,
}

impl Line<'_> {
    /// An id for an event that has none of its own. It is made before the commit, and so another one if the line
    /// comes again.
    pub(crate) fn own_id(&self) -> String {
        format!("{}-{}", self.start, self.number)
    }

    /// The event, ordered with others about the same node, or if it names none with those of the source.
    pub(crate) fn with_default_key(&self, event: Event) -> Event {
        if event.node().is_empty() {
            event.with_key(self.source)
        } else {
            event
        }
    }
}

impl Program {
    /// The program's file, as things stand now.
    fn locate(&self) -> Result<PathBuf, Unfit> {
        locate(&self.folder, &self.words[0], self.option.0)
    }

    /// As one could type it, without secrets.
    pub(crate) fn shown(&self) -> String {
        shown_command(&self.words)
    }

    /// The file that is run, or what keeps it from being started, as things stand for this user.
    ///
    /// # Errors
    /// The problem, with its place in the configuration.
    pub fn find(&self) -> Result<FeedFile, Problem> {
        let found = self.locate();
        let path = found.map_err(|Unfit { what, remedy }| {
            let problem = Problem::error(what, remedy);
            match self.option {
                (_, Some(position)) => problem.at(position),
                (_, None) => problem,
            }
        })?;
        Ok(FeedFile {
            path,
            purpose: Purpose::Program,
            section: None,
        })
    }
}

/// What a program says with these bytes, of which each piece has come by itself; for a source of this kind and name, to
/// which its lines mean that.
pub(crate) fn decoded(
    interest: &Interest,
    (kind, name): (&str, &str),
    read: Read,
    pieces: &[&[u8]],
) -> Vec<Decoded> {
    let mut reader = Reader {
        name: name.to_owned(),
        identity: format!("{kind}:{name}"),
        read,
        interest: interest.clone(),
        start: String::new(),
        taken: 0,
    };
    let (mut lines, mut decoded) = (Lines::default(), Vec::new());
    let mut take = |lines: &mut Lines| loop {
        let before = reader.taken;
        decoded.extend(reader.take(lines, Timestamp::UNIX_EPOCH).decoded);
        if reader.taken == before {
            break;
        }
    };
    for piece in pieces {
        lines.push(piece);
        take(&mut lines);
    }
    lines.end();
    take(&mut lines);
    decoded
}

/// What a text or a number says, if it says something.
pub(crate) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Decodes what is in quarantine of a program: an event that could not be decided. A line that was no JSON object is
/// still none.
///
/// # Errors
/// Why it is no event, in words.
pub(crate) fn decode(body: &[u8], interest: &Interest) -> Result<Option<Arrival>, String> {
    serde_json::from_slice::<Map<String, Value>>(body).map_err(|error| error.to_string())?;
    decode_event(body, interest)
}
