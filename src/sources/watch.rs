//! Files that are made, changed, moved and deleted.
//!
//! ```ini
//! [source:uploads]
//! type = watch
//! paths = /srv/uploads
//! patterns = *.iso
//! kinds = created, moved
//! ```
//!
//! The kernel (inotify) tells that something has changed in a folder, and a look at the folders tells what: it is
//! compared with what was there before, which is the cursor. So a tree that is moved in is seen, a queue of the kernel's
//! that overflows loses nothing, and what changed while the service was down is told. What was made and
//! deleted again before anybody looked is not.
//!
//! `snapshot.rs` compares, `scan.rs` has the files, `look.rs` tells.

mod look;
mod options;
mod scan;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use glob::Pattern;

use super::{FeedCheckup, Looking, Opening, Setup, Source, SourcePart, decode_event};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::journal::{Cursor, Placement};
use look::{Memory, WatchLook};
use snapshot::Kind;

/// How often is looked although the kernel told nothing: it does not tell of what others do on a network file system.
const EVERY: Duration = Duration::from_secs(60);

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "watch",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: decode_event,
    reached: Some(reached),
};

/// What is watched, and what is told of it.
#[derive(Clone, Debug)]
struct Watch {
    paths: Vec<PathBuf>,
    chosen: Chosen,
    kinds: Vec<Kind>,
}

/// Which files and folders below the paths concern anybody.
#[derive(Clone, Debug)]
struct Chosen {
    patterns: Vec<Pattern>,
    ignore: Vec<Pattern>,
    recursive: bool,
}

impl Chosen {
    /// Whether one of this name, at this place below its path, is to be left out with all that is in it.
    fn ignores(&self, name: &str, below: &str) -> bool {
        self.ignore.iter().any(|pattern| fits(pattern, name, below))
    }

    /// Whether one of this name, at this place below its path, is told of.
    fn tells_of(&self, name: &str, below: &str) -> bool {
        self.patterns.is_empty()
            || self
                .patterns
                .iter()
                .any(|pattern| fits(pattern, name, below))
    }
}

/// A pattern with a slash is for the place, one without for the name.
fn fits(pattern: &Pattern, name: &str, below: &str) -> bool {
    let is_of_place = pattern.as_str().contains('/');
    pattern.matches(if is_of_place { below } else { name })
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let watch = options::read(options, folder)?;
    Some(Arc::new(watch))
}

/// What was there when somebody last looked, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let memory: Memory = serde_json::from_str(&cursor.0).ok()?;
    Some(memory.to_string())
}

impl Setup for Watch {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(Looking::new(WatchLook::new(self.clone()), EVERY, opening))
    }

    /// Files are the host's.
    fn placement(&self) -> Placement {
        Placement::Every
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        let mut checkup = FeedCheckup::default();
        for folder in &self.paths {
            let reading = std::fs::read_dir(folder).map(drop);
            checkup.note(section, "paths", "folder", folder, reading);
        }
        checkup
    }

    fn summary(&self) -> String {
        let paths: Vec<String> = self
            .paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let depth = if self.chosen.recursive {
            " and below"
        } else {
            ""
        };
        format!("changes in {}{depth}", paths.join(", "))
    }
}
