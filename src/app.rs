//! Opens, joins and stops every task; the only room that knows everyone.
//!
//! A task that fails or panics is a failure of the service: everything else is stopped in order,
//! and the first cause is what the service ends with.

mod beginning;
pub mod parts;
mod reload;
mod signals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::engine::dispatch::{Dispatch, DispatchError, Tally, Until};
use crate::engine::intake::{Intake, IntakeError};
use crate::engine::recover::{RecoverError, recover};
use crate::engine::rulebook::Rulebook;
use crate::engine::stop::Stop;
use crate::engine::upkeep::{join, leave, prune, tell_held};
use crate::journal::sqlite::{Access, SqliteJournal};
use crate::journal::{JournalError, Work};
use crate::os::process::reap_orphans;
use crate::sources::amqp::{Amqp, AmqpSource};
use crate::sources::history::options::History;
use crate::sources::history::window::Start;
use crate::sources::history::{Client, HistorySource};
use crate::sources::{Condition, Enrich, NothingToAdd, Source, SourceError};
use crate::telemetry;
use beginning::beginning;
use parts::Config;
use reload::Reload;
use signals::Signals;

/// Why the service ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A source has given up.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is not clear from where to read the event history.
    #[error("{what}: where is it to be read from?")]
    Beginning {
        /// What is unclear.
        what: String,
    },
    /// The system refuses what a service needs.
    #[error("failed to catch signals: {0}")]
    Signals(#[source] std::io::Error),
    /// What an earlier service left behind cannot be found, in words.
    #[error("{0}")]
    Leftovers(String),
    /// A task panicked: a defect of this program.
    #[error("a part of the service failed: {0}")]
    Defect(#[from] JoinError),
}

/// How a task ended that did what it should.
enum Ended {
    Intake,
    Dispatch(Tally),
    Pruning,
    Telling,
}

/// What a feed brings to the service.
struct Feed<F, C> {
    rules: Rulebook,
    reload: Reload<F>,
    source: Box<dyn Source>,
    condition: watch::Receiver<C>,
    enrich: Arc<dyn Enrich>,
    until: Until,
}

/// How to read an event history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Whose history; with an event's id its identity.
    pub cloud: String,
    /// How far apart passes are; `None` for a single one.
    pub every: Option<Duration>,
    /// Where to begin, if that is asked for.
    pub start: Option<Start>,
    /// Begin where it is asked for though there is a cursor.
    pub force: bool,
    /// The file of ESI's documented sample, to begin with if there is no cursor.
    pub sample_file: Option<PathBuf>,
}

/// Consumes the queues until it is told to stop, or, with `until_idle`, until they are empty and
/// every run is in a final state or waits for a delivery in quarantine.
///
/// # Errors
/// [`DaemonError`] with the first cause, after everything that ran has been stopped in order.
pub async fn listen(
    config: &Config<Amqp>,
    state_dir: &Path,
    until_idle: bool,
) -> Result<Tally, DaemonError> {
    let signals = Signals::catch().map_err(DaemonError::Signals)?;
    let journal = SqliteJournal::open(state_dir, Access::Service)?;
    let (rules, editor) = Rulebook::new(config.rules.clone(), config.actions.clone());
    let source = AmqpSource::new(config.feed.clone(), rules.interest(), until_idle);
    let feed = Feed {
        rules,
        reload: Reload::new(config, parts::read_for_bus, editor),
        condition: source.condition(),
        source: Box::new(source),
        enrich: Arc::new(NothingToAdd),
        until: Until::EveryRunIsFinal,
    };
    serve(config, journal, signals, feed).await
}

/// Reads the event history until it is told to stop or, if it is to be read only once, until that is
/// done and no run can be started now.
///
/// # Errors
/// As [`listen`]; and [`DaemonError::Beginning`] if it is not clear where to begin.
pub async fn poll<C: Client>(
    config: &Config<History>,
    state_dir: &Path,
    client: C,
    poll: Poll,
) -> Result<Tally, DaemonError> {
    let signals = Signals::catch().map_err(DaemonError::Signals)?;
    let journal = SqliteJournal::open(state_dir, Access::Poller)?;
    let (beginning, stored) = beginning(&journal, &poll).await?;
    let (rules, editor) = Rulebook::new(config.rules.clone(), config.actions.clone());
    let interest = rules.interest();
    let Poll { cloud, every, .. } = &poll;
    let source = HistorySource::new(
        client,
        &config.feed,
        interest,
        cloud,
        beginning,
        stored,
        *every,
    );
    let feed = Feed {
        rules,
        reload: Reload::new(config, parts::read_for_history, editor),
        condition: source.condition(),
        enrich: source.leases(),
        source: Box::new(source),
        until: Until::NoRunIsDue,
    };
    serve(config, journal, signals, feed).await
}

/// Takes what a feed has to give, performs what is due, and stops both in order.
async fn serve<F: Send + Sync + 'static, C: Condition>(
    config: &Config<F>,
    journal: SqliteJournal,
    signals: Signals,
    feed: Feed<F, C>,
) -> Result<Tally, DaemonError> {
    let stop = Stop::default();
    let reload = Arc::new(Notify::new());
    let signals = signals.into_tokens(stop.clone(), config.stop_timeout, reload.clone());
    let signals = tokio::spawn(signals);

    let reaping = tokio::spawn(reap_orphans());

    let rules = feed.rules;
    let work = Arc::new(Notify::new());
    let drained = CancellationToken::new();
    let intake = Intake {
        source: feed.source,
        journal: journal.clone(),
        rules: rules.clone(),
        enrich: feed.enrich.clone(),
        work: work.clone(),
    };
    let dispatch = Dispatch {
        journal: journal.clone(),
        enrich: feed.enrich,
        rules,
        max_parallel: config.max_parallel,
        work: work.clone(),
        until: feed.until,
    };

    let mut tasks: JoinSet<Result<Ended, DaemonError>> = JoinSet::new();
    tasks.spawn({
        let (stop, drained, work) = (stop.clone(), drained.clone(), work.clone());
        async move {
            let taken = intake.run(stop.intake).await;
            drained.cancel();
            work.notify_one();
            taken.map(|()| Ended::Intake).map_err(DaemonError::from)
        }
    });
    tasks.spawn({
        let (stop, drained, journal) = (stop.clone(), drained.clone(), journal.clone());
        let work = work.clone();
        async move {
            let owner = join(&journal, &stop.intake).await?;
            let recoveries = parts::recoveries(journal.name());
            let unended = recover(&journal, owner, recoveries, &stop.intake).await?;
            tell_held(&journal).await;
            let tally = tokio::select! {
                done = dispatch.run(owner, &stop, &drained) => done?,
                failed = unended.outlive(&journal, &work, &stop.intake) => return Err(failed.into()),
            };
            leave(&journal, owner).await;
            Ok(Ended::Dispatch(tally))
        }
    });
    tasks.spawn({
        let (stop, retention) = (stop.intake.clone(), config.retention);
        async move {
            stop.run_until_cancelled(prune(&journal, retention))
                .await
                .unwrap_or(Ok(()))?;
            Ok(Ended::Pruning)
        }
    });
    // To the very end: systemd's watchdog counts while the last scripts finish.
    let over = CancellationToken::new();
    tasks.spawn({
        let (stop, over, timeout) = (stop.intake.clone(), over.clone(), config.stop_timeout);
        async move {
            let telling = telemetry::tell_systemd(feed.condition, stop, timeout);
            let aside = futures_util::future::join(telling, feed.reload.run(reload));
            over.run_until_cancelled(aside).await;
            Ok(Ended::Telling)
        }
    });

    let mut tally = Tally::default();
    let mut failure = None;
    while let Some(ended) = tasks.join_next().await {
        match ended.map_err(DaemonError::Defect).flatten() {
            Ok(Ended::Dispatch(done)) => {
                tally = done;
                stop.intake.cancel();
            }
            Ok(Ended::Intake | Ended::Pruning | Ended::Telling) => {}
            // What is due already has nothing to do with the feed.
            Err(of_feed @ DaemonError::Source(_)) => {
                failure = failure.or(Some(of_feed));
            }
            Err(error) => {
                if failure.is_some() {
                    tracing::error!("{error}");
                }
                failure = failure.or(Some(error));
                stop.intake.cancel();
            }
        }
        if tasks.len() == 1 {
            over.cancel();
        }
    }
    signals.abort();
    reaping.abort();
    failure.map_or(Ok(tally), Err)
}

impl From<IntakeError> for DaemonError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Source(error) => Self::Source(error),
            IntakeError::Journal(error) => Self::Journal(error),
        }
    }
}

impl From<DispatchError> for DaemonError {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Journal(error) => Self::Journal(error),
            DispatchError::Defect(error) => Self::Defect(error),
        }
    }
}

impl From<RecoverError> for DaemonError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Journal(error) => Self::Journal(error),
            RecoverError::Leftovers(error) => Self::Leftovers(error),
        }
    }
}
