//! The subcommands and their flags.
//!
//! Each subcommand is a file; this one says which there are and leads to them.

mod check;
mod explain;
mod inputs;
mod journal;
mod listen;
mod man;
mod output;
mod poll;
mod progress;
mod quarantine;
mod report;
mod runs;
mod service;
mod sources;
mod stats;
mod store;
mod tap;
mod user;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::cli::report::{Exit, Failure};
use crate::telemetry::{self, Levels, LogFormat, log_to_stderr};
pub use output::Format;

const AFTER_HELP: &str = "\
Examples:
  esi-event-actions check              # is the configuration right?
  esi-event-actions listen             # for operators: run scripts for what the queues tell
  esi-event-actions poll --from-now    # for tenants: begin with what happens from now on
  esi-event-actions runs list          # what was done

Exit codes:
  0   done
  1   something failed, or a run was given up
  2   the command line is not understood, or does not say where `poll` is to begin
  75  the broker or the cloud cannot be reached, or another service serves this journal
  78  the configuration has to be fixed: `esi-event-actions check` tells how";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  esi-event-actions completions bash >/etc/bash_completion.d/esi-event-actions";

const MAN_EXAMPLES: &str = "\
Examples:
  esi-event-actions man | man -l -         # esi-event-actions(1)
  esi-event-actions man conf | man -l -    # esi-event-actions.conf(5)
  esi-event-actions man /usr/local/share/man/man1";

/// Runs your scripts when ESI Leap fulfils, expires or deletes a lease.
#[derive(Debug, Parser)]
#[command(name = "esi-event-actions", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    places: Places,
}

/// Where the configuration and the journal are.
#[derive(Debug, clap::Args)]
pub struct Places {
    /// The configuration file [default: esi-event-action-listener.conf in the first of these that
    /// has it: ~/.config/esi-event-actions, /etc/esi-event-actions]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The folder of the journal [default: `state_dir` of the configuration; else
    /// `$STATE_DIRECTORY`; else /var/lib/esi-event-actions for root and the XDG state directory for
    /// others]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Consume ESI Leap's notification queues and run scripts, until stopped
    #[command(after_help = listen::EXAMPLES)]
    Listen(listen::Args),
    /// Read the event history and run scripts, once or staying up
    #[command(after_help = poll::EXAMPLES)]
    Poll(poll::Args),
    /// Report every problem of the configuration, with its place and how to fix it
    #[command(after_help = check::EXAMPLES)]
    Check(check::Args),
    /// Tell what would run for an event, and why not
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Args),
    /// Show events of the bus as they come, beside everybody else who consumes them
    #[command(after_help = tap::EXAMPLES)]
    Tap(tap::Args),
    /// List, watch, export, show, retry and cancel runs
    #[command(subcommand, after_help = runs::EXAMPLES)]
    Runs(runs::Command),
    /// List, show and retry deliveries that could not be decoded
    #[command(subcommand, after_help = quarantine::EXAMPLES)]
    Quarantine(quarantine::Command),
    /// List where events come from, how far each source has come and what failed last
    #[command(subcommand, after_help = sources::EXAMPLES)]
    Sources(sources::Command),
    /// Tell what became of runs: by rule and hour, what waits, and what took long
    #[command(after_help = stats::EXAMPLES)]
    Stats(stats::Args),
    /// List, get, set, delete and count up named values
    #[command(subcommand, after_help = store::EXAMPLES)]
    Store(store::Command),
    /// Back up, check and measure the journal
    #[command(subcommand, after_help = journal::EXAMPLES)]
    Journal(journal::Command),
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them into a folder
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// `conf` for the page about the configuration; else a folder to write all pages into
        #[arg(value_name = "conf|FOLDER")]
        page: Option<PathBuf>,
    },
}

/// How log lines look, for the commands that stay.
#[derive(Debug, clap::Args)]
struct Logging {
    /// How log lines look
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,

    /// Also log events that no rule is for, and warnings of libraries
    #[arg(long, short)]
    verbose: bool,

    /// Log warnings and errors only
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,

    /// Log up to these levels: LEVEL or PART=LEVEL, separated by commas, as in `warn,output=debug`
    /// [default: `$ESI_LOG`]
    ///
    /// Levels are `off`, `error`, `warn`, `info` and `debug`. Parts are those of the program, which messages of a wrong one
    /// list, `output` (what scripts write) and `libraries`.
    #[arg(long, value_name = "LEVELS")]
    log: Option<String>,
}

impl Logging {
    /// Logs from now on.
    fn begin(&self) -> Result<(), Failure> {
        let level = match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (_, true) => LevelFilter::DEBUG,
            _ => LevelFilter::INFO,
        };
        let (source, list) = match (&self.log, env::var("ESI_LOG")) {
            (Some(list), _) => ("--log", list.clone()),
            (None, list) => ("ESI_LOG", list.unwrap_or_default()),
        };
        let levels = Levels::new(level).with(&list).map_err(|why| {
            let remedy = "write levels like `warn,output=debug`";
            Failure::new(Exit::Usage, &format!("{source}: {why}"), remedy)
        })?;
        log_to_stderr(self.log_format, &levels).map_err(|error| service::no_thread(&error))
    }
}

/// Carries out the command line, and tells the exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Listen(args) => listen::run(&cli.places, &args),
        Command::Poll(args) => poll::run(&cli.places, &args),
        Command::Check(args) => check::run(&cli.places, &args),
        Command::Explain(args) => explain::run(&cli.places, &args),
        Command::Tap(args) => tap::run(&cli.places, &args),
        Command::Runs(command) => runs::run(&cli.places, command),
        Command::Stats(args) => stats::run(&cli.places, &args),
        Command::Quarantine(command) => quarantine::run(&cli.places, command),
        Command::Sources(command) => sources::run(&cli.places, &command),
        Command::Store(command) => store::run(&cli.places, command),
        Command::Journal(command) => journal::run(&cli.places, &command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "esi-event-actions", &mut script);
            output::print(&script)
        }
        Command::Man { page } => man::run(page),
    };
    let code = match done {
        Ok(exit) => exit.into(),
        Err(failure) => failure.print(),
    };
    telemetry::flush();
    code
}
