//! Reads [`Settings`]: text, flags, paths and addresses, and the problems with them.

use std::path::{Path, PathBuf};

use reqwest::Url;

use super::effective;
use super::settings::Settings;
use crate::sources::history::native::clouds::variable;
use crate::sources::history::native::problem::{CloudProblem, Origin};
use crate::sources::history::native::yaml::Setting;

impl Settings {
    /// A setting, beside `auth` or in it; what is empty is not set. Beside it wins, where variables
    /// are, too.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, CloudProblem> {
        if let Some(text) = self.beside(key)? {
            return Ok(Some(text));
        }
        let Some(Setting::Section(auth)) = self.chosen.written.get("auth") else {
            return Ok(None);
        };
        let text = self.as_text(key, auth.get(key))?;
        if key == "auth_url" && text.as_deref().is_some_and(has_braces) {
            return Err(self.braces(key));
        }
        Ok(text)
    }

    /// A setting beside `auth`. The program fills in what such a text has in braces.
    pub(super) fn beside(&self, key: &str) -> Result<Option<String>, CloudProblem> {
        let text = self.as_text(key, self.chosen.written.get(key))?;
        if key != "password" && text.as_deref().is_some_and(has_braces) {
            return Err(self.braces(key));
        }
        Ok(text)
    }

    fn braces(&self, key: &str) -> CloudProblem {
        CloudProblem::new(
            format!(
                "{} contains braces, which the `openstack` program replaces by other settings, and \
                 the native client does not",
                self.option_name(key)
            ),
            "write the value that results, or use `client = openstack`",
        )
    }

    fn as_text(
        &self,
        key: &str,
        setting: Option<&Setting>,
    ) -> Result<Option<String>, CloudProblem> {
        match setting {
            Some(Setting::Text(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Setting::Unset) if effective::is_moved(key) => Err(CloudProblem::new(
                format!(
                    "expected text as {}, but found nothing, which the `openstack` program reads \
                     as the text `None`",
                    self.option_name(key)
                ),
                "remove it, or write its value",
            )),
            None | Some(Setting::Unset) => Ok(None),
            Some(other) => Err(self.not_text(key, "text", other)),
        }
    }

    pub(super) fn required(&self, key: &str, remark: &str) -> Result<String, CloudProblem> {
        self.text(key)?.ok_or_else(|| self.missing(key, remark))
    }

    /// A flag. Text is one only where there is nothing else: in a variable, and there the program
    /// looks for `true` alone.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, CloudProblem> {
        let text = match self.chosen.written.get(key) {
            None | Some(Setting::Unset) => return Ok(None),
            Some(Setting::Text(text)) if text.is_empty() && key == "insecure" => return Ok(None),
            Some(Setting::Odd(text)) => text.to_ascii_lowercase(),
            Some(Setting::Text(text)) if key == "insecure" => match text.to_ascii_lowercase() {
                text if text == "true" || text == "false" => text,
                _ => String::new(),
            },
            Some(_) => String::new(),
        };
        match text.as_str() {
            "true" | "yes" | "on" => Ok(Some(true)),
            "false" | "no" | "off" => Ok(Some(false)),
            _ => Err(CloudProblem::new(
                format!(
                    "expected `true` or `false`, without quotation marks, as {}, but found something \
                     else",
                    self.option_name(key)
                ),
                "correct it, or leave it out",
            )),
        }
    }

    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>, CloudProblem> {
        let text = self.text(key)?;
        Ok(
            text.map(|text| match (text.strip_prefix("~/"), &self.home) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => Path::new(&text).to_owned(),
            }),
        )
    }

    /// An address. It is shown in messages, so it may hold no password.
    pub(super) fn url(&self, key: &str, text: &str) -> Result<Url, CloudProblem> {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        let mut url = url.ok_or_else(|| {
            CloudProblem::new(
                format!(
                    "expected an address with `https://` or `http://`, and without user or password, \
                     as {}, but found something else",
                    self.option_name(key)
                ),
                "correct it",
            )
        })?;
        url.set_query(None);
        url.set_fragment(None);
        Ok(url)
    }

    /// The name of a setting as its author wrote it: a key of the file, or an environment variable.
    pub(super) fn option_name(&self, key: &str) -> String {
        if self.chosen.overridden.contains(&key) {
            return format!("`{}`", variable(key));
        }
        match &self.chosen.origin {
            Origin::Variables { .. } => format!("`{}`", variable(key)),
            Origin::File { .. } => format!("`{key}` of {}", self.chosen.origin),
        }
    }

    pub(super) fn missing(&self, key: &str, remark: &str) -> CloudProblem {
        let why = match &self.chosen.origin {
            Origin::Variables {
                because: Some(because),
            } => format!(
                " (no cloud is named, and `{because}` makes the variables the cloud: name one with \
                 `--cloud` or `OS_CLOUD` if it is in a file)"
            ),
            _ => String::new(),
        };
        CloudProblem::new(
            format!("expected {}, but found none{why}", self.option_name(key)),
            &format!("set it: {remark}"),
        )
    }

    pub(super) fn not_text(&self, key: &str, expected: &str, found: &Setting) -> CloudProblem {
        CloudProblem::new(
            format!(
                "expected {expected} as {}, but found {}",
                self.option_name(key),
                found.kind()
            ),
            if matches!(found, Setting::Odd(_)) {
                "put it into quotation marks if it is text"
            } else {
                "correct it"
            },
        )
    }

    pub(super) fn unsupported(&self, key: &str, what: &str) -> CloudProblem {
        CloudProblem::new(
            format!(
                "{} is {what}, and the native client logs in to a project by `password`, `token` and \
                 `v3applicationcredential` alone",
                self.option_name(key)
            ),
            "use `client = openstack`, or an application credential",
        )
    }
}

fn has_braces(text: &str) -> bool {
    text.contains(['{', '}'])
}
