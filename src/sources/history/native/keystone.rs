//! Keystone's tokens: the request, and what the answer says about the token and the address of ESI
//! Leap.
//!
//! Pure; bytes and headers in, bytes out.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::{Cloud, Credential, Domain, Ident, Login};
use crate::http::message::unexpected_json;

/// How long before its end a token is no longer used, as keystoneauth has it; of a short-lived one,
/// its second half.
const MARGIN: Duration = Duration::from_secs(120);

/// A token, and what came with it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    /// How long it may be used, counted from the request for it.
    pub(super) usable: Duration,
    /// ESI Leap, without `/v1`.
    pub(super) leap: Url,
}

/// The address that gives tokens.
pub(super) fn address(cloud: &Cloud) -> Url {
    let mut url = cloud.keystone.clone();
    url.set_path(&format!("{}/auth/tokens", url.path()));
    url
}

/// The body of a request for a token. It holds the secret.
pub(super) fn request(cloud: &Cloud) -> Vec<u8> {
    let auth = match &cloud.login {
        Login::Password {
            user,
            password,
            project,
        } => {
            let mut user = ident(user);
            user["password"] = password.expose_secret().into();
            json!({
                "identity": { "methods": ["password"], "password": { "user": user } },
                "scope": { "project": ident(project) },
            })
        }
        Login::Token { token, project } => json!({
            "identity": { "methods": ["token"], "token": { "id": token.expose_secret() } },
            "scope": { "project": ident(project) },
        }),
        // Its project is a part of it; Keystone refuses any other scope.
        Login::ApplicationCredential { credential, secret } => {
            let mut shown = match credential {
                Credential::Id(id) => json!({ "id": id }),
                Credential::Name { name, user } => json!({ "name": name, "user": ident(user) }),
            };
            shown["secret"] = secret.expose_secret().into();
            json!({
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": shown,
                },
            })
        }
    };
    json!({ "auth": auth }).to_string().into_bytes()
}

fn ident(ident: &Ident) -> Value {
    match ident {
        Ident::Id(id) => json!({ "id": id }),
        Ident::Name {
            name,
            domain: Domain::Id(id),
        } => json!({ "name": name, "domain": { "id": id } }),
        Ident::Name {
            name,
            domain: Domain::Name(domain),
        } => {
            json!({ "name": name, "domain": { "name": domain } })
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Body,
}

#[derive(Deserialize)]
struct Body {
    expires_at: Timestamp,
    issued_at: Timestamp,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    region_id: Option<String>,
    url: String,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{} in {}",
            self.interface,
            self.region().unwrap_or("no region")
        )
    }
}

impl Endpoint {
    fn region(&self) -> Option<&str> {
        self.region_id.as_deref().or(self.region.as_deref())
    }
}

/// Reads the answer to a request for a token.
///
/// # Errors
/// What was expected, what was found, and the remedy, if the answer is no token or its catalogue
/// does not lead to ESI Leap.
pub(super) fn read(
    secret: Option<&SecretString>,
    body: &[u8],
    cloud: &Cloud,
    secrets: &[&SecretString],
) -> Result<Token, String> {
    let Some(secret) = secret.filter(|secret| !secret.expose_secret().is_empty()) else {
        return Err("expected a token in the header `X-Subject-Token`, but found none".to_owned());
    };
    let expected = "a token in JSON, with `issued_at` and `expires_at`";
    let Answer { token } = serde_json::from_slice(body)
        .map_err(|error| unexpected_json(expected, &error, body, secrets))?;
    // Keystone's own clock on both sides: ours may be wrong.
    let life = token.issued_at.duration_until(token.expires_at);
    let life = Duration::try_from(life).unwrap_or_default();
    let leap = match &cloud.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => endpoint(&token.catalog, cloud)?,
    };
    Ok(Token {
        secret: secret.clone(),
        usable: life.saturating_sub(MARGIN.min(life / 2)),
        leap: without_version(leap),
    })
}

fn endpoint(catalog: &[Service], cloud: &Cloud) -> Result<Url, String> {
    let wanted = |service: &&Service| {
        service.kind == cloud.service_type
            && cloud
                .service_name
                .as_ref()
                .is_none_or(|name| service.name.as_ref() == Some(name))
    };
    let mut services = catalog.iter().filter(wanted).peekable();
    if services.peek().is_none() {
        let name = cloud.service_name.as_ref();
        return Err(format!(
            "expected a service of type `{}`{} in the catalogue, but found {}; have ESI Leap \
             registered there, or set `lease_endpoint_override` to its address",
            cloud.service_type,
            name.map_or_else(String::new, |name| format!(" and name `{name}`")),
            list(catalog.iter().map(|service| &service.kind)),
        ));
    }
    let endpoints: Vec<_> = services.flat_map(|service| &service.endpoints).collect();
    let fits = |endpoint: &&&Endpoint| {
        endpoint.interface.trim_end_matches("URL") == cloud.interface
            && cloud
                .region
                .as_deref()
                .is_none_or(|region| endpoint.region() == Some(region))
    };
    let Some(endpoint) = endpoints.iter().find(fits) else {
        return Err(format!(
            "expected the {} endpoint of `{}` in {}, but found {}; correct `interface` or \
             `region_name`",
            cloud.interface,
            cloud.service_type,
            cloud
                .region
                .as_deref()
                .map_or_else(|| "any region".into(), |name| format!("region `{name}`")),
            list(&endpoints),
        ));
    };
    Url::parse(&endpoint.url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            format!(
                "expected an address with `https://` or `http://` as the {endpoint} endpoint of \
                 `{}`, but found something else; set `lease_endpoint_override` to the right one",
                cloud.service_type
            )
        })
}

/// What there is, each once.
fn list(names: impl IntoIterator<Item = impl ToString>) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// An endpoint may be registered with its version or without.
fn without_version(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests;
