//! Runs about which ESI Leap is asked before they begin: while it is asked, and until there is a place for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Dispatch;
use super::held::Holding;
use super::order::NoOrder;
use super::under_way::{Ended, UnderWay};
use crate::core::run::Transition;
use crate::engine::recheck::{FRESH, Recheck};
use crate::engine::stop::Stop;
use crate::journal::{ClaimedRun, Journal, RunId};

/// A run that may begin.
pub(super) struct Prospect {
    run: ClaimedRun,
    holding: Holding,
    /// When that was known.
    since: Instant,
}

/// What has come of a question.
pub(super) enum Rechecked {
    /// The run may begin.
    Prospect(Box<Prospect>),
    /// Its attempt is over.
    Ended(Box<Ended>),
}

/// Runs that may begin as soon as there are places, in the order of their acceptance.
#[derive(Default)]
pub(super) struct Prospects(Vec<Prospect>);

impl Prospects {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, prospect: Prospect) {
        let place = self.0.partition_point(|it| it.run.id < prospect.run.id);
        self.0.insert(place, prospect);
    }

    #[cfg(test)]
    pub(super) fn add_since(&mut self, run: ClaimedRun, holding: Holding, since: Instant) {
        self.add(Prospect {
            run,
            holding,
            since,
        });
    }

    /// The first ones, at most so many, by run and attempt.
    pub(super) fn first(&self, most: usize) -> Vec<(RunId, u32)> {
        let first = self.0.iter().take(most);
        first.map(|it| (it.run.id, it.run.attempt)).collect()
    }

    /// How long the answer serves that is the oldest.
    pub(super) fn fresh_for(&self) -> Option<Duration> {
        let oldest = self.0.iter().map(|it| it.since).min()?;
        Some(FRESH.saturating_sub(oldest.elapsed()))
    }
}

impl UnderWay {
    /// What waits for a place is interrupted: the service stops.
    pub(super) fn give_up_prospects(&mut self) {
        for prospect in std::mem::take(&mut self.prospects.0) {
            self.ended.push(prospect.given_up());
        }
    }
}

impl Prospect {
    /// Its attempt ends before it began.
    fn given_up(self) -> Ended {
        let Self { run, holding, .. } = self;
        let (performed, then) = ended_early(&holding).into_performed();
        Ended::of(&run, holding, performed, then)
    }
}

/// How an attempt ends that does not begin, because its run is cancelled or the service stops.
fn ended_early(holding: &Holding) -> NoOrder {
    match holding.ended_because() {
        Some(why) => NoOrder::because(Transition::Refuse, why),
        None => NoOrder::interrupted(),
    }
}

impl<J: Journal> Dispatch<J> {
    /// Asks again about what has waited for a place for too long.
    pub(super) fn ask_again(self: &Arc<Self>, under_way: &mut UnderWay, stop: &Stop) {
        let now = Instant::now();
        let old = |it: &mut Prospect| now >= it.since + FRESH;
        for Prospect { run, holding, .. } in under_way.prospects.0.extract_if(.., old) {
            let recheck = under_way.recheck.clone();
            let asking = self
                .clone()
                .recheck(run, holding, recheck, now, stop.clone());
            under_way.rechecking.spawn(asking);
        }
    }

    /// Begins the first ones, which have places, unless they are cancelled by now.
    pub(super) fn begin(self: &Arc<Self>, count: usize, under_way: &mut UnderWay, stop: &Stop) {
        for prospect in under_way.prospects.0.drain(..count) {
            if prospect.holding.stop().is_cancelled() {
                under_way.ended.push(prospect.given_up());
            } else {
                let Prospect { run, holding, .. } = prospect;
                let attempt = self.clone().attempt(run, holding, stop.clone());
                under_way.attempts.spawn(attempt);
            }
        }
    }

    /// Asks ESI Leap whether a run may begin. An answer serves that was asked for at `since` or later.
    pub(super) async fn recheck(
        self: Arc<Self>,
        run: ClaimedRun,
        holding: Holding,
        recheck: Arc<Recheck>,
        since: Instant,
        stop: Stop,
    ) -> Rechecked {
        let asked = tokio::select! {
            biased;
            () = holding.stop().cancelled() => Err(ended_early(&holding)),
            asked = recheck.ask(&self.journal, &run, since, &stop.intake) => asked,
        };
        let Err(none) = asked else {
            let since = Instant::now();
            return Rechecked::Prospect(Box::new(Prospect {
                run,
                holding,
                since,
            }));
        };
        let is_told = recheck.note(&run, &none);
        let (performed, then) = none.into_performed();
        Rechecked::Ended(Box::new(if is_told {
            Ended::of(&run, holding, performed, then)
        } else {
            Ended::untold(&run, holding, performed, then)
        }))
    }
}
