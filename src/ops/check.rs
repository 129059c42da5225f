//! What `check` finds: whether a configuration can be put to work, as things stand for the current user.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, access};

use super::loops::made_events;
use super::permissions::PermissionCheck;
use crate::actions::Action;
use crate::config::{self, Problem, Problems, RuleAction};
use crate::core::ini::merged::DEFAULT;
use crate::sources::FeedSettings;
use crate::state::network_warning;

/// What came of reading a configuration.
type Reading<F> = config::Reading<F, Arc<dyn Action>>;

/// The folder of the journal, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct StateFolder<'a> {
    /// The folder.
    pub path: Option<&'a Path>,
    /// Whether it is the current user who has to keep the journal there.
    pub is_of_user: bool,
}

/// What there is to say of a configuration.
#[derive(Debug)]
pub struct Findings {
    /// All that is wrong, or may be.
    pub problems: Problems,
    /// Secrets that this user may not read, which the service gets only if systemd hands them on: the options,
    /// and the files.
    pub from_systemd: Vec<(&'static str, PathBuf)>,
    /// What the configuration comes to, unless there are errors.
    pub summary: Option<Summary>,
}

/// What a configuration comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many rules are in force.
    pub enabled: usize,
    /// How many there are.
    pub rules: usize,
    /// Where deliveries come from.
    pub feed: String,
}

/// Looks at the configuration that was read from `file`, and at all that it names.
#[must_use]
pub fn check<F: FeedSettings>(
    file: &Path,
    reading: Reading<F>,
    state: StateFolder<'_>,
) -> Findings {
    let of_files = file_problems(file, &reading);
    let mut findings = Findings {
        problems: reading.problems,
        from_systemd: Vec::new(),
        summary: None,
    };
    let problems = &mut findings.problems;
    if let Some(folder) = state.path.filter(|_| state.is_of_user) {
        problems.append(state_problems(folder));
    }
    problems.append(of_files);
    let Some(config) = reading.config else {
        return findings;
    };
    let of_feed = config.feed.check(&config.folder(), &config.rules);
    problems.append(of_feed.problems);
    if let Some((message, remedy)) = state.path.and_then(network_warning) {
        problems.push(Problem::warning(message, remedy.as_str()).within(DEFAULT));
    }
    findings.from_systemd = of_feed.from_systemd;
    let rules = config.rules.all();
    findings.summary = Some(Summary {
        enabled: rules.iter().filter(|rule| rule.enabled).count(),
        rules: rules.len(),
        feed: config.feed.summary(),
    });
    findings
}

/// Why the service cannot keep its journal there, as things stand for this user.
fn state_problems(state: &Path) -> Problems {
    let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let mut problems = Problems::default();
    // One that is not there yet is made by the service, or by systemd.
    if state.symlink_metadata().is_ok()
        && let Err(error) = access(&state, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
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
/// the feed depend on.
#[must_use]
pub fn file_problems<F: FeedSettings>(file: &Path, reading: &Reading<F>) -> Problems {
    let mut permissions = PermissionCheck::new(file);
    permissions.configuration(file, reading.secret.as_ref());
    let mut problems = action_problems(&reading.actions, &mut permissions);
    if let Some(config) = &reading.config {
        problems.append(made_events(&config.rules, &reading.actions));
        for file in config.feed.files(&config.folder()) {
            permissions.file(&file.path, file.purpose, |problem| match file.section {
                Some(section) => problem.within(&section),
                None => problem,
            });
        }
    }
    problems.append(permissions.end());
    problems
}

/// What the actions of enabled rules can tell beforehand, and who else may change their files.
fn action_problems(
    actions: &[RuleAction<Arc<dyn Action>>],
    permissions: &mut PermissionCheck,
) -> Problems {
    let mut problems = Problems::default();
    for RuleAction { rule, action, .. } in actions.iter().filter(|one| one.enabled) {
        let checkup = action.check();
        for problem in checkup.problems {
            problems.push(problem.within(rule));
        }
        for file in checkup.files {
            let placed = |problem: Problem| problem.at(file.position).within(rule);
            permissions.file(&file.path, file.purpose, placed);
        }
    }
    problems
}

#[cfg(test)]
mod tests;
