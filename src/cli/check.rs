//! `check`: every problem of the configuration, with its place and how to mend it.

use std::fs::File;
use std::path::Path;

use super::Places;
use super::output::print_line;
use crate::actions::script;
use crate::config::merged::DEFAULT;
use crate::config::{Config, Password, Problem, Problems, ScriptPlace};
use crate::report::{Exit, Failure};
use crate::sources::amqp::password_file;

pub(super) fn run(places: &Places) -> Result<Exit, Failure> {
    let file = places.config_file();
    let mut reading = places.read()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    reading
        .problems
        .append(script_problems(folder, &reading.scripts));
    if let Some(config) = &reading.config {
        reading.problems.append(file_problems(config));
    }
    let name = file.display().to_string();
    let report = reading.problems.report(&name).to_string();
    match reading.config {
        Some(config) if reading.problems.is_empty() => {
            print_line(&format!("{name}: no problems; {}", summary(&config)))
        }
        Some(_) if !reading.problems.has_errors() => print_line(&report),
        _ => Err(Failure::problems(report)),
    }
}

/// The scripts of enabled rules that cannot be run as things stand. The service starts all the
/// same: a run of such a script is a failed attempt, and may be retried when it is mended.
pub(super) fn script_problems(folder: &Path, scripts: &[ScriptPlace]) -> Problems {
    let mut problems = Problems::default();
    for place in scripts.iter().filter(|place| place.enabled) {
        if let Err(unfit) = script::locate(folder, &place.program) {
            problems.push(
                Problem::error(unfit.what, unfit.remedy)
                    .at(place.position)
                    .within(&place.rule),
            );
        }
    }
    problems
}

/// The files that connecting needs and that cannot be read from here. Warnings: the service may see
/// what this user does not.
fn file_problems(config: &Config) -> Problems {
    let amqp = &config.amqp;
    let passwords = amqp
        .endpoints
        .iter()
        .filter_map(|endpoint| match &endpoint.password {
            Password::File { name, folder } => Some(("password_file", password_file(name, folder))),
            Password::Text(_) => None,
        });
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
    for (option, path) in passwords.chain(tls) {
        if let Err(error) = File::open(&path) {
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

fn summary(config: &Config) -> String {
    let rules = config.rules.all();
    let enabled = rules.iter().filter(|rule| rule.enabled).count();
    let hosts: Vec<String> = config
        .amqp
        .endpoints
        .iter()
        .map(|end| format!("{}:{}", end.host, end.port))
        .collect();
    format!(
        "{enabled} of {} rules in force, {} queues at {}",
        rules.len(),
        config.amqp.queues.len(),
        hosts.join(" or ")
    )
}
