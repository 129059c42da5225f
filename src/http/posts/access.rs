//! Who may send: a token, a user with a password, a signature of what was sent. Compared in constant time.

use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};

use crate::http::refusal::Refusal;
use crate::os::credentials;

/// What a sender has to show. Nothing, if there is neither.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What `Authorization` has to say.
    pub login: Option<Login>,
    /// What has to be signed.
    pub hmac: Option<HmacCheck>,
}

/// What `Authorization` has to say: one of the lines of a file.
#[derive(Clone, Debug)]
pub enum Login {
    /// `Bearer`, and a token.
    Token(SecretFile),
    /// `Basic`, and `user:password`.
    Basic(SecretFile),
}

/// A signature of the body, made with one of the lines of a file.
#[derive(Clone, Debug)]
pub struct HmacCheck {
    /// What the sender calls the algorithm: it may stand before the signature, as in `sha256=`.
    pub name: &'static str,
    /// The algorithm.
    pub algorithm: hmac::Algorithm,
    /// The header with the signature, in hexadecimal digits or base64.
    pub header: HeaderName,
    /// The keys.
    pub file: SecretFile,
}

/// A file with secrets, one a line, read for each request, so that a changed one needs no restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// The file.
    pub path: PathBuf,
    /// The option that names it.
    pub option: &'static str,
}

impl SecretFile {
    fn secrets(&self) -> Result<Vec<SecretString>, Refusal> {
        credentials::lines(&self.path, self.option).map_err(|why| {
            // Its path is nothing for strangers.
            Refusal::later("the service cannot read its secrets now: send it again later")
                .because(why)
        })
    }
}

impl Access {
    /// Whether the files can be used.
    ///
    /// # Errors
    /// Why not, in words that name the file.
    pub fn check(&self) -> Result<(), String> {
        let login = self.login.as_ref().map(|login| match login {
            Login::Token(file) | Login::Basic(file) => file,
        });
        let hmac = self.hmac.as_ref().map(|hmac| &hmac.file);
        for SecretFile { path, option } in login.into_iter().chain(hmac) {
            credentials::lines(path, option)?;
        }
        Ok(())
    }

    /// Looks at what comes before the body.
    ///
    /// # Errors
    /// [`Refusal`], if the sender may not send.
    pub(super) fn of_head(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(login) = &self.login {
            login.admits(headers)?;
        }
        match &self.hmac {
            Some(hmac) if !headers.contains_key(&hmac.header) => {
                let why = "expected a signature, but found none";
                Err(Refusal::unknown_sender(why, None))
            }
            _ => Ok(()),
        }
    }

    /// Looks at a body as it was sent.
    ///
    /// # Errors
    /// [`Refusal`], if it is not signed.
    pub(super) fn of_body(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        match &self.hmac {
            Some(hmac) => hmac.admits(headers, body),
            None => Ok(()),
        }
    }
}

impl Login {
    fn admits(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let (scheme, challenge, file) = match self {
            Self::Token(file) => ("bearer", "Bearer", file),
            Self::Basic(file) => ("basic", "Basic realm=\"events\"", file),
        };
        let refused = |why| Err(Refusal::unknown_sender(why, Some(challenge)));
        let Some(given) = headers.get(AUTHORIZATION) else {
            return refused("expected an `Authorization`, but found none");
        };
        let given = given.as_bytes();
        let at = given.iter().position(|byte| *byte == b' ');
        let (found, given) = given.split_at(at.unwrap_or(given.len()));
        if !found.eq_ignore_ascii_case(scheme.as_bytes()) {
            return refused(match self {
                Self::Token(_) => "expected `Bearer` and a token in `Authorization`",
                Self::Basic(_) => "expected `Basic` in `Authorization`",
            });
        }
        let (given, secrets) = (given.trim_ascii(), file.secrets()?);
        let matches = |secret: &SecretString| match self {
            Self::Token(_) => same(secret.expose_secret().as_bytes(), given),
            Self::Basic(_) => {
                let wanted = BASE64_STANDARD.encode(secret.expose_secret());
                same(wanted.as_bytes(), given)
            }
        };
        if any(&secrets, matches) {
            return Ok(());
        }
        refused("the token or password in `Authorization` is wrong")
    }
}

impl HmacCheck {
    fn admits(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        let given = headers.get(&self.header).map(HeaderValue::as_bytes);
        let tag = given.and_then(|given| self.tag(given));
        let Some(tag) = tag else {
            let why =
                "expected a signature in hexadecimal digits or base64, but found something else";
            return Err(Refusal::unknown_sender(why, None));
        };
        let matches = |secret: &SecretString| {
            let key = hmac::Key::new(self.algorithm, secret.expose_secret().as_bytes());
            hmac::verify(&key, body, &tag).is_ok()
        };
        if any(&self.file.secrets()?, matches) {
            return Ok(());
        }
        let why = "the signature is not that of this body with the key";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, why))
    }

    /// What a header says, without the name of the algorithm before it.
    fn tag(&self, given: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(given).ok()?.trim();
        let text = match text.split_once('=') {
            Some((name, rest)) if name.eq_ignore_ascii_case(self.name) => rest,
            _ => text,
        };
        from_hex(text).or_else(|| BASE64_STANDARD.decode(text).ok())
    }
}

/// Whether any secret matches; all are tried, so that the time tells of none of them.
fn any(secrets: &[SecretString], matches: impl Fn(&SecretString) -> bool) -> bool {
    secrets
        .iter()
        .fold(false, |found, secret| matches(secret) | found)
}

/// Whether two texts are the same, in a time that tells nothing of the first: what is compared are their codes under a
/// key that nobody knows.
fn same(secret: &[u8], given: &[u8]) -> bool {
    static KEY: OnceLock<Option<hmac::Key>> = OnceLock::new();
    let key = KEY.get_or_init(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok());
    // Without random numbers nobody is let in.
    let Some(key) = key else {
        return false;
    };
    hmac::verify(key, given, hmac::sign(key, secret).as_ref()).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    digits.map(|two| u8::from_str_radix(two, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn headers(name: &str, value: &[u8]) -> HeaderMap {
        let name: HeaderName = name.parse().unwrap();
        [(name, HeaderValue::from_bytes(value).unwrap())]
            .into_iter()
            .collect()
    }

    fn file(folder: &tempfile::TempDir, text: &str) -> SecretFile {
        let path = folder.path().join("secret");
        fs::write(&path, text).unwrap();
        let option = "token_file";
        SecretFile { path, option }
    }

    /// The kind of login, what its file says, the header, and the status of the refusal if there is one.
    type LoginCase = (
        fn(SecretFile) -> Login,
        &'static str,
        Option<&'static [u8]>,
        Option<u16>,
    );

    #[test]
    fn a_login_is_one_of_the_lines_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (token, basic) = (Login::Token as fn(SecretFile) -> Login, Login::Basic as _);
        let cases: [LoginCase; 15] = [
            (token, "s3cret\n", Some(b"Bearer s3cret"), None),
            (token, "s3cret\n", Some(b"bearer  s3cret "), None),
            (token, "old\n\n s3cret \n", Some(b"Bearer s3cret"), None),
            (token, "old\ns3cret\n", Some(b"Bearer old"), None),
            (token, "s3cret", None, Some(401)),
            (token, "s3cret", Some(b"Bearer s3cre"), Some(401)),
            (token, "s3cret", Some(b"Bearer s3crets"), Some(401)),
            (token, "s3cret", Some(b"Bearer"), Some(401)),
            (token, "s3cret", Some(b"s3cret"), Some(401)),
            (token, "s3cret", Some(b"Basic s3cret"), Some(401)),
            (token, "s3cret", Some(b"Bearer \xff"), Some(401)),
            // Nobody is let in by a file that says nothing.
            (token, " \n", Some(b"Bearer "), Some(503)),
            (basic, "user:pass", Some(b"Basic dXNlcjpwYXNz"), None),
            (basic, "user:pass", Some(b"Basic dXNlcjpwYXN6"), Some(401)),
            (basic, "user:pass", Some(b"Bearer user:pass"), Some(401)),
        ];
        for (login, text, given, expected) in cases {
            let login = Some(login(file(&folder, text)));
            let access = Access { login, hmac: None };
            let headers = given.map_or_else(HeaderMap::new, |it| headers("authorization", it));
            let refused = access.of_head(&headers).err();
            assert_eq!(
                refused.as_ref().map(|it| it.status.as_u16()),
                expected,
                "{refused:?}"
            );
            assert!(!format!("{refused:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_signature_is_of_the_bytes_as_they_were_sent() {
        const HEX: &str = "85e7b68cdf027474f0f0b8e2e63c4afb88cacf8a3e503aa13160f290dfc506d4";
        const BASE64: &str = "hee2jN8CdHTw8Lji5jxK+4jKz4o+UDqhMWDykN/FBtQ=";
        let folder = tempfile::tempdir().unwrap();
        let hmac = |keys: &str| Access {
            login: None,
            hmac: Some(HmacCheck {
                name: "sha256",
                algorithm: hmac::HMAC_SHA256,
                header: HeaderName::from_static("x-hub-signature-256"),
                file: file(&folder, keys),
            }),
        };
        let body = br#"{"a": 1}"#;
        let prefixed = format!("sha256={HEX}");
        let cases = [
            ("key", HEX.to_owned(), true),
            ("other\nkey", HEX.to_owned(), true),
            ("key", prefixed.clone(), true),
            ("key", HEX.to_uppercase(), true),
            ("key", prefixed.to_uppercase(), true),
            ("key", BASE64.to_owned(), true),
            ("key", format!("sha256={BASE64}"), true),
            ("other", prefixed.clone(), false),
            ("key", format!("sha1={HEX}"), false),
            ("key", HEX[2..].to_owned(), false),
            ("key", String::new(), false),
            ("key", "ü".to_owned(), false),
        ];
        for (keys, value, expected) in cases {
            let headers = headers("x-hub-signature-256", value.as_bytes());
            let access = hmac(keys);
            assert_eq!(access.of_head(&headers), Ok(()));
            assert_eq!(access.of_body(&headers, body).is_ok(), expected, "{value}");
            assert!(access.of_body(&headers, br#"{"a":1}"#).is_err());
        }
        let missing = hmac("key").of_head(&HeaderMap::new()).unwrap_err();
        assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_with_its_option() {
        let folder = tempfile::tempdir().unwrap();
        let access = |text: &str| Access {
            login: Some(Login::Token(file(&folder, text))),
            hmac: None,
        };
        assert_eq!(access("s3cret").check(), Ok(()));
        let told = access("\n").check().unwrap_err();
        assert!(
            told.contains("secret (`token_file`): expected a secret"),
            "{told}"
        );
        let gone = access("s3cret");
        fs::remove_file(folder.path().join("secret")).unwrap();
        assert!(gone.check().unwrap_err().contains("(`token_file`): "));
    }
}
