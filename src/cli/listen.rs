//! `listen`: the service for operators.

use super::inputs::block_on;
use super::service::{install_tls_provider, judge, no_thread, tell_problems};
use super::{Logging, Places};
use crate::amqp::prepare;
use crate::app::{self, parts};
use crate::cli::report::{Exit, Failure};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions listen                  # until it is stopped
  esi-event-actions listen --until-idle     # work off what is there, then stop";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Stop when the queues are empty and every run is in a final state or waits for a delivery in
    /// quarantine
    #[arg(long)]
    until_idle: bool,

    #[command(flatten)]
    logging: Logging,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let reading = places.read(parts::read_for_listen)?;
    let config = places.accepted(&reading)?;
    let state_dir = places.state_dir(config)?;
    args.logging.begin()?;
    tell_problems(&reading, config, &state_dir);
    install_tls_provider()?;
    prepare().map_err(|error| no_thread(&error))?;
    let tally = block_on(app::listen(config, &state_dir, args.until_idle))??;
    if args.until_idle {
        return judge(tally);
    }
    Ok(Exit::Success)
}
