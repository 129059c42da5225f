//! Real files, one folder a test. Times count in seconds from [`at`]`(0)`.

mod accepting;
mod attempts;
mod displaced;
mod holding;
mod keeping;
mod opening;
mod order;
mod plans;
mod property;
mod reading;
mod world;
mod writing;

use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Access, SqliteJournal};
use crate::core::event::{Key, PayloadPath};
use crate::core::run::{Outcome, State, Step};
use crate::journal::{
    Accept, Acceptance, Accepted, AttemptEnd, Blame, Browse, ClaimedRun, Entry, PlannedRun, RunId,
    RunSummary, Undecided, Work,
};

/// `seconds` after a time in 2026.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// A journal in a folder that goes with the test.
fn journal() -> (TempDir, SqliteJournal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    (folder, journal)
}

/// A node, or `path=text`: what is at a path.
fn meant(key: &str) -> Key {
    match key.split_once('=') {
        Some((path, text)) => Key::at(&PayloadPath::parse(path).unwrap(), text.to_owned()),
        None => Key::node(key),
    }
}

/// An event of the bus with runs of these rules and keys.
fn event(id: &str, runs: &[(&str, &str)]) -> Acceptance {
    let planned = |(rule, key): &(&str, &str)| PlannedRun {
        awaits_lease: false,
        rule: (*rule).to_owned(),
        key: meant(key),
    };
    Acceptance {
        source: "bus".to_owned(),
        id: id.to_owned(),
        event_type: "esi_leap.lease.fulfill.end".to_owned(),
        body: format!("{{\"id\":\"{id}\"}}"),
        runs: runs.iter().map(planned).collect(),
    }
}

/// A delivery that nobody could decode.
fn undecided(body: &str) -> Undecided {
    Undecided {
        source: "bus".to_owned(),
        origin: "esi_leap".to_owned(),
        reason: "expected JSON".to_owned(),
        body: body.as_bytes().to_vec(),
        size: body.len() as u64,
        key: None,
    }
}

/// One that is known to be about a key.
fn undecided_of(key: &str, body: &str) -> Undecided {
    Undecided {
        key: Some(meant(key)),
        ..undecided(body)
    }
}

/// Accepts one event, and answers the numbers of its runs.
async fn accept(
    journal: &SqliteJournal,
    id: &str,
    runs: &[(&str, &str)],
    seconds: i64,
) -> Vec<RunId> {
    let mut answers = journal
        .accept(vec![Entry::Event(event(id, runs))].into(), at(seconds))
        .await
        .unwrap();
    match answers.pop() {
        Some(Accepted::Runs(runs)) => runs,
        other => panic!("expected runs, found {other:?}"),
    }
}

/// Claims, and answers the numbers of the runs.
async fn claim(journal: &SqliteJournal, limit: usize, seconds: i64) -> Vec<RunId> {
    let claimed = journal.claim(limit, at(seconds)).await.unwrap();
    claimed.runs.iter().map(|run| run.id).collect()
}

/// Claims exactly one run.
async fn claim_one(journal: &SqliteJournal, seconds: i64) -> ClaimedRun {
    let mut claimed = journal.claim(1, at(seconds)).await.unwrap().runs;
    claimed.pop().expect("a run to claim")
}

/// The end of an attempt by `step`; a failed one is due again after ten seconds.
fn end(run: RunId, attempt: u32, step: Step, seconds: i64) -> AttemptEnd {
    AttemptEnd {
        run,
        attempt,
        outcome: match step {
            Step::Succeed => Outcome::exited(0),
            Step::Interrupt => Outcome::Interrupted("the service stopped".to_owned()),
            _ => Outcome::exited(1),
        },
        ended_at: at(seconds),
        duration: Duration::from_millis(1500),
        output: b"said\n".to_vec(),
        output_dropped: 7,
        step,
        blame: Blame::Run,
        retry_in: (step == Step::Fail).then_some(Duration::from_secs(10)),
    }
}

async fn summary(journal: &SqliteJournal, run: RunId) -> RunSummary {
    journal.run(run).await.unwrap().summary
}

async fn state(journal: &SqliteJournal, run: RunId) -> State {
    summary(journal, run).await.state
}
