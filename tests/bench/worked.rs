//! A journal that is worked on without a service: what intake and dispatch ask of it, and how long that takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use esi_event_actions::app::parts::open_journal;
use esi_event_actions::core::event::Key;
use esi_event_actions::core::run::{Outcome, Transition};
use esi_event_actions::journal::{
    Accept as _, Acceptance, AttemptEnd, Claim, ClaimedRun, CountsAgainst, Entry, Journal, Opened,
    Owner, PlannedRun, Start, Work as _,
};
use esi_event_actions::state::Access;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Nodes over which events are spread.
const NODES: u64 = 1_000;

/// Runs that are finished at a time to fill a journal.
const FILLED_AT_ONCE: usize = 1_000;

/// An odd number: multiplied by it, numbers are as far from each other as the random ids of messages are.
const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// Stands for the JSON of an event, where its size does not matter.
const SMALL: &str = "{}";

/// A journal of its own, and the one service that it has.
pub(crate) struct Worked {
    journal: Arc<dyn Journal>,
    owner: Owner,
    runtime: Runtime,
    /// What events have in their place.
    body: String,
    events: u64,
    /// Goes last.
    folder: TempDir,
}

/// How long each question of a round took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) accept: Duration,
    pub(crate) claim: Duration,
    pub(crate) record: Duration,
}

impl Worked {
    /// An empty one, in which events are kept as this text.
    pub(crate) fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let opened = open_journal(&folder.path().join("state"), Access::Service);
        let Opened { journal, .. } = opened.unwrap_or_else(|why| panic!("{why}"));
        let owner = runtime.block_on(journal.join("bench".to_owned(), Timestamp::now()));
        Self {
            owner: owner.expect("an owner"),
            journal,
            runtime,
            body: body.to_owned(),
            events: 0,
            folder,
        }
    }

    /// One in which so many runs have succeeded.
    pub(crate) fn with_finished(count: usize) -> Self {
        let mut worked = Self::new(SMALL);
        let mut done = 0;
        while done < count {
            let step = FILLED_AT_ONCE.min(count - done);
            worked.round(step);
            done += step;
        }
        worked
    }

    /// The folder with the journal, in `state`, which nobody has open then.
    pub(crate) fn close(self) -> TempDir {
        self.folder
    }

    /// Accepts so many events with a run each, claims the runs and records their ends, each in one batch.
    pub(crate) fn round(&mut self, count: usize) -> Round {
        let accept = self.accept(count);
        let began = Instant::now();
        let runs = self.claim(count);
        let claim = began.elapsed();
        let began = Instant::now();
        self.record(&runs);
        Round {
            accept,
            claim,
            record: began.elapsed(),
        }
    }

    /// Accepts so many events with a run each in one batch.
    pub(crate) fn accept(&mut self, count: usize) -> Duration {
        let entries: Arc<[Entry]> = (0..count).map(|_| self.entry()).collect();
        let began = Instant::now();
        let accepted = self.journal.accept(entries, Timestamp::now());
        self.runtime.block_on(accepted).expect("accepted");
        began.elapsed()
    }

    /// A new event for the next node.
    fn entry(&mut self) -> Entry {
        self.events += 1;
        Entry::Event(Acceptance {
            source: "bench".to_owned(),
            id: format!("{:032x}", u128::from(self.events).wrapping_mul(SCATTER)),
            event_type: "esi_leap.lease.fulfill.end".to_owned(),
            body: self.body.clone(),
            is_incomplete: false,
            lease: None,
            cancels: Vec::new(),
            after_end: false,
            runs: vec![PlannedRun {
                rule: "rule".to_owned(),
                key: Key::node(format!("node-{}", self.events % NODES)),
                awaits_lease: false,
                start: Start::Now,
                start_by: None,
                share: None,
                throttle: None,
            }],
        })
    }

    /// Claims so many runs, which have to be due.
    fn claim(&self, count: usize) -> Vec<ClaimedRun> {
        let claim = Claim {
            owner: self.owner,
            rules: ["rule"].into_iter().collect(),
            ended: Vec::new(),
            limit: count,
            awaiting: 0,
            orphans: 0,
            rechecked: esi_event_actions::core::rules::RuleNames::default(),
            rechecks: 0,
            begun: Vec::new(),
            held: Vec::new(),
            limits: Arc::default(),
        };
        let claimed = self.journal.claim(claim, Timestamp::now());
        let runs = self.runtime.block_on(claimed).expect("claimed").runs;
        assert_eq!(runs.len(), count, "runs that are due");
        runs
    }

    /// Records that they succeeded, all at once.
    fn record(&self, runs: &[ClaimedRun]) {
        let ends = runs.iter().map(|run| {
            self.journal.record(AttemptEnd {
                stand: None,
                owner: run.owner,
                run: run.id,
                attempt: run.attempt,
                outcome: Outcome::exited(0),
                ended_at: Timestamp::now(),
                duration: Duration::from_millis(1),
                output: Vec::new(),
                output_dropped: 0,
                transition: Transition::Succeed,
                counts_against: CountsAgainst::Retries,
                retry_in: None,
                made: None,
            })
        });
        self.runtime.block_on(try_join_all(ends)).expect("recorded");
    }
}
