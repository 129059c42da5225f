//! Looks at files before they are used, and follows no link on the way.
//!
//! Root works in folders of other users, who can put anything under the names that it expects. So a
//! file is opened without following links and without reading it (`O_PATH`, which also neither waits
//! for the other end of a FIFO nor wakes a device); the open file is then checked and changed, never the
//! name again. Such a handle also leaves the locks of `SQLite` alone when it is closed.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::StateError;

/// What its owner alone may do with a file.
const OWNER_ALONE: u32 = 0o600;

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Its number within its file system.
    pub(crate) fn inode(self) -> u64 {
        self.inode
    }

    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }

    /// That of what is found under a path. The folders on the way may be links.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::lstat(path)?))
    }
}

/// A regular file that is there.
#[derive(Debug)]
pub(crate) struct Found {
    handle: OwnedFd,
    /// What is known of it.
    pub(crate) stat: Stat,
    path: PathBuf,
}

/// Looks at the file at `path`. Answers nothing if there is none, and refuses what is not a regular
/// file of one name.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, StateError> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = match openat(CWD, path, flags, Mode::empty()) {
        Ok(handle) => handle,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(StateError::failed("look at files", path, error.into())),
    };
    let stat =
        fstat(&handle).map_err(|error| StateError::failed("look at files", path, error.into()))?;
    if let Some(what) = kind(&stat) {
        return Err(StateError::Unusable {
            message: format!("expected a file at {}, but found {what}", path.display()),
            remedy: "move it away, or set `state_dir` to a folder that holds nothing else"
                .to_owned(),
        });
    }
    if stat.st_nlink > 1 {
        return Err(StateError::Unusable {
            message: format!(
                "{} has {} names (hard links), so it may be another file than it seems to be",
                path.display(),
                stat.st_nlink
            ),
            remedy: format!(
                "remove the other names (`find -samefile {0}` finds them), or make a file of its own: \
                 stop the service, `cp -p {0} {0}.copy && mv {0}.copy {0}`",
                path.display()
            ),
        });
    }
    let path = path.to_owned();
    Ok(Some(Found { handle, stat, path }))
}

/// What something is that is not a regular file.
fn kind(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a directory"),
        FileType::Symlink => Some("a symbolic link, which is not followed"),
        FileType::Fifo => Some("a FIFO"),
        FileType::Socket => Some("a socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Unknown => Some("something else"),
    }
}

impl Found {
    /// Refuses a file of another user, and takes the rights of everybody but its owner away.
    pub(crate) fn close_to_others(&self) -> Result<(), StateError> {
        refuse_other_owner(&self.path, self.stat.st_uid, geteuid().as_raw())?;
        let mode = self.stat.st_mode & 0o7777;
        if mode & !OWNER_ALONE == 0 {
            return Ok(());
        }
        set_mode(&self.handle, mode & OWNER_ALONE)
            .map_err(|error| StateError::failed("close files to other users", &self.path, error))
    }

    /// Opens this very file.
    pub(crate) fn open(&self) -> Result<fs::File, StateError> {
        let opened = fs::File::options()
            .read(true)
            .write(true)
            .open(by_handle(&self.handle));
        opened.map_err(|error| StateError::failed("open files", &self.path, error))
    }
}

/// Changes the mode of what is open, by whatever kind of handle.
pub(crate) fn set_mode(handle: &impl AsRawFd, mode: u32) -> io::Result<()> {
    fs::set_permissions(by_handle(handle), Permissions::from_mode(mode))
}

fn by_handle(handle: &impl AsRawFd) -> PathBuf {
    format!("/proc/self/fd/{}", handle.as_raw_fd()).into()
}

/// Root may use everybody's files, anybody else only their own.
pub(crate) fn refuse_other_owner(path: &Path, owner: u32, user: u32) -> Result<(), StateError> {
    if user == 0 || user == owner {
        return Ok(());
    }
    Err(StateError::Unusable {
        message: format!(
            "{} belongs to user {owner}, but this process runs as user {user}",
            path.display()
        ),
        remedy: "run this as that user or as root, or set `state_dir` to a folder of this user"
            .to_owned(),
    })
}

/// Makes a file that its owner alone may read, unless there is something of this name. One that root
/// makes goes to the folder's owner, or the service could not use what an administrator once started by
/// hand.
///
/// An existing database must not even be opened: closing it again would take away the locks that
/// another connection of this process has on it.
pub(crate) fn make(path: &Path, folder: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let file = match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    };
    if geteuid().is_root() {
        let owner = fs::metadata(folder)?;
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_users_are_refused() {
        let cases = [
            (0, 0, true),
            (0, 1000, false),
            (1000, 1000, true),
            (1000, 1001, false),
            (1000, 0, true),
        ];
        for (owner, user, fine) in cases {
            let answer = refuse_other_owner(Path::new("/state"), owner, user);
            assert_eq!(answer.is_ok(), fine, "owner {owner}, user {user}");
            if let Err(error) = answer {
                let expected =
                    format!("/state belongs to user {owner}, but this process runs as user {user}");
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}
