//! Looks at the folders when the kernel tells that something has changed, and tells what.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::unix::pipe::Receiver;

use super::Watch;
use super::scan::scan;
use super::snapshot::{Change, Kind, Snapshot};
use crate::core::event::Event;
use crate::sources::{Arrival, Decoded, Look, Looked, Opening, Pending};

/// After this what changes together has changed, and is looked at once.
const TOGETHER: Duration = Duration::from_millis(250);

/// How often is looked where the kernel does not tell.
const UNTOLD: Duration = Duration::from_secs(1);

/// What was there, by path, and how many changes have been told. A path that has not been looked at is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    paths: BTreeMap<String, Snapshot>,
    count: u64,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there: usize = self.paths.values().map(|snapshot| snapshot.0.len()).sum();
        write!(f, "{there} files and folders, {} changes told", self.count)
    }
}

/// Watches folders.
pub(super) struct WatchLook {
    setup: Watch,
    /// Readable once something has changed since the last look.
    watch: Option<Receiver>,
    /// Why the kernel does not tell, as it was logged.
    untold: Option<String>,
}

impl WatchLook {
    pub(super) fn new(setup: Watch) -> Self {
        Self {
            setup,
            watch: None,
            untold: None,
        }
    }

    /// Keeps what tells of changes from now on.
    fn keep(&mut self, watch: std::io::Result<Receiver>, opening: &Opening) {
        let (watch, untold) = match watch {
            Ok(watch) => (Some(watch), None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(why) = &untold
            && self.untold != untold
        {
            tracing::warn!(
                "{}: the kernel cannot tell of changes: {why}; looking every second (the limits are \
                 fs.inotify.max_user_watches and max_user_instances)",
                opening.identity
            );
        }
        (self.watch, self.untold) = (watch, untold);
    }
}

impl Look for WatchLook {
    type Memory = Memory;

    fn look<'a>(
        &'a mut self,
        memory: &'a Memory,
        opening: &'a Opening,
    ) -> Pending<'a, Looked<Memory>> {
        let scan = scan(&self.setup.paths, &self.setup.chosen);
        self.keep(scan.watch, opening);
        let (mut memory, mut decoded, mut failures) = (memory.clone(), Vec::new(), Vec::new());
        for (path, found) in self.setup.paths.iter().zip(scan.found) {
            let path = path.display().to_string();
            let found = match found {
                Ok(found) => found,
                Err(why) => {
                    failures.push(why);
                    continue;
                }
            };
            let before = memory.paths.insert(path.clone(), found);
            // What is there at the first look is how things are.
            let Some(before) = before else {
                continue;
            };
            for change in memory.paths[&path].changes(&before) {
                if !self.tells(&change) {
                    continue;
                }
                memory.count += 1;
                decoded.extend(told(opening, &path, memory.count, &change));
            }
        }
        Box::pin(std::future::ready(Looked {
            decoded,
            words: match failures.len() {
                0 => memory.to_string(),
                _ => failures.join("; "),
            },
            memory,
            failure: (!failures.is_empty()).then(|| failures.join("; ")),
        }))
    }

    fn told(&mut self) -> Pending<'_, ()> {
        Box::pin(async {
            let told = match &self.watch {
                Some(watch) => watch.readable().await.is_ok(),
                None => false,
            };
            tokio::time::sleep(if told { TOGETHER } else { UNTOLD }).await;
        })
    }
}

impl WatchLook {
    fn tells(&self, change: &Change) -> bool {
        let chosen = |place: &String| {
            let name = place.rsplit('/').next().unwrap_or_default();
            self.setup.chosen.tells_of(name, place)
        };
        // Of a move either name will do.
        let is_chosen = chosen(&change.place) || change.to.as_ref().is_some_and(chosen);
        is_chosen && self.setup.kinds.contains(&change.kind)
    }
}

/// The event, unless no rule wants it. As `ansible.eda.file_watch` has it, and with where something was moved.
fn told(opening: &Opening, root: &str, count: u64, change: &Change) -> Option<Decoded> {
    let name = &opening.name;
    let id = format!("{name}#{count}");
    if !opening.interest.wants(name, &id) {
        return None;
    }
    let path = |place: &str| format!("{}/{place}", root.trim_end_matches('/'));
    let of_what = if change.is_folder { "Dir" } else { "File" };
    let happened = match change.kind {
        Kind::Created => "Created",
        Kind::Modified => "Modified",
        Kind::Moved => "Moved",
        Kind::Deleted => "Deleted",
    };
    let mut payload = json!({
        "change": change.kind.name(),
        "src_path": path(&change.place),
        "type": format!("{of_what}{happened}Event"),
        "root_path": root,
    });
    if let Some(to) = &change.to {
        payload["dest_path"] = path(to).into();
    }
    let key = path(change.to.as_ref().unwrap_or(&change.place));
    let now = Timestamp::now().to_string();
    let event = Event::new(id, name.clone(), now, None, payload).with_key(key);
    Some(Decoded::Event(Arrival::whole(event)))
}

#[cfg(test)]
mod tests;
