//! The file in which ESI's documented sample keeps the last event id: taken over once, then retired.
//!
//! If it stayed, a new journal after the loss of this one would start with an id from long ago.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::geteuid;

/// The file's name, in the folder where the sample was run.
const NAME: &str = ".esi-last-event-id";

/// An id and a line break are far shorter.
const LONGEST: u64 = 1024;

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
    let text =
        read_own(file).map_err(|error| format!("failed to read {}: {error}", file.display()))?;
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

/// Reads the file if it is what it should be. The current folder may be anybody's, and what they put
/// there neither decides where to begin, nor leads to a file that only this user can read.
fn read_own(file: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = File::from(open(file, flags, Mode::empty())?);
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("expected a file"));
    }
    let owner = metadata.uid();
    if ![0, geteuid().as_raw()].contains(&owner) {
        let told = format!("it belongs to user {owner}; give it to this user, or remove it");
        return Err(io::Error::other(told));
    }
    let mut text = String::new();
    opened.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Gives it another name, under which it is not looked for.
///
/// # Errors
/// When the system refuses.
pub fn retire(file: &Path) -> io::Result<PathBuf> {
    let retired = file.with_file_name(format!("{NAME}.taken-over"));
    fs::rename(file, &retired)?;
    Ok(retired)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn only_a_file_of_this_user_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        fs::write(&file, "4512\n").unwrap();
        assert_eq!(read(&file), Ok(4512));
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(read(&link).unwrap_err().contains("failed to read"));
        assert!(read(folder.path()).unwrap_err().contains("expected a file"));
        if geteuid().is_root() {
            chown(&file, Some(4242), None).unwrap();
            let told = read(&file).unwrap_err();
            assert!(told.contains("belongs to user 4242"), "{told}");
        }
    }
}
