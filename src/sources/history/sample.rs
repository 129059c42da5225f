//! The file in which ESI's documented sample keeps the last event id: taken over once, then retired.
//!
//! Left where it is, it would begin a journal that was lost later with an id from long ago.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file's name, in the folder where the sample was run.
const NAME: &str = ".esi-last-event-id";

/// The file, in the first of these folders that has it.
#[must_use]
pub fn find(folders: &[&Path]) -> Option<PathBuf> {
    let files = folders.iter().map(|folder| folder.join(NAME));
    files.into_iter().find(|file| file.is_file())
}

/// The id that it holds.
///
/// # Errors
/// What was found instead, and what to do.
pub fn read(file: &Path) -> Result<i64, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
    // The sample takes what is no number for 0, and begins with the first event.
    text.trim()
        .parse()
        .ok()
        .filter(|id| *id >= 0)
        .ok_or_else(|| {
            let found: String = text.trim().chars().take(40).collect();
            format!(
                "expected an event id in {}, but found {found:?}",
                file.display()
            )
        })
}

/// Gives it another name, by which nobody looks for it.
///
/// # Errors
/// When the system refuses.
pub fn retire(file: &Path) -> io::Result<PathBuf> {
    let retired = file.with_file_name(format!("{NAME}.taken-over"));
    fs::rename(file, &retired)?;
    Ok(retired)
}
