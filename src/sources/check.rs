//! What can be told of a feed before it is opened, for `check` and for the start of a service.

use std::io;
use std::path::{Path, PathBuf};

use super::Pending;
use crate::config::{Problem, Problems, Purpose, Reply};
use crate::core::rules::RuleSet;

/// What the configuration says of a feed.
pub trait FeedSettings {
    /// The files that it depends on, so that others must not have their way with them. `folder` is the
    /// configuration file's.
    fn files(&self, folder: &Path) -> Vec<FeedFile>;

    /// What may keep it from being opened, as things stand for the current user, and what these rules ask
    /// for in vain.
    fn check(&self, folder: &Path, rules: &RuleSet) -> FeedCheckup;

    /// In a few words, where its deliveries come from.
    fn summary(&self) -> String;

    /// Asks all that it depends on what there is to say beforehand, without taking, making or changing anything there.
    fn ask_all<'a>(&'a self, asking: &'a Asking<'a>) -> Pending<'a, Vec<Reply>>;
}

/// What is known where something is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The folder of the configuration file.
    pub folder: &'a Path,
    /// Whether `listen` runs with this configuration's journal, if that can be told.
    pub listens: Option<bool>,
}

/// A file that a feed depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFile {
    /// The file.
    pub path: PathBuf,
    /// What for.
    pub purpose: Purpose,
    /// The section that names it; `None` if it is not the configuration that does.
    pub section: Option<String>,
}

/// What there is to tell of a feed.
#[derive(Debug, Default)]
pub struct FeedCheckup {
    /// Warnings: the service may see what this user does not.
    pub problems: Problems,
    /// Secrets that this user may not read, which the service gets only if systemd hands them on: the options,
    /// and the files.
    pub from_systemd: Vec<(&'static str, PathBuf)>,
}

impl FeedCheckup {
    /// Adds a warning if this could not be read, a file or folder (`what`) that an option of the section names.
    pub fn note(
        &mut self,
        section: &str,
        option: &str,
        what: &str,
        path: &Path,
        reading: io::Result<()>,
    ) {
        if let Err(error) = reading {
            let message = format!("failed to read {} (`{option}`): {error}", path.display());
            let hint =
                format!("put the {what} there, or name it as the user of the service finds it");
            let problem = Problem::warning(message, hint);
            self.problems.push(problem.within(section));
        }
    }

    /// Adds what there is to tell of another feed.
    pub fn append(&mut self, other: Self) {
        self.problems.append(other.problems);
        self.from_systemd.extend(other.from_systemd);
    }
}
