//! Reads the files that have changed, once each has settled, and tells their content.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decode::{LARGEST, objects};
use crate::core::event::Event;
use crate::core::limits::hashed;
use crate::sources::{Arrival, Decoded, Look, Looked, Opening, Pending, for_quarantine};

/// A file that did not change for this long is not being written.
const SETTLED: Duration = Duration::from_millis(250);

/// A file that is written for longer than so many times that is read at the next look.
const PATIENCE: usize = 20;

/// What is known of each file, by its path. Those that are no longer asked for stay: their numbers go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory(pub(super) BTreeMap<String, Known>);

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Of the content that was told; nothing while the file is not there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) hash: Option<String>,
    /// How often its content has been told.
    count: u64,
}

/// What changes with a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    changed: [(i64, i64); 2],
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            file: (found.dev(), found.ino()),
            size: found.size(),
            changed: [
                (found.mtime(), found.mtime_nsec()),
                (found.ctime(), found.ctime_nsec()),
            ],
        }
    }
}

/// What a look at a file finds.
enum Found {
    /// Nothing new.
    Same,
    /// It is being written.
    Unsettled,
    Content(Stamp, Vec<u8>),
    Missing(io::Error),
}

/// Looks at files.
pub(super) struct FactsLook {
    files: Vec<PathBuf>,
    /// How those looked whose content is known to be the one that is remembered.
    seen: HashMap<PathBuf, Stamp>,
}

impl FactsLook {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let seen = HashMap::new();
        Self { files, seen }
    }
}

impl Look for FactsLook {
    type Memory = Memory;

    fn look<'a>(
        &'a mut self,
        memory: &'a Memory,
        opening: &'a Opening,
    ) -> Pending<'a, Looked<Memory>> {
        Box::pin(async move {
            let finding = self
                .files
                .iter()
                .map(|file| find(file, self.seen.get(file)));
            let found = join_all(finding).await;
            let (mut decoded, mut failures) = (Vec::new(), Vec::new());
            let mut memory = memory.clone();
            for (file, found) in self.files.iter().zip(found) {
                let path = file.display().to_string();
                match found {
                    Found::Same | Found::Unsettled => {}
                    Found::Missing(error) => {
                        self.seen.remove(file);
                        if let Some(known) = memory.0.get_mut(&path) {
                            known.hash = None;
                        }
                        failures.push(format!("failed to read {path}: {error}"));
                    }
                    Found::Content(stamp, bytes) => {
                        let hash = hashed(&bytes);
                        let known = memory.0.entry(path.clone()).or_default();
                        if known.hash.as_ref() == Some(&hash) {
                            self.seen.insert(file.clone(), stamp);
                            continue;
                        }
                        known.hash = Some(hash);
                        known.count += 1;
                        decoded.extend(told(opening, &path, known.count, &bytes));
                    }
                }
            }
            Looked {
                words: match failures.len() {
                    0 => format!("{} files", self.files.len()),
                    missing => format!("{missing} of {} files cannot be read", self.files.len()),
                },
                decoded,
                memory,
                failure: (!failures.is_empty()).then(|| failures.join("; ")),
            }
        })
    }
}

/// The content of a file that does not look like this any more, once it is whole.
async fn find(file: &Path, seen: Option<&Stamp>) -> Found {
    let stamp = || std::fs::metadata(file).map(|found| Stamp::of(&found));
    for _ in 0..PATIENCE {
        let read = match stamp() {
            Ok(before) if Some(&before) == seen => return Found::Same,
            Ok(before) => read(file).map(|bytes| (before, bytes)),
            Err(error) => Err(error),
        };
        tokio::time::sleep(SETTLED).await;
        match (read, stamp()) {
            (Ok((before, bytes)), Ok(after)) if before == after => {
                return Found::Content(before, bytes);
            }
            // It was being replaced.
            (Err(_), Ok(_)) if seen.is_some() => {}
            (_, Err(error)) | (Err(error), _) => return Found::Missing(error),
            (Ok(_), Ok(_)) => {}
        }
    }
    Found::Unsettled
}

/// As much of a file as may be in it, and a byte more if there is more.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its other end.
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("expected a file"));
    }
    let mut bytes = Vec::new();
    let most = LARGEST as u64 + 1;
    File::open(file)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The events of a file's content, or the content for quarantine.
fn told(opening: &Opening, path: &str, count: u64, bytes: &[u8]) -> Vec<Decoded> {
    let Opening { name, identity, .. } = opening;
    let is_json = Path::new(path)
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("json"));
    let objects = match objects(bytes, is_json) {
        Ok(objects) => objects,
        Err(why) => {
            let reason = format!("{path}: {why}");
            let entry = for_quarantine(identity, path, reason, bytes, None);
            return vec![Decoded::Undecodable(entry)];
        }
    };
    let now = Timestamp::now().to_string();
    let event = |(number, object)| {
        let id = format!("{name}:{path}#{count}.{number}");
        let wanted = opening.interest.wants(name, &id);
        let event =
            || Event::new(id.clone(), name.clone(), now.clone(), None, object).with_key(path);
        wanted.then(|| Decoded::Event(Arrival::whole(event())))
    };
    (1..).zip(objects).filter_map(event).collect()
}

#[cfg(test)]
mod tests;
