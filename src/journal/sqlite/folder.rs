//! The state folder: made, closed to others, and held by one service at a time.
//!
//! Payloads can name tenants and hold what they wrote, so only the owner may read them. The
//! database's `-wal` and `-shm` files inherit its mode and owner.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access as Rights, AtFlags, CWD, accessat};
use rustix::process::geteuid;

use super::fault::{self, failed};
use super::files::{self, make, refuse_other_owner, set_mode, with_suffix};
use super::lock::{Lock, POLLER};
use super::note::{LOCK, refuse_foreign_log};
use super::{Access, files::Identity};
use crate::crash::{self, Point};
use crate::journal::JournalError;

/// The database's file within the state folder.
pub(super) const DATABASE: &str = "journal.sqlite";

/// What its owner alone may do with a folder, and what passes its group on.
const OWNER_ALONE: u32 = 0o7700;

/// A state folder that is fit for use.
#[derive(Debug)]
pub(super) struct Place {
    /// The database's file, under the name that the configuration leads to; it exists, if only as an
    /// empty one.
    pub(super) database: PathBuf,
    /// The same without a link on the way.
    pub(super) real: PathBuf,
    /// Which file it is.
    pub(super) identity: Identity,
    /// Keeps other services out until it is dropped.
    pub(super) lock: Option<Lock>,
}

/// Makes or checks the folder and its files, and takes the lock that `access` asks for.
pub(super) fn prepare(folder: &Path, access: Access) -> Result<Place, JournalError> {
    let database = folder.join(DATABASE);
    if access != Access::Beside {
        make_folder(folder)?;
    } else if files::find(&database)?.is_none() {
        return Err(fault::none_yet(&database));
    }
    refuse_foreign_link(folder)?;
    let real_folder =
        fs::canonicalize(folder).map_err(|error| failed("look at files", folder, error))?;
    close_folder(&real_folder, folder)?;
    let lock = match access {
        Access::Service => Some(Lock::take(&real_folder, "")?),
        Access::Poller => Some(Lock::take(&real_folder, POLLER)?),
        Access::Beside => None,
    };
    let real = real_folder.join(DATABASE);
    if access != Access::Beside {
        let made = make(&real, &real_folder);
        made.map_err(|error| failed("make the database", &database, error))?;
        crash::point(Point::JournalMade);
    }
    let Some(found) = files::find(&real)? else {
        return Err(fault::none_yet(&database));
    };
    found.close_to_others()?;
    for suffix in ["-wal", "-shm", "-journal"] {
        if let Some(found) = files::find(&real_folder.join(format!("{DATABASE}{suffix}")))? {
            found.close_to_others()?;
        }
    }
    refuse_foreign_log(&real_folder, &real, &with_suffix(&real, "-wal"))?;
    // SQLite would only say that it is unable to open it.
    let rights = match access {
        Access::Beside => Rights::READ_OK,
        Access::Service | Access::Poller => Rights::READ_OK | Rights::WRITE_OK,
    };
    accessat(CWD, &real, rights, AtFlags::EACCESS)
        .map_err(|error| failed("open the database", &database, error.into()))?;
    Ok(Place {
        database,
        real,
        identity: Identity::of(&found.stat),
        lock,
    })
}

fn make_folder(folder: &Path) -> Result<(), JournalError> {
    if folder.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed("make the folder", folder, error))?;
    // A commit is worth nothing if the way to the file is lost with the power.
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(|error| failed("make the folder", folder, error))
}

/// Refuses a link in the place of the folder that neither root, nor this user, nor the owner of what it
/// leads to has made: in a folder like `/tmp` anybody can put one there.
fn refuse_foreign_link(folder: &Path) -> Result<(), JournalError> {
    let look = |found: io::Result<fs::Metadata>| {
        found.map_err(|error| failed("look at files", folder, error))
    };
    let link = look(fs::symlink_metadata(folder))?;
    let target = look(fs::metadata(folder))?;
    let trusted = [0, geteuid().as_raw(), target.uid()];
    if !link.is_symlink() || trusted.contains(&link.uid()) {
        return Ok(());
    }
    Err(JournalError::Unusable {
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
fn close_folder(folder: &Path, named: &Path) -> Result<(), JournalError> {
    let look = |error| failed("look at files", named, error);
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
        return Err(JournalError::Unusable {
            message: format!("anybody may write to the state folder {}", named.display()),
            remedy: "set `state_dir` to a folder of its own".to_owned(),
        });
    }
    if !holds_only_ours(folder).map_err(look)? {
        // Other things live here and may have to be read by others; our files are closed in any case.
        return Ok(());
    }
    set_mode(&handle, mode & OWNER_ALONE)
        .map_err(|error| failed("close files to other users", named, error))
}

fn holds_only_ours(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name == LOCK || name.starts_with(DATABASE));
        if !ours {
            return Ok(false);
        }
    }
    Ok(true)
}
