//! What can be told of the bus before it is reached.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Amqp, BUS};
use crate::amqp::Endpoint;
use crate::config::{Password, Problem, Problems, Purpose};
use crate::core::ini::merged::DEFAULT;
use crate::core::rules::{EventPattern, RuleSet};
use crate::os::credentials::credential_file;
use crate::sources::fields::history_field;
use crate::sources::{Asking, FeedCheckup, FeedFile, FeedSettings, Pending, Reply, Setup};

impl FeedSettings for Amqp {
    /// The secrets of the bus that have files of their own.
    fn files(&self, _: &Path) -> Vec<FeedFile> {
        let file = |(path, option)| FeedFile {
            path,
            purpose: Purpose::Secret(option),
            section: Some(DEFAULT.to_owned()),
        };
        secret_files(self).map(file).collect()
    }

    fn check(&self, _: &Path, rules: &RuleSet) -> FeedCheckup {
        let mut checkup = check_files(self, DEFAULT);
        checkup.problems.append(in_vain(rules));
        checkup
    }

    fn summary(&self) -> String {
        Setup::summary(self)
    }

    fn ask_all<'a>(&'a self, asking: &'a Asking<'a>) -> Pending<'a, Vec<Reply>> {
        Box::pin(async move {
            let reply = self.ask(asking).await.into_iter();
            reply.map(|reply| reply.named(BUS, DEFAULT)).collect()
        })
    }
}

/// The file of a host's password, and the option that names it.
fn password_of(endpoint: &Endpoint) -> Option<(&'static str, PathBuf)> {
    match &endpoint.password {
        Password::File { name, folder } => Some(("password_file", credential_file(name, folder))),
        Password::Text(_) => None,
    }
}

/// The files with secrets that it needs, and the option that names each.
pub(super) fn secret_files(amqp: &Amqp) -> impl Iterator<Item = (PathBuf, &'static str)> {
    let passwords = amqp.broker.endpoints.iter().filter_map(password_of);
    let passwords = passwords.map(|(option, path)| (path, option));
    let keys = amqp
        .broker
        .tls
        .iter()
        .filter_map(|tls| tls.identity.as_ref());
    passwords.chain(keys.map(|(_, key)| (key.clone(), "ssl_key_file")))
}

/// The rules that ask for what the bus never tells.
fn in_vain(rules: &RuleSet) -> Problems {
    let mut problems = Problems::default();
    for rule in rules.all().iter().filter(|rule| rule.enabled) {
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
    problems
}

/// The files that connecting needs, that this section names, and that cannot be read from here.
pub(super) fn check_files(amqp: &Amqp, section: &str) -> FeedCheckup {
    let passwords = amqp.broker.endpoints.iter().filter_map(password_of);
    let tls = amqp.broker.tls.iter().flat_map(|tls| {
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
    let mut checkup = FeedCheckup::default();
    let credentials = amqp
        .broker
        .endpoints
        .iter()
        .filter(|it| match &it.password {
            Password::File { name, .. } => name.is_relative(),
            Password::Text(_) => false,
        });
    let credentials: Vec<PathBuf> = credentials
        .filter_map(|it| password_of(it).map(|(_, path)| path))
        .collect();
    for (option, path) in passwords.chain(tls) {
        let reading = File::open(&path).map(drop);
        let is_refused =
            (reading.as_ref()).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        if is_refused && credentials.contains(&path) {
            // As the unit has it that comes along: root's file, which systemd hands on.
            checkup.from_systemd.push((option, path));
            continue;
        }
        checkup.note(section, option, "file", &path, reading);
    }
    checkup
}
