//! Messages that wait to be shown. Whatever reads the output may stand still, and the bus does not wait for it: of more
//! than can be kept the oldest are left out, and counted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::sources::amqp::Overheard;

/// At most this many wait.
const MOST: usize = 10_000;

/// At most this many bytes of bodies wait, unless a single one is larger.
const MOST_BYTES: usize = 32 << 20;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Timestamp, Overheard)>,
    bytes: usize,
    left_out: u64,
    is_over: bool,
}

/// What is next to be shown.
#[derive(Debug)]
pub(super) struct Next {
    /// How many are left out before it.
    pub(super) left_out: u64,
    /// When it came.
    pub(super) at: Timestamp,
    /// The message.
    pub(super) message: Overheard,
}

impl Backlog {
    /// Adds a message. Never waits.
    pub(super) fn push(&self, at: Timestamp, message: Overheard) {
        let mut state = self.lock();
        state.bytes += message.size();
        state.waiting.push_back((at, message));
        while state.waiting.len() > MOST || (state.bytes > MOST_BYTES && state.waiting.len() > 1) {
            let Some((_, oldest)) = state.waiting.pop_front() else {
                break;
            };
            state.bytes -= oldest.size();
            state.left_out += 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the next message; `None` once there is to be none.
    pub(super) fn next(&self) -> Option<Next> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            if let Some((at, message)) = state.waiting.pop_front() {
                state.bytes -= message.size();
                let left_out = std::mem::take(&mut state.left_out);
                return Some(Next {
                    left_out,
                    at,
                    message,
                });
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Forgets what waits: nothing more is to be shown.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(sizes: impl IntoIterator<Item = usize>) -> Backlog {
        let backlog = Backlog::default();
        for (number, size) in sizes.into_iter().enumerate() {
            let message = Overheard::of_size(size, &number.to_string());
            backlog.push(Timestamp::UNIX_EPOCH, message);
        }
        backlog
    }

    #[test]
    fn the_oldest_are_left_out_and_counted_where_they_are_missing() {
        let half = MOST_BYTES / 2;
        for (what, backlog, expected) in [
            ("few", filled([1, 1]), [(0, "0"), (0, "1")]),
            ("many", filled(vec![1; MOST + 3]), [(3, "3"), (0, "4")]),
            ("large", filled([1, half, half, half]), [(2, "2"), (0, "3")]),
            (
                "a single one that is larger",
                filled([1, half, 3 * half, half]),
                [(3, "3"), (0, "never")],
            ),
        ] {
            for (left_out, key) in expected {
                if key == "never" {
                    assert!(backlog.lock().waiting.is_empty(), "{what}");
                    continue;
                }
                let next = backlog.next().expect("a message");
                assert_eq!(
                    (next.left_out, next.message.routing_key()),
                    (left_out, key),
                    "{what}"
                );
            }
        }
        let single = filled([2 * MOST_BYTES]);
        assert_eq!(
            single.next().expect("a message").message.size(),
            2 * MOST_BYTES
        );
        assert_eq!(single.lock().bytes, 0);
    }

    #[test]
    fn nothing_is_shown_after_the_end() {
        let backlog = filled([1]);
        backlog.end();
        assert!(backlog.next().is_none());
    }
}
