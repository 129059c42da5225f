//! Opens, joins and stops every task; the only room that knows everyone.
//!
//! A task that fails or panics is a failure of the service: everything else is stopped in order,
//! and the first cause is what the service ends with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::actions::script::ScriptAction;
use crate::config::{Amqp, Config};
use crate::dispatch::{Dispatch, DispatchError, Tally};
use crate::intake::{Intake, IntakeError};
use crate::journal::sqlite::{Access, SqliteJournal};
use crate::journal::{Journal, JournalError, Retention};
use crate::recover::{RecoverError, recover};
use crate::sources::amqp::{AmqpSource, Unreachable};
use crate::stop::{Signals, Stop};
use crate::telemetry;

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

/// Runs the service until it is told to stop, or, with `until_idle`, until the queues are empty and
/// every run is in a final state.
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
    let stop = Stop::default();
    let signals = tokio::spawn(signals.into_tokens(stop.clone(), config.stop_timeout));

    let rules = Arc::new(config.rules.clone());
    let work = Arc::new(Notify::new());
    let drained = CancellationToken::new();
    let source = AmqpSource::new(config.feed.clone(), until_idle);
    let condition = source.condition();
    let intake = Intake {
        source,
        journal: journal.clone(),
        rules: rules.clone(),
        work: work.clone(),
    };
    let dispatch = Dispatch {
        action: ScriptAction::new(config.folder(), journal.name().to_owned()),
        journal: journal.clone(),
        rules,
        max_parallel: config.max_parallel,
        work: work.clone(),
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
        async move {
            recover(&journal, &stop.intake).await?;
            let tally = dispatch.run(&stop, &drained).await?;
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
        let (stop, over) = (stop.intake.clone(), over.clone());
        async move {
            over.run_until_cancelled(telemetry::tell_systemd(condition, stop))
                .await;
            Ok(Ended::Telling)
        }
    });

    let mut tally = Tally::default();
    let mut failure = None;
    while let Some(ended) = tasks.join_next().await {
        match ended.map_err(DaemonError::from).flatten() {
            Ok(Ended::Dispatch(done)) => {
                tally = done;
                stop.intake.cancel();
            }
            Ok(Ended::Intake | Ended::Pruning | Ended::Telling) => {}
            // What is due already has nothing to do with the broker.
            Err(unreachable @ DaemonError::Unreachable(_)) => {
                failure = failure.or(Some(unreachable));
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
    failure.map_or(Ok(tally), Err)
}

/// Prunes the journal now and every hour, without end.
async fn prune(journal: &SqliteJournal, retention: Retention) -> Result<(), JournalError> {
    loop {
        match journal.prune(retention, Timestamp::now()).await {
            Ok(0) => tokio::time::sleep(PRUNE_EVERY).await,
            Ok(gone) => {
                tracing::debug!(gone, "pruned");
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

impl From<IntakeError<Unreachable>> for DaemonError {
    fn from(error: IntakeError<Unreachable>) -> Self {
        match error {
            IntakeError::Source(unreachable) => Self::Unreachable(unreachable),
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
