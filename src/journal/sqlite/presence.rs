//! Whether the journal that is open is the journal that is there.
//!
//! A file that was deleted, replaced, moved away or covered by a mount can still be written to, but
//! what is written cannot be found. So before each commit the names are compared with what was opened. It
//! costs a system call for each of the files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::belonging::Belonging;
use super::fault::Displaced;
use super::place::with_suffix;
use crate::state::files::Identity;
use crate::state::{Folder, file_system};

/// What the names of an open journal led to when it was opened.
#[derive(Debug)]
pub(super) struct Presence {
    database: PathBuf,
    identity: Identity,
    beside: [(PathBuf, Option<Identity>); 2],
    /// When the database's file was changed last, and how large it is; unless the file system tells
    /// that as it likes.
    content: Option<Content>,
    on_network: bool,
    /// Where it is; a service holds it.
    folder: Arc<Folder>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    changed: (i64, i64),
    size: i64,
}

/// Why nothing may be written now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The database is not the one that is open, or somebody has to look.
    Displaced(Displaced),
    /// Only the log or the index beside the database is gone: they can be made again.
    Beside(Displaced),
}

/// What to do about a database that is not in its place.
const PUT_BACK: &str = "nothing is accepted or started until it is back under this name. If it \
                        cannot be put back, restart the service: it continues with the file that \
                        is there then, and what only the open file holds is lost (docs/backup.md)";

impl Presence {
    /// Of the journal that was just opened and read at `database`.
    pub(super) fn of(database: &Path, folder: Arc<Folder>) -> io::Result<Self> {
        let beside = ["-wal", "-shm"].map(|suffix| (with_suffix(database, suffix), None));
        let mut presence = Self {
            database: database.to_owned(),
            identity: Identity::at(database)?,
            beside,
            content: None,
            on_network: file_system::network(database).is_some(),
            folder,
        };
        presence.note_beside();
        presence.note();
        Ok(presence)
    }

    /// Notes which files are beside the database, which was just opened.
    pub(super) fn note_beside(&mut self) {
        for (path, identity) in &mut self.beside {
            *identity = Identity::at(path).ok();
        }
        let belonging = self.beside[0]
            .1
            .map(|log| Belonging::of(self.identity, log));
        self.folder
            .leave_line(belonging.map(|belonging| belonging.to_string()));
    }

    fn serves(&self) -> bool {
        self.folder.access().serves()
    }

    /// Which file is the database.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Notes what this process itself has just made of the database.
    pub(super) fn note(&mut self) {
        // Commands never write to this file but through the log, which the service works in. What was put in its
        // place since the commit was checked is not of this process.
        let found = content(&self.database).filter(|(identity, _)| *identity == self.identity);
        if let Some((_, content)) = found
            && self.serves()
            && !self.on_network
        {
            self.content = Some(content);
        }
    }

    /// Whether a commit now would be found by whoever opens the journal next.
    pub(super) fn check(&self) -> Result<(), Absence> {
        self.database_is_there().map_err(Absence::Displaced)?;
        for (path, identity) in &self.beside {
            let Some(identity) = identity else { continue };
            is_there(path, *identity).map_err(|displaced| self.beside(path, displaced))?;
        }
        let kept = self.folder.keep_lock();
        kept.map_err(|message| Absence::Displaced(Displaced(message)))
    }

    /// Whether another program has written to the database.
    pub(super) fn is_changed(&self) -> bool {
        let found = content(&self.database);
        self.content
            .zip(found)
            .is_some_and(|(known, (_, found))| known != found)
    }

    /// What it means that a file beside the database is not there. A log with something in it was put
    /// there by somebody; an empty one, and every index, are made by whoever opens the journal.
    fn beside(&self, path: &Path, displaced: Displaced) -> Absence {
        let is_log = *path == self.beside[0].0;
        let size = rustix::fs::lstat(path).map_or(0, |stat| stat.st_size);
        if self.serves() && (size == 0 || !is_log) {
            return Absence::Beside(displaced);
        }
        Absence::Displaced(Displaced(format!(
            "{displaced}; put it back, or restart the service, which first writes into the database what \
             it has accepted"
        )))
    }

    fn database_is_there(&self) -> Result<(), Displaced> {
        is_there(&self.database, self.identity)
            .map_err(|Displaced(what)| Displaced(format!("{what}; {PUT_BACK}")))?;
        if self.is_changed() {
            return Err(Displaced(format!(
                "another program has written to {0} while it is open; to protect the data, nothing \
                 is accepted or started any more. If a backup was copied over it, stop the \
                 service, remove {0}-wal and {0}-shm, which belong to what was there before, and \
                 start it; else restart it",
                self.database.display()
            )));
        }
        Ok(())
    }
}

/// Which file is at `path`, and what can be told of what is in it.
fn content(path: &Path) -> Option<(Identity, Content)> {
    let stat = rustix::fs::lstat(path).ok()?;
    let changed = (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).ok()?);
    let content = Content {
        changed,
        size: stat.st_size,
    };
    Some((Identity::of(&stat), content))
}

/// Compares what is under a name with what was. Rights that were taken away say nothing.
fn is_there(path: &Path, identity: Identity) -> Result<(), Displaced> {
    let what = match Identity::at(path) {
        Ok(found) if found == identity => return Ok(()),
        Ok(_) => "was replaced by another file, or covered by a mount,",
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "was deleted or moved away",
        Err(error) => {
            return Err(Displaced(format!(
                "{} cannot be looked at any more: {error}",
                path.display()
            )));
        }
    };
    Err(Displaced(format!(
        "{} {what} while it is open",
        path.display()
    )))
}
