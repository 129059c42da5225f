//! The process group of a running program: ended as a whole, never left behind.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use process_wrap::std::{CommandWrap, CommandWrapper as _, ProcessSession};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use super::look::look;
use super::marked::MARKS;
use super::orphans::own_children;
use super::{FORCE_LIMIT, Remaining, pauses};
use crate::config::is_secret_variable;
use crate::os::limits::with_former_limit;

/// How often, and how far apart, a file that is just being written is tried again.
const BUSY_ROUNDS: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// What the environment has that leads to secrets, and what in it is for this process alone. Nothing changes the
/// environment of a process that runs, so it is read once.
static SECRET: LazyLock<Vec<OsString>> = LazyLock::new(|| named(is_secret_variable));
static OURS_ALONE: LazyLock<Vec<OsString>> = LazyLock::new(|| named(is_ours_alone));

fn named(is_meant: fn(&OsStr) -> bool) -> Vec<OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_meant(name)).collect()
}

/// A program's process, and the group it leads. Dropped before the leader was waited for, the whole
/// group is killed.
///
/// The group is signalled only while the leader has not been waited for: until then, even as a
/// zombie, it keeps the group's number from being given to a stranger.
#[derive(Debug)]
pub struct Group {
    pub(crate) leader: Child,
    id: Pid,
}

impl Group {
    /// Starts a program as the leader of a new group. In its environment it finds nothing that is
    /// the service's alone. It has no terminal: one that asks there is refused, and not halted.
    pub(crate) async fn start(command: &mut Command) -> io::Result<Self> {
        // A new session costs the posix_spawn path, which nothing else may leave: no uid, no gid.
        if has_terminal() {
            ProcessSession.pre_spawn(command.as_std_mut(), &CommandWrap::with_new("", |_| {}))?;
        } else {
            command.process_group(0);
        }
        command.kill_on_drop(true);
        for name in &*OURS_ALONE {
            command.env_remove(name);
        }
        let mut busy = 0;
        loop {
            match Self::spawn(command) {
                Ok(group) => return Ok(group),
                // The process that writes the file soon closes it; so does a process that is just being started,
                // elsewhere in this program, while a file is being written.
                Err(error)
                    if Errno::from_io_error(&error) == Some(Errno::TXTBSY)
                        && busy < BUSY_ROUNDS =>
                {
                    busy += 1;
                }
                Err(error) => return Err(error),
            }
            sleep(BUSY_PAUSE).await;
        }
    }

    fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut own = own_children();
        let leader = with_former_limit(|| command.spawn())?;
        let id = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("its process has no id"))?;
        own.insert(id.as_raw_pid());
        Ok(Self { leader, id })
    }

    /// The number of the group, which is the leader's process id.
    pub(crate) fn id(&self) -> i32 {
        self.id.as_raw_pid()
    }

    /// The pipe to the program's standard input.
    pub(crate) fn stdin(&mut self) -> io::Result<ChildStdin> {
        self.leader.stdin.take().ok_or_else(no_pipe)
    }

    /// The pipes from the program's standard output and standard error.
    pub(crate) fn outputs(&mut self) -> io::Result<(ChildStdout, ChildStderr)> {
        let leader = &mut self.leader;
        leader
            .stdout
            .take()
            .zip(leader.stderr.take())
            .ok_or_else(no_pipe)
    }

    /// Ends the whole group: sends SIGTERM, waits up to `grace`, then sends SIGKILL. Returns whether all its
    /// processes have ended; at once, if the leader was waited for. A process that has changed its user
    /// cannot be ended, nor can one that waits in the kernel.
    #[must_use = "processes of the group may still be alive"]
    pub(crate) async fn end(&mut self, grace: Duration) -> bool {
        if self.leader.id().is_none() {
            return true;
        }
        self.signal(Signal::TERM);
        // One that was halted could not do as it is asked.
        self.signal(Signal::CONT);
        if !self.gone_within(grace).await {
            self.signal(Signal::KILL);
            if !self.gone_within(FORCE_LIMIT).await {
                return false;
            }
        }
        self.wait_for_leader().await;
        true
    }

    /// What lives on of a group that could not be ended. It is told to end once more, since it may have
    /// become ours again; once it has gone, there is nothing.
    pub(crate) async fn remains(&mut self) -> Vec<Remaining> {
        self.signal(Signal::KILL);
        let living = self.living().await;
        if living.is_empty() {
            self.wait_for_leader().await;
        }
        living
    }

    async fn wait_for_leader(&mut self) {
        let ended = timeout(FORCE_LIMIT, self.leader.wait()).await;
        if let Err(error) = ended.unwrap_or_else(|late| Err(late.into())) {
            let group = self.id();
            tracing::warn!(
                group,
                "failed to wait for the end of the group's leader: {error}"
            );
        }
    }

    /// A process of the group that may not be signalled is found alive afterwards.
    fn signal(&self, signal: Signal) {
        if self.leader.id().is_none() {
            return;
        }
        if let Err(error) = kill_process_group(self.id, signal)
            && !matches!(error, Errno::SRCH | Errno::PERM)
        {
            tracing::warn!(
                group = self.id(),
                "failed to signal a process group: {error}"
            );
        }
    }

    async fn gone_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut pauses = pauses();
        while self.lives().await {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            sleep(left.min(pauses.next().unwrap_or_default())).await;
        }
        true
    }

    /// Whether anything of the group lives, or may do so. Others are looked for only once the leader
    /// has ended.
    async fn lives(&mut self) -> bool {
        self.leader_lives() || !self.living().await.is_empty()
    }

    fn leader_lives(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.leader.id().is_some() && matches!(waitid(WaitId::Pid(self.id), options), Ok(None))
    }

    /// Who lives in the group.
    async fn living(&mut self) -> Vec<Remaining> {
        let unknown = || vec![Remaining::unknown(self.id())];
        let Ok(seen) = look().await else {
            return unknown();
        };
        let living: Vec<Remaining> = seen.living_in(self.id()).map(Remaining::from).collect();
        if !living.is_empty() || seen.complete {
            return living;
        }
        // Processes of other users are hidden. The kernel says whether the group has one; the leader, if
        // it has become one, would be counted even as a zombie.
        if self.leader_lives() {
            return unknown();
        }
        self.wait_for_leader().await;
        match test_kill_process_group(self.id) {
            Err(Errno::PERM) => vec![Remaining::unknown(self.id())],
            _ => living,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // Else its end is still waited for, by the runtime.
        if self.leader.id().is_none() {
            own_children().remove(&self.id());
        }
    }
}

/// Whether this process, and so every one that it starts in its session, has a terminal to ask on.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

fn no_pipe() -> io::Error {
    io::Error::other("its process has no pipes")
}

/// Keeps from a program what the environment of the service has and is not for it: passwords and tokens for
/// `OpenStack`, since what the program prints is in the log, and maybe in the journal; and the marks of processes,
/// which are set anew for what gets any.
pub(crate) fn withhold(command: &mut Command) {
    for name in &*SECRET {
        command.env_remove(name);
    }
    for mark in MARKS {
        command.env_remove(mark);
    }
}

/// Whether a variable of the service is kept from programs: what leads to the service's
/// secrets, and what systemd means for this process alone.
fn is_ours_alone(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    matches!(name, b"CREDENTIALS_DIRECTORY" | b"NOTIFY_SOCKET")
        || name.starts_with(b"WATCHDOG_")
        || name.starts_with(b"LISTEN_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_gave_to_the_service_alone_is_withheld() {
        let cases = [
            ("CREDENTIALS_DIRECTORY", true),
            ("NOTIFY_SOCKET", true),
            ("WATCHDOG_USEC", true),
            ("WATCHDOG_PID", true),
            ("LISTEN_FDS", true),
            ("LISTEN_PIDFDID", true),
            ("PATH", false),
            ("HOME", false),
            ("STATE_DIRECTORY", false),
            ("LISTENER", false),
            ("OS_CLOUD", false),
        ];
        for (name, withheld) in cases {
            assert_eq!(is_ours_alone(OsStr::new(name)), withheld, "{name}");
        }
    }
}
