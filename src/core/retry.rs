//! When the next attempt of a failed run is due.
//!
//! Pure: the chance in the jitter is an argument.

use std::time::Duration;

use crate::core::run::{Outcome, Transition};

/// No delay grows beyond this, however often a script has failed.
pub const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// No delay grows beyond this because the other side asks for a longer one.
pub const LONGEST_WISH: Duration = Duration::from_secs(24 * 60 * 60);

/// No delay for want of room on the machine grows beyond this.
const LONGEST_OF_SHORTAGE: Duration = Duration::from_secs(60);

/// How often, and how far apart, a failed run is attempted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Further attempts after the first failed one.
    pub retries: u32,
    /// The delay before the first of them; it doubles from one to the next.
    pub first_delay: Duration,
}

impl RetryPolicy {
    /// How long after its `failures`-th failed attempt (counted from 1) a run is attempted again;
    /// `None` if it is not. `chance`, from 0 to 1, spreads the delay over its upper half, so that
    /// runs that failed together do not come back together.
    #[must_use]
    pub fn delay_after(&self, failures: u32, chance: f64) -> Option<Duration> {
        if failures > self.retries {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self
            .first_delay
            .saturating_mul(1 << doublings)
            .min(LONGEST_DELAY.max(self.first_delay));
        Some(longest.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
    }
}

/// How long after its `attempt`-th attempt (counted from 1) a run is attempted again for which the
/// machine had no room: at first after a second, and never so late that it would wait long for
/// nothing once there is room again. `chance` as in [`RetryPolicy::delay_after`].
#[must_use]
pub fn delay_of_shortage(attempt: u32, chance: f64) -> Duration {
    let policy = RetryPolicy {
        retries: u32::MAX,
        first_delay: Duration::from_secs(1),
    };
    let delay = policy.delay_after(attempt, chance);
    delay.map_or(LONGEST_OF_SHORTAGE, |delay| delay.min(LONGEST_OF_SHORTAGE))
}

/// What an action says of another attempt, after one that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Again {
    /// As often, and as far apart, as the rule says.
    #[default]
    AsTheRuleSays,
    /// The same, but not before this time has passed: what the other side asked for. No longer than
    /// [`LONGEST_WISH`] all the same.
    NotBefore(Duration),
    /// It cannot help: the other side would refuse it again.
    Useless,
}

impl Again {
    /// What follows for a run, where `then` would follow without what the action says.
    #[must_use]
    pub fn applied(self, then: (Transition, Option<Duration>)) -> (Transition, Option<Duration>) {
        match (self, then) {
            (Self::NotBefore(wish), (Transition::Fail, Some(delay))) => {
                (Transition::Fail, Some(delay.max(wish.min(LONGEST_WISH))))
            }
            (Self::Useless, (Transition::Fail, _)) => (Transition::Discard, None),
            (_, then) => then,
        }
    }
}

/// What the end of an attempt means for its run: the step, and for a failed one that is attempted
/// again, after which delay. `failures` counts the failed attempts before this one.
#[must_use]
pub fn transition_after(
    outcome: &Outcome,
    failures: u32,
    policy: RetryPolicy,
    chance: f64,
) -> (Transition, Option<Duration>) {
    match outcome {
        Outcome::Interrupted(_) => (Transition::Interrupt, None),
        outcome if outcome.is_success() => (Transition::Succeed, None),
        _ => match policy.delay_after(failures.saturating_add(1), chance) {
            Some(delay) => (Transition::Fail, Some(delay)),
            None => (Transition::Discard, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::Detail;

    #[test]
    fn who_waits_for_room_is_asked_for_again_every_minute_at_least() {
        let cases = [
            (1, 0.0, 0.5),
            (1, 1.0, 1.0),
            (3, 1.0, 4.0),
            (7, 1.0, 60.0),
            (u32::MAX, 1.0, 60.0),
        ];
        for (attempt, chance, seconds) in cases {
            let expected = Duration::from_secs_f64(seconds);
            assert_eq!(delay_of_shortage(attempt, chance), expected, "{attempt}");
        }
    }

    #[test]
    fn delays_double_up_to_the_longest_and_end_with_the_retries() {
        let policy = |retries, first| RetryPolicy {
            retries,
            first_delay: Duration::from_secs(first),
        };
        let cases = [
            (policy(0, 10), 1, 1.0, None),
            (policy(3, 10), 1, 1.0, Some(10.0)),
            (policy(3, 10), 1, 0.0, Some(5.0)),
            (policy(3, 10), 2, 1.0, Some(20.0)),
            (policy(3, 10), 3, 0.5, Some(30.0)),
            (policy(3, 10), 4, 1.0, None),
            (policy(99, 10), 99, 1.0, Some(3600.0)),
            (policy(99, 7200), 9, 1.0, Some(7200.0)),
            (policy(3, 0), 2, 1.0, Some(0.0)),
            (policy(3, 10), 1, 7.0, Some(10.0)),
        ];
        for (policy, failures, chance, seconds) in cases {
            assert_eq!(
                policy.delay_after(failures, chance),
                seconds.map(Duration::from_secs_f64),
                "{policy:?} after {failures} failures"
            );
        }
    }

    #[test]
    fn each_outcome_has_its_step() {
        let policy = RetryPolicy {
            retries: 1,
            first_delay: Duration::from_secs(10),
        };
        let again = (Transition::Fail, Some(Duration::from_secs(10)));
        let cases = [
            (Outcome::exited(0), 0, (Transition::Succeed, None)),
            (Outcome::exited(0), 9, (Transition::Succeed, None)),
            (Outcome::exited(3), 0, again),
            (Outcome::exited(3), 1, (Transition::Discard, None)),
            (Outcome::Failed(Detail::Signalled(9)), 0, again),
            (Outcome::Failed(Detail::Told("no".into())), 0, again),
            (Outcome::TimedOut(Duration::ZERO), 0, again),
            (
                Outcome::NotStarted("gone".into()),
                1,
                (Transition::Discard, None),
            ),
            (
                Outcome::Interrupted("stop".into()),
                1,
                (Transition::Interrupt, None),
            ),
        ];
        for (outcome, failures, step) in cases {
            assert_eq!(
                transition_after(&outcome, failures, policy, 1.0),
                step,
                "{outcome}"
            );
        }
    }

    #[test]
    fn an_action_may_put_another_attempt_off_or_say_that_it_cannot_help() {
        let after = Duration::from_secs;
        let fail = |seconds| (Transition::Fail, Some(after(seconds)));
        let (discard, succeed) = ((Transition::Discard, None), (Transition::Succeed, None));
        let cases = [
            (Again::AsTheRuleSays, fail(10), fail(10)),
            (Again::NotBefore(after(60)), fail(10), fail(60)),
            (Again::NotBefore(after(60)), fail(600), fail(600)),
            (Again::NotBefore(Duration::MAX), fail(10), fail(86_400)),
            (Again::NotBefore(after(60)), discard, discard),
            (Again::NotBefore(after(60)), succeed, succeed),
            (Again::Useless, fail(10), discard),
            (Again::Useless, succeed, succeed),
            (
                Again::Useless,
                (Transition::Interrupt, None),
                (Transition::Interrupt, None),
            ),
        ];
        for (again, then, expected) in cases {
            assert_eq!(again.applied(then), expected, "{again:?} {then:?}");
        }
    }
}
