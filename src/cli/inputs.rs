//! What the subcommands need before they begin: the configuration, the state folder, a runtime.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Places;
use crate::app::parts::{self, Config, Reading};
use crate::cli::report::{Exit, Failure};
use crate::journal::{Journal, JournalError};
use crate::state::Access;

const FILE_NAME: &str = "esi-event-action-listener.conf";
const SYSTEM_FOLDER: &str = "/etc/esi-event-actions";
const SYSTEM_STATE: &str = "/var/lib/esi-event-actions";

/// Reads the text of a configuration for one feed, or for none.
pub(super) type Reader<F> = fn(&str, &Path) -> Reading<F>;

impl Places {
    /// The configuration file that is meant: the named one, else the first that exists of those that
    /// are looked for, else the last of them.
    pub(super) fn config_file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| {
            let mut places = customary_config_files();
            let first = places.iter().position(|file| file.exists());
            places.swap_remove(first.unwrap_or(places.len() - 1))
        })
    }

    /// What came of reading the configuration.
    pub(super) fn read<F>(&self, reader: Reader<F>) -> Result<Reading<F>, Failure> {
        let file = self.config_file();
        if self.config.is_none() && !file.exists() {
            return Err(no_configuration());
        }
        let text = read(&file)?;
        // Scripts run in its folder, wherever this was started.
        let path = std::path::absolute(&file).unwrap_or(file);
        Ok(reader(&text, &path))
    }

    /// The configuration out of a reading, if it has no errors.
    pub(super) fn accepted<'a, F>(
        &self,
        reading: &'a Reading<F>,
    ) -> Result<&'a Config<F>, Failure> {
        reading.config.as_ref().ok_or_else(|| {
            let file = self.config_file().display().to_string();
            Failure::problems(reading.problems.report(&file).to_string())
        })
    }

    /// The configuration, if it has no errors, for a command that needs no feed.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        self.accepted(&self.read(parts::read)?).cloned()
    }

    /// The folder of the journal.
    pub(super) fn state_dir<F>(&self, config: &Config<F>) -> Result<PathBuf, Failure> {
        let named = self.state_dir.clone().or_else(|| config.state_dir.clone());
        named.or_else(customary_state_dir).ok_or_else(|| {
            Failure::new(
                Exit::Configuration,
                "there is no folder to keep the journal in: neither `state_dir` nor \
                 $STATE_DIRECTORY nor $HOME is set",
                "set `state_dir` in [DEFAULT], or name one with --state-dir",
            )
        })
    }

    /// The journal, beside the service that may be using it.
    pub(super) fn journal(&self) -> Result<Arc<dyn Journal>, Failure> {
        let folder = match &self.state_dir {
            // A configuration that has to be corrected is no reason not to look at the journal.
            Some(folder) => folder.clone(),
            None => self.state_dir(&self.load()?)?,
        };
        Ok(parts::open_journal(&folder, Access::Beside)?.journal)
    }
}

/// Where a configuration is looked for if none is named; never empty. The current folder is not among
/// them: it may be anybody's, and the file says what is run.
fn customary_config_files() -> Vec<PathBuf> {
    let own = user_folder("XDG_CONFIG_HOME", ".config");
    let folders = own.into_iter().chain([PathBuf::from(SYSTEM_FOLDER)]);
    folders.map(|folder| folder.join(FILE_NAME)).collect()
}

fn no_configuration() -> Failure {
    let places = customary_config_files();
    let places: Vec<_> = places
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let message = format!(
        "there is no configuration file: looked for {}",
        places.join(", then ")
    );
    let hint = if Path::new(FILE_NAME).exists() {
        "the file of that name in the current folder is read only if you name it: `--config \
         ./esi-event-action-listener.conf`"
    } else {
        "write one there (conf/esi-event-action-listener.conf is a sample), or name it with `--config`"
    };
    Failure::new(Exit::Configuration, &message, hint)
}

fn customary_state_dir() -> Option<PathBuf> {
    if let Some(folders) = env::var("STATE_DIRECTORY")
        .ok()
        .filter(|folders| !folders.is_empty())
    {
        // systemd lists all that the unit names; ours is the first.
        return folders.split(':').next().map(PathBuf::from);
    }
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from(SYSTEM_STATE));
    }
    user_folder("XDG_STATE_HOME", ".local/state")
}

/// Our folder in the base folder that `variable` names, or that is `customary` in the user's home. A
/// relative path there is passed over, as the XDG base directory specification asks: it would be
/// another folder wherever the command is run.
fn user_folder(variable: &str, customary: &str) -> Option<PathBuf> {
    let folder = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
    };
    folder(variable)
        .or_else(|| folder("HOME").map(|home| home.join(customary)))
        .map(|base| base.join("esi-event-actions"))
}

/// A failure to read a file that the command line or a default names.
pub(super) fn failed_to_read(
    what: &str,
    file: &str,
    error: &io::Error,
    if_missing: &str,
) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => if_missing,
        io::ErrorKind::PermissionDenied => "let the user that runs this read the file",
        _ => "look at the file",
    };
    Failure::new(
        Exit::Failed,
        &format!("failed to read {what} from {file}: {error}"),
        hint,
    )
}

fn read(file: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        let failure = failed_to_read(
            "the configuration",
            &file.display().to_string(),
            &error,
            "name the file with --config",
        );
        failure.with_exit(Exit::Configuration)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count();
        let message = format!(
            "expected UTF-8 text in {}, but line {line} holds something else",
            file.display()
        );
        Failure::new(Exit::Configuration, &message, "save the file as UTF-8")
    })
}

/// Runs a future to its end on this thread: the work is in scripts, the broker and the disk.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        let message = format!("failed to set up timers and sockets: {error}");
        Failure::new(
            Exit::Failed,
            &message,
            "look at the limit of open files (`ulimit -n`)",
        )
    })?;
    Ok(runtime.block_on(future))
}

/// Answers of a journal, as a command wants them.
pub(super) fn ask<T>(
    question: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, Failure> {
    Ok(block_on(question)??)
}
