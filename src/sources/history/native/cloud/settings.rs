//! Settings as they were written → a [`Cloud`]: by which names a thing may go, what may be left out,
//! and what this client leaves to the `openstack` program.

use std::path::{Path, PathBuf};

use reqwest::Url;

use super::{Cloud, CloudProblem, Credential, Domain, Ident, Login, Origin, Tls};
use crate::sources::history::native::yaml::{Section, Setting};

/// Settings that are yet to be checked.
pub(super) struct Settings {
    pub(super) origin: Origin,
    pub(super) written: Section,
    pub(super) home: Option<PathBuf>,
}

impl Settings {
    pub(super) fn into_cloud(self) -> Result<Cloud, CloudProblem> {
        let keystone = self.required(
            "auth_url",
            "it is Keystone's address, such as `https://keystone.example:5000/v3`",
        )?;
        let mut keystone = self.url("auth_url", &keystone)?;
        let path = keystone.path().trim_end_matches('/');
        let path = path.strip_suffix("/v2.0").unwrap_or(path);
        let path = path.strip_suffix("/v3").unwrap_or(path);
        keystone.set_path(&format!("{path}/v3"));

        let endpoint = match self.text("lease_endpoint_override")? {
            None => self
                .text("lease_endpoint")?
                .map(|url| self.url("lease_endpoint", &url)),
            Some(url) => Some(self.url("lease_endpoint_override", &url)),
        };
        // The old name wins, as it does in openstacksdk, where the new one has a default.
        let interface = self.first_of(&[
            "lease_endpoint_type",
            "lease_interface",
            "endpoint_type",
            "interface",
        ])?;
        let interface = interface.unwrap_or_else(|| "public".into());
        Ok(Cloud {
            keystone,
            login: self.login()?,
            service_type: self
                .text("lease_service_type")?
                .unwrap_or_else(|| "lease".into()),
            service_name: self.text("lease_service_name")?,
            region: self.first_of(&["lease_region_name", "region_name"])?,
            interface: interface.trim_end_matches("URL").to_owned(),
            endpoint: endpoint.transpose()?,
            tls: self.tls()?,
            origin: self.origin,
        })
    }

    fn login(&self) -> Result<Login, CloudProblem> {
        for beyond in ["trust_id", "system_scope", "passcode"] {
            if self.text(beyond)?.is_some() {
                return Err(self.beyond(beyond, "set"));
            }
        }
        let kind = self.first_of(&["auth_type", "auth_plugin"])?;
        let kind = kind.unwrap_or_else(|| "password".into());
        match kind.as_str() {
            "password" | "v3password" => {
                let Some(password) = self.text("password")? else {
                    let forgotten = self.text("application_credential_secret")?.is_some();
                    return Err(self.missing(
                        "password",
                        if forgotten {
                            "or `auth_type: v3applicationcredential` (`OS_AUTH_TYPE`), since there \
                             is an application credential"
                        } else {
                            "secure.yaml is a good place for it"
                        },
                    ));
                };
                let password = password.into();
                let (user, project) = (self.user()?, self.project()?);
                Ok(Login::Password {
                    user,
                    password,
                    project,
                })
            }
            "v3applicationcredential" => {
                let secret = self.required(
                    "application_credential_secret",
                    "it was shown when the credential was made",
                )?;
                let credential = match self.text("application_credential_id")? {
                    Some(id) => Credential::Id(id),
                    None => Credential::Name {
                        name: self.required(
                            "application_credential_name",
                            "or its `application_credential_id`",
                        )?,
                        user: self.user()?,
                    },
                };
                Ok(Login::ApplicationCredential {
                    credential,
                    secret: secret.into(),
                })
            }
            other => Err(self.beyond("auth_type", &format!("`{other}`"))),
        }
    }

    fn user(&self) -> Result<Ident, CloudProblem> {
        if let Some(id) = self.text("user_id")? {
            return Ok(Ident::Id(id));
        }
        let name = self.first_of(&["username", "user_name"])?;
        let name = name.ok_or_else(|| self.missing("username", "or `user_id`"))?;
        let domain = self.domain("user")?;
        Ok(Ident::Name { name, domain })
    }

    fn project(&self) -> Result<Ident, CloudProblem> {
        if let Some(id) = self.first_of(&["project_id", "tenant_id"])? {
            return Ok(Ident::Id(id));
        }
        let name = self.first_of(&["project_name", "tenant_name"])?;
        let name = name.ok_or_else(|| {
            self.missing("project_name", "or `project_id`: events are a project's")
        })?;
        let domain = self.domain("project")?;
        Ok(Ident::Name { name, domain })
    }

    /// The domain of the user or the project: its own, else the one that is named once for both.
    fn domain(&self, whose: &str) -> Result<Domain, CloudProblem> {
        for prefix in [&format!("{whose}_"), "", "default_"] {
            if let Some(id) = self.text(&format!("{prefix}domain_id"))? {
                return Ok(Domain::Id(id));
            }
            if let Some(name) = self.text(&format!("{prefix}domain_name"))? {
                return Ok(Domain::Name(name));
            }
        }
        // The `openstack` program's own option, and what it takes without one.
        let id = self.text("default_domain")?;
        Ok(Domain::Id(id.unwrap_or_else(|| "default".into())))
    }

    fn tls(&self) -> Result<Tls, CloudProblem> {
        let verify = self.flag("verify")?.unwrap_or(true);
        let insecure = self.flag("insecure")?.unwrap_or(false);
        let key = self.path("key")?;
        Ok(Tls {
            verify: verify && !insecure,
            ca_file: self.path("cacert")?,
            identity: self.path("cert")?.map(|certificate| (certificate, key)),
        })
    }

    /// A setting, beside `auth` or in it; what is empty is not set. Beside it wins, as it does for
    /// the `openstack` program.
    fn text(&self, key: &str) -> Result<Option<String>, CloudProblem> {
        let beside = self.written.get(key);
        let within = match self.written.get("auth") {
            Some(Setting::Section(auth)) => auth.get(key),
            None | Some(Setting::Unset) => None,
            Some(other) => return Err(self.not_text("auth", "a mapping", other)),
        };
        for setting in [beside, within].into_iter().flatten() {
            match setting {
                Setting::Text(text) if text.is_empty() => {}
                Setting::Text(text) => return Ok(Some(text.clone())),
                Setting::Unset => {}
                other => return Err(self.not_text(key, "text", other)),
            }
        }
        Ok(None)
    }

    fn first_of(&self, keys: &[&str]) -> Result<Option<String>, CloudProblem> {
        for key in keys {
            if let Some(text) = self.text(key)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn required(&self, key: &str, remark: &str) -> Result<String, CloudProblem> {
        self.text(key)?.ok_or_else(|| self.missing(key, remark))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, CloudProblem> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Some(true)),
            "false" | "no" | "off" | "0" => Ok(Some(false)),
            _ => Err(CloudProblem::new(
                format!(
                    "expected `true` or `false` as {}, but found `{text}`",
                    self.called(key)
                ),
                "mend it, or leave it out",
            )),
        }
    }

    fn path(&self, key: &str) -> Result<Option<PathBuf>, CloudProblem> {
        let text = self.text(key)?;
        Ok(
            text.map(|text| match (text.strip_prefix("~/"), &self.home) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => Path::new(&text).to_owned(),
            }),
        )
    }

    /// An address. It is shown in messages, so it may hold no password.
    fn url(&self, key: &str, text: &str) -> Result<Url, CloudProblem> {
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
                    self.called(key)
                ),
                "mend it",
            )
        })?;
        url.set_query(None);
        url.set_fragment(None);
        Ok(url)
    }

    /// A setting by the name that its author knows.
    fn called(&self, key: &str) -> String {
        match &self.origin {
            Origin::Variables => format!("`OS_{}`", key.to_ascii_uppercase()),
            Origin::File { .. } => format!("`{key}` of {}", self.origin),
        }
    }

    fn missing(&self, key: &str, remark: &str) -> CloudProblem {
        CloudProblem::new(
            format!("expected {}, but found none", self.called(key)),
            &format!("set it: {remark}"),
        )
    }

    fn not_text(&self, key: &str, expected: &str, found: &Setting) -> CloudProblem {
        CloudProblem::new(
            format!(
                "expected {expected} as {}, but found {}",
                self.called(key),
                found.kind()
            ),
            "mend it",
        )
    }

    fn beyond(&self, key: &str, what: &str) -> CloudProblem {
        CloudProblem::new(
            format!(
                "{} is {what}, and the native client knows `password` and \
                 `v3applicationcredential` alone",
                self.called(key)
            ),
            "use `client = openstack`, or an application credential",
        )
    }
}
