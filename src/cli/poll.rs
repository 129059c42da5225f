//! `poll`: the feed for tenants, once or staying up; and how it stands.

mod status;

use std::env;
use std::path::Path;
use std::time::Duration;

use super::inputs::block_on;
use super::output::Format;
use super::service::{install_tls_provider, judge, no_thread, tell_problems};
use super::{Logging, Places};
use crate::amqp::prepare;
use crate::app::parts;
use crate::app::{self, DaemonError, Poll};
use crate::cli::report::{self, Exit};
use crate::config::duration;
use crate::journal::JournalError;
use crate::sources::history::window::Start;
use crate::sources::history::{Cloud, sample};
use crate::state::InUse;
use crate::supervisor::Failure;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions poll --cloud mycloud --from-now   # the first time: what happens from now on
  esi-event-actions poll --cloud mycloud              # then each time: what is new
  esi-event-actions poll --cloud mycloud --every 60s  # stay, and poll every minute
  esi-event-actions poll --status                     # how far it has come";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep running and poll at this interval; without it, poll once and run what is due
    #[arg(long, value_name = "DURATION", value_parser = every)]
    every: Option<Duration>,

    #[command(flatten)]
    begin: Begin,

    /// The cloud of clouds.yaml [default: `cloud` in the configuration, then `$OS_CLOUD`]
    #[arg(long, value_name = "NAME")]
    cloud: Option<String>,

    /// Show how far each history has been read, when, and what failed last; reads nothing
    #[arg(long, conflicts_with_all = ["every", "start"])]
    status: bool,

    /// How to print the status
    #[arg(long, value_enum, default_value_t, requires = "status")]
    format: Format,

    #[command(flatten)]
    logging: Logging,
}

/// Where to begin.
#[derive(Debug, clap::Args)]
struct Begin {
    /// Begin behind the newest event there is
    #[arg(long, group = "start")]
    from_now: bool,

    /// Begin behind the event with this id
    #[arg(long, group = "start", value_name = "ID", value_parser = clap::value_parser!(i64).range(0..))]
    from_id: Option<i64>,

    /// Begin with the first event there is
    #[arg(long, group = "start")]
    from_start: bool,

    /// Begin there even if the history has been read before; what is on record is not run again
    #[arg(long, requires = "start")]
    force: bool,
}

impl Begin {
    fn start(&self) -> Option<Start> {
        match (self.from_now, self.from_id, self.from_start) {
            (true, ..) => Some(Start::Now),
            (_, Some(id), _) => Some(Start::Id(id)),
            (.., true) => Some(Start::First),
            _ => None,
        }
    }
}

fn every(text: &str) -> Result<Duration, String> {
    duration(text)
        .filter(|every| *every >= Duration::from_secs(1))
        .ok_or_else(|| "expected a length of time of at least 1s, like `60s` or `5m`".to_owned())
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, report::Failure> {
    if args.status {
        return status::run(places, args.format);
    }
    let reading = places.read(parts::read_for_history)?;
    let config = places.accepted(&reading)?;
    let state_dir = places.state_dir(config)?;
    args.logging.begin()?;
    tell_problems(&reading, config, &state_dir);
    let folder = config.folder();
    let cloud = args.cloud.as_ref().or(config.feed.cloud.as_ref());
    let poll = Poll {
        cloud: identity(cloud.map(String::as_str)),
        every: args.every,
        start: args.begin.start(),
        force: args.begin.force,
        sample_file: sample::find(&[Path::new(""), &folder]),
    };
    // For rules that send requests, also if the `openstack` program asks for the history.
    install_tls_provider()?;
    prepare().map_err(|error| no_thread(&error))?;
    let client = config
        .feed
        .chosen_client(&folder, cloud.map(String::as_str))?;
    let done = block_on(app::poll(config, &state_dir, client, poll))?;
    match done {
        // One is enough: it sees what this one would have seen.
        Err(DaemonError::Failed(Failure::Journal(JournalError::InUse(InUse {
            folder,
            pid,
            poller: true,
            ..
        })))) => {
            tracing::info!(
                "process {pid} is polling into {folder} already: leaving it to that one"
            );
            Ok(Exit::Success)
        }
        done => judge(done?),
    }
}

/// What tells this cloud's events from those of another one in the same journal, whichever client asks: its
/// name, or its address. What nothing names is called as it is where its settings are found.
fn identity(named: Option<&str>) -> String {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let found = || Some(Cloud::of_process(None).ok()?.name().to_owned());
    named
        .map(str::to_owned)
        .or_else(|| variable("OS_CLOUD"))
        .or_else(|| variable("OS_AUTH_URL"))
        .or_else(found)
        .unwrap_or_else(|| "openstack".to_owned())
}
