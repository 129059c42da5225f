//! What befalls the disk under the state folder, and passes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

use crate::support::broker::Reaper;
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::Stage;

/// An ailment of the disk.
pub(super) enum Ailment {
    /// The state folder is a small file system of its own, which a file of ours fills.
    Filled { ballast: PathBuf, _mount: Reaper },
    /// The kernel, as far as the program can see, refuses to change files.
    Refused { shim: Shim, refusal: Refusal },
    /// Another process has the database for itself.
    Locked {
        database: PathBuf,
        holder: Option<Connection>,
    },
}

impl Ailment {
    /// A full disk: a real one, where file systems may be mounted.
    pub(super) fn full(stage: &Stage) -> Self {
        let state = stage.state();
        fs::create_dir(&state).expect("a folder");
        let path = state.to_str().expect("UTF-8");
        let mount = Reaper::arm("umount -l \"$1\"", &[path]);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", path])
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            let ballast = state.join("ballast");
            return Self::Filled {
                ballast,
                _mount: mount,
            };
        }
        Self::refusing(stage, Refusal::Full)
    }

    /// A disk of which the kernel says this.
    pub(super) fn refusing(stage: &Stage, refusal: Refusal) -> Self {
        Self::Refused {
            shim: Shim::new(stage),
            refusal,
        }
    }

    /// A database that is somebody else's for a while.
    pub(super) fn locked(stage: &Stage) -> Self {
        Self::Locked {
            database: stage.state().join("journal.sqlite"),
            holder: None,
        }
    }

    /// Has the program meet it.
    pub(super) fn above<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Refused { shim, .. } => shim.below(command),
            Self::Filled { .. } | Self::Locked { .. } => command,
        }
    }

    pub(super) fn begin(&mut self) {
        match self {
            Self::Filled { ballast, .. } => {
                let mut file = OpenOptions::new().create(true).append(true).open(ballast);
                let file = file.as_mut().expect("a file");
                // In small pieces: nothing is left.
                while file.write_all(&[0; 512]).is_ok() {}
            }
            Self::Refused { shim, refusal } => shim.refuse(*refusal),
            Self::Locked { database, holder } => {
                let other = Connection::open(database).expect("the database");
                other
                    .busy_timeout(crate::support::stage::PATIENCE)
                    .expect("patience");
                other.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
                *holder = Some(other);
            }
        }
    }

    pub(super) fn end(&mut self) {
        match self {
            Self::Filled { ballast, .. } => fs::remove_file(ballast).expect("the ballast"),
            Self::Refused { shim, .. } => shim.mend(),
            Self::Locked { holder, .. } => drop(holder.take()),
        }
    }
}
