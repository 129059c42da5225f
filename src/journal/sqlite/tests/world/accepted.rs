//! Events that are accepted, and their runs that are due at once or later.

use super::{Expected, World, asked, planned};
use crate::core::run::{State, Transition};
use crate::journal::sqlite::tests::at;
use crate::journal::{Accept, Accepted, Entry, Start};

impl World {
    /// What is accepted is due after so many seconds, and then too old after so many.
    pub(in super::super) async fn accept(
        &mut self,
        (number, rules, key): (u8, u8, u8),
        (delay, age): (u8, Option<u8>),
        beside: bool,
    ) {
        let mut planned = planned(number, rules, key);
        let due_at = self.now + i64::from(delay);
        let start_by = age.map(|age| due_at + i64::from(age));
        for run in &mut planned.runs {
            run.start = Start::At(at(due_at));
            run.start_by = start_by.map(at);
        }
        let entries = vec![Entry::Event(planned)];
        let mut answer = self
            .journal(beside)
            .accept(entries.into(), at(self.now))
            .await
            .unwrap();
        let answer = answer.pop().expect("one answer");
        let known = self.len();
        self.expect_runs(number, rules, key, None, answer);
        for run in &mut self.runs[known..] {
            run.start_by = start_by;
        }
        if delay > 0 {
            for run in &mut self.runs[known..] {
                (run.state, run.due_at) = (State::Scheduled, due_at);
            }
        }
    }

    /// Notes the runs that have been made.
    pub(super) fn expect_runs(
        &mut self,
        number: u8,
        rules: u8,
        key: u8,
        place: Option<i64>,
        answer: Accepted,
    ) {
        let is_new = |rule: &&str| {
            let mut runs = self.runs.iter();
            !runs.any(|run| run.event == number && run.rule == *rule)
        };
        let new: Vec<_> = asked(rules).into_iter().filter(is_new).collect();
        let made = match answer {
            Accepted::Runs { runs: made, .. } => made,
            Accepted::Known => Vec::new(),
            other => panic!("{other:?}"),
        };
        assert_eq!(made.len(), new.len(), "one run for each rule that had none");
        for (id, rule) in made.into_iter().zip(new) {
            self.last += 1;
            assert_eq!(id, self.last, "numbers rise, and none is left out");
            let run = Expected {
                id,
                event: number,
                rule,
                key,
                state: State::Due,
                due_at: 0,
                retry_in: 0,
                attempts: 0,
                failures: 0,
                stand: None,
                place,
                start_by: None,
                cancelling: None,
            };
            self.runs.push(run);
        }
    }

    /// The time of scheduled runs has come.
    pub(super) fn wake_scheduled(&mut self) {
        let is_due = |run: &&mut Expected| run.state == State::Scheduled && run.due_at <= self.now;
        let mut due: Vec<_> = self.runs.iter_mut().filter(is_due).collect();
        due.sort_unstable_by_key(|run| (run.due_at, run.id));
        for run in due {
            self.last += 1;
            run.place = Some(self.last);
            run.take(Transition::Wake);
        }
    }
}
