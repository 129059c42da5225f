//! How many files this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process have so many files open, as far as the system allows that: by default it is 1,024 at most, since
/// old programs break with more; the hard limit is far above. Scripts inherit it.
pub fn allow_open_files(number: u64) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(number, |most| most.min(number));
    if limit.current.is_some_and(|now| now < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(
                "cannot have more than {:?} files open: {error}",
                limit.current
            );
        }
    }
}
