//! Who asks ESI Leap about leases for `listen`, which reads no event history.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::core::event::Event;
use crate::core::retry::RetryPolicy;
use crate::sources::history::options::History;
use crate::sources::history::{CloudProblem, Leases};
use crate::sources::{Enrich, Incomplete, NotNow, NothingToAdd, Pending};

/// Asks by the client that is set up once the first rule has `recheck`, which may be after a reload.
pub(super) struct Asker {
    folder: PathBuf,
    client: OnceLock<Arc<dyn Enrich>>,
}

impl Asker {
    /// Nobody can be asked yet. The folder is the configuration file's.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            client: OnceLock::new(),
        }
    }

    /// Sets up the client that a configuration asks for, unless there is one.
    ///
    /// # Errors
    /// [`CloudProblem`] if the built-in client has no cloud that it can use.
    pub(super) fn set_up(&self, asking: Option<&History>) -> Result<(), CloudProblem> {
        let Some(asking) = asking.filter(|_| self.client.get().is_none()) else {
            return Ok(());
        };
        let client = asking.chosen_client(&self.folder, asking.cloud.as_deref())?;
        let client = Arc::new(Leases::without_passes(client, asking.lease_retry));
        self.client.get_or_init(|| client);
        Ok(())
    }

    fn client(&self) -> &dyn Enrich {
        self.client.get().map_or(&NothingToAdd, AsRef::as_ref)
    }
}

impl Enrich for Asker {
    /// What the bus or a source sends lacks nothing. What lacks its lease came from the event history, which is `poll`'s.
    fn complete(&self, event: Event, again: bool) -> Pending<'_, Result<Event, Incomplete>> {
        NothingToAdd.complete(event, again)
    }

    fn now<'a>(
        &'a self,
        event: &'a Event,
        lease: &'a str,
        since: Instant,
    ) -> Pending<'a, Result<Event, NotNow>> {
        self.client().now(event, lease, since)
    }

    fn retry_policy(&self) -> RetryPolicy {
        self.client().retry_policy()
    }

    fn what(&self) -> &'static str {
        self.client().what()
    }
}
