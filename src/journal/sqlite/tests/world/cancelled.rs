//! What is pointless: by an event, by the operator, or for its age. Only so many of one rule run.

use super::{Expected, KEYS, LIMITED, World};
use crate::core::run::{State, Transition};
use crate::journal::sqlite::tests::{at, event, meant};
use crate::journal::{Accept, Acceptance, Cancels, Entry, Keep};

impl Expected {
    /// It is pointless.
    fn cancel(&mut self, at_once: bool) {
        if self.state == State::Running {
            self.cancelling = Some(at_once || self.cancelling == Some(true));
        } else {
            self.take(Transition::Cancel);
        }
    }
}

impl World {
    pub(in super::super) async fn cancel(&mut self, index: usize, beside: bool) {
        let run = &self.runs[index];
        let answer = self
            .journal(beside)
            .cancel(vec![run.id], "why".to_owned(), at(self.now))
            .await;
        assert_eq!(
            answer.is_ok(),
            run.state.after(Transition::Cancel).is_ok(),
            "{run:?}"
        );
        if let Ok(to_end) = answer {
            let runs = run.state == State::Running;
            assert_eq!(
                to_end,
                runs.then_some(run.id).into_iter().collect::<Vec<_>>()
            );
            self.runs[index].cancel(true);
        }
    }

    /// An event cancels the runs of a rule with a key.
    pub(in super::super) async fn cancel_by(
        &mut self,
        rule: &'static str,
        key: u8,
        running: bool,
        beside: bool,
    ) {
        self.ends += 1;
        let cancels = Cancels {
            rule: rule.to_owned(),
            key: meant(KEYS[usize::from(key)]),
            running,
        };
        let acceptance = Acceptance {
            cancels: vec![cancels],
            ..event(&format!("end {}", self.ends), &[])
        };
        let entries = vec![Entry::Event(acceptance)];
        let accepted = self.journal(beside).accept(entries.into(), at(self.now));
        accepted.await.unwrap();
        let is_meant =
            |run: &&mut Expected| run.rule == rule && run.key == key && !run.state.is_final();
        for run in self.runs.iter_mut().filter(is_meant) {
            run.cancel(running);
        }
    }

    /// What has not started in time is cancelled.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        let is_too_old = |run: &&mut Expected| {
            let waits = !run.state.is_final() && run.state != State::Running;
            waits && run.start_by.is_some_and(|by| by < now)
        };
        for run in self.runs.iter_mut().filter(is_too_old) {
            run.take(Transition::Cancel);
        }
    }

    /// How many run of which only so many may.
    pub(super) fn running_limited(&self) -> usize {
        let running = self.running().into_iter();
        running
            .filter(|run| self.runs[*run].rule == LIMITED)
            .count()
    }
}
