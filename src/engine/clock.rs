//! Detects that the wall clock was set.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::os::clock::ClockWatch;

/// How far the wall clock may drift from the steady one before it counts as set.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Compares the wall clock with one that never steps.
#[derive(Debug)]
pub(super) struct Clock {
    seen: Seen,
    watch: ClockWatch,
}

/// Both clocks at one moment.
#[derive(Debug)]
struct Seen {
    wall: Timestamp,
    steady: Instant,
}

impl Clock {
    /// Begins to compare.
    #[must_use]
    pub(super) fn start() -> Self {
        Self {
            seen: Seen {
                wall: Timestamp::now(),
                steady: Instant::now(),
            },
            watch: ClockWatch::start(),
        }
    }

    /// Comes back when it is to be asked whether the clock was set.
    pub(super) async fn set(&self) {
        self.watch.set().await;
    }

    /// Whether the wall clock has been set since this was last asked.
    pub(super) fn stepped(&mut self) -> bool {
        self.seen.compare(Timestamp::now(), Instant::now())
    }
}

impl Seen {
    fn compare(&mut self, wall: Timestamp, steady: Instant) -> bool {
        let expected = self
            .wall
            .saturating_add(steady - self.steady)
            .unwrap_or(Timestamp::MAX);
        *self = Self { wall, steady };
        expected.duration_until(wall).unsigned_abs() > TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_reported_once_in_either_direction() {
        let (wall, steady) = (Timestamp::now(), Instant::now());
        let after = |seconds| Duration::from_secs(seconds);
        let mut clock = Seen { wall, steady };
        assert!(!clock.compare(wall + after(10), steady + after(11)));
        assert!(clock.compare(wall + after(86_400), steady + after(12)));
        assert!(!clock.compare(wall + after(86_401), steady + after(13)));
        assert!(clock.compare(wall, steady + after(14)));
        assert!(!clock.compare(wall, steady + after(14)));
    }
}
