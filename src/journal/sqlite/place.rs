//! Where the database is in the state folder, and whether it and what lies beside it may be used.
//!
//! The database's `-wal` and `-shm` files inherit its mode and owner.

use std::path::{Path, PathBuf};

use rustix::fs::{Access as Rights, AtFlags, CWD, accessat};

use super::belonging::refuse_foreign_log;
use crate::crash::{self, Point};
use crate::journal::JournalError;
use crate::state::files::{self, Identity, make};
use crate::state::{Folder, StateError};

/// The database's file within the state folder.
pub(super) const DATABASE: &str = "journal.sqlite";

/// A database that may be used.
#[derive(Debug)]
pub(super) struct Place {
    /// The database's file, under the name that the configuration leads to; it exists, if only as an
    /// empty one.
    pub(super) database: PathBuf,
    /// The same without a link on the way.
    pub(super) real: PathBuf,
    /// Which file it is.
    pub(super) identity: Identity,
}

/// Checks the files in the folder. Makes the database, as an empty file, if there is none and the folder is a
/// service's.
pub(super) fn prepare(folder: &Folder) -> Result<Place, JournalError> {
    let database = folder.path().join(DATABASE);
    let real = folder.real_path().join(DATABASE);
    let serves = folder.access().serves();
    if serves {
        let made = make(&real, folder.real_path());
        made.map_err(|error| JournalError::failed("make the database", &database, error))?;
        crash::point(Point::JournalMade);
    }
    let Some(found) = files::find(&real)? else {
        return Err(StateError::none_yet(&database).into());
    };
    found.close_to_others()?;
    for suffix in ["-wal", "-shm", "-journal"] {
        if let Some(found) = files::find(&with_suffix(&real, suffix))? {
            found.close_to_others()?;
        }
    }
    refuse_foreign_log(folder, &real, &with_suffix(&real, "-wal"))?;
    // SQLite would only say that it is unable to open it.
    let rights = if serves {
        Rights::READ_OK | Rights::WRITE_OK
    } else {
        Rights::READ_OK
    };
    accessat(CWD, &real, rights, AtFlags::EACCESS)
        .map_err(|error| JournalError::failed("open the database", &database, error.into()))?;
    Ok(Place {
        database,
        real,
        identity: Identity::of(&found.stat),
    })
}

/// The path of the file that `SQLite` keeps beside `path` under this ending.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
