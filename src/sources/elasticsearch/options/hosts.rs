//! Whom a search asks, and by what they know each other.

use std::path::Path;

use reqwest::Url;

use crate::config::{Options, Problem, Reported};
use crate::http::{Login, Trust, TrustNames};
use crate::os::credentials::credential_file;

/// The option with what is shown to hosts who ask for a certificate.
pub(in crate::sources::elasticsearch) const CERTIFICATE: &str = "ssl_cert_file";

/// The option with the key of [`CERTIFICATE`].
pub(in crate::sources::elasticsearch) const KEY: &str = "ssl_key_file";

/// Where each host takes what is asked: these segments of a path behind its own.
pub(super) fn addresses(options: &mut Options<'_>, path: &[&str]) -> Option<Vec<Url>> {
    if options.lacks("url") {
        options.report_section(
            "expected `url` in the source, but found none",
            "name the hosts, like `url = https://es1:9200, https://es2:9200`",
        );
        return None;
    }
    let mut found = Vec::new();
    for (text, position) in options.items("url", "addresses") {
        let address = address(text, path);
        if let (Err(why), Some(option)) = (&address, options.get("url")) {
            let problem = Problem::error(why.clone(), "write it like `https://es1:9200`");
            options.report(problem, option, position);
        }
        found.push(address.ok());
    }
    let found: Option<Vec<_>> = found.into_iter().collect();
    found.filter(|found| !found.is_empty())
}

fn address(text: &str, path: &[&str]) -> Result<Url, String> {
    // Before an `@` may be a password.
    let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let mut url = Url::parse(text).map_err(|error| {
        format!("expected the address of a host in `url`, but found `{shown}`: {error}")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "expected `https://` or `http://` at the beginning of `url`, but found `{shown}`"
        ));
    }
    if text.matches("://").count() > 1 {
        return Err(format!(
            "expected one `://` in an address of `url`, but found `{shown}`"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "expected no user or password in `url` (`user` and `password_file` say them)"
                .to_owned(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "expected no `?` and no `#` in `url`, but found `{shown}`"
        ));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    Ok(url)
}

/// By what the hosts know who asks.
pub(super) fn login(options: &mut Options<'_>, folder: &Path) -> Result<Option<Login>, Reported> {
    let user = both(options, "user", "password_file")?;
    let mut file = |name: &str| {
        let text = options.text(name)?;
        Some(credential_file(Path::new(text), folder))
    };
    let (key, token) = (file("api_key_file"), file("token_file"));
    let password =
        user.map(|(user, file)| Login::Password(user, credential_file(Path::new(&file), folder)));
    let ways = [key.map(Login::ApiKey), password, token.map(Login::Token)];
    let mut ways = ways.into_iter().flatten();
    let login = ways.next();
    if let Some(second) = ways.next() {
        let (_, option) = second.file();
        let message = "expected one of `api_key_file`, `user` with `password_file`, and `token_file`, but found several";
        let problem = Problem::error(message.to_owned(), "remove all but one of them");
        options.report_value(option, problem);
        return Err(Reported);
    }
    Ok(login)
}

/// By what the hosts are known, and what they are shown who ask for a certificate.
pub(super) fn trust(options: &mut Options<'_>, folder: &Path) -> Result<Trust, Reported> {
    let in_server = Trust::in_server(options.path("ssl_ca_file", folder));
    let files = both(options, CERTIFICATE, KEY)?;
    let identity = files.map(|(certificate, key)| {
        let key = credential_file(Path::new(&key), folder);
        (folder.join(certificate), Some(key))
    });
    Ok(Trust {
        identity,
        names: TrustNames {
            certificate: Some(CERTIFICATE),
            key: Some(KEY),
            ..in_server.names
        },
        ..in_server
    })
}

/// The texts of two options of which none is without the other.
fn both(
    options: &mut Options<'_>,
    first: &str,
    second: &str,
) -> Result<Option<(String, String)>, Reported> {
    let texts = [first, second].map(|name| options.text(name).map(str::to_owned));
    let (found, lacks) = match texts {
        [Some(first), Some(second)] => return Ok(Some((first, second))),
        [None, None] => return Ok(None),
        [Some(_), None] => (first, second),
        [None, Some(_)] => (second, first),
    };
    let message = format!("expected `{lacks}` beside `{found}`, but found none");
    let problem = Problem::error(message, "write both, or none of them");
    options.report_value(found, problem);
    Err(Reported)
}
