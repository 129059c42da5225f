//! Which log belongs to which database. The files themselves do not tell, so it is left in the lock of the folder.

use std::fmt;
use std::path::Path;

use rustix::fs::lstat;

use crate::journal::JournalError;
use crate::state::Folder;
use crate::state::files::Identity;

/// Which log belonged to which database when a service had them open, by their numbers in the file
/// system.
pub(super) struct Belonging {
    database: u64,
    log: u64,
}

impl Belonging {
    pub(super) fn of(database: Identity, log: Identity) -> Self {
        Self {
            database: database.inode(),
            log: log.inode(),
        }
    }

    /// What a service has left in the lock; nothing, if that is the line of another kind of journal.
    fn of_line(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["database", database, "log", log] => Some(Self {
                database: database.parse().ok()?,
                log: log.parse().ok()?,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Belonging {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, log } = self;
        write!(formatter, "database {database} log {log}")
    }
}

/// Refuses a database that was put in the place of another one whose log is still there: what is in the
/// log would be written into a file that it has nothing to do with.
pub(super) fn refuse_foreign_log(
    folder: &Folder,
    database: &Path,
    log: &Path,
) -> Result<(), JournalError> {
    let known = folder.line()?.and_then(|line| Belonging::of_line(&line));
    let (Some(known), Ok(now), Ok(beside)) = (known, Identity::at(database), lstat(log)) else {
        return Ok(());
    };
    let now = Belonging::of(now, Identity::of(&beside));
    let same_log = known.log == now.log && beside.st_size > 0;
    if known.database == now.database || !same_log {
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
            folder.lock_path().display()
        ),
    })
}
