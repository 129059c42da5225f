//! The state folder: made, closed to others, and held by one service at a time.
//!
//! Payloads can name tenants and hold what they wrote, so nobody but the owner may read them. The
//! database's `-wal` and `-shm` files inherit its mode and owner.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::Access as Rights;
use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};

use super::{Access, fault};
use crate::crash::{self, Point};
use crate::journal::JournalError;

/// The database's file within the state folder.
const DATABASE: &str = "journal.sqlite";

/// What a poller adds to its process id in the lock.
const POLLER: &str = " poll";

/// Locked, and holding the process id, as long as a service has the journal.
const LOCK: &str = "service.lock";

/// How long the lock of a service that has died may be kept by a script that it was just starting:
/// a process has its parent's files until it has become the script. Its successor waits that long,
/// which also keeps recovery from looking for the script too early.
const INHERITED: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(20);

/// A state folder that is fit for use.
#[derive(Debug)]
pub(super) struct Place {
    /// The database's file; it exists, if only as an empty one.
    pub(super) database: PathBuf,
    /// Keeps other services out until it is dropped.
    pub(super) lock: Option<File>,
}

/// Makes or checks the folder and its files, and takes the lock that `access` asks for.
pub(super) fn prepare(folder: &Path, access: Access) -> Result<Place, JournalError> {
    let database = folder.join(DATABASE);
    if access != Access::Beside {
        make_folder(folder)?;
    } else if !database
        .try_exists()
        .map_err(|error| failed("look at files", &database, error))?
    {
        return Err(fault::none_yet(&database));
    }
    close_to_others(folder)?;
    let lock = match access {
        Access::Service => Some(lock(folder, "")?),
        Access::Poller => Some(lock(folder, POLLER)?),
        Access::Beside => None,
    };
    if access != Access::Beside {
        let made = make(&database, folder);
        made.map_err(|error| failed("make the database", &database, error))?;
        crash::point(Point::JournalMade);
    }
    close_to_others(&database)?;
    // SQLite would only say that it is unable to open it.
    let rights = match access {
        Access::Beside => Rights::READ_OK,
        Access::Service | Access::Poller => Rights::READ_OK | Rights::WRITE_OK,
    };
    let granted = rustix::fs::access(&database, rights);
    granted.map_err(|error| failed("open the database", &database, error.into()))?;
    Ok(Place { database, lock })
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

/// Refuses what belongs to another user, and takes the rights of everybody else away.
fn close_to_others(path: &Path) -> Result<(), JournalError> {
    let metadata = fs::metadata(path).map_err(|error| failed("look at files", path, error))?;
    refuse_stranger(path, metadata.uid(), geteuid().as_raw())?;
    let mode = metadata.mode() & 0o7777;
    let others = if metadata.is_dir() { 0o077 } else { 0o177 };
    if mode & others == 0 {
        return Ok(());
    }
    if metadata.is_dir() && mode & 0o002 != 0 {
        return Err(JournalError::Unusable {
            message: format!("anybody may write to the state folder {}", path.display()),
            remedy: "set `state_dir` to a folder of its own".to_owned(),
        });
    }
    if metadata.is_dir()
        && !holds_only_ours(path).map_err(|error| failed("look at files", path, error))?
    {
        // Other things live here and may have to be read by others; our files are closed in any case.
        return Ok(());
    }
    let closed = fs::set_permissions(path, fs::Permissions::from_mode(mode & !others));
    closed.map_err(|error| failed("close files to other users", path, error))
}

/// Root may use everybody's files, anybody else only their own.
fn refuse_stranger(path: &Path, owner: u32, user: u32) -> Result<(), JournalError> {
    if user == 0 || user == owner {
        return Ok(());
    }
    Err(JournalError::Unusable {
        message: format!(
            "{} belongs to user {owner}, but this process runs as user {user}",
            path.display()
        ),
        remedy: "run this as that user or as root, or set `state_dir` to a folder of this user"
            .to_owned(),
    })
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

/// Makes a file that its owner alone may read, unless it exists. One that root makes goes to the
/// folder's owner, or the service could not use what an administrator once started by hand.
///
/// An existing database must not even be opened: closing it again would take away the locks that
/// another connection of this process has on it.
fn make(path: &Path, folder: &Path) -> io::Result<()> {
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

/// Takes the lock for as long as the answer lives. The kernel gives it back however the process ends.
/// `role` stands behind the process id in it.
fn lock(folder: &Path, role: &str) -> Result<File, JournalError> {
    let path = folder.join(LOCK);
    let open = || OpenOptions::new().read(true).write(true).open(&path);
    let opened = make(&path, folder).and_then(|()| open());
    let mut file = opened.map_err(|error| failed("open the lock", &path, error))?;
    let deadline = Instant::now() + INHERITED;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                let text = holder(&mut file);
                let poller = text.as_ref().is_some_and(|text| text.ends_with(POLLER));
                let pid = text.and_then(|text| Some(text.split(' ').next()?.to_owned()));
                if Instant::now() >= deadline || pid.as_deref().is_some_and(lives) {
                    return Err(JournalError::InUse {
                        folder: folder.display().to_string(),
                        pid: pid.unwrap_or_else(|| "unknown".to_owned()),
                        poller,
                    });
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::Error(error)) => return Err(failed("take the lock", &path, error)),
        }
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}{role}", std::process::id()));
    written.map_err(|error| failed("write the lock", &path, error))?;
    Ok(file)
}

/// What the holder of the lock has left in it: its process id, and its role.
fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn lives(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// A refused access stays refused until somebody changes it; other I/O errors may pass.
fn failed(what: &'static str, path: &Path, error: io::Error) -> JournalError {
    let lasting = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::NotADirectory,
        io::ErrorKind::IsADirectory,
        io::ErrorKind::AlreadyExists,
    ];
    if lasting.contains(&error.kind()) {
        return JournalError::Unusable {
            message: format!("failed to {what} in the journal {}: {error}", path.display()),
            remedy: "run this as the user of the service or as root, or set `state_dir` to a folder of this user"
                .to_owned(),
        };
    }
    JournalError::Unavailable {
        what,
        path: path.display().to_string(),
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_of_a_dead_service_is_waited_for_and_that_of_a_living_one_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(LOCK);
        let hold = |pid: &str| {
            fs::write(&path, pid).unwrap();
            let file = File::open(&path).unwrap();
            file.try_lock().unwrap();
            file
        };
        let held = hold("1\n");
        let told = lock(folder.path(), "").unwrap_err().to_string();
        assert!(told.ends_with("another service (process 1)"), "{told}");
        drop(held);

        let held = hold(&format!("{}\n", i32::MAX));
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(held);
        });
        let taken = lock(folder.path(), "").unwrap();
        holder.join().unwrap();
        let own = format!("{}\n", std::process::id());
        assert_eq!(fs::read_to_string(&path).unwrap(), own);
        drop(taken);
    }

    #[test]
    fn files_of_strangers_are_refused() {
        let cases = [
            (0, 0, true),
            (0, 1000, false),
            (1000, 1000, true),
            (1000, 1001, false),
            (1000, 0, true),
        ];
        for (owner, user, fine) in cases {
            let answer = refuse_stranger(Path::new("/state"), owner, user);
            assert_eq!(answer.is_ok(), fine, "owner {owner}, user {user}");
            if let Err(error) = answer {
                let expected =
                    format!("/state belongs to user {owner}, but this process runs as user {user}");
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}
