//! The process group of a running script: ended as a whole, never left behind.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep, timeout};

use crate::actions::process::{FORCE_LIMIT, group_lives, pauses};

/// A script's process, and the group it leads. Dropped before the leader was waited for, the whole
/// group is killed.
///
/// The group is signalled only while the leader has not been waited for: until then, even as a
/// zombie, it keeps the group's number from being given to a stranger.
pub(super) struct Group {
    pub(super) leader: Child,
    id: Pid,
}

impl Group {
    /// A process that was just started as the leader of a new group.
    pub(super) fn of(leader: Child) -> Result<Self, String> {
        let id = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or("its process has no id")?;
        Ok(Self { leader, id })
    }

    /// The number of the group, which is the leader's process id.
    pub(super) fn id(&self) -> i32 {
        self.id.as_raw_pid()
    }

    /// The pipes to the script's standard input, output and error.
    pub(super) fn pipes(&mut self) -> Result<(ChildStdin, ChildStdout, ChildStderr), String> {
        let leader = &mut self.leader;
        match (
            leader.stdin.take(),
            leader.stdout.take(),
            leader.stderr.take(),
        ) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((stdin, stdout, stderr)),
            _ => Err("its process has no pipes".into()),
        }
    }

    /// Ends the whole group: asks, waits up to `grace`, forces. Comes back when none of it lives.
    pub(super) async fn end(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        // One that was halted could not do as it is asked.
        self.signal(Signal::CONT);
        if !self.gone_within(grace).await {
            self.signal(Signal::KILL);
            if !self.gone_within(FORCE_LIMIT).await {
                let group = self.id();
                tracing::warn!(
                    group,
                    "a process of the script cannot be killed, and is left"
                );
            }
        }
        let ended = timeout(FORCE_LIMIT, self.leader.wait()).await;
        if let Err(error) = ended.unwrap_or_else(|late| Err(late.into())) {
            let group = self.id();
            tracing::warn!(group, "failed to wait for the end of the script: {error}");
        }
    }

    fn signal(&self, signal: Signal) {
        if self.leader.id().is_none() {
            return;
        }
        if let Err(error) = kill_process_group(self.id, signal)
            && error != Errno::SRCH
        {
            tracing::warn!(
                group = self.id(),
                "failed to signal the script's group: {error}"
            );
        }
    }

    async fn gone_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut pauses = pauses();
        while group_lives(self.id()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            sleep(left.min(pauses.next().unwrap_or_default())).await;
        }
        true
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
