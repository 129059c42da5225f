//! What is sent: the parts of a request, filled in for one event. Pure, but for the files with secrets.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::service::{Others, Service};
use crate::actions::remote::no_dots;
use crate::core::template::{JsonTemplate, Scope, Template};
use crate::http::Login;
use crate::os::credentials::first_line;

/// What a rule sends.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) headers: Vec<(HeaderName, Template)>,
    /// `None` where nothing is sent but the head.
    pub(super) body: Option<Body>,
    pub(super) login: Option<Login>,
}

/// What is sent behind the head.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// `body`.
    Json(JsonTemplate),
    /// `message`, in the form in which this service takes it.
    Message(&'static Service, Template),
}

/// Where it is sent.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// `url`.
    Template(Template),
    /// `url_file`: the address itself is a secret.
    File(PathBuf),
}

/// The parts of a request that are filled in for an event, none of them secret.
#[derive(Debug)]
pub(super) struct Parts {
    /// `None` if the address is a secret.
    pub(super) url: Option<Url>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Value>,
    /// Whether the end of the message had to be left out.
    pub(super) is_cut: bool,
    /// Of how many events the message tells, if that is to be said.
    pub(super) told_of: String,
}

/// A request, and what no message about it may show.
pub(super) struct Filled {
    pub(super) request: Request,
    pub(super) secrets: Vec<SecretString>,
    /// Of how many events the message tells, to be written behind the server's answer; nothing, if of its own alone.
    pub(super) told_of: String,
}

impl Call {
    /// Fills in the parts; a message for other events, too.
    ///
    /// # Errors
    /// Why that fails, in words.
    pub(super) fn parts(&self, scope: &Scope, others: &Others) -> Result<Parts, String> {
        let url = match &self.address {
            Address::Template(template) => {
                let text = template
                    .fill(scope)
                    .map_err(|error| format!("`url`: {error}"))?;
                Some(url(&text).map_err(|why| format!("`url`: {why}, but found `{text}`"))?)
            }
            Address::File(_) => None,
        };
        let (mut is_cut, mut told_of) = (false, String::new());
        let body = match &self.body {
            None => None,
            Some(Body::Json(body)) => {
                let filled = body.fill(scope);
                Some(filled.map_err(|error| format!("`body`: {error}"))?)
            }
            Some(Body::Message(service, message)) => {
                let filled = service.fill(message, scope, others);
                let filled = filled.map_err(|why| format!("`message`: {why}"))?;
                is_cut = filled.is_cut;
                told_of = filled.told_of;
                Some(filled.body)
            }
        };
        let mut headers = HeaderMap::new();
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, template) in &self.headers {
            let text = template.fill(scope);
            let text = text.map_err(|error| format!("`headers`: {name}: {error}"))?;
            let value = HeaderValue::from_str(&text);
            let value =
                value.map_err(|_| format!("`headers`: {name}: `{text}` fits in no header"))?;
            headers.insert(name, value);
        }
        Ok(Parts {
            url,
            headers,
            body,
            is_cut,
            told_of,
        })
    }

    /// The chat service that it goes to, if it is for one.
    pub(super) fn service(&self) -> Option<&'static Service> {
        match &self.body {
            Some(Body::Message(service, _)) => Some(service),
            Some(Body::Json(_)) | None => None,
        }
    }

    /// The request for one event. Reads the files with secrets.
    ///
    /// # Errors
    /// Why there is none, in words, without secrets.
    pub(super) fn fill(
        &self,
        client: &Client,
        scope: &Scope,
        others: &Others,
    ) -> Result<Filled, String> {
        let parts = self.parts(scope, others)?;
        let mut secrets = Vec::new();
        let url = match (parts.url, &self.address) {
            (Some(url), _) => url,
            (None, Address::File(path)) => secret_url(path, &mut secrets)?,
            (None, Address::Template(_)) => {
                unreachable!("a template is an address that can be shown")
            }
        };
        let mut request = Request::new(self.method.clone(), url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = parts.body.map(|body| body.to_string().into());
        if let Some(login) = &self.login {
            let builder = RequestBuilder::from_parts(client.clone(), request);
            request = login.add_to(builder, &mut secrets)?;
        }
        Ok(Filled {
            request,
            secrets,
            told_of: parts.told_of,
        })
    }
}

/// Reads an address that is a secret itself: all behind the host.
fn secret_url(path: &Path, secrets: &mut Vec<SecretString>) -> Result<Url, String> {
    let line = first_line(path, "url_file")?;
    let url = url(line.expose_secret().trim());
    let url = url.map_err(|why| format!("{} (`url_file`): {why}", path.display()))?;
    secrets.extend(telling(&url).into_iter().map(SecretString::from));
    Ok(url)
}

/// What of an address gives it away: all behind the host, and each part of that which is longer than a word
/// that says nothing.
fn telling(url: &Url) -> Vec<String> {
    const LONG: usize = 6;
    let whole = [Some(url.path()).filter(|path| path.len() > 1), url.query()];
    let mut found: Vec<String> = whole.into_iter().flatten().map(str::to_owned).collect();
    let decode = |part| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts = url.path_segments().into_iter().flatten().map(decode);
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    found.extend(
        parts
            .chain(values)
            .filter(|part| part.chars().count() >= LONG),
    );
    found
}

/// An address that a request may go to.
fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("expected a URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("expected `http://` or `https://`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected no user or password (they belong into a `basic_file`)".to_owned());
    }
    no_dots(text)?;
    Ok(url)
}

#[cfg(test)]
mod tests;
