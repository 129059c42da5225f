//! One look at all processes, shared by all callers that wait for one, off the runtime's thread.
//!
//! On a machine with many processes a look takes its time: several hundred files of `/proc` are read.
//! When a service stops, each of its scripts is looked for again and again. A caller that asks while a look is
//! under way shares the next one, and no more than half of the time is spent on them.

use std::fs;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::{Status, is_shortage};

/// What was seen at one moment.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) processes: Vec<Status>,
    /// No process of another user is hidden from this one (`hidepid`).
    pub(crate) complete: bool,
}

impl Seen {
    /// Looks at all processes that are there now.
    pub(super) fn now() -> io::Result<Self> {
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let pid = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            match pid.map(Status::of) {
                Some(Ok(status)) => processes.push(status),
                // Nothing is known of it: it may live.
                Some(Err(error)) if is_shortage(&error) => return Err(error),
                // It has ended in between, or is hidden from this user.
                Some(Err(_)) | None => {}
            }
        }
        Ok(Self {
            complete: processes.iter().any(|process| process.pid == 1),
            processes,
        })
    }

    /// Those in the group that live. Zombies do not: they do nothing any more, and who has to take them
    /// away may never do so.
    pub(super) fn living_in(&self, group: i32) -> impl Iterator<Item = &Status> {
        self.processes
            .iter()
            .filter(move |process| process.group == group && process.alive)
    }
}

type Answer = Result<Arc<Seen>, Arc<io::Error>>;

/// The callers that wait for the next look; `None` while no look is under way.
static WAITING: Mutex<Option<Vec<oneshot::Sender<Answer>>>> = Mutex::new(None);

fn waiting() -> MutexGuard<'static, Option<Vec<oneshot::Sender<Answer>>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a look says that begins after this was called.
///
/// # Errors
/// If `/proc` cannot be read.
pub(crate) async fn look() -> io::Result<Arc<Seen>> {
    let (asking, answered) = oneshot::channel();
    let nobody_looks = {
        let mut waiting = waiting();
        let nobody_looks = waiting.is_none();
        waiting.get_or_insert_default().push(asking);
        nobody_looks
    };
    if nobody_looks {
        let started = thread::Builder::new()
            .name("look".to_owned())
            .spawn(answer_all);
        // Where there is no room for a thread, this one has to do.
        if started.is_err() {
            answer_all();
        }
    }
    let answer = answered.await.map_err(io::Error::other)?;
    answer.map_err(|error| io::Error::new(error.kind(), error))
}

/// Looks until no caller waits any more.
fn answer_all() {
    while let Some(asked) = next_asked() {
        let began = Instant::now();
        let seen = Seen::now().map(Arc::new).map_err(Arc::new);
        for one in asked {
            // Who has been given up waits no longer.
            drop(one.send(seen.clone()));
        }
        thread::sleep(began.elapsed());
    }
}

fn next_asked() -> Option<Vec<oneshot::Sender<Answer>>> {
    let mut waiting = waiting();
    let asked = waiting.as_mut().map(mem::take).unwrap_or_default();
    if asked.is_empty() {
        *waiting = None;
        return None;
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn callers_that_ask_at_the_same_time_share_a_look_that_begins_afterwards() {
        let child = std::process::Command::new("sleep").arg("1000").spawn();
        let mut child = child.unwrap();
        let seen = join_all((0..100).map(|_| look())).await;
        let seen: Vec<Arc<Seen>> = seen.into_iter().map(Result::unwrap).collect();
        let pid = child.id().cast_signed();
        let different: std::collections::BTreeSet<_> = seen.iter().map(Arc::as_ptr).collect();
        // Other tests may be looking too.
        assert!(different.len() <= 2, "{} looks", different.len());
        for seen in &seen {
            let found = seen.processes.iter().find(|process| process.pid == pid);
            assert!(found.is_some_and(|process| process.alive));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = look().await.unwrap();
        assert!(!seen.processes.iter().any(|process| process.pid == pid));
    }

    #[test]
    fn the_living_of_a_group_are_neither_zombies_nor_others() {
        let process = Status::made_up;
        let seen = Seen {
            processes: vec![
                process(5, 5, false),
                process(6, 5, true),
                process(7, 7, true),
            ],
            complete: true,
        };
        let living: Vec<i32> = seen.living_in(5).map(|process| process.pid).collect();
        assert_eq!(living, [6]);
        assert_eq!(seen.living_in(8).count(), 0);
    }
}
