//! Tells a service that a command has written to its journal, or that somebody has taken a file of it away. The
//! kernel does that (inotify), so nobody has to look again and again.
//!
//! A commit is not in the log before it is complete, and the log is written to before that. So it is not
//! writing that tells, but what comes after it: a command touches the log once it has committed, and its end, whatever
//! that is, closes the log. The service itself does neither.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, inotify, utimensat};
use tokio::net::unix::pipe::Receiver;

/// How often the journal is to be looked at where the kernel does not tell.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What others do to the log and to the folder from now on.
pub(super) struct Changes(io::Result<Receiver>);

impl Changes {
    /// Of this log, in this folder.
    pub(super) fn of(folder: &Path, log: &Path) -> Self {
        Self(watch(folder, log))
    }

    /// Comes back when there has been one, or at any other time.
    pub(super) async fn next(self) {
        let told = match &self.0 {
            Ok(watch) => watch.readable().await,
            Err(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        if told.is_err() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn watch(folder: &Path, log: &Path) -> io::Result<Receiver> {
    use inotify::{CreateFlags, WatchFlags};
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    // The log's end is a change of its attributes, too.
    let of_log = WatchFlags::ATTRIB | WatchFlags::CLOSE_WRITE;
    inotify::add_watch(&watch, log, of_log)?;
    let of_folder = WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::MOVE_SELF;
    inotify::add_watch(&watch, folder, of_folder)?;
    // What can be waited for is as good as the end of a pipe.
    Receiver::from_owned_fd_unchecked(watch)
}

/// Tells the service, if there is one, that something was written.
pub(super) fn tell(log: &Path) {
    // Both times: a change of one of them alone counts as reading or writing.
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let now = Timestamps {
        last_access: now,
        last_modification: now,
    };
    // It is told again by the end of this process.
    if let Err(error) = utimensat(CWD, log, &now, AtFlags::empty()) {
        tracing::debug!("failed to tell the service of a change: {error}");
    }
}
