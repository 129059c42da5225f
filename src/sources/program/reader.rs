//! Lines → events, or what goes to quarantine. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::lines::{LONGEST_LINE, Lines, RawLine};
use super::{Line, NoEvent, Read};
use crate::core::python_json;
use crate::sources::{Arrival, Batch, Decoded, Interest, LARGEST_BATCH, for_quarantine};

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

impl Reader {
    /// The lines that are there; of many or of large ones the first.
    pub(crate) fn batch(&mut self, lines: &mut Lines, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
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
                    batch.decoded.extend(self.decode(line, now));
                }
                RawLine::TooLong { head, size } => {
                    bytes += head.len();
                    let reason = format!(
                        "expected lines of at most {LONGEST_LINE} bytes, but found one of {size}"
                    );
                    batch.decoded.push(self.undecodable(reason, &head, size));
                }
            }
        }
        batch
    }

    /// Nothing, if the line is blank or nobody wants its event.
    fn decode(&self, line: &[u8], now: Timestamp) -> Option<Decoded> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let object: Map<String, Value> = match python_json::read(line) {
            Ok(object) => object,
            Err(error) => {
                let reason = format!("expected a JSON object in a line, but: {error}");
                return Some(self.undecodable(reason, line, line.len() as u64));
            }
        };
        let place = Line {
            source: &self.name,
            start: &self.start,
            number: self.taken,
            now,
        };
        match (self.read)(object, &place) {
            Ok(event) => {
                let is_wanted = self.interest.wants(&event.event_type, &event.id);
                is_wanted.then(|| Decoded::Event(Arrival::whole(event)))
            }
            Err(NoEvent { reason, body }) => {
                Some(self.undecodable(reason, &body, body.len() as u64))
            }
        }
    }

    fn undecodable(&self, reason: String, body: &[u8], size: u64) -> Decoded {
        let mut entry = for_quarantine(&self.identity, "", reason, body, None);
        entry.size = size;
        Decoded::Undecodable(entry)
    }
}
