//! Ends of attempts, and of services.

use super::World;
use crate::core::rules::Stand;
use crate::core::run::Transition;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::sqlite::tests::{at, end};
use crate::journal::{AttemptEnd, Owner, Work};
use crate::state::Access;

impl World {
    /// An attempt that has ended cannot end again in another way. The same end again changes nothing.
    pub(in super::super) async fn record_again(&self, index: usize, transition: Transition) {
        let run = &self.runs[index];
        let end = AttemptEnd {
            owner: self.owner,
            ..end(run.id, run.attempts, transition, self.now)
        };
        let is_known = self.last_ends.get(&run.id) == Some(&(end.outcome.clone(), self.now));
        let answer = self.journal(false).record(end).await;
        assert_eq!(answer.is_ok(), is_known, "{run:?}");
    }

    pub(in super::super) async fn record(
        &mut self,
        index: usize,
        transition: Transition,
        delay: i64,
    ) {
        self.record_as(self.owner, index, transition, delay).await;
    }

    async fn record_as(&mut self, owner: Owner, index: usize, transition: Transition, delay: i64) {
        let now = self.now;
        let run = &mut self.runs[index];
        let mut end = end(run.id, run.attempts, transition, now);
        end.owner = owner;
        end.retry_in = (transition == Transition::Fail)
            .then(|| std::time::Duration::from_secs(delay.unsigned_abs()));
        // What its step wrote is there for the next one.
        let step = format!("{}/{}", run.rule, run.attempts);
        let next = (transition == Transition::Proceed).then(|| Stand {
            step: Some(step),
            results: [(run.rule.to_owned(), run.attempts.into())]
                .into_iter()
                .collect(),
            ..Stand::default()
        });
        end.stand.clone_from(&next);
        run.stand = next.or(run.stand.take());
        let is_cancelled = run.cancelling.take().is_some() && transition != Transition::Succeed;
        let follows = if is_cancelled {
            Transition::Cancel
        } else {
            transition
        };
        run.take(follows);
        run.due_at = now + delay;
        run.retry_in = delay;
        run.failures = match follows {
            Transition::Fail | Transition::Discard => run.failures + 1,
            Transition::Proceed => 0,
            _ => run.failures,
        };
        self.last_ends.insert(end.run, (end.outcome.clone(), now));
        self.journal(false).record(end).await.unwrap();
    }

    /// The process dies, another one opens the journal and recovers.
    pub(in super::super) async fn crash(&mut self) {
        self.service = None;
        self.service = Some(SqliteJournal::open(self.folder.path(), Access::Service).unwrap());
        let (before, joined) = (
            self.owner,
            self.journal(false).join("host".into(), at(self.now)),
        );
        let owner = joined.await.unwrap();
        let open = self.journal(false).open_attempts(owner).await.unwrap();
        let running = self.running();
        let expected: Vec<_> = running
            .iter()
            .map(|run| (self.runs[*run].id, self.runs[*run].attempts))
            .collect();
        assert_eq!(
            open.iter()
                .map(|open| (open.run, open.attempt))
                .collect::<Vec<_>>(),
            expected
        );
        for index in running {
            self.record_as(before, index, Transition::Interrupt, 0)
                .await;
        }
        self.owner = owner;
        self.last_ends.clear();
    }
}
