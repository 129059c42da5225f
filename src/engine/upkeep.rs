//! Maintenance of a journal: the service joins it and leaves it, finished events and runs are
//! pruned, and what waits for an operator is logged.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::rulebook::Rulebook;
use crate::core::retention::Retention;
use crate::crash::{self, Point};
use crate::journal::{Journal, JournalError, Owner, retry_while_unavailable};
use crate::os::host_name;

/// How often the journal is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// The pause between two steps of pruning, so that intake and dispatch come in between.
const PRUNE_PAUSE: Duration = Duration::from_millis(20);

/// Makes this service an owner of attempts, as soon as the journal can be written, and says which ends of runs its
/// rules want to be told of: before any run can end.
///
/// # Errors
/// If the journal cannot be used, now or later; or not now, once `stop` is cancelled.
pub async fn join<J: Journal>(
    journal: &J,
    rules: &Rulebook,
    stop: &CancellationToken,
) -> Result<Owner, JournalError> {
    let (host, now) = (host_name(), Timestamp::now());
    let owner = retry_while_unavailable(stop, || journal.join(host.clone(), now)).await?;
    let rules = rules.current();
    let announce = || journal.announce_ends(rules.told_ends().to_vec());
    retry_while_unavailable(stop, announce).await?;
    Ok(owner)
}

/// Notes that the service performs nothing any more.
pub async fn leave<J: Journal>(journal: &J, owner: Owner) {
    // The next service knows it all the same.
    if let Err(error) = journal.leave(owner, Timestamp::now()).await {
        tracing::debug!("{error}");
    }
}

/// Logs what has waited for an operator since an earlier start of the service.
pub async fn tell_held<J: Journal>(journal: &J) {
    // An error is ignored here: dispatch logs what is wrong with the journal.
    if let Ok(census) = journal.census().await
        && census.held > 0
    {
        tracing::warn!(
            runs = census.held,
            "runs wait for deliveries in quarantine: `esi-event-actions quarantine list` shows them"
        );
    }
}

/// Prunes the journal now and every hour, without end, and tells `work` of what that lets go.
///
/// # Errors
/// If the journal cannot be used, now or later.
pub async fn prune<J: Journal>(
    journal: &J,
    retention: Retention,
    work: &Notify,
) -> Result<(), JournalError> {
    loop {
        match journal.prune(retention, Timestamp::now()).await {
            Ok(pruned) if pruned.number == 0 => tokio::time::sleep(PRUNE_EVERY).await,
            Ok(pruned) => {
                crash::point(Point::Pruned);
                tracing::debug!(gone = pruned.number, "pruned");
                for dropped in &pruned.dropped {
                    tracing::warn!(
                        quarantine = dropped.id,
                        "a delivery in quarantine exceeded the retention limits and was \
                         deleted{dropped}"
                    );
                }
                work.notify_one();
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
