//! What `listen` and `poll` share: how they begin, and what their end is worth.

use std::path::Path;

use super::check::script_problems;
use crate::config::{Problems, ScriptPlace};
use crate::dispatch::Tally;
use crate::report::{Exit, Failure};

/// Logs what is wrong with the configuration, though not so wrong that nothing can be done.
pub(super) fn tell_problems(folder: &Path, problems: &Problems, scripts: &[ScriptPlace]) {
    for problem in problems.iter().chain(&script_problems(folder, scripts)) {
        tracing::warn!("{}; {}", problem.message, problem.hint);
    }
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
