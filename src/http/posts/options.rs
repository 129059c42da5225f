//! The options of sources to which requests are sent: where, by whom, and how large they may be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper::header::{AUTHORIZATION, HeaderName};
use ring::hmac::{self, Algorithm};

use super::access::{Access, HmacCheck, Login, SecretFile};
use crate::config::table::{Kind, OptionRow};
use crate::config::{Options, Problem, Reported};
use crate::core::address::Address;
use crate::http::listener::{Place, RoutePath, TlsFiles};
use crate::os::credentials::credential_file;

/// In the section of a source that requests are sent to.
pub const LISTEN: OptionRow = OptionRow::of_source(
    "listen",
    Kind::Text,
    None,
    "the address and the port that requests are sent to, like `0.0.0.0:8443` or `[::1]:8080`. Several sources may \
     share one, each with a `path` of its own and the same `ssl_…` options",
);

/// See [`LISTEN`].
pub const PATH: OptionRow = OptionRow::of_source(
    "path",
    Kind::Text,
    Some("/"),
    "the path of the requests that are meant; all below it is, too. Of several sources the one with the longest path \
     gets a request",
);

/// See [`LISTEN`].
pub const TOKEN_FILE: OptionRow = OptionRow::of_source(
    "token_file",
    Kind::Path,
    None,
    "a file with the token that senders show as `Authorization: Bearer`; of several lines each is one. Looked for among \
     systemd's credentials, then beside the configuration; read again for each request",
);

/// See [`LISTEN`].
pub const BASIC_FILE: OptionRow = OptionRow::of_source(
    "basic_file",
    Kind::Path,
    None,
    "instead of `token_file`: a file with `user:password`, which senders show as `Authorization: Basic`",
);

/// See [`LISTEN`].
pub const HMAC: OptionRow = OptionRow::of_source(
    "hmac",
    Kind::Text,
    None,
    "an algorithm (`sha256`, `sha512`, `sha1`), a header and a file, like `sha256 X-Hub-Signature-256 hook-key`: the \
     header has to be the HMAC of the body as it was sent, in hexadecimal digits or base64, with a line of the file \
     as the key; `sha256=` may stand before it",
);

/// See [`LISTEN`].
pub const AUTH: OptionRow = OptionRow::of_source(
    "auth",
    Kind::Choice(&["none"]),
    None,
    "`none`: whoever reaches the address may send. For addresses of the host itself (127.0.0.1, ::1) alone",
);

/// See [`LISTEN`].
pub const MAX_BODY: OptionRow = OptionRow::of_source(
    "max_body",
    Kind::Number(1, 64 * 1024 * 1024),
    Some("1048576"),
    "the most bytes that the body of a request may have, once it is unpacked",
);

/// See [`LISTEN`].
pub const SSL_CERT_FILE: OptionRow = OptionRow::of_source(
    "ssl_cert_file",
    Kind::Path,
    None,
    "the certificate for TLS, with those between it and its authority behind it. One that is renewed is taken up within a \
     minute",
);

/// See [`LISTEN`].
pub const SSL_KEY_FILE: OptionRow = OptionRow::of_source(
    "ssl_key_file",
    Kind::Path,
    None,
    "the private key of that certificate; looked for like `token_file`",
);

/// See [`LISTEN`].
pub const SSL_CA_FILE: OptionRow = OptionRow::of_source(
    "ssl_ca_file",
    Kind::Path,
    None,
    "authorities: senders have to show a certificate that one of them has signed. That may be all that they show",
);

/// The algorithms of signatures, by what senders call them.
const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("sha256", hmac::HMAC_SHA256),
    ("sha384", hmac::HMAC_SHA384),
    ("sha512", hmac::HMAC_SHA512),
    ("sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
];

/// Where requests are sent, by whom, and how large they may be.
#[derive(Clone, Debug)]
pub struct PostOptions {
    /// Where they are sent.
    pub place: Place,
    /// By whom.
    pub access: Access,
    /// The most bytes of a body.
    pub largest: usize,
}

impl PostOptions {
    /// The files with secrets, and the options that name them.
    pub fn secret_files(&self) -> impl Iterator<Item = (PathBuf, &'static str)> {
        let login = self.access.login.as_ref().map(|login| match login {
            Login::Token(file) | Login::Basic(file) => file,
        });
        let hmac = self.access.hmac.as_ref().map(|hmac| &hmac.file);
        let of_access = login.into_iter().chain(hmac);
        let files = of_access.map(|file| (file.path.clone(), file.option));
        let key = self
            .place
            .tls
            .iter()
            .map(|tls| (tls.key.clone(), SSL_KEY_FILE.name));
        files.chain(key)
    }
}

/// Reads them; `None` if a problem was told without which there is nothing to serve. `folder` is the configuration
/// file's.
pub fn read(options: &mut Options<'_>, folder: &Path) -> Option<PostOptions> {
    let address = address(options);
    let path = path(options);
    let tls = tls(options, folder);
    let login = login(options, folder);
    let hmac = hmac(options, folder);
    let largest = options.number("max_body");
    let (login, hmac, tls) = (login.ok()?, hmac.ok()?, tls.ok()?);
    let is_open = is_open(options)?;
    let shows_certificate = tls
        .as_ref()
        .is_some_and(|tls| tls.client_authorities.is_some());
    let proof = ["token_file", "basic_file", "hmac", "ssl_ca_file"];
    let is_proven = login.is_some() || hmac.is_some() || shows_certificate;
    match (is_open, is_proven) {
        (false, false) => {
            options.report_section(
                "expected `token_file`, `basic_file`, `hmac` or `ssl_ca_file` in the source, but found none",
                "say how senders show who they are; on an address of the host itself `auth = none` is possible",
            );
            return None;
        }
        (true, true) => {
            let given = proof.into_iter().filter(|name| !options.lacks(name));
            let given = given.collect::<Vec<_>>().join("` and `");
            let message = format!("expected either `auth = none` or `{given}`, but found both");
            options.report_value("auth", Problem::error(message, "remove one of them"));
            return None;
        }
        _ => {}
    }
    let address = address?;
    if is_open && !address.ip().is_loopback() {
        let message = format!(
            "`auth = none` lets everybody send who reaches {address}, which is not an address of this host alone"
        );
        let hint = "listen on 127.0.0.1 or ::1, or name a `token_file` or `hmac`";
        options.report_value("auth", Problem::error(message, hint));
        return None;
    }
    if login.is_some() && tls.is_none() && !address.ip().is_loopback() {
        let option = if options.lacks("token_file") {
            "basic_file"
        } else {
            "token_file"
        };
        let message = format!(
            "what `{option}` has goes to {address} in clear text: who sees the network can send, too"
        );
        let hint = "name an `ssl_cert_file` and an `ssl_key_file`; or listen on 127.0.0.1 behind a proxy with TLS";
        options.report_value(option, Problem::warning(message, hint));
    }
    Some(PostOptions {
        place: Place {
            address: Address::Network(address),
            tls,
            path: path?,
        },
        access: Access { login, hmac },
        largest,
    })
}

fn address(options: &mut Options<'_>) -> Option<SocketAddr> {
    if options.lacks("listen") {
        options.report_section(
            "expected `listen` in the source, but found none",
            "name an address and a port, like `listen = 127.0.0.1:8080`",
        );
        return None;
    }
    options.address("listen")
}

fn path(options: &mut Options<'_>) -> Option<RoutePath> {
    let text = options.text_or_default("path");
    let path = RoutePath::parse(&text);
    if path.is_none() {
        let message = format!("expected a path in `path`, but found `{text}`");
        let hint = "write it like `/hooks/github`, without `?`, `#` and `%`";
        options.report_value("path", Problem::error(message, hint));
    }
    path
}

fn tls(options: &mut Options<'_>, folder: &Path) -> Result<Option<TlsFiles>, Reported> {
    let certificate = options.path("ssl_cert_file", folder);
    let key = options.text("ssl_key_file");
    let client_authorities = options.path("ssl_ca_file", folder);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate,
            key: credential_file(Path::new(key), folder),
            client_authorities,
        })),
        (None, None) if client_authorities.is_none() => Ok(None),
        (certificate, key) => {
            let all = [
                ("ssl_cert_file", certificate.is_some()),
                ("ssl_key_file", key.is_some()),
                ("ssl_ca_file", client_authorities.is_some()),
            ];
            let named = |given: bool| {
                let names = all.iter().filter(|(_, is_given)| *is_given == given);
                let names = names.map(|(name, _)| *name);
                names
                    .filter(|name| given || *name != "ssl_ca_file")
                    .collect::<Vec<_>>()
            };
            let given = named(true);
            let message = format!(
                "expected `{}` beside `{}`, but found none",
                named(false).join("` and `"),
                given.join("` and `")
            );
            let hint = "TLS takes a certificate and its key; without both, senders would be answered in clear text";
            options.report_value(given[0], Problem::error(message, hint));
            Err(Reported)
        }
    }
}

fn login(options: &mut Options<'_>, folder: &Path) -> Result<Option<Login>, Reported> {
    let mut file = |option: &'static str| {
        let name = options.text(option)?;
        let path = credential_file(Path::new(name), folder);
        Some(SecretFile { path, option })
    };
    match (file("token_file"), file("basic_file")) {
        (None, None) => Ok(None),
        (Some(token), None) => Ok(Some(Login::Token(token))),
        (None, Some(basic)) => Ok(Some(Login::Basic(basic))),
        (Some(_), Some(_)) => {
            let message = "expected either `token_file` or `basic_file`, but found both".to_owned();
            options.report_value("basic_file", Problem::error(message, "remove one of them"));
            Err(Reported)
        }
    }
}

fn hmac(options: &mut Options<'_>, folder: &Path) -> Result<Option<HmacCheck>, Reported> {
    let Some(text) = options.text("hmac") else {
        return Ok(None);
    };
    let mut parts = text.split_whitespace();
    let found = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(algorithm), Some(header), Some(file), None) => {
            hmac_of(algorithm, header, file, folder)
        }
        _ => Err(format!(
            "expected an algorithm, a header and a file in `hmac`, but found `{text}`"
        )),
    };
    found.map(Some).map_err(|message| {
        let hint =
            "write it like `sha256 X-Hub-Signature-256 hook-key`, where `hook-key` is a file";
        options.report_value("hmac", Problem::error(message, hint));
        Reported
    })
}

fn hmac_of(name: &str, header: &str, file: &str, folder: &Path) -> Result<HmacCheck, String> {
    let mut algorithms = ALGORITHMS.iter();
    let algorithm = algorithms.find(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((name, algorithm)) = algorithm else {
        let known = ALGORITHMS.map(|(known, _)| format!("`{known}`")).join(", ");
        return Err(format!(
            "expected one of {known} in `hmac`, but found `{name}`"
        ));
    };
    let parsed = header.parse::<HeaderName>().ok();
    let parsed = parsed.filter(|header| *header != AUTHORIZATION);
    let header = parsed.ok_or_else(|| {
        format!("expected the name of a header with a signature in `hmac`, but found `{header}`")
    })?;
    Ok(HmacCheck {
        name,
        algorithm: *algorithm,
        header,
        file: SecretFile {
            path: credential_file(Path::new(file), folder),
            option: "hmac",
        },
    })
}

/// Whether everybody may send; `None` if that cannot be told.
fn is_open(options: &mut Options<'_>) -> Option<bool> {
    if options.lacks("auth") {
        return Some(false);
    }
    let hint = "write `none`, or remove it and say with `token_file`, `basic_file`, `hmac` or `ssl_ca_file` who may send";
    options.parse("auth", hint, |text| {
        text.eq_ignore_ascii_case("none").then_some(true)
    })
}
