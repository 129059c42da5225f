//! What can be told of the event history before it is read.

use std::path::Path;

use super::options::{History, HistoryClient};
use super::{Cloud, CloudProblem};
use crate::config::{Problem, Problems, Purpose};
use crate::core::ini::merged::DEFAULT;
use crate::core::rules::{Filter, RuleSet};
use crate::os::program::locate;
use crate::sources::fields::{bus_field, is_of_row};
use crate::sources::{Asking, FeedCheckup, FeedFile, FeedSettings, Pending, Reply};

impl History {
    /// What keeps ESI Leap from being asked, as things stand for this user, and what rules with `recheck` ask for in
    /// vain.
    #[must_use]
    pub fn check_asking(&self, folder: &Path, rules: &RuleSet) -> Problems {
        let mut problems = Problems::default();
        for rule in rules.all().iter().filter(|rule| rule.enabled) {
            let filters = rule.when.recheck.iter().flat_map(|it| &it.filters);
            for path in filters.filter_map(Filter::path) {
                if bus_field(path).is_some() || is_of_row(path) {
                    let message = format!(
                        "`recheck` asks for `{path}`, which ESI Leap does not show of a lease: it is always \
                         missing"
                    );
                    let remedy = "choose a field that `openstack esi lease show` prints";
                    problems.push(Problem::warning(message, remedy).within(&rule.name));
                }
            }
        }
        if let Some(problem) = client_problem(self, folder) {
            problems.push(problem.within(DEFAULT));
        }
        problems
    }
}

impl FeedSettings for History {
    /// The program of the client, which gets the password, and the cloud's files, which hold that.
    fn files(&self, folder: &Path) -> Vec<FeedFile> {
        let of_cloud = Cloud::secret_files().into_iter();
        let of_cloud = of_cloud.map(|(secret, path)| FeedFile {
            path,
            purpose: Purpose::Secret(secret),
            section: None,
        });
        let mut files: Vec<FeedFile> = of_cloud.collect();
        if let HistoryClient::Openstack(words) = &self.client
            && let Ok(path) = locate(folder, &words[0], "openstack_command")
        {
            files.push(FeedFile {
                path,
                purpose: Purpose::Program,
                section: Some(DEFAULT.to_owned()),
            });
        }
        files
    }

    /// The rules that ask for what the history never tells, and a client that is not there: what is
    /// missing is an empty argument, and the service may have another `PATH`.
    fn check(&self, folder: &Path, rules: &RuleSet) -> FeedCheckup {
        let mut problems = Problems::default();
        for rule in rules.all().iter().filter(|rule| rule.enabled) {
            for (option, path) in rule.paths() {
                let Some(field) = bus_field(path) else {
                    continue;
                };
                let remedy = match field {
                    "id" => "use `uuid`, or `event_id`, which only the history has".to_owned(),
                    _ => {
                        format!("leave `{path}` out, or let the operator run this rule on the bus")
                    }
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
        problems.append(self.check_asking(folder, rules));
        FeedCheckup {
            problems,
            ..FeedCheckup::default()
        }
    }

    fn summary(&self) -> String {
        format!("the event history, {}", self.by_what())
    }

    fn ask_all<'a>(&'a self, asking: &'a Asking<'a>) -> Pending<'a, Vec<Reply>> {
        Box::pin(async move { vec![self.ask_about_events(asking).await] })
    }
}

/// Why nobody can be asked, as things stand for this user.
fn client_problem(history: &History, folder: &Path) -> Option<Problem> {
    match &history.client {
        HistoryClient::Openstack(words) => {
            let unfit = locate(folder, &words[0], "openstack_command").err()?;
            Some(Problem::warning(
                format!("`openstack_command`: {}", unfit.what),
                "install it (`pip install python-openstackclient python-esileapclient`), name it \
                 with `openstack_command`, or set `client = native`",
            ))
        }
        HistoryClient::Native => {
            let CloudProblem { message, hint } =
                Cloud::of_process(history.cloud.as_deref()).err()?;
            Some(Problem::warning(message, hint))
        }
    }
}
