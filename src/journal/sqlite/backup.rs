//! A copy of the whole journal, made beside a service that goes on writing.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::fault::Fault;
use super::place::DATABASE;
use crate::journal::JournalError;
use crate::state::{file_system, files, is_own};

/// Writes the journal of `connection` into a new file at `target`, and answers its size.
///
/// It is made in a folder of its own beside the target, which nobody else can enter, and gets its name
/// when it is on disk, so that there is never half a backup under that name.
pub(super) fn write(connection: &Connection, target: &Path) -> Result<u64, Fault> {
    let failed = |error: io::Error| Fault::from(refused(target, &error));
    if target.file_name().is_none() || fs::symlink_metadata(target).is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if is_ours(connection, target, parent) {
        return Err(failed(io::Error::other(
            "this name is kept for the journal itself",
        )));
    }
    let workshop = Workshop::beside(target, parent).map_err(failed)?;
    let copy = workshop.0.join("journal.sqlite");
    let path = copy.to_str().ok_or_else(|| {
        failed(io::Error::other(
            "the path is not UTF-8 text, which the database needs",
        ))
    })?;
    if let Err(error) = connection.execute("VACUUM INTO ?1", [path]) {
        let of_journal = [
            ErrorCode::DatabaseBusy,
            ErrorCode::DatabaseCorrupt,
            ErrorCode::NotADatabase,
        ];
        let code = error.sqlite_error_code();
        if code.is_some_and(|code| of_journal.contains(&code)) {
            return Err(error.into());
        }
        let refusal = file_system::refusal_of_writes(parent);
        let error = refusal.unwrap_or_else(|| error.to_string());
        return Err(failed(io::Error::other(error)));
    }
    let finish = || {
        let file = File::open(&copy)?;
        files::set_mode(&file, 0o600)?;
        file.sync_all()?;
        match renameat_with(CWD, &copy, CWD, target, RenameFlags::NOREPLACE) {
            // Some file systems cannot do that in one step; nobody else writes there.
            Err(Errno::INVAL | Errno::NOSYS) if fs::symlink_metadata(target).is_err() => {
                fs::rename(&copy, target)?;
            }
            renamed => renamed?,
        }
        File::open(parent)?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    finish().map_err(failed)
}

/// Whether this would be a file that the journal itself has beside its database.
fn is_ours(connection: &Connection, target: &Path, parent: &Path) -> bool {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let database = connection.path().map(Path::new);
    let folder = database.and_then(Path::parent);
    let same =
        folder.is_some_and(|folder| fs::canonicalize(folder).ok() == fs::canonicalize(parent).ok());
    same && is_own(&name, DATABASE)
}

/// A folder that goes with whatever is left in it.
struct Workshop(PathBuf);

impl Workshop {
    fn beside(target: &Path, parent: &Path) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let folder = parent.join(format!(".{name}.{:08x}", fastrand::u32(..)));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn refused(target: &Path, error: &io::Error) -> JournalError {
    let target = target.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        return JournalError::Unusable {
            message: format!("{target} exists already, and a backup does not replace it"),
            remedy: "name a file that does not exist yet, or remove that one".to_owned(),
        };
    }
    JournalError::Unusable {
        message: format!("failed to write the backup {target}: {error}"),
        remedy:
            "name a file in a folder that exists, that this user may write to, and that has space"
                .to_owned(),
    }
}
