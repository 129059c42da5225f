//! What is known of the cloud, and whether to ask it now. Pure.

use tokio::time::Instant;

/// What the pass under way, or the last one, has found out about the cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum CloudStatus {
    /// Nothing yet: a pass has just begun.
    #[default]
    Unknown,
    /// It answers, and a pass is under way.
    Reached,
    /// It answered until the pass was over.
    ReachedLast,
    /// It does not answer.
    Failed {
        /// For this reason.
        why: String,
        /// Nothing is asked until then; until the next pass, if it failed in one.
        until: Option<Instant>,
    },
}

impl CloudStatus {
    /// Notes a failure: between passes it counts until this time.
    pub(super) fn fail(&mut self, why: String, between_passes_until: Instant) {
        let until = match self {
            Self::ReachedLast | Self::Failed { until: Some(_), .. } => Some(between_passes_until),
            Self::Unknown | Self::Reached | Self::Failed { until: None, .. } => None,
        };
        *self = Self::Failed { why, until };
    }

    /// Notes that the pass is over.
    pub(super) fn end_pass(&mut self) {
        if *self == Self::Reached {
            *self = Self::ReachedLast;
        }
    }

    /// Why nothing is to be asked now, if that is so.
    pub(super) fn failure(&self, now: Instant) -> Option<String> {
        match self {
            Self::Failed { why, until } if until.is_none_or(|until| now < until) => {
                Some(why.clone())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_failure_lasts_until_the_next_pass_or_between_passes_for_its_time() {
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(5), now + Duration::from_secs(9));
        let why = Some("down".to_owned());
        for mut in_pass in [CloudStatus::Unknown, CloudStatus::Reached] {
            assert_eq!(in_pass.failure(now), None);
            in_pass.fail("down".to_owned(), soon);
            in_pass.end_pass();
            assert_eq!(in_pass.failure(later), why);
            in_pass.fail("down".to_owned(), soon);
            assert_eq!(in_pass.failure(later), why);
        }
        let mut between = CloudStatus::Reached;
        between.end_pass();
        for until in [soon, later] {
            between.fail("down".to_owned(), until);
            assert_eq!(between.failure(now), why);
            assert_eq!(between.failure(until), None);
        }
    }
}
