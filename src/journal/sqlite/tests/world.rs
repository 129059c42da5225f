//! A journal with a plain list of what should be in it: each act is done to both and compared.

mod accepted;
mod cancelled;
mod ends;
mod held;
mod promises;
mod throttled;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::{at, event, meant};
use crate::core::rules::Stand;
use crate::core::run::{Outcome, State, Transition};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{
    Acceptance, Browse, Claim, Keep, Owner, RetryFrom, RunFilter, RunId, RunSummary, Work,
};
use crate::state::Access;

const RULES: [&str; 3] = ["create", "tell", "wipe"];

/// Of this one only so many run at once.
const LIMITED: &str = "create";
const LIMIT: u32 = 1;

/// Two of them have the same text.
const KEYS: [&str; 3] = ["n", "purpose=n", "m"];

/// The rules that are meant by these bits.
fn asked(rules: u8) -> Vec<&'static str> {
    let meant = (0..3).filter(|bit| rules & (1 << bit) != 0);
    meant.map(|bit| RULES[bit]).collect()
}

/// An event with a run of each of these rules.
fn planned(number: u8, rules: u8, key: u8) -> Acceptance {
    let key = KEYS[usize::from(key)];
    let runs: Vec<_> = asked(rules).into_iter().map(|rule| (rule, key)).collect();
    let mut planned = event(&number.to_string(), &runs);
    for run in planned.runs.iter_mut().filter(|run| run.rule == LIMITED) {
        run.share = Some(String::new());
    }
    planned
}

/// What the journal should know of a run.
#[derive(Clone, Debug)]
struct Expected {
    id: RunId,
    event: u8,
    rule: &'static str,
    key: u8,
    state: State,
    due_at: i64,
    retry_in: i64,
    attempts: u32,
    failures: u32,
    /// How far it has come, if it is not at its first step.
    stand: Option<Stand>,
    /// The place at which its delivery had come, if it was in quarantine.
    place: Option<i64>,
    start_by: Option<i64>,
    /// It is being cancelled; and whether its attempt is to be ended for it.
    cancelling: Option<bool>,
}

impl Expected {
    /// What its key's runs are ordered by.
    fn order(&self) -> (i64, RunId) {
        (self.place.unwrap_or(self.id), self.id)
    }

    /// Whether it stands in the order of its key.
    fn has_place(&self) -> bool {
        !self.state.is_final() && self.state != State::Scheduled
    }

    fn take(&mut self, transition: Transition) {
        self.state = self.state.after(transition).unwrap();
    }
}

pub(super) struct World {
    folder: TempDir,
    service: Option<SqliteJournal>,
    owner: Owner,
    beside: SqliteJournal,
    runs: Vec<Expected>,
    /// The run that has the turn of each key.
    turns: BTreeMap<u8, RunId>,
    held: Vec<held::Delivery>,
    windows: Vec<throttled::Counted>,
    /// The last number that a run or a delivery in quarantine has got.
    last: i64,
    /// How many events have cancelled runs.
    ends: u64,
    /// How the last attempt of each run ended, and when; if that was recorded as by the present owner.
    last_ends: BTreeMap<RunId, (Outcome, i64)>,
    now: i64,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = SqliteJournal::open(folder.path(), Access::Service).unwrap();
        let owner = service.join("host".to_owned(), at(0)).await.unwrap();
        let beside = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
        Self {
            folder,
            service: Some(service),
            owner,
            beside,
            runs: Vec::new(),
            turns: BTreeMap::new(),
            held: Vec::new(),
            windows: Vec::new(),
            last: 0,
            ends: 0,
            last_ends: BTreeMap::new(),
            now: 0,
        }
    }

    fn journal(&self, beside: bool) -> &SqliteJournal {
        if beside {
            &self.beside
        } else {
            self.service
                .as_ref()
                .expect("open but for the moment of a crash")
        }
    }

    pub(super) fn running(&self) -> Vec<usize> {
        (0..self.runs.len())
            .filter(|run| self.runs[*run].state == State::Running)
            .collect()
    }

    /// The turn of each key is with the run that is running or between two steps, else with the oldest unfinished one,
    /// if that waits for no delivery.
    pub(super) fn give_turns(&mut self) {
        let mut first = BTreeMap::new();
        let mut unfinished: Vec<_> = self.runs.iter().filter(|run| run.has_place()).collect();
        unfinished.sort_unstable_by_key(|run| run.order());
        for run in unfinished {
            first.entry(run.key).or_insert(run);
        }
        first.retain(|_, run| self.held_by(run).is_none());
        let keeps = |run: &&Expected| {
            let has_turn = run.has_place() && self.turns.get(&run.key) == Some(&run.id);
            has_turn && (run.state == State::Running || run.stand.is_some())
        };
        first.extend(self.runs.iter().filter(keeps).map(|run| (run.key, run)));
        let turns = first.into_iter().map(|(key, run)| (key, run.id));
        self.turns = turns.collect();
    }

    /// The run of each key that is next.
    fn next_of_each_key(&self) -> Vec<usize> {
        let is_next = |run: &Expected| {
            run.state != State::Running && self.turns.get(&run.key) == Some(&run.id)
        };
        (0..self.len())
            .filter(|run| is_next(&self.runs[*run]))
            .collect()
    }

    /// The runs that no attempt is under way of.
    pub(super) fn ended(&self) -> Vec<usize> {
        (0..self.len())
            .filter(|run| self.runs[*run].state != State::Running)
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn step_clock(&mut self, seconds: i64) {
        self.now += seconds;
    }

    pub(super) async fn clock_stepped(&mut self) {
        let now = self.now;
        self.journal(false).clock_stepped(at(now)).await.unwrap();
        for run in self
            .runs
            .iter_mut()
            .filter(|run| run.state == State::Retryable)
        {
            run.due_at = run.due_at.min(now + run.retry_in);
        }
        self.shorten(|_| true);
    }

    pub(super) async fn claim(&mut self, limit: usize) {
        let running = self.running().into_iter();
        let claim = Claim {
            owner: self.owner,
            rules: asked(7).into_iter().collect(),
            ended: Vec::new(),
            limit,
            awaiting: 0,
            orphans: 0,
            rechecked: crate::core::rules::RuleNames::default(),
            rechecks: 0,
            begun: Vec::new(),
            held: running
                .map(|run| (self.runs[run].id, self.runs[run].attempts))
                .collect(),
            limits: Arc::new([(LIMITED.to_owned(), LIMIT)].into()),
        };
        let before = self.listed().await;
        let claimed = self
            .journal(false)
            .claim(claim, at(self.now))
            .await
            .unwrap();
        let keys = self.runs.iter();
        let keys = keys.map(|run| (run.id, meant(KEYS[usize::from(run.key)])));
        promises::keep(&before, &keys.collect(), &claimed.runs, at(self.now));
        let mut next = self.next_of_each_key();
        if limit > 0 {
            for index in &next {
                let run = &mut self.runs[*index];
                if run.state == State::Retryable && run.due_at <= self.now {
                    run.take(Transition::Wake);
                }
            }
            self.wake_scheduled();
            self.expire();
            self.give_turns();
            next = self.next_of_each_key();
        }
        let mut free = LIMIT as usize - self.running_limited();
        let mut may_run = |run: &usize| {
            let run = &self.runs[*run];
            let is_limited = run.rule == LIMITED;
            let may_run = run.state == State::Due && (!is_limited || free > 0);
            free -= usize::from(may_run && is_limited);
            may_run
        };
        let due: Vec<_> = next
            .iter()
            .copied()
            .filter(&mut may_run)
            .take(limit)
            .collect();
        let to_end: Vec<_> = claimed
            .to_end
            .iter()
            .map(|end| (end.run, end.attempt))
            .collect();
        let is_to_end = |run: &&Expected| run.cancelling == Some(true);
        let expected = self.runs.iter().filter(is_to_end);
        let expected: Vec<_> = expected.map(|run| (run.id, run.attempts)).collect();
        assert_eq!(to_end, expected);
        let ids = |runs: &[usize]| {
            runs.iter()
                .map(|run| self.runs[*run].id)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            claimed.runs.iter().map(|run| run.id).collect::<Vec<_>>(),
            ids(&due)
        );
        for (index, claimed) in due.into_iter().zip(&claimed.runs) {
            let run = &mut self.runs[index];
            run.take(Transition::Claim);
            run.attempts += 1;
            run.start_by = None;
            assert_eq!(
                (claimed.attempt, claimed.failures),
                (run.attempts, run.failures),
                "{run:?}"
            );
            assert_eq!(
                (claimed.rule.as_str(), &claimed.key),
                (run.rule, &meant(KEYS[usize::from(run.key)])),
                "{run:?}"
            );
            assert_eq!(claimed.stand, run.stand);
        }
        let waits = |run: &&Expected| run.state == State::Retryable && run.due_at > self.now;
        let scheduled = |run: &&Expected| run.state == State::Scheduled && run.due_at > self.now;
        let next_due = next
            .iter()
            .map(|run| &self.runs[*run])
            .filter(waits)
            .chain(self.runs.iter().filter(scheduled))
            .map(|run| run.due_at)
            .min();
        let wait = next_due.map(|due| Duration::from_secs((due - self.now).unsigned_abs()));
        assert_eq!(claimed.wait, wait);
    }

    pub(super) async fn retry(&mut self, index: usize, beside: bool) {
        let run = &self.runs[index];
        let answer = self
            .journal(beside)
            .retry(vec![run.id], RetryFrom::FailedStep)
            .await;
        assert_eq!(
            answer.is_ok(),
            run.state.after(Transition::Retry).is_ok(),
            "{run:?}"
        );
        let run = &mut self.runs[index];
        if answer.is_ok() {
            if run.state == State::Scheduled {
                self.last += 1;
                run.place = Some(self.last);
            }
            // What has succeeded begins at its first step.
            let stand = run.stand.take().filter(|_| run.state != State::Succeeded);
            run.stand = stand.map(Stand::retried);
            run.take(Transition::Retry);
            run.failures = 0;
            run.start_by = None;
        }
    }

    /// Every run is where it should be, and nothing else is there.
    pub(super) async fn compare(&self) {
        let census = self.journal(true).census().await.unwrap();
        let mut expected = BTreeMap::new();
        for run in &self.runs {
            *expected.entry(run.state.as_str()).or_default() += 1_u64;
        }
        assert_eq!(census.runs, expected);
        self.compare_held(&census).await;
        self.compare_windows().await;
        let found = self.listed().await;
        assert_eq!(found.len(), self.runs.len());
        for (found, run) in found.iter().rev().zip(&self.runs) {
            assert_eq!(
                (found.id, found.state, found.attempts),
                (run.id, run.state, run.attempts),
                "{run:?}"
            );
            assert_eq!(
                (&found.event_id, found.rule.as_str()),
                (&run.event.to_string(), run.rule),
                "{run:?}"
            );
            assert_eq!(found.held_by, self.held_by(run), "{run:?}");
            assert_eq!(
                found.due_at,
                matches!(run.state, State::Scheduled | State::Retryable).then(|| at(run.due_at)),
                "{run:?}"
            );
        }
    }

    /// All runs, newest first, as whoever asks beside the service sees them.
    async fn listed(&self) -> Vec<RunSummary> {
        let all = RunFilter {
            limit: usize::MAX,
            ..RunFilter::default()
        };
        self.journal(true).runs(all).await.unwrap()
    }

    /// Everything comes to an end, and every attempt that was ever claimed is accounted for.
    pub(super) async fn drain(&mut self) {
        while !self.held.is_empty() {
            self.drop_delivery(0, false).await;
        }
        self.give_turns();
        let mut rounds = 0;
        while self.runs.iter().any(|run| !run.state.is_final()) {
            self.now += 2 * 86_400;
            self.claim(3).await;
            for index in self.running() {
                self.record(index, Transition::Succeed, 0).await;
            }
            self.give_turns();
            rounds += 1;
            assert!(rounds <= self.runs.len() + 1, "a run starves");
        }
        for run in &self.runs {
            let detail = self.journal(true).run(run.id).await.unwrap();
            let numbers: Vec<_> = detail
                .attempts
                .iter()
                .map(|attempt| attempt.number)
                .collect();
            assert_eq!(numbers, (1..=run.attempts).collect::<Vec<_>>(), "{run:?}");
            assert!(
                detail
                    .attempts
                    .iter()
                    .all(|attempt| attempt.outcome.is_some()),
                "{run:?}"
            );
        }
    }
}
