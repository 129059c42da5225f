//! Watching processes that cannot be ended: how often they are looked for, and how they are reported.

use std::time::{Duration, Instant};

use crate::core::outage::{Notice, Outage};
use crate::journal::{Journal, RunId};

/// How long until the next look for processes that have lasted this long already: the longer, the rarer.
pub(super) fn pause_after(lasted: Duration) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(30);
    (lasted / 4).clamp(SHORTEST, LONGEST)
}

/// Reports what remains of one attempt: in the log, and with the attempt in the journal.
#[derive(Debug)]
pub(super) struct Vigil {
    run: RunId,
    attempt: u32,
    outage: Outage,
}

impl Vigil {
    pub(super) fn of(run: RunId, attempt: u32) -> Self {
        Self {
            run,
            attempt,
            outage: Outage::default(),
        }
    }

    /// Something remains, as `left` describes: reported at once, and then at growing intervals.
    pub(super) async fn report<J: Journal>(&mut self, journal: &J, left: &str) {
        let Self { run, attempt, .. } = *self;
        let Some(notice) = self.outage.failed(left, Instant::now()) else {
            return;
        };
        tracing::error!(run, attempt, "{left}{notice}");
        if notice != Notice::New {
            return;
        }
        if let Err(error) = journal.remark(run, attempt, left.to_owned()).await {
            tracing::warn!(
                run,
                attempt,
                "failed to record in the journal that an attempt is not over: {error}"
            );
        }
    }

    /// Nothing remains any more.
    pub(super) fn report_end(&mut self) {
        let Self { run, attempt, .. } = *self;
        if let Some(lasted) = self.outage.over(Instant::now()) {
            tracing::info!(
                run,
                attempt,
                "all that this attempt had left has ended, after {lasted:.0?}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_looked_for_more_and_more_rarely() {
        let cases = [(0, 250), (1, 250), (4, 1000), (100, 25_000), (1000, 30_000)];
        for (seconds, millis) in cases {
            let pause = pause_after(Duration::from_secs(seconds));
            assert_eq!(pause, Duration::from_millis(millis), "{seconds}");
        }
    }
}
