//! The content of `service.lock`: which process holds the folder, and a line that its journal has left there.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::StateError;
use super::files::{self, make};

/// Locked, and holding the process id, as long as a service has the folder.
pub(super) const LOCK: &str = "service.lock";

/// Opens `service.lock`, which is made if there is none.
pub(super) fn open_note(folder: &Path) -> Result<File, StateError> {
    let path = folder.join(LOCK);
    make(&path, folder).map_err(|error| StateError::failed("make the lock", &path, error))?;
    let Some(found) = files::find(&path)? else {
        return Err(StateError::failed(
            "open the lock",
            &path,
            io::ErrorKind::NotFound.into(),
        ));
    };
    found.close_to_others()?;
    found.open()
}

/// Writes who holds the folder, and the journal's line.
pub(super) fn write_note(note: &mut File, role: &str, line: Option<&str>) -> io::Result<()> {
    let mut text = format!("{}{role}\n", std::process::id());
    if let Some(line) = line {
        text = format!("{text}{line}\n");
    }
    note.set_len(0)?;
    note.rewind()?;
    note.write_all(text.as_bytes())
}

/// What the holder of the lock has left in it: its process id, and its role.
pub(super) fn holder(note: &mut File) -> Option<String> {
    let text = text_of(note)?;
    let first = text.lines().next()?.trim();
    (!first.is_empty()).then(|| first.to_owned())
}

/// The line that the journal of a service has left there.
pub(super) fn line(note: &mut File) -> Option<String> {
    text_of(note)?.lines().nth(1).map(str::to_owned)
}

fn text_of(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(128).read_to_string(&mut text).ok()?;
    Some(text)
}
