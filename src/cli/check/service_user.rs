//! `check` for another user: what root can read and run says nothing about the service's user.
//!
//! Nothing is computed from modes: access control lists, `noexec` and network file systems have their
//! own say. `check` is run once more as that user, and really tries.

use std::env;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::cli::report::{Exit, Failure};
use crate::cli::user::{answer, id};

/// This program, also where its file can be reached by root alone.
const OURSELVES: &str = "/proc/self/exe";

/// A user, as far as it decides which files can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    home: Option<PathBuf>,
}

/// Through whose eyes files are looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Eyes {
    /// Those of the current user; why, if that may not be what was meant.
    Own(Option<String>),
    /// Those of another user, and what says that it is the service's.
    Of(User, String),
}

impl Eyes {
    /// Chooses by the user that was named and the folder of the journal, if that is known.
    pub(super) fn choose(named: Option<&str>, state: Option<&Path>) -> Result<Self, Failure> {
        let own = geteuid();
        if let Some(name) = named {
            // A number that has no name, as we are called for the owner of a state folder.
            if name == own.as_raw().to_string() {
                return Ok(Self::Own(None));
            }
            let user = User::find(name)?;
            return Ok(if user.uid == own.as_raw() {
                Self::Own(None)
            } else if own.is_root() {
                Self::Of(user, "named with --user".into())
            } else {
                Self::Own(Some(format!(
                    "only root can look at files as user {name}; run `sudo esi-event-actions check \
                     --user {name}`"
                )))
            });
        }
        if !own.is_root() {
            return Ok(Self::Own(None));
        }
        let remedy = "if the service runs as another user, name it with --user";
        let Some(state) = state else {
            return Ok(Self::Own(Some(format!(
                "the configuration does not say where the state folder is; {remedy}"
            ))));
        };
        let shown = state.display();
        Ok(match std::fs::metadata(state).map(|it| it.uid()) {
            // Nobody else can use the journal.
            Ok(0) => Self::Own(None),
            Ok(owner) => Self::Of(
                User::of_owner(state, owner)?,
                format!("the owner of {shown}"),
            ),
            Err(error) => Self::Own(Some(format!(
                "the owner of the state folder {shown} is not known ({error}); {remedy}"
            ))),
        })
    }
}

impl User {
    fn find(name: &str) -> Result<Self, Failure> {
        let unknown = |why: String| {
            Failure::new(
                Exit::Usage,
                &format!("there is no user `{name}`: {why}"),
                "name the user of the service, like `--user esi-event-actions`",
            )
        };
        let number = |option: &str| -> Result<u32, String> {
            let text = id(&[option], name)?;
            text.parse().map_err(|_| format!("its number is `{text}`"))
        };
        let groups = id(&["-G"], name).map_err(unknown)?;
        Ok(Self {
            name: id(&["-nu"], name).unwrap_or_else(|_| name.to_owned()),
            uid: number("-u").map_err(unknown)?,
            gid: number("-g").map_err(unknown)?,
            groups: groups.split(' ').filter_map(|it| it.parse().ok()).collect(),
            home: home(name),
        })
    }

    /// The owner of the state folder. It need not have a name: systemd gives numbers to services that
    /// have no user of their own.
    fn of_owner(state: &Path, uid: u32) -> Result<Self, Failure> {
        if let Ok(user) = Self::find(&uid.to_string()) {
            return Ok(user);
        }
        let gid = std::fs::metadata(state).map(|it| it.gid());
        let gid = gid.map_err(|error| {
            let message = format!("failed to look at {}: {error}", state.display());
            Failure::new(Exit::Failed, &message, "name the user with --user")
        })?;
        Ok(Self {
            name: uid.to_string(),
            uid,
            gid,
            groups: vec![gid],
            home: None,
        })
    }

    pub(super) fn shown(&self) -> &str {
        &self.name
    }

    /// Runs this program as the user, with these arguments.
    pub(super) fn run(&self, arguments: &[&Path]) -> io::Result<ExitStatus> {
        let mut command = Command::new(OURSELVES);
        command.args(arguments.iter().map(|it| it.as_os_str()));
        // What a session of root's says of its own folders and clouds is not this user's.
        let of_session =
            |name: &[u8]| name.starts_with(b"XDG_") || name.starts_with(b"OS_") || name == b"HOME";
        for (name, _) in env::vars_os().filter(|(name, _)| of_session(name.as_bytes())) {
            command.env_remove(name);
        }
        command.envs(self.home.iter().map(|home| ("HOME", home)));
        // To the kernel a user is a matter of each thread; what this one starts is that user's.
        let become_user = || -> io::Result<ExitStatus> {
            let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            set_thread_groups(&groups)?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
            command.status()
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, become_user)?;
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("its thread ended early")))
        })
    }
}

fn home(user: &str) -> Option<PathBuf> {
    let entry = answer(Command::new("getent").args(["passwd", user])).ok()?;
    entry.split(':').nth(5).map(PathBuf::from)
}
