//! Lines → events, what goes to quarantine, and what a program says besides. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::lines::{LONGEST_LINE, Lines, RawLine};
use super::question::Question;
use super::{Doing, Line, NoEvent, Read, Said};
use crate::core::python_json;
use crate::sources::{Arrival, Decoded, Interest, LARGEST_BATCH, for_quarantine};

/// Makes events of the lines of one start of a program.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The name of the source, and what the journal calls it.
    pub(crate) name: String,
    pub(crate) identity: String,
    /// What an object means.
    pub(crate) read: Read,
    pub(crate) interest: Interest,
    /// A text that no other start of any program has.
    pub(crate) start: String,
    /// So many lines were taken so far.
    pub(crate) taken: u64,
}

/// What some lines say.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) decoded: Vec<Decoded>,
    /// What the program wants to know, in order.
    pub(crate) questions: Vec<Question>,
    /// How it says to be doing, if it does; what it says last.
    pub(crate) doing: Option<Doing>,
}

impl Reader {
    /// What the lines say that are there; of many or of large ones the first.
    pub(crate) fn take(&mut self, lines: &mut Lines, now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        let (mut number, mut bytes) = (0, 0);
        while number < LARGEST_BATCH
            && bytes < LONGEST_LINE
            && let Some(line) = lines.next()
        {
            number += 1;
            self.taken += 1;
            match line {
                RawLine::Whole(line) => {
                    bytes += line.len();
                    self.decode(line, now, &mut taken);
                }
                RawLine::TooLong { head, size } => {
                    bytes += head.len();
                    let reason = format!(
                        "expected lines of at most {LONGEST_LINE} bytes, but found one of {size}"
                    );
                    taken.decoded.push(self.undecodable(reason, &head, size));
                }
            }
        }
        taken
    }

    /// Nothing comes of it, if the line is blank or nobody wants its event.
    fn decode(&self, line: &[u8], now: Timestamp, taken: &mut Taken) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let object: Map<String, Value> = match python_json::read(line) {
            Ok(object) => object,
            Err(error) => {
                let reason = format!("expected a JSON object in a line, but: {error}");
                let entry = self.undecodable(reason, line, line.len() as u64);
                taken.decoded.push(entry);
                return;
            }
        };
        let place = Line {
            source: &self.name,
            start: &self.start,
            number: self.taken,
            now,
        };
        match (self.read)(object, &place) {
            Ok(Said::Event(event)) => {
                if self.interest.wants(&event.event_type, &event.id) {
                    let arrival = Arrival::whole(*event);
                    taken.decoded.push(Decoded::Event(arrival));
                }
            }
            Ok(Said::Question(question)) => taken.questions.push(question),
            Ok(Said::Doing(doing)) => taken.doing = Some(doing),
            Err(NoEvent { reason, body }) => {
                let entry = self.undecodable(reason, &body, body.len() as u64);
                taken.decoded.push(entry);
            }
        }
    }

    fn undecodable(&self, reason: String, body: &[u8], size: u64) -> Decoded {
        let mut entry = for_quarantine(&self.identity, "", reason, body, None);
        entry.size = size;
        Decoded::Undecodable(entry)
    }
}
