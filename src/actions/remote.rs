//! What actions have in common that ask a server over HTTP: the readers of their options, and what `check` says of files
//! with secrets.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::{Checkup, FileInUse, Purpose};
use crate::config::{Options, Problem, Reported, RuleContext, positive_duration};
use crate::http::{Login, Trust};
use crate::os::credentials::credential_file;

/// How long a request and its answer may take.
pub(super) fn request_timeout(options: &mut Options<'_>) -> Option<Duration> {
    options.parse("request_timeout", "write it like `30s`", positive_duration)
}

/// Whom to trust.
pub(super) fn trust(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Trust {
    // That of `[DEFAULT]` is the broker's.
    let ca_file = options
        .is_own("ssl_ca_file")
        .then(|| options.path("ssl_ca_file", rule.folder));
    Trust::in_server(ca_file.flatten())
}

/// The file with a secret that an option names, and a note of it.
pub(super) fn secret_file(
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
    option: &'static str,
    files: &mut Vec<FileInUse>,
) -> Option<PathBuf> {
    let name = options.text(option)?;
    let path = credential_file(Path::new(name), rule.folder);
    files.push(FileInUse {
        path: path.clone(),
        purpose: Purpose::Secret(option),
        position: options.get(option)?.value.position(),
    });
    Some(path)
}

/// An event must not choose to whom a request goes.
pub(super) fn fixed_host(text: &str) -> Result<(), String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let (begin, rest) = text.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = rest else {
        // Before an `@` may be a password.
        let begin = text.rsplit_once('@').map_or(text, |(_, host)| host);
        return Err(format!(
            "expected `https://` or `http://` at the beginning of `url`, but found `{begin}`"
        ));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('{') {
        return Err(format!(
            "expected a fixed host in `url`, but found the template `{host}`"
        ));
    }
    if host.contains('@') {
        return Err(
            "expected no user or password in `url` (a `basic_file` can hold them)".to_owned(),
        );
    }
    if host.is_empty() {
        return Err(format!("expected a host in `url`, but found `{text}`"));
    }
    no_dots(text).map_err(|why| format!("{why} in `url`"))?;
    let found = Url::parse(&text[..text.len() - rest.len() + host.len()]);
    found.map(drop).map_err(|error| {
        format!("expected a host and, if need be, a port in `url`, but found `{host}`: {error}")
    })
}

/// That no part of the path is one that a client would leave out, and the name before it: a value would
/// choose another address.
pub(super) fn no_dots(url: &str) -> Result<(), String> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let is_dots = |part: &str| {
        matches!(
            part.to_ascii_lowercase().replace("%2e", ".").as_str(),
            "." | ".."
        )
    };
    if path.split(['/', '\\']).any(is_dots) {
        return Err("expected no `.` or `..` between slashes".to_owned());
    }
    Ok(())
}

/// By what the server knows us, if by anything.
pub(super) fn login(
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
    files: &mut Vec<FileInUse>,
) -> Result<Option<Login>, Reported> {
    let token = secret_file(options, rule, "token_file", files);
    let basic = secret_file(options, rule, "basic_file", files);
    if token.is_some() && basic.is_some() {
        let message = "expected either `token_file` or `basic_file`, but found both".to_owned();
        options.report_value("basic_file", Problem::error(message, "remove one of them"));
        return Err(Reported);
    }
    Ok(token.map(Login::Token).or(basic.map(Login::Basic)))
}

/// Files with secrets are warned of if they cannot be read: the service may see what this user does not.
pub(super) fn checkup(files: &[FileInUse]) -> Checkup {
    let unreadable = |file: &FileInUse| {
        let error = std::fs::File::open(&file.path).err()?;
        let Purpose::Secret(option) = file.purpose else {
            return None;
        };
        let message = format!(
            "failed to read {} (`{option}`): {error}",
            file.path.display()
        );
        let hint = "put the file there, or name it as the user of the service finds it";
        Some(Problem::warning(message, hint).at(file.position))
    };
    Checkup {
        problems: files.iter().filter_map(unreadable).collect(),
        files: files.to_vec(),
    }
}
