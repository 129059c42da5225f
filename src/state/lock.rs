//! One service a folder and a journal, whatever happens to any file.
//!
//! Three locks, all of which the kernel releases when the process ends, for any reason:
//!
//! - on the folder itself, which cannot be removed and made again without removing what is in it, and
//!   which stays when the folder is moved;
//! - on `service.lock`, which says who holds the folder, and keeps others out where folders have no
//!   locks (NFS);
//! - on the journal's name, as an abstract socket: a copy of the journal, or one that was moved out of
//!   its folder, has the same name, and its service would take the scripts of the first for leftovers.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
    sockopt::socket_peercred,
};
use rustix::process::{Pid, geteuid, getpid, test_kill_process};

use super::files::{self, Identity};
use super::note::{LOCK, holder, line, open_note, write_note};
use super::{InUse, StateError, file_system};

/// What a poller adds to its process id in the lock.
pub(super) const POLLER: &str = " poll";

/// How long the lock of a service that has died may be kept by a script that it was just starting:
/// a process has its parent's files until it has become the script. Its successor waits that long,
/// which also keeps recovery from looking for the script too early.
const INHERITED: Duration = Duration::from_secs(10);

/// The same if the process id is this process's own. Then the holder is most likely dead, too: in containers each service has the
/// process id of the one before. It is this process itself only where one has several journals, as tests do.
const INHERITED_FROM_NAMESAKE: Duration = Duration::from_secs(1);

const PAUSE: Duration = Duration::from_millis(20);

/// Keeps other services out until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    folder: PathBuf,
    role: &'static str,
    note: File,
    line: Option<String>,
    // Held, and never asked.
    _of_folder: Option<File>,
    of_name: Option<OwnedFd>,
}

impl Lock {
    /// Takes the locks of `folder`, a real path. `role` stands behind the process id in `service.lock`.
    pub(super) fn take(folder: &Path, role: &'static str) -> Result<Self, StateError> {
        let waiting = Waiting::new(folder);
        let open = || {
            File::open(folder).map_err(|error| StateError::failed("open the folder", folder, error))
        };
        // Network file systems lock no folders; that of the file has to do there.
        let of_folder = waiting.lock(folder, open)?.ok();
        let path = folder.join(LOCK);
        let note = waiting.lock(&path, || open_note(folder))?;
        let unfit = |error: io::Error| {
            if file_system::means_no_locks(&error) {
                file_system::lacks("locks", folder, &error)
            } else {
                StateError::failed("take the lock", &path, error)
            }
        };
        let mut note = note.map_err(unfit)?;
        // The database uses locks of this other kind. It would take a refusal for a database in use.
        match fcntl_lock(&note, FlockOperation::NonBlockingLockShared).map_err(io::Error::from) {
            Err(error) if file_system::means_no_locks(&error) => return Err(unfit(error)),
            _ => {}
        }
        // What the journal of an earlier service has left there is asked for when that is opened.
        let line = line(&mut note);
        write_note(&mut note, role, line.as_deref())
            .map_err(|error| StateError::failed("write the lock", &path, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            role,
            note,
            line,
            _of_folder: of_folder,
            of_name: None,
        })
    }

    /// Takes the lock on the journal's name.
    pub(super) fn take_name(&mut self, name: &str) -> Result<(), StateError> {
        let waiting = Waiting::new(&self.folder);
        let Ok(address) =
            SocketAddrUnix::new_abstract_name(format!("esi-event-actions/{name}").as_bytes())
        else {
            return Ok(());
        };
        let new = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        };
        loop {
            // A sandbox may know no such sockets. The folder is locked in any case.
            let Ok(socket) = new() else { return Ok(()) };
            match bind(&socket, &address).and_then(|()| listen(&socket, 64)) {
                Ok(()) => {
                    self.of_name = Some(socket);
                    return Ok(());
                }
                Err(Errno::ADDRINUSE) => {}
                Err(_) => return Ok(()),
            }
            let holder = new().and_then(|socket| {
                connect(&socket, &address)?;
                socket_peercred(&socket)
            });
            let pid = match holder {
                // Every user can see the name and take it; that of a stranger says nothing.
                Ok(holder) if !self.trusts(holder.uid.as_raw()) => {
                    tracing::warn!(
                        "user {} (process {}) holds the name of this journal, and is ignored",
                        holder.uid.as_raw(),
                        holder.pid.as_raw_nonzero()
                    );
                    return Ok(());
                }
                Ok(holder) => Some(holder.pid.as_raw_nonzero().to_string()),
                Err(_) => None,
            };
            waiting.wait(pid.as_deref(), |pid| InUse {
                folder: self.folder.display().to_string(),
                pid,
                poller: false,
                elsewhere: true,
            })?;
        }
    }

    /// Whether this user's processes may be services of this journal.
    fn trusts(&self, user: u32) -> bool {
        let owner = std::fs::metadata(&self.folder)
            .ok()
            .map(|found| found.uid());
        user == 0 || user == geteuid().as_raw() || Some(user) == owner
    }

    /// Writes this line into `service.lock`, behind who holds it.
    pub(super) fn leave_line(&mut self, line: Option<String>) {
        if self.line != line {
            self.line = line;
            // It is a precaution: a full disk must not stop the service here.
            drop(write_note(&mut self.note, self.role, self.line.as_deref()));
        }
    }

    /// Puts `service.lock` back if somebody removed or replaced it: others read there who holds the
    /// folder.
    ///
    /// # Errors
    /// If another service has it now, which can only be where folders have no locks.
    pub(super) fn keep_note(&mut self) -> Result<(), String> {
        let path = self.folder.join(LOCK);
        if self.is_in_place(&path) {
            return Ok(());
        }
        drop(std::fs::remove_file(&path));
        let Ok(mut note) = open_note(&self.folder) else {
            // A full disk, for one: tried again with the next commit.
            return Ok(());
        };
        if let Err(TryLockError::WouldBlock) = note.try_lock() {
            let who = holder(&mut note).unwrap_or_else(|| "unknown".to_owned());
            return Err(format!(
                "the lock {} was removed, and process {who} has it now",
                path.display()
            ));
        }
        tracing::warn!(
            "{} was removed or replaced while this service holds it; it is made again",
            path.display()
        );
        drop(write_note(&mut note, self.role, self.line.as_deref()));
        self.note = note;
        Ok(())
    }

    fn is_in_place(&self, path: &Path) -> bool {
        let own = rustix::fs::fstat(&self.note).map(|stat| Identity::of(&stat));
        match (own, Identity::at(path)) {
            (Ok(own), Ok(found)) => own == found,
            // It cannot be looked at; that says nothing.
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), _) => true,
        }
    }
}

/// Whether a service holds `folder`, a real path. A lock that is found free is held for a
/// moment to see that; a service that starts just then tries again, as after one that has died.
pub(super) fn is_held(folder: &Path) -> io::Result<bool> {
    for path in [folder, &folder.join(LOCK)] {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        // Where there are no locks of one kind, the other one tells.
        if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a service other than a poller holds `folder`, a real path.
pub(super) fn is_listened_in(folder: &Path) -> io::Result<bool> {
    let is_poller = || {
        let note = File::open(folder.join(LOCK)).ok();
        let holder = note.and_then(|mut note| holder(&mut note));
        holder.is_some_and(|holder| holder.ends_with(POLLER))
    };
    Ok(is_held(folder)? && !is_poller())
}

/// A service that waits for the locks of another one.
struct Waiting<'a> {
    folder: &'a Path,
    since: Instant,
}

impl<'a> Waiting<'a> {
    fn new(folder: &'a Path) -> Self {
        let since = Instant::now();
        Self { folder, since }
    }

    /// Locks what `open` opens at `path`, and sees that it is still there afterwards. Answers with the
    /// error of a file system that cannot lock it.
    fn lock(
        &self,
        path: &Path,
        open: impl Fn() -> Result<File, StateError>,
    ) -> Result<io::Result<File>, StateError> {
        loop {
            let file = open()?;
            match file.try_lock() {
                Ok(()) => {
                    let locked = rustix::fs::fstat(&file).map(|stat| Identity::of(&stat));
                    if locked.map_err(io::Error::from).ok() == Identity::at(path).ok() {
                        return Ok(Ok(file));
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Ok(Err(error)),
            }
            let text = files::find(&self.folder.join(LOCK))
                .ok()
                .flatten()
                .and_then(|found| holder(&mut found.open().ok()?));
            let poller = text.as_ref().is_some_and(|text| text.ends_with(POLLER));
            let pid = text.as_ref().and_then(|text| text.split(' ').next());
            self.wait(pid, |pid| InUse {
                folder: self.folder.display().to_string(),
                pid,
                poller,
                elsewhere: false,
            })?;
        }
    }

    /// Waits a moment for a holder that has died; refuses if it lives, or for too long.
    fn wait(
        &self,
        pid: Option<&str>,
        refusal: impl FnOnce(String) -> InUse,
    ) -> Result<(), StateError> {
        if self.since.elapsed() >= pid.map_or(INHERITED, patience) {
            return Err(refusal(pid.unwrap_or("unknown").to_owned()).into());
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }
}

/// How long a lock of this process may be kept by others, if it has died.
fn patience(pid: &str) -> Duration {
    match pid.parse().ok().and_then(Pid::from_raw) {
        Some(pid) if pid == getpid() => INHERITED_FROM_NAMESAKE,
        Some(pid) if test_kill_process(pid) != Err(Errno::SRCH) => Duration::ZERO,
        _ => INHERITED,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_lock_of_a_service_that_may_be_dead_is_waited_for_and_that_of_a_living_one_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(LOCK);
        let hold = |pid: &str| {
            fs::write(&path, pid).unwrap();
            let file = File::open(&path).unwrap();
            file.try_lock().unwrap();
            file
        };
        let held = hold("1\n");
        let told = Lock::take(folder.path(), "").unwrap_err().to_string();
        assert!(told.ends_with("another service (process 1)"), "{told}");
        drop(held);

        let own = format!("{}\n", std::process::id());
        for dead in [&format!("{}\n", i32::MAX), &own] {
            let held = hold(dead);
            let holder = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                drop(held);
            });
            let taken = Lock::take(folder.path(), "").unwrap();
            holder.join().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), own);
            drop(taken);
        }
    }

    #[test]
    fn a_lock_without_its_file_keeps_others_out_and_puts_the_file_back() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(LOCK);
        let mut held = Lock::take(folder.path(), POLLER).unwrap();
        let own = format!("{} poll\n", std::process::id());
        for harm in ["removed", "replaced", "a link"] {
            fs::remove_file(&path).unwrap();
            match harm {
                "replaced" => fs::write(&path, "1\n").unwrap(),
                "a link" => std::os::unix::fs::symlink("/etc/hostname", &path).unwrap(),
                _ => {}
            }
            held.keep_note().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), own, "{harm}");
            match Lock::take(folder.path(), "") {
                Err(StateError::InUse(InUse {
                    poller: true, pid, ..
                })) => {
                    assert_eq!(pid, std::process::id().to_string());
                }
                other => panic!("{harm}: expected a folder in use, found {other:?}"),
            }
        }
        drop(held);
        Lock::take(folder.path(), "").unwrap();
    }

    #[test]
    fn whether_a_lock_is_held_is_told_by_either_file_and_keeps_nobody_out() {
        let folder = tempfile::TempDir::new().unwrap();
        assert!(!is_held(folder.path()).unwrap());
        let held = Lock::take(folder.path(), "").unwrap();
        assert!(is_held(folder.path()).unwrap());
        fs::remove_file(folder.path().join(LOCK)).unwrap();
        assert!(is_held(folder.path()).unwrap());
        drop(held);
        assert!(!is_held(folder.path()).unwrap());

        // As where folders have no locks.
        let note = File::create(folder.path().join(LOCK)).unwrap();
        note.try_lock().unwrap();
        assert!(is_held(folder.path()).unwrap());
        drop(note);
        Lock::take(folder.path(), "").unwrap();
    }

    #[test]
    fn a_poller_holds_a_folder_and_does_not_listen() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_listened_in(folder.path()).unwrap());
        for (role, listens) in [("", true), (POLLER, false)] {
            let held = Lock::take(folder.path(), role).unwrap();
            assert_eq!(is_listened_in(folder.path()).unwrap(), listens);
            drop(held);
            assert!(!is_listened_in(folder.path()).unwrap());
        }
    }
}
