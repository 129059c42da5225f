//! A program of the operator's that writes events: one JSON object a line.
//!
//! ```ini
//! [source:probe]
//! type = exec
//! command = probe.py --every 5
//! ```
//!
//! ```json
//! {"id": "7", "type": "down", "time": "2026-01-15T02:00:00Z", "key": "node-3", "state": "off"}
//! ```
//!
//! is an event of type `probe.down`, whose payload is the whole line. The program is told on its standard input what is
//! on disk: `{"ack": 1}`. How it is run is the affair of `ProgramSource`; `line.rs` says what a line means.

mod line;
mod options;

use std::path::Path;
use std::sync::Arc;

use super::{
    Decoded, Interest, Opening, Program, ProgramSource, Setup, Source, SourcePart, program,
};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::journal::Placement;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "exec",
            rows: &options::OPTIONS,
        },
        event_types: &["", ".*"],
    },
    read,
    decode: program::decode,
    reached: None,
};

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let program = options::read(options, folder)?;
    Some(Arc::new(Exec(Arc::new(program))))
}

/// What the program of the source of this name says with these bytes, of which each piece has come by itself.
#[must_use]
pub fn decoded(interest: &Interest, name: &str, pieces: &[&[u8]]) -> Vec<Decoded> {
    program::decoded(interest, ("exec", name), line::read, pieces)
}

/// A program as its options say.
#[derive(Debug)]
struct Exec(Arc<Program>);

impl Setup for Exec {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(ProgramSource::new(self.0.clone(), opening))
    }

    /// Two of it would write everything twice.
    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        self.0.shown()
    }

    fn program(&self) -> Option<&Program> {
        Some(&self.0)
    }
}
