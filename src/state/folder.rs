//! The folder itself: made, closed to others, and held by one service at a time.
//!
//! Payloads can name tenants and hold what they wrote, so only the owner may read what is in it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::geteuid;

use super::StateError;
use super::files::{self, refuse_other_owner, set_mode};
use super::lock::{self, Lock};
use super::note::{self, LOCK};

/// What its owner alone may do with a folder, and what passes its group on.
const OWNER_ALONE: u32 = 0o7700;

/// In which part a process uses the folder, and the journal in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The one that accepts and performs: makes folder and journal if there are none, brings an older journal
    /// up to date, and keeps other services out.
    Service,
    /// The same for a poller, which others are told of by this name: where one is at work already,
    /// another one has nothing to do.
    Poller,
    /// A command that looks at a journal or puts a run back, while a service may be running.
    Beside,
}

impl Access {
    /// Whether it keeps other services out.
    #[must_use]
    pub fn serves(self) -> bool {
        self != Self::Beside
    }
}

/// A state folder that is fit for use. One that a service has opened keeps other services out until this is
/// dropped.
#[derive(Debug)]
pub struct Folder {
    named: PathBuf,
    real: PathBuf,
    access: Access,
    lock: Option<Mutex<Lock>>,
}

impl Folder {
    /// Makes the folder, or checks it, and takes the lock that `access` asks for. `file` is what the names of the
    /// journal's files begin with; the one of just this name is there if there is a journal.
    ///
    /// The folder is closed to other users, unless it holds other things, too.
    ///
    /// # Errors
    /// [`StateError::InUse`] if another service has it; [`StateError::Unusable`] if it belongs to another user, if
    /// anybody may write to it, or if there is no journal to use [`Access::Beside`] a service;
    /// [`StateError::Unsuitable`] if its file system has no locks.
    pub fn open(folder: &Path, access: Access, file: &str) -> Result<Self, StateError> {
        if access.serves() {
            make_folder(folder)?;
        } else if files::find(&folder.join(file))?.is_none() {
            return Err(StateError::none_yet(&folder.join(file)));
        }
        refuse_foreign_link(folder)?;
        let real = fs::canonicalize(folder)
            .map_err(|error| StateError::failed("look at files", folder, error))?;
        close_folder(&real, folder, file)?;
        let lock = match access {
            Access::Service => Some(Lock::take(&real, "")?),
            Access::Poller => Some(Lock::take(&real, lock::POLLER)?),
            Access::Beside => None,
        };
        Ok(Self {
            named: folder.to_owned(),
            real,
            access,
            lock: lock.map(Mutex::new),
        })
    }

    /// The folder as the configuration calls it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.named
    }

    /// The same without a link on the way.
    #[must_use]
    pub fn real_path(&self) -> &Path {
        &self.real
    }

    /// In which part it was opened.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// For a service, keeps out those that serve a journal of the same name in another folder.
    ///
    /// # Errors
    /// [`StateError::InUse`] if there is one.
    pub fn take_name(&self, name: &str) -> Result<(), StateError> {
        self.lock().map_or(Ok(()), |mut lock| lock.take_name(name))
    }

    /// For a service, leaves a line of at most 100 bytes for whoever opens the folder next, in place of the one that
    /// is there.
    pub fn leave_line(&self, line: Option<String>) {
        if let Some(mut lock) = self.lock() {
            lock.leave_line(line);
        }
    }

    /// The line that a service has left there, this one or an earlier one.
    ///
    /// # Errors
    /// If something else is in the place of `service.lock`.
    pub fn line(&self) -> Result<Option<String>, StateError> {
        let found = files::find(&self.lock_path())?;
        let note = found.and_then(|found| found.open().ok());
        Ok(note.and_then(|mut note| note::line(&mut note)))
    }

    /// Where that line is.
    #[must_use]
    pub fn lock_path(&self) -> PathBuf {
        self.real.join(LOCK)
    }

    /// For a service, puts `service.lock` back if somebody removed or replaced it.
    ///
    /// # Errors
    /// In words, if another service has it now, which can only be where folders have no locks.
    pub fn keep_lock(&self) -> Result<(), String> {
        self.lock().map_or(Ok(()), |mut lock| lock.keep_note())
    }

    /// Whether a service holds the folder.
    ///
    /// # Errors
    /// If the locks cannot be looked at.
    pub fn is_held(&self) -> Result<bool, StateError> {
        lock::is_held(&self.real)
            .map_err(|error| StateError::failed("look at the lock", &self.real, error))
    }

    fn lock(&self) -> Option<MutexGuard<'_, Lock>> {
        let lock = self.lock.as_ref()?.lock();
        Some(lock.unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether `listen` runs with this folder; `None` if that cannot be told.
#[must_use]
pub fn is_listened_in(folder: &Path) -> Option<bool> {
    match fs::canonicalize(folder) {
        Ok(real) => lock::is_listened_in(&real).ok(),
        Err(error) => (error.kind() == io::ErrorKind::NotFound).then_some(false),
    }
}

/// Whether a file of this name in a state folder is the service's, or its journal's, whose names begin with `file`.
pub(crate) fn is_own(name: &str, file: &str) -> bool {
    name == LOCK || name.starts_with(file)
}

fn make_folder(folder: &Path) -> Result<(), StateError> {
    if folder.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| StateError::failed("make the folder", folder, error))?;
    // A commit is worth nothing if the way to the file is lost with the power.
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(|error| StateError::failed("make the folder", folder, error))
}

/// Refuses a link in the place of the folder that neither root, nor this user, nor the owner of what it
/// leads to has made: in a folder like `/tmp` anybody can put one there.
fn refuse_foreign_link(folder: &Path) -> Result<(), StateError> {
    let look = |found: io::Result<fs::Metadata>| {
        found.map_err(|error| StateError::failed("look at files", folder, error))
    };
    let link = look(fs::symlink_metadata(folder))?;
    let target = look(fs::metadata(folder))?;
    let trusted = [0, geteuid().as_raw(), target.uid()];
    if !link.is_symlink() || trusted.contains(&link.uid()) {
        return Ok(());
    }
    Err(StateError::Unusable {
        message: format!(
            "the state folder {} is a symbolic link that user {} has made",
            folder.display(),
            link.uid()
        ),
        remedy: "set `state_dir` to the folder itself".to_owned(),
    })
}

/// Refuses a folder of another user, or one that anybody may write to, and takes the rights of
/// everybody else away. `named` is how the configuration calls it.
fn close_folder(folder: &Path, named: &Path, file: &str) -> Result<(), StateError> {
    let look = |error| StateError::failed("look at files", named, error);
    let handle = File::open(folder).map_err(look)?;
    let metadata = handle.metadata().map_err(look)?;
    if !metadata.is_dir() {
        return Err(look(io::ErrorKind::NotADirectory.into()));
    }
    refuse_other_owner(named, metadata.uid(), geteuid().as_raw())?;
    let mode = metadata.mode() & 0o7777;
    if mode & !OWNER_ALONE == 0 {
        return Ok(());
    }
    if mode & 0o002 != 0 {
        return Err(StateError::Unusable {
            message: format!("anybody may write to the state folder {}", named.display()),
            remedy: "set `state_dir` to a folder of its own".to_owned(),
        });
    }
    if !holds_only_ours(folder, file).map_err(look)? {
        // Other things live here and may have to be read by others; our files are closed in any case.
        return Ok(());
    }
    set_mode(&handle, mode & OWNER_ALONE)
        .map_err(|error| StateError::failed("close files to other users", named, error))
}

fn holds_only_ours(folder: &Path, file: &str) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !name.to_str().is_some_and(|name| is_own(name, file)) {
            return Ok(false);
        }
    }
    Ok(true)
}
