//! `check`: every problem of the configuration, with its place and how to fix it.

mod service_user;

use std::convert;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use rustix::fs::{Access, access};

use self::service_user::{Eyes, own_name};
use super::Places;
use super::inputs::Reader;
use super::output::print_line;
use super::permissions::Survey;
use crate::actions::{Action, Purpose};
use crate::app::parts::{self, Config, Listen, Reading, SourceSetup};
use crate::cli::report::{Exit, Failure};
use crate::config::{Password, Problem, Problems, RuleAction, shown_command};
use crate::core::ini::merged::DEFAULT;
use crate::core::rules::{EventPattern, Rule};
use crate::journal::sqlite::network_warning;
use crate::os::credentials::credential_file;
use crate::os::program::locate;
use crate::sources::Setup;
use crate::sources::amqp::{Amqp, Endpoint};
use crate::sources::history::options::{History, HistoryClient};
use crate::sources::history::record::{bus_field, history_field};
use crate::sources::history::{Cloud, CloudProblem};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The feed that the configuration is for
    #[arg(long, value_enum, default_value_t)]
    feed: Feed,

    /// Look at files as this user [default: for root the owner of the state folder, for others
    /// themselves]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
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
        Feed::Bus => check(
            places,
            args,
            parts::read_for_listen,
            survey_bus,
            bus_problems,
            listen_summary,
        ),
        Feed::History => check(
            places,
            args,
            parts::read_for_history,
            survey_history,
            history_problems,
            history_summary,
        ),
    }
}

fn check<F>(
    places: &Places,
    args: &Args,
    reader: Reader<F>,
    survey_feed: fn(&Config<F>, &mut Survey),
    feed_problems: fn(&Config<F>) -> Problems,
    summary: fn(&F) -> String,
) -> Result<Exit, Failure> {
    let file = places.config_file();
    let mut reading = places.read(reader)?;
    let state = state_folder(places, &reading);
    match Eyes::choose(args.user.as_deref(), state.as_deref())? {
        Eyes::Of(user, why) => {
            let shown = user.shown();
            eprintln!("note: looking at files as user {shown}, {why}");
            let feed = args.feed.to_possible_value();
            let feed = feed.as_ref().map_or("bus", |feed| feed.get_name());
            let mut arguments: Vec<&Path> = ["check", "--feed", feed, "--user", shown, "--config"]
                .map(Path::new)
                .into();
            arguments.push(&file);
            arguments.extend(state.iter().flat_map(|it| [Path::new("--state-dir"), it]));
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
    if args.user.is_some()
        && let Some(state) = &state
    {
        reading.problems.append(state_problems(state));
    }
    let found = file_problems(&file, &reading, survey_feed);
    reading.problems.append(found);
    if let Some(config) = &reading.config {
        reading.problems.append(feed_problems(config));
        if let Ok(folder) = places.state_dir(config)
            && let Some((message, remedy)) = network_warning(&folder)
        {
            let problem = Problem::warning(message, remedy.as_str());
            reading.problems.push(problem.within(DEFAULT));
        }
    }
    let name = file.display().to_string();
    let report = reading.problems.report(&name).to_string();
    match reading.config {
        Some(config) if reading.problems.is_empty() => {
            let rules = config.rules.all();
            let enabled = rules.iter().filter(|rule| rule.enabled).count();
            print_line(&format!(
                "{name}: no problems; {enabled} of {} rules in force, {}",
                rules.len(),
                summary(&config.feed)
            ))
        }
        Some(_) if !reading.problems.has_errors() => print_line(&report),
        _ => Err(Failure::problems(report)),
    }
}

/// The folder of the journal, as far as it is known.
fn state_folder<F>(places: &Places, reading: &Reading<F>) -> Option<PathBuf> {
    let folder = match &reading.config {
        Some(config) => places.state_dir(config).ok(),
        None => places.state_dir.clone(),
    };
    // The current folder may be out of another user's reach.
    folder.map(|it| std::path::absolute(&it).unwrap_or(it))
}

/// Why the service cannot keep its journal there, as things stand for this user.
fn state_problems(state: &Path) -> Problems {
    let mut problems = Problems::default();
    // One that is not there yet is made by the service, or by systemd.
    if state.symlink_metadata().is_ok()
        && let Err(error) = access(state, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
    {
        problems.push(
            Problem::error(
                format!(
                    "the state folder {} cannot be used: {error}",
                    state.display()
                ),
                "make the user of the service its owner, with mode 0700",
            )
            .within(DEFAULT),
        );
    }
    problems
}

/// What is wrong with the configuration file itself, the actions that it names, and the files that they and
/// `survey_feed` look at.
pub(super) fn file_problems<F>(
    file: &Path,
    reading: &Reading<F>,
    survey_feed: fn(&Config<F>, &mut Survey),
) -> Problems {
    let mut survey = Survey::new(file);
    survey.configuration(file, reading.secret.as_ref());
    let mut problems = action_problems(&reading.actions, &mut survey);
    if let Some(config) = &reading.config {
        survey_feed(config, &mut survey);
    }
    problems.append(survey.end());
    problems
}

/// What the actions of enabled rules can tell beforehand, and who may have his way with their files.
fn action_problems(actions: &[RuleAction<Arc<dyn Action>>], survey: &mut Survey) -> Problems {
    let mut problems = Problems::default();
    for RuleAction { rule, action, .. } in actions.iter().filter(|one| one.enabled) {
        let checkup = action.check();
        for problem in checkup.problems {
            problems.push(problem.within(rule));
        }
        for file in checkup.files {
            let placed = |problem: Problem| problem.at(file.position).within(rule);
            match file.purpose {
                Purpose::Program => survey.program(&file.path, placed),
                Purpose::Secret(option) => survey.secret_file(option, &file.path, placed),
            }
        }
    }
    problems
}

/// Who may read the secrets of the bus that have files of their own.
pub(super) fn survey_bus(config: &Config<Listen>, survey: &mut Survey) {
    let Some((_, Amqp { endpoints, tls, .. })) = &config.feed.bus else {
        return;
    };
    let passwords = endpoints.iter().filter_map(password_of);
    let keys = tls.iter().filter_map(|tls| tls.identity.as_ref());
    let keys = keys.map(|(_, key)| ("ssl_key_file", key.clone()));
    for (option, file) in passwords.chain(keys) {
        survey.secret_file(option, &file, |problem| problem.within(DEFAULT));
    }
}

/// Who decides what the client is, which gets the password, and who may read that in the cloud's files.
pub(super) fn survey_history(config: &Config<History>, survey: &mut Survey) {
    for (secret, file) in Cloud::secret_files() {
        survey.secret_file(secret, &file, convert::identity);
    }
    if let HistoryClient::Openstack(words) = &config.feed.client
        && let Ok(program) = locate(&config.folder(), &words[0], "openstack_command")
    {
        survey.program(&program, |problem| problem.within(DEFAULT));
    }
}

/// The file of a host's password, and the option that names it.
fn password_of(endpoint: &Endpoint) -> Option<(&'static str, PathBuf)> {
    match &endpoint.password {
        Password::File { name, folder } => Some(("password_file", credential_file(name, folder))),
        Password::Text(_) => None,
    }
}

/// The rules that ask for what the bus never tells, and the files that connecting needs and that cannot
/// be read from here. Warnings: the service may see
/// what this user does not.
fn bus_problems(config: &Config<Listen>) -> Problems {
    let Some((_, amqp)) = &config.feed.bus else {
        return Problems::default();
    };
    let passwords = amqp.endpoints.iter().filter_map(password_of);
    let tls = amqp.tls.iter().flat_map(|tls| {
        let identity = tls.identity.iter().flat_map(|(certificate, key)| {
            [
                ("ssl_cert_file", certificate.clone()),
                ("ssl_key_file", key.clone()),
            ]
        });
        tls.ca_file
            .iter()
            .map(|path| ("ssl_ca_file", path.clone()))
            .chain(identity)
    });
    let mut problems = Problems::default();
    for rule in enabled(config) {
        // Other services have fields of those names, too.
        if !rule.events.iter().all(EventPattern::is_esi_leap) {
            continue;
        }
        for (option, path) in rule.paths() {
            let Some((_, instead)) = history_field(path) else {
                continue;
            };
            let remedy = match instead {
                Some(instead) => format!("use `{instead}`, which both feeds have"),
                None => format!("leave `{path}` out, or run this rule with `poll`"),
            };
            problems.push(
                Problem::warning(
                    format!(
                        "`{option}` asks for `{path}`, which only the event history has: on the bus \
                         it is always missing"
                    ),
                    remedy,
                )
                .within(&rule.name),
            );
        }
    }
    let credentials = amqp.endpoints.iter().filter(|it| match &it.password {
        Password::File { name, .. } => name.is_relative(),
        Password::Text(_) => false,
    });
    let credentials: Vec<PathBuf> = credentials
        .filter_map(|it| password_of(it).map(|(_, path)| path))
        .collect();
    for (option, path) in passwords.chain(tls) {
        if let Err(error) = File::open(&path) {
            if error.kind() == io::ErrorKind::PermissionDenied && credentials.contains(&path) {
                // As the unit has it that comes along: root's file, which systemd hands on.
                eprintln!(
                    "note: user {} cannot read {} (`{option}`): the service gets it only if systemd \
                     hands it on (`LoadCredential=`)",
                    own_name(),
                    path.display()
                );
                continue;
            }
            problems.push(
                Problem::warning(
                    format!("failed to read {} (`{option}`): {error}", path.display()),
                    "put the file there, or name it as the user of the service finds it",
                )
                .within(DEFAULT),
            );
        }
    }
    problems
}

/// The rules in force.
fn enabled<F>(config: &Config<F>) -> impl Iterator<Item = &Arc<Rule>> {
    config.rules.all().iter().filter(|rule| rule.enabled)
}

fn listen_summary(listen: &Listen) -> String {
    let bus = listen.bus.iter().map(|(_, bus)| bus.summary());
    let sources = listen.sources.iter().map(|named| {
        let SourceSetup { kind, setup } = &named.source;
        format!("{} ({kind} {})", named.name, setup.summary())
    });
    bus.chain(sources).collect::<Vec<_>>().join(", ")
}

/// The rules that ask for what the history never tells, and a client that is not there. Warnings:
/// what is missing is an empty argument, and the service may have another `PATH`.
fn history_problems(config: &Config<History>) -> Problems {
    let mut problems = Problems::default();
    for rule in enabled(config) {
        for (option, path) in rule.paths() {
            let Some(field) = bus_field(path) else {
                continue;
            };
            let remedy = match field {
                "id" => "use `uuid`, or `event_id`, which only the history has".to_owned(),
                _ => format!("leave `{path}` out, or let the operator run this rule on the bus"),
            };
            problems.push(
                Problem::warning(
                    format!(
                        "`{option}` asks for `{path}`, which the bus alone tells: in the event \
                         history it is always missing"
                    ),
                    remedy,
                )
                .within(&rule.name),
            );
        }
    }
    if let Some(problem) = client_problem(config) {
        problems.push(problem.within(DEFAULT));
    }
    problems
}

/// Why nobody can be asked, as things stand for this user.
fn client_problem(config: &Config<History>) -> Option<Problem> {
    match &config.feed.client {
        HistoryClient::Openstack(words) => {
            let unfit = locate(&config.folder(), &words[0], "openstack_command").err()?;
            Some(Problem::warning(
                format!("`openstack_command`: {}", unfit.what),
                "install it (`pip install python-openstackclient python-esileapclient`), name it \
                 with `openstack_command`, or set `client = native`",
            ))
        }
        HistoryClient::Native => {
            let CloudProblem { message, hint } = Cloud::of_process(None).err()?;
            Some(Problem::warning(message, hint))
        }
    }
}

fn history_summary(history: &History) -> String {
    match &history.client {
        HistoryClient::Openstack(words) => {
            format!("the event history, using `{}`", shown_command(words))
        }
        HistoryClient::Native => "the event history, using the built-in client".to_owned(),
    }
}

#[cfg(test)]
mod tests;
