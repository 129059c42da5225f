//! The settings of one cloud, checked: how to log in, and where ESI Leap then is.
//!
//! Secrets are `SecretString`s from here on, and no message holds one.

mod settings;

use std::path::{Path, PathBuf};
use std::{fmt, io};

use reqwest::Url;
use secrecy::SecretString;

use super::clouds::{self, Variables};
use crate::printable::printable;
use settings::Settings;

/// Why there is no cloud to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct CloudProblem {
    /// A lower-case fragment: which file or variable, what was expected, what was found.
    pub message: String,
    /// What to do about it, as an imperative.
    pub hint: String,
}

impl CloudProblem {
    pub(super) fn new(message: impl AsRef<str>, hint: &str) -> Self {
        Self {
            message: printable(message.as_ref().as_bytes()),
            hint: hint.to_owned(),
        }
    }
}

/// Where settings came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `OS_AUTH_URL` and its like.
    Variables,
    /// This cloud of these files.
    File { cloud: String, source: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables => to.write_str("the environment"),
            Self::File { cloud, source } => write!(to, "cloud `{cloud}` in {source}"),
        }
    }
}

/// A cloud's Keystone, the way to log in there, and the choice of ESI Leap's endpoint.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Where the settings came from.
    pub(super) origin: Origin,
    /// Keystone, with `/v3` and no slash at the end.
    pub(super) keystone: Url,
    pub(super) login: Login,
    /// The service's type in the catalogue, `lease`, and its name if one is asked for.
    pub(super) service_type: String,
    pub(super) service_name: Option<String>,
    pub(super) region: Option<String>,
    /// `public`, `internal` or `admin`.
    pub(super) interface: String,
    /// ESI Leap, whatever the catalogue says.
    pub(super) endpoint: Option<Url>,
    pub(super) tls: Tls,
}

/// What Keystone is shown.
#[derive(Clone, Debug)]
pub(super) enum Login {
    Password {
        user: Ident,
        password: SecretString,
        project: Ident,
    },
    ApplicationCredential {
        credential: Credential,
        secret: SecretString,
    },
}

/// Which application credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    Id(String),
    Name { name: String, user: Ident },
}

/// A user or a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ident {
    Id(String),
    Name { name: String, domain: Domain },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Id(String),
    Name(String),
}

/// Whom to trust, and what to show to those who ask for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) verify: bool,
    pub(super) ca_file: Option<PathBuf>,
    /// The certificate, and its key if that is in a file of its own.
    pub(super) identity: Option<(PathBuf, Option<PathBuf>)>,
}

impl Cloud {
    /// Finds the cloud of this name, of `OS_CLOUD`, of the `OS_*` variables, or the only one there
    /// is, as openstacksdk does. `read` reads a file as text.
    ///
    /// # Errors
    /// [`CloudProblem`] if there is none, or its settings are incomplete or beyond this client.
    pub fn find(
        name: Option<&str>,
        variables: &Variables,
        read: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, CloudProblem> {
        let (origin, written) = clouds::choose(name, variables, read)?;
        let home = variables.get("HOME").map(PathBuf::from);
        Settings {
            origin,
            written,
            home,
        }
        .into_cloud()
    }

    /// The same from this process's environment and files.
    ///
    /// # Errors
    /// As [`Self::find`]; also if a variable is not UTF-8.
    pub fn of_process(name: Option<&str>) -> Result<Self, CloudProblem> {
        Self::find(name, &variables_of_process()?, &read)
    }

    /// Of the files in which this process would look for clouds, those that hold a secret, each with
    /// what the secret is called there. What cannot be read or understood is left out.
    #[must_use]
    pub fn secret_files() -> Vec<(&'static str, PathBuf)> {
        let variables = variables_of_process().unwrap_or_default();
        clouds::secret_files(&variables, &read)
    }

    /// Who is asked, for people: the cloud's name, or where the environment's Keystone is.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.origin {
            Origin::Variables => self.keystone.as_str(),
            Origin::File { cloud, .. } => cloud,
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

fn variables_of_process() -> Result<Variables, CloudProblem> {
    let mut variables = Variables::new();
    for (variable, value) in std::env::vars_os() {
        let Ok(variable) = variable.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                variables.insert(variable, value);
            }
            Err(_) if variable.starts_with("OS_") => {
                return Err(CloudProblem::new(
                    format!("expected UTF-8 in `{variable}`, but found other bytes"),
                    "set it anew, or unset it",
                ));
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests;
