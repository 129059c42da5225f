//! Completes events that lack something, before a run needs them.
//!
//! When an event is accepted, what it lacks is asked for if a rule may make a run of it. If that cannot be had
//! then, the event is accepted as it is, and its runs await the rest.

use super::intake::Decision;
use crate::crash::{self, Point};
use crate::sources::{Enrich, Incomplete};

/// Completes an event that is about to be accepted, if that may make a difference.
pub(super) async fn complete_new(enrich: &dyn Enrich, decision: &mut Decision) {
    let Some(event) = decision.to_complete().cloned() else {
        return;
    };
    let id = event.id.clone();
    match enrich.complete(event, false).await {
        Ok(event) => {
            crash::point(Point::LeaseShown);
            decision.complete(event);
        }
        Err(Incomplete::Refused(why)) => tracing::warn!(event = %id, "accepted as it is: {why}"),
        // Whoever failed is told of once, not for each event.
        Err(Incomplete::Unreachable(why)) => {
            tracing::debug!(event = %id, "accepted as it is: {why}");
        }
    }
}
