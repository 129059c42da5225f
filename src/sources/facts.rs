//! Facts: the content of YAML and JSON files, when it is first seen and whenever it has changed.
//!
//! ```ini
//! [source:inventory]
//! type = facts
//! files = /etc/inventory.yml
//! ```
//!
//! Each file holds one object, which is the payload of an event of type `inventory`, or a list of objects, each of
//! which is one. What is no such file goes to quarantine. Files are looked at by name, not watched: so one that is
//! replaced, behind a link or on a network is seen like any other, and what changed while nothing ran, too.
//!
//! `decode.rs` makes values of text; `look.rs` has the files.

mod decode;
mod look;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{
    Arrival, FeedCheckup, Interest, Looking, Opening, Setup, Source, SourcePart, decode_event,
};
use crate::config::Options;
use crate::config::table::{Kind, OptionRow, PartOptions, Scope, SourceKind};
use crate::journal::{Cursor, Placement};
pub use decode::objects;
use look::{FactsLook, Memory};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "facts",
            rows: &OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode,
    reached: Some(reached),
};

const OPTIONS: [OptionRow; 1] = [OptionRow {
    name: "files",
    scope: Scope::Source,
    kind: Kind::List,
    default: None,
    meaning: "the files, relative ones beside the configuration. Each holds one object or a list of objects, as YAML, or \
              as JSON if its name ends with `.json`, in at most 1 MiB. Each object is an event when it is first seen, \
              and again when the file's content has changed",
}];

/// The files whose content is told.
#[derive(Clone, Debug)]
struct Facts {
    files: Vec<PathBuf>,
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    if options.lacks("files") {
        options.report_section(
            "expected `files` in the source, but found none",
            "name the files, like `files = /etc/inventory.yml`",
        );
        return None;
    }
    let items = options.items("files", "a file");
    let files: Vec<PathBuf> = items
        .into_iter()
        .map(|(name, _)| folder.join(name))
        .collect();
    (!files.is_empty()).then(|| -> Arc<dyn Setup> { Arc::new(Facts { files }) })
}

/// What was decided late is an event; the content of a file that could not be read is none.
fn decode(body: &[u8], interest: &Interest) -> Result<Option<Arrival>, String> {
    let no_event =
        |_| "this is the content of a file, which is read again once it has changed".to_owned();
    decode_event(body, interest).map_err(no_event)
}

/// How far the files have been read, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let memory: Memory = serde_json::from_str(&cursor.0).ok()?;
    let there = memory.0.values().filter(|file| file.hash.is_some()).count();
    Some(format!("{there} of {} files read", memory.0.len()))
}

impl Setup for Facts {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        let look = FactsLook::new(self.files.clone());
        Box::new(Looking::new(look, EVERY, opening))
    }

    /// Files are the host's.
    fn placement(&self) -> Placement {
        Placement::Every
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        let mut checkup = FeedCheckup::default();
        for file in &self.files {
            checkup.note(section, "files", "file", file, look::read(file).map(drop));
        }
        checkup
    }

    fn summary(&self) -> String {
        match &self.files[..] {
            [file] => format!("content of {}", file.display()),
            files => format!("content of {} files", files.len()),
        }
    }
}
