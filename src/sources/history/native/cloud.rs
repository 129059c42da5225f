//! The settings of one cloud, checked: how to log in, and where ESI Leap then is.
//!
//! Secrets are `SecretString`s from here on, and no message holds one.

mod effective;
mod reading;
mod settings;

use std::fs::{File, Metadata};
use std::io;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::clouds::{self, Variables};
use super::problem::{CloudProblem, Origin};
use crate::http::Trust;
use settings::Settings;

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
    /// The address of ESI Leap, which overrides the catalogue.
    pub(super) endpoint: Option<Url>,
    pub(super) trust: Trust,
}

/// What Keystone is shown.
#[derive(Clone, Debug)]
pub(super) enum Login {
    Password {
        user: Ident,
        password: SecretString,
        project: Ident,
    },
    /// A token that was issued to another program. It cannot be renewed.
    Token { token: SecretString, project: Ident },
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

impl Cloud {
    /// Finds the cloud of this name, of `OS_CLOUD`, of the `OS_*` variables, or the only one there
    /// is, as openstacksdk does. `read` reads a file as text.
    ///
    /// # Errors
    /// [`CloudProblem`] if there is no cloud, or its settings are incomplete or not supported by this client.
    pub fn find(
        name: Option<&str>,
        variables: &Variables,
        read: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, CloudProblem> {
        let chosen = clouds::choose(name, variables, read)?;
        let home = variables.get("HOME").map(PathBuf::from);
        Settings::new(chosen, home)?.into_cloud()
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
            Origin::Variables { .. } => self.keystone.as_str(),
            Origin::File { cloud, .. } => cloud,
        }
    }
}

/// Reads a file. One in the current folder may be any user's (`cd /tmp`): it counts only if no user but
/// this user and root can have written it.
fn read(path: &Path) -> io::Result<String> {
    let in_current_folder = path.parent().is_some_and(|folder| folder == Path::new(""));
    if !in_current_folder {
        return std::fs::read_to_string(path);
    }
    let us = rustix::process::geteuid().as_raw();
    let of_stranger = |found: &Metadata| ![us, 0].contains(&found.uid());
    let stranger = || {
        io::Error::other(
            "the file in the current folder belongs to another user, who could choose where this \
             program logs in; start it in another folder, or name the file with \
             `OS_CLIENT_CONFIG_FILE`",
        )
    };
    // Before it is opened, too: a pipe would never answer.
    if of_stranger(&path.symlink_metadata()?) || of_stranger(&path.metadata()?) {
        return Err(stranger());
    }
    let mut file = File::open(path)?;
    let found = file.metadata()?;
    if of_stranger(&found) {
        return Err(stranger());
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "others may write to the file in the current folder: remove that permission (`chmod \
             go-w`), or start the program in another folder",
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
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
                    "set it again, or unset it",
                ));
            }
            Err(_) => {}
        }
    }
    // Python, too, asks the list of users then.
    if !variables.contains_key("HOME")
        && let Some(home) =
            std::env::home_dir().and_then(|home| home.into_os_string().into_string().ok())
    {
        variables.insert("HOME".to_owned(), home);
    }
    Ok(variables)
}

#[cfg(test)]
mod tests;
