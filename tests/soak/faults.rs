//! The scenarios' faults again and again: what goes well once may be luck.
//!
//! They are those of `scripts/test`, as `cargo test` builds them: only there does the program have its
//! crash points.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::finding::Finding;

/// The scenarios about faults, by what their names begin with.
const CONCERNS: [(&str, &str); 8] = [
    ("kill -9 at named points", "crash_points::"),
    (
        "faults of the way to the broker, and its own",
        "broker_faults::",
    ),
    ("a broker that is frozen or gone", "broker::"),
    (
        "faults of the history's client and the cloud",
        "poll_faults::",
    ),
    ("faults of the disk", "disk::"),
    ("steps of the clock", "clock::"),
    ("scripts that do what they like", "processes::"),
    ("ends of the service at any time", "stopping::"),
];

/// Tries each of them so often, all of a kind at a time.
pub(crate) fn attempt(count: u64) -> Vec<Finding> {
    let one = |(what, prefix)| Finding::of(what, count, || rounds(prefix, count, &[]));
    CONCERNS.map(one).into()
}

/// Kills the service 20 times amid 10,000 events of each source.
pub(crate) fn of_sources() -> String {
    rounds("sources::faults::kills::", 1, &[("KILLS", "full")])
}

fn rounds(prefix: &str, count: u64, variables: &[(&str, &str)]) -> String {
    let began = Instant::now();
    let mut scenarios = 0;
    for round in 1..=count {
        let output = Command::new("cargo")
            .args(["test", "--locked", "--test", "scenarios", "--", prefix])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("cargo");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "round {round}: {printed}");
        let passed = printed.lines().find_map(|line| {
            let (_, counts) = line.split_once("test result: ok. ")?;
            counts.split(' ').next()?.parse::<u64>().ok()
        });
        let passed = passed.expect("the tests' own count");
        assert!(passed > 0, "there is no scenario `{prefix}`");
        scenarios += passed;
    }
    format!("{scenarios} scenarios, 0 failures, {:.0?}", began.elapsed())
}
