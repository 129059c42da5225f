//! An event source plugin of Ansible, unchanged: any `async def main(queue, args)`.
//!
//! ```ini
//! [source:queue]
//! type = eda
//! plugin = amazon.aws.aws_sqs_queue
//! args = {"name": "eda", "region": "eu-central-1"}
//! ```
//!
//! A small Python program that comes along (`shim.py`, `filters.py`) is a program that writes events, as with `exec`. `await queue.put()` comes
//! back once the event is on disk. The payload is the event as ansible-rulebook makes it, with its `meta`.

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
use options::Plugin;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "eda",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: program::decode,
    reached: None,
};

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let plugin = options::read(options, folder)?;
    Some(Arc::new(plugin))
}

/// What the program that runs the plugin of the source of this name says with these bytes, of which each piece has come
/// by itself.
#[must_use]
pub fn decoded(interest: &Interest, name: &str, pieces: &[&[u8]]) -> Vec<Decoded> {
    program::decoded(interest, ("eda", name), line::read, pieces)
}

impl Setup for Plugin {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        let program = self.program_for(&opening.name);
        Box::new(ProgramSource::new(Arc::new(program), opening))
    }

    /// Two of it would put everything twice.
    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        format!("plugin {}", self.name)
    }

    fn program(&self) -> Option<&Program> {
        Some(&self.python.program)
    }
}
