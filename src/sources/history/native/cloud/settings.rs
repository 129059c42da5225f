//! Settings as they were written → a [`Cloud`]: the names that a setting may have, what may be left out,
//! and what this client leaves to the `openstack` program.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{Cloud, Credential, Domain, Ident, Login, effective};
use crate::http::{Trust, TrustNames};
use crate::sources::history::native::clouds::Chosen;
use crate::sources::history::native::problem::CloudProblem;
use crate::sources::history::native::yaml::Setting;

/// Settings that are yet to be checked.
pub(super) struct Settings {
    pub(super) chosen: Chosen,
    pub(super) home: Option<PathBuf>,
}

impl Settings {
    pub(super) fn new(mut chosen: Chosen, home: Option<PathBuf>) -> Result<Self, CloudProblem> {
        effective::prepare(&mut chosen)?;
        Ok(Self { chosen, home })
    }

    pub(super) fn into_cloud(self) -> Result<Cloud, CloudProblem> {
        let keystone = self.required(
            "auth_url",
            "it is Keystone's address, such as `https://keystone.example:5000/v3`",
        )?;
        let mut keystone = self.url("auth_url", &keystone)?;
        let path = keystone.path().trim_end_matches('/');
        if path.ends_with("/v2.0") {
            return Err(CloudProblem::new(
                format!("{} ends with `/v2.0`", self.option_name("auth_url")),
                "replace it by `/v3`: the native client, like today's Keystone, knows no other version",
            ));
        }
        let path = path.strip_suffix("/v3").unwrap_or(path);
        keystone.set_path(&format!("{path}/v3"));

        let endpoint = match self.text("lease_endpoint_override")? {
            None => self
                .text("lease_endpoint")?
                .map(|url| self.url("lease_endpoint", &url)),
            Some(url) => Some(self.url("lease_endpoint_override", &url)),
        };
        if self
            .text("lease_api_version")?
            .is_some_and(|version| version != "1")
        {
            return Err(self.unsupported("lease_api_version", "not `1`"));
        }
        Ok(Cloud {
            keystone,
            login: self.login()?,
            service_type: self
                .text("lease_service_type")?
                .unwrap_or_else(|| "lease".into()),
            service_name: self.text("lease_service_name")?,
            region: match self.text("lease_region_name")? {
                None => self.text("region_name")?,
                region => region,
            },
            interface: self.interface()?,
            endpoint: endpoint.transpose()?,
            trust: self.trust()?,
            origin: self.chosen.origin,
        })
    }

    /// The service's own, else the cloud's. Of the cloud's, the old name wins, because the new one
    /// has a default.
    fn interface(&self) -> Result<String, CloudProblem> {
        let (own, old) = ("lease_interface", "lease_endpoint_type");
        if self.chosen.written.contains_key(own) && self.chosen.written.contains_key(old) {
            return Err(CloudProblem::new(
                format!("{} and `{old}` are the same setting", self.option_name(own)),
                "remove one of them",
            ));
        }
        for key in [old, own, "endpoint_type", "interface"] {
            match self.chosen.written.get(key) {
                None => {}
                Some(Setting::Text(text)) if !text.is_empty() => {
                    return Ok(text.trim_end_matches("URL").to_owned());
                }
                Some(other) => {
                    return Err(self.not_text(
                        key,
                        "one of `public`, `internal` and `admin`",
                        other,
                    ));
                }
            }
        }
        Ok("public".to_owned())
    }

    fn login(&self) -> Result<Login, CloudProblem> {
        for beyond in ["trust_id", "system_scope", "passcode", "service_provider"] {
            if self.text(beyond)?.is_some() {
                return Err(self.unsupported(beyond, "set"));
            }
        }
        if self
            .version()?
            .is_some_and(|version| !version.starts_with('3'))
        {
            return Err(self.unsupported("identity_api_version", "not 3"));
        }
        let kind = self.text("auth_type")?;
        let kind = kind.unwrap_or_else(|| "password".into());
        let Some(allowed) = effective::allowed(&kind) else {
            return Err(self.unsupported("auth_type", &format!("`{kind}`")));
        };
        self.nothing_else(&kind, &allowed)?;
        match kind.as_str() {
            "password" | "v3password" => {
                let password = self.password()?;
                let (user, project) = (self.user(&kind)?, self.project(&kind)?);
                Ok(Login::Password {
                    user,
                    password,
                    project,
                })
            }
            "token" | "v3token" => Ok(Login::Token {
                token: self
                    .required("token", "`openstack token issue` prints one")?
                    .into(),
                project: self.project(&kind)?,
            }),
            _ => {
                for key in ["project_id", "project_name", "domain_id", "domain_name"] {
                    if self.text(key)?.is_some() {
                        return Err(CloudProblem::new(
                            format!(
                                "{} is set beside an application credential",
                                self.option_name(key)
                            ),
                            "remove it: the credential is for one project, and Keystone refuses a \
                             login that names a project",
                        ));
                    }
                }
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
                        user: self.user(&kind)?,
                    },
                };
                Ok(Login::ApplicationCredential {
                    credential,
                    secret: secret.into(),
                })
            }
        }
    }

    fn password(&self) -> Result<SecretString, CloudProblem> {
        if let Some(password) = self.text("password")? {
            return Ok(password.into());
        }
        let remark = if self.text("application_credential_secret")?.is_some() {
            "or `auth_type: v3applicationcredential` (`OS_AUTH_TYPE`), since there is an application \
             credential"
        } else {
            "secure.yaml and `OS_PASSWORD` are good places for it"
        };
        Err(self.missing("password", remark))
    }

    /// The program gives up over what its way to log in does not know.
    fn nothing_else(&self, kind: &str, allowed: &[&str]) -> Result<(), CloudProblem> {
        let Some(Setting::Section(auth)) = self.chosen.written.get("auth") else {
            return Ok(());
        };
        match auth.keys().find(|key| !allowed.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(CloudProblem::new(
                format!(
                    "{} is not a setting of the login by `{kind}`, and the `openstack` program \
                     refuses it",
                    self.option_name(key)
                ),
                "remove it, correct its name, or set `auth_type` (`OS_AUTH_TYPE`)",
            )),
        }
    }

    fn version(&self) -> Result<Option<String>, CloudProblem> {
        self.text("identity_api_version")
    }

    fn user(&self, kind: &str) -> Result<Ident, CloudProblem> {
        if let Some(id) = self.text("user_id")? {
            return Ok(Ident::Id(id));
        }
        let mut name = None;
        for beside in [true, false] {
            for key in ["username", "user_name"] {
                if name.is_none() {
                    name = if beside {
                        self.beside(key)?
                    } else {
                        self.text(key)?
                    };
                }
            }
        }
        let name = name.ok_or_else(|| self.missing("username", "or `user_id`"))?;
        let domain = self.domain("user", kind)?;
        Ok(Ident::Name { name, domain })
    }

    fn project(&self, kind: &str) -> Result<Ident, CloudProblem> {
        if let Some(id) = self.text("project_id")? {
            return Ok(Ident::Id(id));
        }
        let name = self.required(
            "project_name",
            "or `project_id`: events belong to a project",
        )?;
        let domain = self.domain("project", kind)?;
        Ok(Ident::Name { name, domain })
    }

    /// The domain of the user or the project, as the program sends it; an id wins over a name.
    fn domain(&self, whose: &str, kind: &str) -> Result<Domain, CloudProblem> {
        let (own_id, own_name) = (format!("{whose}_domain_id"), format!("{whose}_domain_name"));
        let (mut id, mut name) = (self.text(&own_id)?, self.text(&own_name)?);
        if id.is_none()
            && name.is_none()
            && effective::default_domain(kind, self.version()?.as_deref())
        {
            id = self.text("default_domain")?;
        }
        // Only the two that look at Keystone's version know these.
        if !kind.starts_with("v3") {
            id = id.or(self.text("default_domain_id")?);
            name = name.or(self.text("default_domain_name")?);
        }
        match (id, name) {
            (Some(id), _) => Ok(Domain::Id(id)),
            (None, Some(name)) => Ok(Domain::Name(name)),
            (None, None) => Err(self.missing(
                &own_id,
                &format!(
                    "or `{own_name}`; it is often `default`, and Keystone cannot find a {whose} by its \
                     name alone"
                ),
            )),
        }
    }

    fn trust(&self) -> Result<Trust, CloudProblem> {
        let verify = self.flag("verify")?.unwrap_or(true);
        let insecure = self.flag("insecure")?.unwrap_or(false);
        let key = self.path("key")?;
        Ok(Trust {
            names: TrustNames {
                peer: "the cloud",
                ca_file: "cacert",
                certificate: Some("cert"),
                key: Some("key"),
            },
            verify: verify && !insecure,
            ca_file: self.path("cacert")?,
            identity: self.path("cert")?.map(|certificate| (certificate, key)),
        })
    }
}
