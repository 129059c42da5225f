//! The options of a source that asks URLs, and how they are read.

use std::path::Path;

use reqwest::Url;

use super::{Address, Check};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, positive_duration};
use crate::http::Trust;

/// In the section of such a source.
pub(super) const OPTIONS: [OptionRow; 6] = [
    OptionRow {
        name: "urls",
        scope: Scope::Source,
        kind: Kind::List,
        default: None,
        meaning: "the addresses, with `https://` or `http://`, and without user and password. All are asked at \
                  the same time, and redirects are followed. Up is what answers with 200",
    },
    OptionRow {
        name: "every",
        scope: Scope::Source,
        kind: Kind::PositiveDuration,
        default: Some("1m"),
        meaning: "how long after the answers they are asked again",
    },
    OptionRow {
        name: "on",
        scope: Scope::Source,
        kind: Kind::Choice(&["change", "always"]),
        default: Some("change"),
        meaning: "when there is an event: when an address is asked for the first time, and then when it is up or down, or \
                  answers with a status, other than before (`change`); or each time (`always`)",
    },
    OptionRow {
        name: "request_timeout",
        scope: Scope::Source,
        kind: Kind::PositiveDuration,
        default: Some("30s"),
        meaning: "what has not answered after this is down",
    },
    OptionRow {
        name: "ssl_ca_file",
        scope: Scope::Source,
        kind: Kind::Path,
        default: None,
        meaning: "the certificates of authorities to trust besides those that the system trusts",
    },
    OptionRow {
        name: "ssl_verify",
        scope: Scope::Source,
        kind: Kind::Switch,
        default: Some("yes"),
        meaning: "with `no`, certificates are not verified: whoever is in between can answer",
    },
];

/// How durations are to be written.
const DURATION: &str = "write it like `30s`, `10m`, `2h` or `7d`";

/// Reads what is to be asked; `None` if a problem makes that nothing.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<Check> {
    let urls = urls(options);
    let every = options.parse("every", DURATION, positive_duration);
    let timeout = options.parse("request_timeout", DURATION, positive_duration);
    let always = options.parse("on", "write `change` or `always`", |text| {
        match text.to_ascii_lowercase().as_str() {
            "change" => Some(false),
            "always" => Some(true),
            _ => None,
        }
    });
    let trust = Trust {
        verify: options.switch("ssl_verify"),
        ..Trust::in_server(options.path("ssl_ca_file", folder))
    };
    Some(Check {
        urls: urls?,
        every: every?,
        timeout: timeout?,
        always: always?,
        trust,
    })
}

fn urls(options: &mut Options<'_>) -> Option<Vec<Address>> {
    let example = "name the addresses, like `urls = https://example.com/health`";
    if options.lacks("urls") {
        options.report_section("expected `urls` in the source, but found none", example);
        return None;
    }
    let items = options.items("urls", "an address");
    let count = items.len();
    let mut all = Vec::new();
    for (text, position) in items {
        match url(text) {
            Ok(url) => all.push(Address {
                written: text.to_owned(),
                url,
            }),
            Err(problem) => {
                let option = options.get("urls")?;
                options.report(problem, option, position);
            }
        }
    }
    (all.len() == count && count > 0).then_some(all)
}

/// An address that may be shown.
fn url(text: &str) -> Result<Url, Problem> {
    // It may hold a password, so it is not shown before it is known that it does not.
    if text.contains('@') {
        return Err(Problem::error(
            "expected an address without `@` in `urls`: it is shown in events and in the log",
            "remove user and password; a `@` of a path is written `%40`",
        ));
    }
    let wrong = |why: &dyn std::fmt::Display| {
        Problem::error(
            format!("expected an address in `urls`, but found `{text}`: {why}"),
            "write it like `https://example.com/health`",
        )
    };
    let url = Url::parse(text).map_err(|error| wrong(&error))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&"it begins with neither `https://` nor `http://`"));
    }
    Ok(url)
}
