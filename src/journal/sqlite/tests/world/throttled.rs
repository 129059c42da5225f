//! Events of rules that let only some of them start, and the windows in which these are counted.

use std::time::Duration;

use super::{KEYS, RULES, World, planned};
use crate::core::retention::Retention;
use crate::core::run::State;
use crate::core::throttle::{Kind, Throttle, Throttled};
use crate::journal::sqlite::tests::{at, meant};
use crate::journal::{Accept, Browse, Entry, Keep, RunId};

/// How long windows are, in seconds.
const LENGTH: i64 = 30;

/// The throttle of each rule, when it has one.
const KINDS: [Kind; 3] = [Kind::OnceWithin, Kind::OnceAfter, Kind::Threshold(2)];

/// The window of a rule and a group that should be there.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    rule: usize,
    group: u8,
    began_at: i64,
    events: u64,
    run: Option<RunId>,
}

impl World {
    pub(in super::super) async fn accept_throttled(
        &mut self,
        (number, rule, key): (u8, u8, u8),
        group: u8,
        beside: bool,
    ) {
        let bits = 1 << rule;
        let rule = usize::from(rule);
        let mut planned = planned(number, bits, key);
        planned.runs[0].throttle = Some(Throttled {
            throttle: Throttle {
                kind: KINDS[rule],
                window: Duration::from_secs(LENGTH.unsigned_abs()),
            },
            group: (group < 2).then(|| meant(KEYS[usize::from(group)])),
        });
        let entries = vec![Entry::Event(planned)];
        let journal = self.journal(beside);
        let answer = journal.accept(entries.into(), at(self.now)).await;
        let answer = answer.unwrap().pop().expect("one answer");
        let known = self.len();
        self.expect_runs(number, bits, key, None, answer);
        if self.len() > known {
            let state = self.counted(rule, group, self.runs[known].id);
            let run = &mut self.runs[known];
            (run.state, run.due_at) = (state, self.now + LENGTH);
        }
    }

    /// Counts a run; how it begins.
    fn counted(&mut self, rule: usize, group: u8, run: RunId) -> State {
        let now = self.now;
        self.shorten(|counted| (counted.rule, counted.group) == (rule, group));
        let place = self.windows.iter().position(|counted| {
            let waits = |run: RunId| {
                let mut runs = self.runs.iter();
                runs.any(|other| other.id == run && other.state == State::Scheduled)
            };
            (counted.rule, counted.group) == (rule, group)
                && now < counted.began_at + LENGTH
                && (KINDS[rule] != Kind::OnceAfter || counted.run.is_some_and(waits))
        });
        let mut counted = match place {
            Some(place) => self.windows.remove(place),
            None => Counted {
                rule,
                group,
                began_at: now,
                events: 0,
                run: None,
            },
        };
        self.windows
            .retain(|other| (other.rule, other.group) != (rule, group));
        counted.events += 1;
        let state = match (KINDS[rule], counted.events) {
            (Kind::OnceWithin, 1) | (Kind::Threshold(_), 2) => State::Due,
            (Kind::OnceAfter, 1) => State::Scheduled,
            _ => State::Cancelled,
        };
        if state != State::Cancelled {
            counted.run = Some(run);
        }
        // What has no group is alone, and forgotten.
        if group < 2 {
            self.windows.push(counted);
        }
        state
    }

    /// No window lasts longer than its length from now, and no run waits longer for its end.
    pub(super) fn shorten(&mut self, meant: impl Fn(&Counted) -> bool) {
        let now = self.now;
        let later = |counted: &&mut Counted| counted.began_at > now && meant(counted);
        for counted in self.windows.iter_mut().filter(later) {
            let ends_at = counted.began_at + LENGTH;
            let waits = self.runs.iter_mut().find(|run| {
                Some(run.id) == counted.run
                    && run.state == State::Scheduled
                    && run.due_at == ends_at
            });
            if let Some(run) = waits {
                run.due_at = now + LENGTH;
            }
            counted.began_at = now;
        }
    }

    /// Upkeep deletes the windows that have ended, and nothing else.
    pub(in super::super) async fn prune(&mut self) {
        let everything = Retention {
            age: Duration::from_secs(1_000_000_000),
            number: u64::MAX,
        };
        let pruned = self.journal(false).prune(everything, at(self.now)).await;
        let before = self.windows.len();
        let now = self.now;
        self.windows
            .retain(|counted| now < counted.began_at + LENGTH);
        assert_eq!(pruned.unwrap().number, before - self.windows.len());
    }

    /// What the journal knows of each group is what should be there.
    pub(super) async fn compare_windows(&self) {
        for counted in &self.windows {
            let throttled = Throttled {
                throttle: Throttle {
                    kind: KINDS[counted.rule],
                    window: Duration::from_secs(LENGTH.unsigned_abs()),
                },
                group: Some(meant(KEYS[usize::from(counted.group)])),
            };
            let rule = RULES[counted.rule].to_owned();
            let found = self.journal(true).window(rule, throttled).await.unwrap();
            let found = found.expect("a window");
            assert_eq!(
                (found.began_at, found.ends_at, found.events, found.run),
                (
                    at(counted.began_at),
                    at(counted.began_at + LENGTH),
                    counted.events,
                    counted.run
                ),
                "{counted:?}"
            );
        }
    }
}
