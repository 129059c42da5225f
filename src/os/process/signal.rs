//! Signals to processes that this one has not started, and which processes never get one.

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal, test_kill_process_group,
};

use super::Status;

/// Whether the group has a process of another user that is hidden from this one.
pub(crate) fn is_hidden(group: i32) -> bool {
    Pid::from_raw(group).is_some_and(|group| test_kill_process_group(group) == Err(Errno::PERM))
}

/// Whatever the signs say: never the init process, never this process or its own group.
pub(crate) fn may_be_ended(process: &Status, myself: &Status) -> bool {
    process.alive && process.pid > 1 && process.pid != myself.pid && process.group != myself.group
}

/// Signals this process and no other. What cannot be signalled is found alive in the next round.
pub(crate) fn signal(process: &Status, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    let handle = pidfd_open(pid, PidfdFlags::empty());
    let still = Status::of(process.pid).is_ok_and(|now| now.start_ticks == process.start_ticks);
    if !still {
        return;
    }
    let sent = match handle {
        Ok(handle) => pidfd_send_signal(handle, signal),
        // A kernel, or a sandbox, without such handles.
        Err(Errno::NOSYS | Errno::PERM) => kill_process(pid, signal),
        Err(error) => Err(error),
    };
    if let Err(error) = sent
        && !matches!(error, Errno::SRCH | Errno::PERM)
    {
        tracing::warn!(
            pid = process.pid,
            "failed to signal a leftover process: {error}"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_id_that_was_given_to_another_one_meanwhile_is_not_signalled() {
        let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut seen = Status::of(stranger.id().cast_signed()).unwrap();
        seen.start_ticks -= 1;
        signal(&seen, Signal::KILL);
        seen.start_ticks += 1;
        signal(&seen, Signal::TERM);
        assert_eq!(stranger.wait().unwrap().signal(), Some(15));
    }

    #[test]
    fn neither_init_nor_this_process_nor_its_group_may_be_ended() {
        let process = Status::made_up;
        let myself = process(50, 40, true);
        let cases = [
            (process(60, 60, true), true),
            (process(60, 50, true), true),
            (process(60, 60, false), false),
            (process(50, 40, true), false),
            (process(50, 60, true), false),
            (process(60, 40, true), false),
            (process(1, 1, true), false),
            (process(0, 0, true), false),
        ];
        for (process, allowed) in cases {
            assert_eq!(may_be_ended(&process, &myself), allowed, "{process:?}");
        }
    }
}
