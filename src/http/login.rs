//! By what a server knows who sends a request: a secret out of a file, read for each request.

use std::path::{Path, PathBuf};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Request, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};

use crate::os::credentials::first_line;

/// By what the server knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// `token_file`.
    Token(PathBuf),
    /// `basic_file`: user and password, with a colon between them.
    Basic(PathBuf),
    /// `api_key_file`: the key as Elasticsearch encodes it.
    ApiKey(PathBuf),
    /// `user`, and `password_file`.
    Password(String, PathBuf),
}

impl Login {
    /// The file, and the option that names it.
    #[must_use]
    pub fn file(&self) -> (&Path, &'static str) {
        match self {
            Self::Token(path) => (path, "token_file"),
            Self::Basic(path) => (path, "basic_file"),
            Self::ApiKey(path) => (path, "api_key_file"),
            Self::Password(_, path) => (path, "password_file"),
        }
    }

    /// Reads the secret, and adds the header that has it. What no message may show is added to `secrets`.
    ///
    /// # Errors
    /// Why the secret cannot be had, in words.
    pub fn add_to(
        &self,
        builder: RequestBuilder,
        secrets: &mut Vec<SecretString>,
    ) -> Result<Request, String> {
        let (path, option) = self.file();
        let wrong =
            |expected: &str| format!("{} (`{option}`): expected {expected}", path.display());
        let line = first_line(path, option)?;
        let text = line.expose_secret().trim();
        if text.is_empty() {
            return Err(wrong("text, but found nothing in its first line"));
        }
        let (builder, secret) = match self {
            Self::Token(_) => (builder.bearer_auth(text), text),
            Self::Basic(_) => {
                let (user, password) = text.split_once(':').ok_or_else(|| {
                    wrong("user and password with a colon between them, but found no colon")
                })?;
                (builder.basic_auth(user, Some(password)), password)
            }
            Self::ApiKey(_) => {
                if text.contains(':') {
                    return Err(wrong(
                        "the `encoded` form of the key, but found one with a colon",
                    ));
                }
                let value = HeaderValue::from_str(&format!("ApiKey {text}"));
                let mut value = value.map_err(|_| wrong("what fits in a header"))?;
                value.set_sensitive(true);
                (builder.header(AUTHORIZATION, value), text)
            }
            Self::Password(user, _) => (builder.basic_auth(user, Some(text)), text),
        };
        let request = (builder.build()).map_err(|_| wrong("what fits in a header"))?;
        // A server may say back either form, with and without the word before it.
        let header = request.headers().get(AUTHORIZATION);
        let header = header.and_then(|value| value.to_str().ok());
        let sent = header.and_then(|header| header.split_once(' '));
        secrets.extend(sent.map(|(_, sent)| SecretString::from(sent)));
        secrets.push(secret.into());
        Ok(request)
    }
}
