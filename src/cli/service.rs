//! What `listen` and `poll` share: how they begin, and what their end is worth.

use std::io;
use std::path::Path;

use crate::app::log_problems;
use crate::app::parts::{Config, Reading};
use crate::cli::report::{Exit, Failure};
use crate::engine::dispatch::Tally;
use crate::sources::FeedSettings;
use crate::state::network_warning;

/// Logs what is wrong with the configuration and the state folder, though not so wrong that nothing can
/// be done.
pub(super) fn tell_problems<F: FeedSettings>(
    reading: &Reading<F>,
    config: &Config<F>,
    state_dir: &Path,
) {
    if let Some((message, remedy)) = network_warning(state_dir) {
        tracing::warn!("{message}; {remedy}");
    }
    log_problems(&config.path, reading);
}

/// Chooses who encrypts, for every connection of this process.
pub(super) fn install_tls_provider() -> Result<(), Failure> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| {
            Failure::new(
                Exit::Failed,
                "TLS is set up already",
                "report this: it cannot happen",
            )
        })
}

/// What a service needs a thread for cannot be begun.
pub(super) fn no_thread(error: &io::Error) -> Failure {
    let message = format!("failed to start a thread: {error}");
    let hint = "look at the limits of processes (`ulimit -u`, `TasksMax=`)";
    Failure::new(Exit::Failed, &message, hint)
}

/// Success, unless runs were given up.
pub(super) fn judge(tally: Tally) -> Result<Exit, Failure> {
    let message = match tally.given_up {
        0 => return Ok(Exit::Success),
        1 => "1 run was given up".to_owned(),
        number => format!("{number} runs were given up"),
    };
    let hint = "`esi-event-actions runs list --state discarded` shows them";
    Err(Failure::new(Exit::Failed, &message, hint))
}
