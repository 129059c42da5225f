//! `listen`: the service for operators.

use super::inputs::block_on;
use super::{Logging, Places};
use crate::report::{Exit, Failure};
use crate::{config, daemon, telemetry};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Stop when the queues are empty and every run is in a final state
    #[arg(long)]
    until_idle: bool,

    #[command(flatten)]
    logging: Logging,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let reading = places.read(config::read_for_bus)?;
    let config = places.accepted(&reading)?;
    let state_dir = places.state_dir(config)?;
    telemetry::log_to_stderr(args.logging.log_format, args.logging.verbose);
    let scripts = super::check::script_problems(&config.folder(), &reading.scripts);
    for problem in reading.problems.iter().chain(&scripts) {
        tracing::warn!("{}; {}", problem.message, problem.hint);
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| {
            Failure::new(
                Exit::Failed,
                "TLS is set up already",
                "report this: it cannot happen",
            )
        })?;
    let tally = block_on(daemon::listen(config, &state_dir, args.until_idle))??;
    if args.until_idle && tally.given_up > 0 {
        let message = match tally.given_up {
            1 => "1 run was given up".to_owned(),
            number => format!("{number} runs were given up"),
        };
        let hint = "`esi-event-actions runs list --state discarded` shows them";
        return Err(Failure::new(Exit::Failed, &message, hint));
    }
    Ok(Exit::Success)
}
