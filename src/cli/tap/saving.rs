//! Keeps events as files that `explain` reads, each under its id. No file that is there is changed.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::core::event::Event;
use crate::core::limits::limited_to;

/// So many bytes of an id are in the name of its file; a longer one ends with a hash.
const LONGEST: usize = 120;

/// How many other events may have had the id of one, or the name that it makes.
const MOST_NAMESAKES: u32 = 1_000;

/// Makes the folder, if there is none; only its owner may look into it.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes an event to a new file, unless one of its name has the same content, and answers where it is.
pub(super) fn save(folder: &Path, event: &Event) -> io::Result<PathBuf> {
    let (name, text) = (file_name(&event.id), event.to_json() + "\n");
    for number in 1..=MOST_NAMESAKES {
        let path = match number {
            1 => folder.join(format!("{name}.json")),
            number => folder.join(format!("{name}.{number}.json")),
        };
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match made {
            Ok(mut file) => {
                let written = file.write_all(text.as_bytes());
                if written.is_err() {
                    // Half an event is of no use.
                    fs::remove_file(&path).ok();
                }
                return written.map(|()| path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if has_content(&path, text.as_bytes()) {
                    return Ok(path);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "there are {MOST_NAMESAKES} files of the name {name} already"
    )))
}

/// Whether this is a file with just this content.
fn has_content(path: &Path, content: &[u8]) -> bool {
    let length = content.len() as u64;
    let is_alike = fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() == length);
    is_alike && fs::read(path).is_ok_and(|found| found == content)
}

/// A name for a file that says the id, as far as that is safe: letters, digits and `-._`, and no dot in front.
fn file_name(id: &str) -> String {
    let safe = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
        _ => '_',
    };
    let id = limited_to(id, LONGEST);
    let name: String = id.chars().map(safe).collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use serde_json::json;

    use super::*;

    fn event(id: &str, payload: u8) -> Event {
        let (id, event_type) = (id.to_owned(), "t".to_owned());
        Event::new(
            id,
            event_type,
            "now".to_owned(),
            None,
            json!({"n": payload}),
        )
    }

    #[test]
    fn a_name_is_safe_whatever_the_id_is() {
        for (id, name) in [
            ("94e02d82-8ab4", "94e02d82-8ab4"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            (".", "_"),
            ("", "_"),
            ("a\u{1b}b\nc é/", "a_b_c___"),
        ] {
            assert_eq!(file_name(id), name, "{id}");
        }
        let long = file_name(&"é".repeat(300));
        assert!(long.len() <= LONGEST, "{long}");
        assert_ne!(long, file_name(&"é".repeat(301)));
    }

    #[test]
    fn nothing_that_is_there_is_changed_and_the_same_is_not_kept_twice() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made/for it");
        make_folder(&place).unwrap();
        make_folder(&place).unwrap();
        let outside = folder.path().join("outside");
        symlink(&outside, place.join("a.2.json")).unwrap();

        let first = save(&place, &event("a", 1)).unwrap();
        assert_eq!(first, place.join("a.json"));
        assert_eq!(fs::metadata(&first).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
        assert_eq!(save(&place, &event("a", 1)).unwrap(), first);
        // The link in the place of the second is left alone.
        assert_eq!(
            save(&place, &event("a", 2)).unwrap(),
            place.join("a.3.json")
        );
        assert!(!outside.exists());
        let kept: Event = serde_json::from_slice(&fs::read(&first).unwrap()).unwrap();
        assert_eq!(kept, event("a", 1));
    }
}
