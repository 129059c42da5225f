//! How many files this process may have open, and those that it starts.

use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files this process could have open before that was raised.
static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// How many it may have open where it holds many connections, with room for those of scripts and of the journal.
const MANY: u64 = 4_096;

/// Lets the process have many files open, as far as the system allows that: by default it is 1,024 at most, since
/// old programs break with more; the hard limit is far above.
pub fn allow_many_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MANY, |most| most.min(MANY));
    if limit.current.is_some_and(|now| now < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => {
                BEFORE.get_or_init(|| limit);
            }
            Err(error) => tracing::warn!(
                "cannot have more than {:?} files open: {error}",
                limit.current
            ),
        }
    }
}

/// Starts a process under the limit that this one was started with. The limit is lowered for that moment: what is open
/// stays open, but nobody can open more than that. Where that keeps the process from being started, it inherits the
/// limit that was raised.
///
/// # Errors
/// Why the process was not started.
pub(crate) fn with_former_limit<T>(
    mut start: impl FnMut() -> std::io::Result<T>,
) -> std::io::Result<T> {
    let now = getrlimit(Resource::Nofile);
    let former = BEFORE.get().and_then(|before| before.current);
    let former = former.filter(|former| now.current.is_none_or(|now| *former < now));
    let Some(former) = former else {
        return start();
    };
    let lowered = Rlimit {
        current: Some(former),
        maximum: now.maximum,
    };
    if setrlimit(Resource::Nofile, lowered).is_err() {
        return start();
    }
    let started = start();
    // It was the limit until now.
    if let Err(error) = setrlimit(Resource::Nofile, now) {
        tracing::warn!("cannot have more than {former} files open: {error}");
    }
    match started {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::MFILE) => start(),
        started => started,
    }
}
