//! Opens, joins and stops every task; the only room that knows everyone.
//!
//! A task that fails or panics is a failure of the service: everything else is stopped in order,
//! and the first cause is what the service ends with.

pub mod parts;
mod signals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::actions::script::ScriptAction;
use crate::config::Config;
use crate::core::retention::Retention;
use crate::crash::{self, Point};
use crate::engine::dispatch::{Dispatch, DispatchError, Tally, Until};
use crate::engine::intake::{Intake, IntakeError, wants_lease};
use crate::engine::recover::{RecoverError, recover};
use crate::engine::stop::Stop;
use crate::history::Row;
use crate::journal::sqlite::{Access, SqliteJournal};
use crate::journal::{Journal, JournalError};
use crate::os::process::reap_orphans;
use crate::sources::amqp::Amqp;
use crate::sources::amqp::{AmqpSource, Unreachable};
use crate::sources::history::options::History;
use crate::sources::history::window::{Start, Window};
use crate::sources::history::{
    Beginning, Client, HistoryError, HistorySource, sample, source_name,
};
use crate::sources::{Condition, Leases, NoLeases, Source};
use crate::telemetry;
use signals::Signals;

/// How often the journal is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// The pause between two steps of pruning, so that intake and dispatch come in between.
const PRUNE_PAUSE: Duration = Duration::from_millis(20);

/// Why the service ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The broker cannot be reached, and waiting was not asked for.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The event history cannot be read, and trying again was not asked for or cannot help.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It is not clear from where to read the event history.
    #[error("{what}: where is it to be read from?")]
    Beginning {
        /// What is unclear.
        what: String,
    },
    /// The system refuses what a service needs.
    #[error("failed to catch signals: {0}")]
    Signals(#[source] std::io::Error),
    /// What an earlier service left behind cannot be found.
    #[error("failed to look for processes that an earlier service left: {0}")]
    Leftovers(#[source] std::io::Error),
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
struct Feed<S, C, L> {
    source: S,
    condition: watch::Receiver<C>,
    leases: L,
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
    let source = AmqpSource::new(config.feed.clone(), until_idle);
    let feed = Feed {
        condition: source.condition(),
        source,
        leases: NoLeases,
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
    let beginning = beginning(&journal, &poll).await?;
    let rules = config.rules.clone();
    let wants = Box::new(move |row: &Row| wants_lease(&rules, row));
    let Poll { cloud, every, .. } = &poll;
    let source = HistorySource::new(client, &config.feed, wants, cloud, beginning, *every);
    let feed = Feed {
        condition: source.condition(),
        leases: source.leases(),
        source,
        until: Until::NoRunIsDue,
    };
    serve(config, journal, signals, feed).await
}

/// Where to begin: where the journal says, unless something else is asked for.
async fn beginning(journal: &SqliteJournal, poll: &Poll) -> Result<Beginning, DaemonError> {
    let name = source_name(&poll.cloud);
    let sources = journal.sources().await?;
    let cursor = sources
        .into_iter()
        .find(|record| record.source == name)
        .and_then(|record| record.cursor);
    let former = cursor.as_ref().map(Window::of).transpose();
    let former = former.map_err(|error| DaemonError::Beginning {
        what: format!(
            "the journal's memory of {} cannot be read: {error}",
            poll.cloud
        ),
    })?;
    match (poll.start, former) {
        (Some(start), former) => Ok(Beginning::Anew {
            start,
            former,
            force: poll.force,
        }),
        (None, Some(window)) => {
            if let Some(file) = &poll.sample_file {
                retire(file);
            }
            Ok(Beginning::Cursor(window))
        }
        (None, None) => Ok(Beginning::Anew {
            start: taken_over(poll)?,
            former: None,
            force: false,
        }),
    }
}

/// Where ESI's documented sample has come to.
fn taken_over(poll: &Poll) -> Result<Start, DaemonError> {
    let beginning = |what| DaemonError::Beginning { what };
    let Some(file) = &poll.sample_file else {
        return Err(beginning(format!(
            "the event history of {} has not been read before, or the journal is gone",
            poll.cloud
        )));
    };
    let id = sample::read(file).map_err(beginning)?;
    tracing::info!("beginning where {} has come to", file.display());
    Ok(Start::Id(id))
}

fn retire(file: &Path) {
    match sample::retire(file) {
        Ok(retired) => tracing::info!(
            "{} has been taken over, and is {} now",
            file.display(),
            retired.display()
        ),
        Err(error) => tracing::warn!(
            "failed to rename {}, which has been taken over: {error}; remove it",
            file.display()
        ),
    }
}

/// Takes what a feed has to give, performs what is due, and stops both in order.
async fn serve<F, S: Source + 'static, C: Condition, L: Leases>(
    config: &Config<F>,
    journal: SqliteJournal,
    signals: Signals,
    feed: Feed<S, C, L>,
) -> Result<Tally, DaemonError>
where
    DaemonError: From<IntakeError<S::Error>>,
{
    let stop = Stop::default();
    let signals = tokio::spawn(signals.into_tokens(stop.clone(), config.stop_timeout));

    let reaping = tokio::spawn(reap_orphans());

    let rules = Arc::new(config.rules.clone());
    let work = Arc::new(Notify::new());
    let drained = CancellationToken::new();
    let intake = Intake {
        source: feed.source,
        journal: journal.clone(),
        rules: rules.clone(),
        work: work.clone(),
    };
    let dispatch = Dispatch {
        action: ScriptAction::new(config.folder(), journal.name().to_owned()),
        journal: journal.clone(),
        leases: feed.leases,
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
            let unended = recover(&journal, &stop.intake).await?;
            tell_held(&journal).await;
            let tally = tokio::select! {
                done = dispatch.run(&stop, &drained) => done?,
                failed = unended.outlive(&journal, &work, &stop.intake) => return Err(failed.into()),
            };
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
            over.run_until_cancelled(telemetry::tell_systemd(feed.condition, stop, timeout))
                .await;
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
            Err(of_feed @ (DaemonError::Unreachable(_) | DaemonError::History(_))) => {
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

/// Says what waits for an operator since an earlier service.
async fn tell_held(journal: &SqliteJournal) {
    // An answer that cannot be had now is missed by nobody: dispatch says what is wrong with the journal.
    if let Ok(census) = journal.census().await
        && census.held > 0
    {
        tracing::warn!(
            runs = census.held,
            "runs wait for deliveries in quarantine: `esi-event-actions quarantine list` shows them"
        );
    }
}

/// Prunes the journal now and every hour, without end.
async fn prune(journal: &SqliteJournal, retention: Retention) -> Result<(), JournalError> {
    loop {
        match journal.prune(retention, Timestamp::now()).await {
            Ok(pruned) if pruned.number == 0 => tokio::time::sleep(PRUNE_EVERY).await,
            Ok(pruned) => {
                crash::point(Point::Pruned);
                tracing::debug!(gone = pruned.number, "pruned");
                for dropped in &pruned.dropped {
                    tracing::warn!(
                        quarantine = dropped.id,
                        "a delivery was kept in quarantine for long enough and is deleted{dropped}"
                    );
                }
                tokio::time::sleep(PRUNE_PAUSE).await;
            }
            Err(error) if error.is_temporary() => {
                tracing::warn!("{error}; pruning later");
                tokio::time::sleep(PRUNE_EVERY).await;
            }
            Err(error) => return Err(error),
        }
    }
}

impl<E> From<IntakeError<E>> for DaemonError
where
    Self: From<E>,
{
    fn from(error: IntakeError<E>) -> Self {
        match error {
            IntakeError::Source(error) => error.into(),
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
