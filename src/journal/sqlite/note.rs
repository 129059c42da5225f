//! The content of `service.lock`: which process holds the journal, and which log belongs to it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use rustix::fs::lstat;

use super::fault::failed;
use super::files::{self, Identity, make};
use crate::journal::JournalError;

/// Locked, and holding the process id, as long as a service has the journal.
pub(super) const LOCK: &str = "service.lock";

/// Opens `service.lock`, which is made if there is none.
pub(super) fn open_note(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join(LOCK);
    make(&path, folder).map_err(|error| failed("make the lock", &path, error))?;
    let Some(found) = files::find(&path)? else {
        return Err(failed(
            "open the lock",
            &path,
            io::ErrorKind::NotFound.into(),
        ));
    };
    found.close_to_others()?;
    found.open()
}

/// Writes who holds the journal, and which log belongs to which database.
pub(super) fn write_note(
    note: &mut File,
    role: &str,
    belonging: Option<Belonging>,
) -> io::Result<()> {
    let mut text = format!("{}{role}\n", std::process::id());
    if let Some(Belonging { database, log }) = belonging {
        text = format!("{text}database {database} log {log}\n");
    }
    note.set_len(0)?;
    note.rewind()?;
    note.write_all(text.as_bytes())
}

/// Which log belonged to which database when a service had them open, by their numbers in the file
/// system. The files themselves do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Belonging {
    pub(super) database: u64,
    pub(super) log: u64,
}

impl Belonging {
    pub(super) fn of_note(note: &mut File) -> Option<Self> {
        let text = text_of(note)?;
        let words: Vec<&str> = text.lines().nth(1)?.split(' ').collect();
        match words[..] {
            ["database", database, "log", log] => Some(Self {
                database: database.parse().ok()?,
                log: log.parse().ok()?,
            }),
            _ => None,
        }
    }
}

/// Refuses a database that was put in the place of another one whose log is still there: what is in the
/// log would be written into a file that it has nothing to do with.
pub(super) fn refuse_foreign_log(
    folder: &Path,
    database: &Path,
    log: &Path,
) -> Result<(), JournalError> {
    let Some(found) = files::find(&folder.join(LOCK))? else {
        return Ok(());
    };
    let known = found
        .open()
        .ok()
        .and_then(|mut note| Belonging::of_note(&mut note));
    let (Some(known), Ok(now), Ok(beside)) = (known, Identity::at(database), lstat(log)) else {
        return Ok(());
    };
    let same_log = known.log == Identity::of(&beside).inode() && beside.st_size > 0;
    if known.database == now.inode() || !same_log {
        return Ok(());
    }
    Err(JournalError::Unusable {
        message: format!(
            "{} is another file than the one that the service used, but {} still belongs to that one",
            database.display(),
            log.display()
        ),
        remedy: format!(
            "if this is a backup that you restored, stop the service and remove `{0}` and the `-shm` file \
             beside it; else put the former file back, or, if this is the same journal in a new file, \
             remove `{1}`",
            log.display(),
            folder.join(LOCK).display()
        ),
    })
}

/// What the holder of the lock has left in it: its process id, and its role.
pub(super) fn holder(file: &mut File) -> Option<String> {
    let text = text_of(file)?;
    let first = text.lines().next()?.trim();
    (!first.is_empty()).then(|| first.to_owned())
}

fn text_of(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(128).read_to_string(&mut text).ok()?;
    Some(text)
}
