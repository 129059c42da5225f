//! What is in a folder at one time, and what has changed between two times. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// The files and folders below a path, by their places there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Snapshot(pub(super) BTreeMap<String, Entry>);

/// A file or a folder. As JSON text it is a list, because there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "(bool, u64, u64, i64, i64, u64)",
    into = "(bool, u64, u64, i64, i64, u64)"
)]
pub(super) struct Entry {
    pub(super) is_folder: bool,
    /// Device and number: the same after a move.
    pub(super) file: (u64, u64),
    /// When its content was last changed, in seconds and nanoseconds; of a folder nothing.
    pub(super) changed: (i64, i64),
    /// In bytes; of a folder nothing.
    pub(super) size: u64,
}

impl From<(bool, u64, u64, i64, i64, u64)> for Entry {
    fn from(
        (is_folder, device, number, seconds, nanoseconds, size): (bool, u64, u64, i64, i64, u64),
    ) -> Self {
        Self {
            is_folder,
            file: (device, number),
            changed: (seconds, nanoseconds),
            size,
        }
    }
}

impl From<Entry> for (bool, u64, u64, i64, i64, u64) {
    fn from(entry: Entry) -> Self {
        let Entry {
            is_folder,
            file: (device, number),
            changed: (seconds, nanoseconds),
            size,
        } = entry;
        (is_folder, device, number, seconds, nanoseconds, size)
    }
}

/// What can happen to a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Modified,
    Moved,
    Deleted,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Created, Self::Modified, Self::Moved, Self::Deleted];

    /// As Ansible's `file_watch` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| name.eq_ignore_ascii_case(kind.name()))
    }
}

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// Where it is, or was before it was moved or deleted.
    pub(super) place: String,
    /// Where it was moved.
    pub(super) to: Option<String>,
    pub(super) is_folder: bool,
}

impl Snapshot {
    /// What has changed since `before`: what was moved, then what was deleted, made and changed, each by its place. What was
    /// moved and changed is both.
    pub(super) fn changes(&self, before: &Self) -> Vec<Change> {
        let gone = before
            .0
            .iter()
            .filter(|(place, _)| !self.0.contains_key(*place));
        let gone: Vec<(&String, &Entry)> = gone.collect();
        let came = self
            .0
            .iter()
            .filter(|(place, _)| !before.0.contains_key(*place));
        let mut came_by_file: HashMap<_, Vec<(&String, &Entry)>> = HashMap::new();
        for (place, entry) in came {
            came_by_file
                .entry((entry.file, entry.is_folder))
                .or_default()
                .push((place, entry));
        }
        let (mut moved, mut deleted, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let change = |kind, place: &String, to: Option<&String>, entry: &Entry| Change {
            kind,
            place: place.clone(),
            to: to.cloned(),
            is_folder: entry.is_folder,
        };
        for (place, entry) in gone {
            let came = came_by_file.get_mut(&(entry.file, entry.is_folder));
            // Of several links to one file any is as good; the number of a deleted file may be given to another one, which
            // is younger then.
            let to = came.and_then(|came| {
                let at = came
                    .iter()
                    .position(|(_, after)| after.changed == entry.changed)?;
                Some(came.remove(at))
            });
            match to {
                Some((to, _)) => moved.push(change(Kind::Moved, place, Some(to), entry)),
                None => deleted.push(change(Kind::Deleted, place, None, entry)),
            }
        }
        let made = came_by_file.into_values().flatten();
        others.extend(made.map(|(place, entry)| change(Kind::Created, place, None, entry)));
        for (place, entry) in &self.0 {
            match before.0.get(place) {
                Some(known) if known.is_folder != entry.is_folder => {
                    deleted.push(change(Kind::Deleted, place, None, known));
                    others.push(change(Kind::Created, place, None, entry));
                }
                Some(known) if known != entry && !entry.is_folder => {
                    others.push(change(Kind::Modified, place, None, entry));
                }
                _ => {}
            }
        }
        others.sort_by(|one, other| one.place.cmp(&other.place));
        moved.into_iter().chain(deleted).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a1:3` is a file `a` with number 1, changed at 3; `d1/` a folder.
    fn snapshot(text: &str) -> Snapshot {
        let entry = |word: &str| {
            let is_folder = word.ends_with('/');
            let (name, rest) = word.trim_end_matches('/').split_at(1);
            let (number, changed) = rest.split_once(':').unwrap_or((rest, "0"));
            let entry = Entry {
                is_folder,
                file: (7, number.parse().unwrap()),
                changed: (changed.parse().unwrap(), 0),
                size: 0,
            };
            (name.to_owned(), entry)
        };
        Snapshot(text.split_whitespace().map(entry).collect())
    }

    #[test]
    fn what_has_changed_between_two_times() {
        for (before, after, expected) in [
            ("", "", ""),
            ("a1", "a1", ""),
            ("", "b2 a1 c3/", "created a, created b, created c/"),
            ("a1 b2", "", "deleted a, deleted b"),
            ("a1:3", "a1:4", "modified a"),
            // Replaced by a rename.
            ("a1:3", "a2:4", "modified a"),
            ("a1:3 t2:4", "a2:4", "deleted t, modified a"),
            ("a1:3", "b1:3", "moved a b"),
            ("d1/ e2:3", "f1/ e2:3", "moved d f/"),
            // A number that was given to another file.
            ("a1:3", "b1:4", "deleted a, created b"),
            ("a1:3", "b1:3 c1:3", "moved a b, created c"),
            ("a1:3", "a1/", "deleted a, created a/"),
            ("d1/", "d1/", ""),
        ] {
            let changes = snapshot(after).changes(&snapshot(before));
            let shown = changes.iter().map(|it| {
                let to = it
                    .to
                    .as_ref()
                    .map(|to| format!(" {to}"))
                    .unwrap_or_default();
                let slash = if it.is_folder { "/" } else { "" };
                format!("{} {}{to}{slash}", it.kind.name(), it.place)
            });
            assert_eq!(
                shown.collect::<Vec<_>>().join(", "),
                expected,
                "{before} -> {after}"
            );
        }
    }

    #[test]
    fn it_is_kept_as_text() {
        let text = r#"{"a":[false,7,1,3,0,0],"d":[true,7,2,0,0,0]}"#;
        let before = snapshot("a1:3 d2/");
        assert_eq!(serde_json::to_string(&before).unwrap(), text);
        assert_eq!(serde_json::from_str::<Snapshot>(text).unwrap(), before);
    }
}
