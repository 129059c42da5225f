//! Tells when the wall clock is set: the kernel knows, so nobody has to compare it with another clock every second.

use std::future::pending;
use std::io;

use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

/// A timer for a time that does not come, which setting the clock cancels.
#[derive(Debug)]
pub(crate) struct ClockWatch(Option<Receiver>);

impl ClockWatch {
    /// From now on.
    pub(crate) fn start() -> Self {
        let timer = timer().inspect_err(|error| {
            tracing::debug!("the kernel does not tell when the clock is set: {error}");
        });
        Self(timer.ok())
    }

    /// Comes back when the clock was set since this last came back, or the machine has slept. Never, if the kernel
    /// does not tell. May be dropped any time.
    pub(crate) async fn set(&self) {
        let Some(timer) = &self.0 else {
            return pending().await;
        };
        loop {
            if timer.readable().await.is_err() {
                return pending().await;
            }
            let read = timer.try_read(&mut [0; 8]);
            if read.is_err_and(|error| Errno::from_io_error(&error) == Some(Errno::CANCELED)) {
                return;
            }
        }
    }
}

fn timer() -> io::Result<Receiver> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
    let never = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec {
            tv_sec: i64::from(u32::MAX),
            tv_nsec: 0,
        },
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(&timer, flags, &never)?;
    // What can be waited for, and read, is as good as the end of a pipe.
    Receiver::from_owned_fd_unchecked(timer)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_clock_that_is_not_set_is_told_of_by_nobody() {
        let watch = ClockWatch::start();
        assert!(watch.0.is_some(), "the kernel tells");
        assert!(watch.set().now_or_never().is_none());
    }
}
