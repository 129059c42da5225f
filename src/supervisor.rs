//! Starts the feeds of a service and what else it does, joins them and stops them in order. It knows no part.
//!
//! A feed that fails is started again, after a delay that grows, and stops no other one. What else fails, or
//! panics, is a failure of the service: everything is stopped in order, and the first cause is what the
//! service ends with.

mod feed;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, SetOnce, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub use feed::{Feed, Open, Opener};

use crate::config::Fingerprints;
use crate::engine::dispatch::{DispatchError, Tally};
use crate::engine::intake::IntakeError;
use crate::engine::recover::RecoverError;
use crate::engine::rulebook::Rulebook;
use crate::engine::stop::Stop;
use crate::journal::{Journal, JournalError, Owner};
use crate::sources::{Enrich, SourceError};
use feed::Keeper;

/// Why a service ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A source has given up.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What an earlier service left behind cannot be found, in words.
    #[error("{0}")]
    Leftovers(String),
    /// A task panicked: a defect of this program.
    #[error("a part of the service failed: {0}")]
    Defect(#[from] JoinError),
}

/// What a service does besides its feeds.
pub struct Rest {
    /// Performs runs. Its end is that of the service.
    pub dispatch: BoxFuture<'static, Result<Tally, Failure>>,
    /// What is done to the journal; ends when intake is to end.
    pub upkeep: BoxFuture<'static, Result<(), Failure>>,
    /// Goes on for as long as anything else does.
    pub aside: BoxFuture<'static, ()>,
}

/// How a task ended that did what it should.
enum Ended {
    /// For good, or because it was told to.
    Feed(String, Result<(), SourceError>),
    Dispatch(Tally),
    Upkeep,
    Aside,
}

/// A feed that runs.
struct Running {
    said: Fingerprints,
    stop: CancellationToken,
    fate: Fate,
}

/// What becomes of a feed that runs.
enum Fate {
    /// It goes on.
    Stays,
    /// It is stopped, and nothing comes in its place.
    Goes,
    /// It is stopped, and then this one is started.
    Becomes(Box<Feed>),
}

type Tasks = JoinSet<Result<Ended, Failure>>;

/// Supervises one service.
pub struct Supervisor<J> {
    /// Where intake writes.
    pub journal: J,
    /// As whom the service has joined the journal, once it has: whose duty the feeds are.
    pub owner: Arc<SetOnce<Owner>>,
    /// Who decides.
    pub rules: Rulebook,
    /// Completes events that lack something.
    pub enrich: Arc<dyn Enrich>,
    /// Told when there are new runs.
    pub work: Arc<Notify>,
    /// Stops everything.
    pub stop: Stop,
    /// Cancelled once no feed has anything left.
    pub drained: CancellationToken,
}

impl<J: Journal + Clone> Supervisor<J> {
    /// Runs until dispatch ends: because it was told to stop, or because the feeds are drained and nothing
    /// is left to do. Whatever comes through `changes` are the feeds from then on.
    ///
    /// # Errors
    /// [`Failure`] with the first cause, after everything that ran has been stopped in order.
    pub async fn run(
        self,
        feeds: Vec<Feed>,
        mut changes: mpsc::UnboundedReceiver<Vec<Feed>>,
        rest: Rest,
    ) -> Result<Tally, Failure> {
        let mut tasks = Tasks::new();
        let over = CancellationToken::new();
        tasks.spawn(async { rest.dispatch.await.map(Ended::Dispatch) });
        tasks.spawn(async { rest.upkeep.await.map(|()| Ended::Upkeep) });
        tasks.spawn({
            let over = over.clone();
            async move {
                over.run_until_cancelled(rest.aside).await;
                Ok(Ended::Aside)
            }
        });
        let mut running = BTreeMap::new();
        for feed in feeds {
            self.start(feed, &mut running, &mut tasks);
        }

        let mut tally = Tally::default();
        let mut failure = None;
        loop {
            let ended = tokio::select! {
                Some(feeds) = changes.recv(), if !self.stop.intake.is_cancelled() => {
                    self.change(feeds, &mut running, &mut tasks);
                    continue;
                }
                ended = tasks.join_next() => match ended {
                    Some(ended) => ended,
                    None => break,
                },
            };
            match ended.map_err(Failure::Defect).flatten() {
                Ok(Ended::Dispatch(done)) => {
                    tally = done;
                    self.stop.intake.cancel();
                }
                Ok(Ended::Feed(identity, end)) => {
                    // What is due already has nothing to do with a feed that failed.
                    if let Err(error) = end {
                        let is_last = failure.is_none() && running.len() == 1;
                        if !is_last {
                            // The others may go on for long, and the service ends with one cause.
                            tracing::error!("{identity}: {error}; {}", error.hint);
                        }
                        failure.get_or_insert(Failure::Source(error));
                    }
                    self.end(&identity, &mut running, &mut tasks);
                }
                Ok(Ended::Upkeep | Ended::Aside) => {}
                Err(error) => {
                    if failure.is_some() {
                        tracing::error!("{error}");
                    }
                    failure = failure.or(Some(error));
                    self.stop.intake.cancel();
                }
            }
            if tasks.len() == 1 {
                over.cancel();
            }
        }
        failure.map_or(Ok(tally), Err)
    }

    fn start(&self, feed: Feed, running: &mut BTreeMap<String, Running>, tasks: &mut Tasks) {
        let stop = self.stop.intake.child_token();
        let identity = feed.identity.clone();
        if let Some(summary) = &feed.summary {
            tracing::info!("{identity}: {summary}");
        }
        let this = Running {
            said: feed.said.clone(),
            stop: stop.clone(),
            fate: Fate::Stays,
        };
        running.insert(identity.clone(), this);
        let keeper = Keeper {
            journal: self.journal.clone(),
            owner: self.owner.clone(),
            rules: self.rules.clone(),
            enrich: self.enrich.clone(),
            work: self.work.clone(),
            stop,
        };
        tasks.spawn(async move {
            match keeper.keep(feed).await {
                Ok(()) => Ok(Ended::Feed(identity, Ok(()))),
                Err(IntakeError::Source(error)) => Ok(Ended::Feed(identity, Err(error))),
                Err(IntakeError::Journal(error)) => Err(error.into()),
            }
        });
    }

    /// Has these feeds run from now on: others are stopped, and those whose options have changed are started
    /// anew once they have stopped.
    fn change(&self, feeds: Vec<Feed>, running: &mut BTreeMap<String, Running>, tasks: &mut Tasks) {
        let mut feeds: BTreeMap<String, Feed> = feeds
            .into_iter()
            .map(|feed| (feed.identity.clone(), feed))
            .collect();
        for (identity, this) in running.iter_mut() {
            let next = feeds.remove(identity);
            let is_same = next.as_ref().is_some_and(|next| next.said == this.said);
            if is_same && matches!(this.fate, Fate::Stays) {
                continue;
            }
            this.fate = if let Some(next) = next {
                tracing::info!("{identity} has changed: starting it anew");
                Fate::Becomes(Box::new(next))
            } else {
                tracing::info!("{identity} is no longer in the configuration: stopping it");
                Fate::Goes
            };
            this.stop.cancel();
        }
        for feed in feeds.into_values() {
            self.start(feed, running, tasks);
        }
    }

    /// What follows when a feed has ended.
    fn end(&self, identity: &str, running: &mut BTreeMap<String, Running>, tasks: &mut Tasks) {
        let ended = running.remove(identity);
        if let Some(Running {
            fate: Fate::Becomes(next),
            ..
        }) = ended
            && !self.stop.intake.is_cancelled()
        {
            self.start(*next, running, tasks);
        }
        if running.is_empty() {
            self.drained.cancel();
            self.work.notify_one();
        }
    }
}

impl From<DispatchError> for Failure {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Journal(error) => Self::Journal(error),
            DispatchError::Defect(error) => Self::Defect(error),
        }
    }
}

impl From<RecoverError> for Failure {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Journal(error) => Self::Journal(error),
            RecoverError::Leftovers(why) => Self::Leftovers(why),
        }
    }
}

#[cfg(test)]
mod tests;
