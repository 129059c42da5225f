//! The options of a rule that sends a request.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use serde_json::Value;

use super::request::{Address, Call, Login};
use super::statuses::Statuses;
use super::{HttpAction, KNOWN};
use crate::actions::{FileInUse, Purpose};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{JsonEntry, Options, Problem, RuleContext, duration, payload_path};
use crate::core::rules::Asks;
use crate::core::template::{JsonTemplate, Place, Template};
use crate::http::{Trust, TrustNames};
use crate::os::credentials::credential_file;

/// What can be sent (RFC 9110, 9.3, and PATCH).
const METHODS: [Method; 5] = [
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::GET,
];

/// Headers that are not the rule's to set, and what sets them.
const TAKEN: [(HeaderName, &str); 4] = [
    (
        AUTHORIZATION,
        "name a `token_file` or a `basic_file`, so that nobody can read it here",
    ),
    (CONTENT_LENGTH, "remove it: the body decides"),
    (HOST, "remove it: the address decides"),
    (TRANSFER_ENCODING, "remove it: the body decides"),
];

/// The options of a rule that sends a request.
pub(super) const OPTIONS: [OptionRow; 11] = [
    OptionRow {
        name: "url",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "where the request goes: `https://` or `http://`, and a template behind the host, in which values \
                  are percent-encoded. Redirects are not followed",
    },
    OptionRow {
        name: "url_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "instead of `url`: a file whose first line is the address, where that is a secret itself. Looked \
                  for among systemd's credentials, then beside the configuration; read for each request",
    },
    OptionRow {
        name: "method",
        scope: Scope::Rule,
        kind: Kind::Choice(&["POST", "PUT", "PATCH", "DELETE", "GET"]),
        default: Some("POST"),
        meaning: "what the server is asked to do",
    },
    OptionRow {
        name: "headers",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "more headers, each a template",
    },
    OptionRow {
        name: "body",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: None,
        meaning: "the JSON to send; its texts are templates, and one that is a single expression keeps the type \
                  of its value. Without it the event as scripts get it, but nothing with `GET` and `DELETE`",
    },
    OptionRow {
        name: "success",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("200-299"),
        meaning: "statuses that mean that it was done, like `200-299, 304`",
    },
    OptionRow {
        name: "retry_on_status",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("429, 5xx"),
        meaning: "statuses after which another attempt may help, as often as `retries` says and not before \
                  `Retry-After`; after any other one the run is given up",
    },
    OptionRow {
        name: "token_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "a file whose first line is a token, sent as `Authorization: Bearer`; found like `url_file`",
    },
    OptionRow {
        name: "basic_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "instead of `token_file`: a file whose first line is user and password with a colon between them",
    },
    OptionRow {
        name: "ssl_ca_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "in a rule: the authority that signed the server's certificate, if the system does not trust it. \
                  That of `[DEFAULT]` is the broker's, and no rule has it",
    },
    OptionRow {
        name: "request_timeout",
        scope: Scope::Rule,
        kind: Kind::PositiveDuration,
        default: Some("30s"),
        meaning: "how long a request and its answer may take",
    },
];

/// What is wrong has been told.
struct Told;

/// Reads them; `None` if a problem makes it no request.
pub(super) fn read(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Option<HttpAction> {
    let mut files = Vec::new();
    let address = address(options, rule, &mut files);
    let method = options.parse(
        "method",
        "write `POST`, `PUT`, `PATCH`, `DELETE` or `GET`",
        |text| {
            let mut methods = METHODS.into_iter();
            methods.find(|method| method.as_str().eq_ignore_ascii_case(text))
        },
    );
    let headers = headers(options);
    let body = body(options);
    let login = login(options, rule, &mut files);
    let (success, retry_on) = (
        statuses(options, "success"),
        statuses(options, "retry_on_status"),
    );
    let timeout = options.parse("request_timeout", "write it like `30s`", |text| {
        duration(text).filter(|limit| !limit.is_zero())
    });
    // That of `[DEFAULT]` is the broker's.
    let ca_file = options
        .is_own("ssl_ca_file")
        .then(|| options.path("ssl_ca_file", rule.folder));
    let (address, headers) = (address?, headers?);
    let mut asks = Vec::new();
    if let Address::Template(template) = &address {
        asks.extend(looked_up(options, rule, "url", &template.names()));
    }
    let names = headers
        .iter()
        .flat_map(|(_, template)| template.names())
        .collect();
    asks.extend(looked_up(options, rule, "headers", &names));
    let method = method?;
    let body = match body.ok()? {
        Some(body) => {
            asks.extend(looked_up(options, rule, "body", &body.names()));
            Some(body)
        }
        None if [Method::GET, Method::DELETE].contains(&method) => None,
        None => Some(JsonTemplate::of_name("event").ok()?),
    };
    Some(HttpAction {
        call: Call {
            method,
            address,
            headers,
            body,
            login: login.ok()?,
        },
        asks,
        files,
        trust: Trust {
            verify: true,
            ca_file: ca_file.flatten(),
            identity: None,
            names: TrustNames {
                peer: "the server",
                ca_file: "ssl_ca_file",
                certificate: None,
                key: None,
            },
        },
        success: success?,
        retry_on: retry_on?,
        timeout: timeout?,
        client: OnceLock::new(),
    })
}

/// The paths of the lease that a template looks up by these names.
fn looked_up(
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
    option: &'static str,
    names: &BTreeSet<String>,
) -> Asks {
    let Some(place) = options.get(option) else {
        return Asks::new();
    };
    let of_lease = |name: &&String| !KNOWN.contains(&name.split('.').next().unwrap_or_default());
    let paths = names.iter().filter(of_lease).filter_map(|name| {
        let path = payload_path(options, place, option, name, rule.of_leases)?;
        Some((option, path))
    });
    paths.collect()
}

fn address(
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
    files: &mut Vec<FileInUse>,
) -> Option<Address> {
    let text = options.text("url");
    let file = secret_file(options, rule, "url_file", files);
    match (text, file) {
        (Some(text), None) => {
            if let Err(why) = fixed_host(text) {
                report(
                    options,
                    "url",
                    why,
                    "write it like `https://host/path/{{ node_name }}`",
                );
                return None;
            }
            template(options, "url", text, Place::Url).map(Address::Template)
        }
        (None, Some(file)) => Some(Address::File(file)),
        (Some(_), Some(_)) => {
            let message = "expected either `url` or `url_file`, but found both".to_owned();
            report(options, "url", message, "remove one of them");
            None
        }
        (None, None) => {
            if options.lacks("url") && options.lacks("url_file") {
                options.report_section(
                    "expected `url` in the rule, but found none",
                    "name the address, like `url = https://host/path`, or a `url_file` that has it",
                );
            }
            None
        }
    }
}

/// The file with a secret that an option names, and a note of it.
fn secret_file(
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
fn fixed_host(text: &str) -> Result<(), String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let (begin, rest) = text.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = rest else {
        return Err(format!(
            "expected `https://` or `http://` at the beginning of `url`, but found `{text}`"
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
    Ok(())
}

fn login(
    options: &mut Options<'_>,
    rule: &RuleContext<'_>,
    files: &mut Vec<FileInUse>,
) -> Result<Option<Login>, Told> {
    let token = secret_file(options, rule, "token_file", files);
    let basic = secret_file(options, rule, "basic_file", files);
    if token.is_some() && basic.is_some() {
        let message = "expected either `token_file` or `basic_file`, but found both".to_owned();
        report(options, "basic_file", message, "remove one of them");
        return Err(Told);
    }
    Ok(token.map(Login::Token).or(basic.map(Login::Basic)))
}

fn headers(options: &mut Options<'_>) -> Option<Vec<(HeaderName, Template)>> {
    if options.lacks("headers") {
        return Some(Vec::new());
    }
    let entries = options.json_object(
        "headers",
        r#"write it like `{"X-Node": "{{ node_name }}"}`"#,
    )?;
    entries
        .into_iter()
        .map(|entry| header(options, entry))
        .collect()
}

fn header(options: &mut Options<'_>, entry: JsonEntry) -> Option<(HeaderName, Template)> {
    let JsonEntry {
        name,
        value,
        position,
    } = entry;
    let found = match (name.parse::<HeaderName>(), value) {
        (Err(_), _) => Err((
            format!("expected the name of a header in `headers`, but found `{name}`"),
            "write it like `X-Request-Id`".to_owned(),
        )),
        (Ok(header), value) => match (TAKEN.iter().find(|(taken, _)| *taken == header), value) {
            (Some((_, hint)), _) => {
                Err((format!("`headers` cannot set `{name}`"), (*hint).to_owned()))
            }
            (None, Value::String(text)) => Template::parse(&text, Place::Header)
                .map(|template| (header, template))
                .map_err(|error| (format!("`headers`: {name}: {error}"), SYNTAX.to_owned())),
            (None, value) => Err((
                format!("expected text for `{name}` in `headers`, but found `{value}`"),
                "put it into quotation marks".to_owned(),
            )),
        },
    };
    match found {
        Ok(header) => Some(header),
        Err((message, hint)) => {
            let option = options.get("headers")?;
            options.report(Problem::error(message, hint), option, position);
            None
        }
    }
}

/// The body, if there is one.
fn body(options: &mut Options<'_>) -> Result<Option<JsonTemplate>, Told> {
    if options.lacks("body") {
        return Ok(None);
    }
    let entries = options.json_object("body", r#"write it like `{"node": "{{ node_name }}"}`"#);
    let fields = (entries.ok_or(Told)?.into_iter()).map(|entry| (entry.name, entry.value));
    let template = JsonTemplate::parse(&Value::Object(fields.collect()));
    template.map(Some).map_err(|error| {
        report(options, "body", format!("`body`: {error}"), SYNTAX);
        Told
    })
}

const SYNTAX: &str = "write it as in Jinja, like `{{ node_name }}`";

fn template(options: &mut Options<'_>, name: &str, text: &str, place: Place) -> Option<Template> {
    Template::parse(text, place)
        .map_err(|error| report(options, name, format!("`{name}`: {error}"), SYNTAX))
        .ok()
}

fn statuses(options: &mut Options<'_>, name: &str) -> Option<Statuses> {
    let hint = "write statuses like `404`, ranges like `200-299`, and classes like `5xx`";
    options.parse(name, hint, |text| {
        let items: Option<Vec<RangeInclusive<u16>>> = text
            .split(',')
            .map(|item| Statuses::item(item.trim()))
            .collect();
        items.map(Statuses::new)
    })
}

fn report(options: &mut Options<'_>, name: &str, message: String, hint: &str) {
    if let Some(option) = options.get(name) {
        options.report(
            Problem::error(message, hint),
            option,
            option.value.position(),
        );
    }
}
