//! What is done to a journal beside the journey: finished things are forgotten, and what waits for an
//! operator is told.

use std::time::Duration;

use jiff::Timestamp;

use crate::core::retention::Retention;
use crate::crash::{self, Point};
use crate::journal::{Journal, JournalError};

/// How often the journal is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// The pause between two steps of pruning, so that intake and dispatch come in between.
const PRUNE_PAUSE: Duration = Duration::from_millis(20);

/// Says what waits for an operator since an earlier service.
pub async fn tell_held<J: Journal>(journal: &J) {
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
///
/// # Errors
/// If the journal cannot be used, now or later.
pub async fn prune<J: Journal>(journal: &J, retention: Retention) -> Result<(), JournalError> {
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
