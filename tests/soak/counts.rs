//! What the journal of a trial counts, while the service goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use esi_event_actions::app::parts::open_journal;
use esi_event_actions::journal::{Census, Journal};
use esi_event_actions::state::Access;
use tokio::runtime::Runtime;

use super::support::stage::{Stage, wait_until};

/// A trial that has not come to its end by then never does.
pub(crate) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What the journal counts.
pub(crate) struct Counts {
    journal: Arc<dyn Journal>,
    runtime: Runtime,
}

impl Counts {
    /// Of a service that has just been started.
    pub(crate) fn of(stage: &Stage) -> Self {
        let mut opened = None;
        wait_until("a journal", || {
            opened = open_journal(&stage.state(), Access::Beside).ok();
            opened.is_some()
        });
        Self {
            journal: opened.expect("waited for").journal,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    pub(crate) fn now(&self) -> Census {
        let census = self.runtime.block_on(self.journal.census());
        census.expect("the journal can be read")
    }

    pub(crate) fn in_state(&self, state: &str) -> u64 {
        self.now().runs.get(state).copied().unwrap_or(0)
    }

    /// Waits until so many runs are in this state.
    pub(crate) fn wait_for(&self, count: u64, state: &str) {
        let began = Instant::now();
        while self.in_state(state) < count {
            assert!(began.elapsed() < LONGEST, "{:?}", self.now());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
