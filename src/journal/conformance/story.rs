//! Helpers for the cases. Times count in seconds from [`at`]`(0)`.

use std::time::Duration;

use jiff::Timestamp;

use super::Caller;
use crate::core::event::{Key, PayloadPath};
use crate::core::run::{Outcome, State, Transition};
use crate::journal::{
    Accept, Acceptance, Accepted, AttemptEnd, Browse, ClaimedRun, CountsAgainst, Entry, Owner,
    PlannedRun, QuarantineEntry, RunId, RunSummary, Start,
};

/// `seconds` after a time in 2026.
pub(in crate::journal) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// A node, or `path=text`: what is at a path.
pub(in crate::journal) fn meant(key: &str) -> Key {
    match key.split_once('=') {
        Some((path, text)) => Key::at(&PayloadPath::parse(path).unwrap(), text.to_owned()),
        None => Key::node(key),
    }
}

/// An event of the bus with runs of these rules and keys.
pub(in crate::journal) fn event(id: &str, runs: &[(&str, &str)]) -> Acceptance {
    let planned = |(rule, key): &(&str, &str)| PlannedRun {
        awaits_lease: false,
        start: Start::Now,
        start_by: None,
        share: None,
        throttle: None,
        rule: (*rule).to_owned(),
        key: meant(key),
    };
    Acceptance {
        source: "bus".to_owned(),
        id: id.to_owned(),
        event_type: "esi_leap.lease.fulfill.end".to_owned(),
        body: format!("{{\"id\":\"{id}\"}}"),
        is_incomplete: false,
        lease: None,
        cancels: Vec::new(),
        after_end: false,
        runs: runs.iter().map(planned).collect(),
    }
}

/// A delivery that nobody could decode.
pub(in crate::journal) fn quarantine_entry(body: &str) -> QuarantineEntry {
    QuarantineEntry {
        source: "bus".to_owned(),
        origin: "esi_leap".to_owned(),
        reason: "expected JSON".to_owned(),
        body: body.as_bytes().to_vec(),
        size: body.len() as u64,
        key: None,
    }
}

/// One that is known to be about a key.
pub(in crate::journal) fn quarantine_entry_of(key: &str, body: &str) -> QuarantineEntry {
    QuarantineEntry {
        key: Some(meant(key)),
        ..quarantine_entry(body)
    }
}

/// Accepts one event, and answers the numbers of its runs.
pub(in crate::journal) async fn accept<J: Accept>(
    journal: &J,
    id: &str,
    runs: &[(&str, &str)],
    seconds: i64,
) -> Vec<RunId> {
    let mut answers = journal
        .accept(vec![Entry::Event(event(id, runs))].into(), at(seconds))
        .await
        .unwrap();
    match answers.pop() {
        Some(Accepted::Runs { runs, .. }) => runs,
        other => panic!("expected runs, found {other:?}"),
    }
}

/// Claims, and answers the numbers of the runs.
pub(in crate::journal) async fn claim(journal: &Caller, limit: usize, seconds: i64) -> Vec<RunId> {
    let claimed = journal.claim(limit, at(seconds)).await.unwrap();
    claimed.runs.iter().map(|run| run.id).collect()
}

/// Claims exactly one run.
pub(in crate::journal) async fn claim_one(journal: &Caller, seconds: i64) -> ClaimedRun {
    let mut claimed = journal.claim(1, at(seconds)).await.unwrap().runs;
    claimed.pop().expect("a run to claim")
}

/// The end by `transition` of an attempt of the first owner; a failed one is due again after ten seconds.
pub(in crate::journal) fn end(
    run: RunId,
    attempt: u32,
    transition: Transition,
    seconds: i64,
) -> AttemptEnd {
    AttemptEnd {
        stand: None,
        owner: Owner(1),
        run,
        attempt,
        outcome: match transition {
            Transition::Succeed => Outcome::exited(0),
            Transition::Interrupt => Outcome::Interrupted("the service stopped".to_owned()),
            _ => Outcome::exited(1),
        },
        ended_at: at(seconds),
        duration: Duration::from_millis(1500),
        output: b"said\n".to_vec(),
        output_dropped: 7,
        transition,
        counts_against: CountsAgainst::Retries,
        retry_in: (transition == Transition::Fail).then_some(Duration::from_secs(10)),
        made: None,
    }
}

pub(in crate::journal) async fn summary<J: Browse>(journal: &J, run: RunId) -> RunSummary {
    journal.run(run).await.unwrap().summary
}

pub(in crate::journal) async fn state<J: Browse>(journal: &J, run: RunId) -> State {
    summary(journal, run).await.state
}
