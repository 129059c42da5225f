//! The options of a rule that sends a request.

pub(super) mod rows;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use serde_json::Value;

pub(super) use rows::OPTIONS;

use super::HttpAction;
use super::request::{Address, Body, Call};
use crate::actions::FileInUse;
use crate::actions::remote::{fixed_host, login, request_timeout, secret_file, trust};
use crate::actions::scope::{SYNTAX, looked_up, object_template};
use crate::actions::statuses::Statuses;
use crate::config::{JsonEntry, Options, Problem, Reported, RuleContext};
use crate::core::template::{JsonTemplate, Place, Template};
use crate::http::LateClient;

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
    let (timeout, trust) = (request_timeout(options), trust(options, rule));
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
        rule: rule.name.to_owned(),
        call: Call {
            method,
            address,
            headers,
            body: body.map(Body::Json),
            login: login.ok()?,
        },
        asks,
        files,
        trust,
        success: success?,
        retry_on: retry_on?,
        timeout: timeout?,
        client: LateClient::default(),
    })
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
                options.report_value(
                    "url",
                    Problem::error(why, "write it like `https://host/path/{{ node_name }}`"),
                );
                return None;
            }
            template(options, "url", text, Place::Url).map(Address::Template)
        }
        (None, Some(file)) => Some(Address::File(file)),
        (Some(_), Some(_)) => {
            let message = "expected either `url` or `url_file`, but found both".to_owned();
            options.report_value("url", Problem::error(message, "remove one of them"));
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

fn headers(options: &mut Options<'_>) -> Option<Vec<(HeaderName, Template)>> {
    if options.lacks("headers") {
        return Some(Vec::new());
    }
    let entries = options.json_object(
        "headers",
        r#"write it like `{"X-Node": "{{ node_name }}"}`"#,
    )?;
    // Each of them is told of.
    let mut headers: Vec<Option<(HeaderName, _)>> = Vec::new();
    for entry in entries {
        let (name, position) = (entry.name.clone(), entry.position);
        let header = header(options, entry);
        let is_same = |other: &(HeaderName, _)| header.as_ref().is_some_and(|it| it.0 == other.0);
        if headers.iter().flatten().any(is_same)
            && let Some(option) = options.get("headers")
        {
            let message = format!("`headers` names `{name}` more than once");
            let hint = "remove all but one: only the last is sent, whatever its letters' case";
            options.report(Problem::warning(message, hint), option, position);
        }
        headers.push(header);
    }
    headers.into_iter().collect()
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
fn body(options: &mut Options<'_>) -> Result<Option<JsonTemplate>, Reported> {
    if options.lacks("body") {
        return Ok(None);
    }
    let template = object_template(
        options,
        "body",
        r#"write it like `{"node": "{{ node_name }}"}`"#,
    );
    template.map(Some).ok_or(Reported)
}

/// The template that an option is.
pub(super) fn template(
    options: &mut Options<'_>,
    name: &str,
    text: &str,
    place: Place,
) -> Option<Template> {
    let found = Template::parse(text, place);
    if let (Err(error), Some(option)) = (&found, options.get(name)) {
        let problem = Problem::error(format!("`{name}`: {error}"), SYNTAX);
        options.report(problem, option, option.value.position_in(text, error.at));
    }
    found.ok()
}

fn statuses(options: &mut Options<'_>, name: &str) -> Option<Statuses> {
    let hint = "write statuses like `404`, ranges like `200-299`, and classes like `5xx`";
    let Some(option) = options.get(name) else {
        return options.parse(name, hint, |text| {
            let items: Option<_> = text
                .split(',')
                .map(|item| Statuses::item(item.trim()))
                .collect();
            items.map(Statuses::new)
        });
    };
    let mut found = Vec::new();
    for (text, position) in options.items(name, "statuses") {
        let item = Statuses::item(text);
        if item.is_none() {
            let message = format!("expected statuses in `{name}`, but found `{text}`");
            options.report(Problem::error(message, hint), option, position);
        }
        found.push(item);
    }
    let items: Option<Vec<_>> = found.into_iter().collect();
    items.filter(|items| !items.is_empty()).map(Statuses::new)
}
