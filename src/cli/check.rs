//! `check`: every problem of the configuration, with its place and how to fix it.

mod connecting;
mod service_user;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use self::service_user::Eyes;
use super::Places;
use super::inputs::Reader;
use super::output::print_line;
use super::user::own_name;
use crate::app::parts::{self, Reading};
use crate::cli::report::{Exit, Failure};
use crate::ops::check::{self, StateFolder, Summary};
use crate::sources::FeedSettings;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions check
  esi-event-actions check --feed history                     # for `poll`
  esi-event-actions check --connect                          # and ask the broker, the cloud and what else it names
  esi-event-actions check --config ./new.conf --user esi-event-actions";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The feed that the configuration is for
    #[arg(long, value_enum, default_value_t)]
    feed: Feed,

    /// Look at files as this user [default: for root the owner of the state folder, for others
    /// themselves]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Also ask the broker, and what else the configuration names, whether they can be used and what may
    /// lose events; consumes, makes and changes nothing there
    #[arg(long)]
    connect: bool,
}

/// Where deliveries come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Feed {
    /// The queues, for `listen`
    #[default]
    Bus,
    /// The event history, for `poll`
    History,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    match args.feed {
        Feed::Bus => run_for(places, args, parts::read_for_listen),
        Feed::History => run_for(places, args, parts::read_for_history),
    }
}

fn run_for<F: FeedSettings + Clone>(
    places: &Places,
    args: &Args,
    reader: Reader<F>,
) -> Result<Exit, Failure> {
    let file = places.config_file();
    let reading = places.read(reader)?;
    let state = state_folder(places, &reading);
    // The current folder may be out of another user's reach.
    let absolute = state
        .clone()
        .map(|it| std::path::absolute(&it).unwrap_or(it));
    match Eyes::choose(args.user.as_deref(), absolute.as_deref())? {
        Eyes::Of(user, why) => {
            let shown = user.shown();
            eprintln!("note: looking at files as user {shown}, {why}");
            let feed = args.feed.to_possible_value();
            let feed = feed.as_ref().map_or("bus", |feed| feed.get_name());
            let mut arguments: Vec<&Path> = ["check", "--feed", feed, "--user", shown, "--config"]
                .map(Path::new)
                .into();
            arguments.push(&file);
            arguments.extend(args.connect.then_some(Path::new("--connect")));
            arguments.extend(
                absolute
                    .iter()
                    .flat_map(|it| [Path::new("--state-dir"), it]),
            );
            match user.run(&arguments) {
                Ok(status) => return Ok(Exit::of_status(status)),
                Err(error) => eprintln!(
                    "note: looked at files as user {}: failed to run as user {shown}: {error}",
                    own_name()
                ),
            }
        }
        Eyes::Own(Some(why)) => {
            eprintln!("note: looked at files as user {}: {why}", own_name());
        }
        Eyes::Own(None) => {}
    }
    let state = StateFolder {
        path: state.as_deref(),
        is_of_user: args.user.is_some(),
    };
    let config = reading.config.clone().filter(|_| args.connect);
    let actions = reading.actions.clone();
    let found = check::check(&file, reading, state);
    for (option, path) in found.from_systemd {
        eprintln!(
            "note: user {} cannot read {} (`{option}`): the service gets it only if systemd hands it \
             on (`LoadCredential=`)",
            own_name(),
            path.display()
        );
    }
    let name = file.display().to_string();
    let report = found.problems.report(&name).to_string();
    let exit = match found.summary {
        Some(Summary {
            enabled,
            rules,
            feed,
        }) if found.problems.is_empty() => print_line(&format!(
            "{name}: no problems; {enabled} of {rules} rules in force, {feed}"
        )),
        Some(_) if !found.problems.has_errors() => print_line(&report),
        _ => Err(Failure::problems(report)),
    }?;
    match config {
        Some(config) => connecting::ask(&config, &actions, state.path, &name),
        None => Ok(exit),
    }
}

/// The folder of the journal, as far as it is known.
fn state_folder<F>(places: &Places, reading: &Reading<F>) -> Option<PathBuf> {
    match &reading.config {
        Some(config) => places.state_dir(config).ok(),
        None => places.state_dir.clone(),
    }
}
