//! The options of a search, and how they are read.

mod rows;

use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::{Map, Value};

pub(super) use rows::OPTIONS;

use super::Search;
use super::each::{Each, aggregations};
use super::event::{IDENTITY, Making};
use super::memory::Telling;
use super::query::{NAMES, Query};
use crate::config::{
    Options, Problem, Reported, cron, every, object_template, payload_path, positive_duration, zone,
};
use crate::core::event::PayloadPath;
use crate::core::schedule::{Missed, Schedule, Times};
use crate::http::{Login, Trust};
use crate::os::credentials::credential_file;

const QUERY: &str = r#"write it like `{"query": {"match_all": {}}, "aggs": {"hosts": {"terms": {"field": "host"}}}}`"#;
const MAP: &str = r#"write it like `{"node": "key", "load": "avg_load.value"}`"#;
const ONE_SCHEDULE: &str = "write one of `every = 1m` and `cron = */5 * * * *`";

/// Reads a search; `None` if a problem makes it none. `now` tells which times never come.
pub(super) fn read(options: &mut Options<'_>, folder: &Path, now: Timestamp) -> Option<Search> {
    let index = index(options);
    let addresses = addresses(options, index.as_deref().unwrap_or_default());
    let schedule = schedule(options, now);
    let identity = identity(options);
    let query = query(options);
    let map = map(options);
    let telling = Telling {
        backoff: length(options, "backoff"),
        resolve_after: (!options.lacks("resolve_after")).then(|| options.number("resolve_after")),
    };
    let takes_partial = options.switch("partial");
    let login = login(options, folder);
    let ca_file = options.path("ssl_ca_file", folder);
    let timeout = options.parse("request_timeout", "write it like `30s`", positive_duration);
    let making = Making {
        identity: identity?,
        map: map?,
    };
    let (mut addresses, query) = (addresses?, query?);
    fits(options, &query, &making)?;
    let is_allowed = if takes_partial { "true" } else { "false" };
    for address in &mut addresses {
        address.set_query(Some(&format!("allow_partial_search_results={is_allowed}")));
    }
    Some(Search {
        addresses,
        index: index?,
        schedule: schedule?,
        query,
        making,
        telling,
        takes_partial,
        login: login.ok()?,
        trust: Trust::in_server(ca_file),
        timeout: timeout?,
    })
}

/// What is searched; empty for all.
fn index(options: &mut Options<'_>) -> Option<String> {
    let Some(text) = options.text("index") else {
        return Some(String::new());
    };
    let is_name = |name: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#\"\\|".contains(c);
        !name.is_empty()
            && !matches!(name, "." | "..")
            && !name.starts_with('_')
            && !name.contains(odd)
    };
    if !text.split(',').all(is_name) {
        let message =
            format!("expected names or patterns of indices in `index`, but found `{text}`");
        let hint = "write them like `orders-*,logs`, without blanks between them";
        options.report_value("index", Problem::error(message, hint));
        return None;
    }
    Some(text.to_owned())
}

/// Where each host takes the search.
fn addresses(options: &mut Options<'_>, index: &str) -> Option<Vec<Url>> {
    if options.lacks("url") {
        options.report_section(
            "expected `url` in the source, but found none",
            "name the hosts, like `url = https://es1:9200, https://es2:9200`",
        );
        return None;
    }
    let mut found = Vec::new();
    for (text, position) in options.items("url", "addresses") {
        let address = address(text, index);
        if let (Err(why), Some(option)) = (&address, options.get("url")) {
            let problem = Problem::error(why.clone(), "write it like `https://es1:9200`");
            options.report(problem, option, position);
        }
        found.push(address.ok());
    }
    let found: Option<Vec<_>> = found.into_iter().collect();
    found.filter(|found| !found.is_empty())
}

fn address(text: &str, index: &str) -> Result<Url, String> {
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
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        path.extend(Some(index).filter(|index| !index.is_empty()));
        path.push("_search");
    }
    Ok(url)
}

fn schedule(options: &mut Options<'_>, now: Timestamp) -> Option<Schedule> {
    let zone = zone(options, "timezone", TimeZone::system());
    let times: Option<Times> = match (options.lacks("every"), options.lacks("cron")) {
        (false, true) => every(options, std::time::Duration::ZERO),
        // Of a zone that there is not, nothing comes; but the rest is to be told, too.
        (true, false) => cron(options, zone.clone().unwrap_or(TimeZone::UTC), now),
        (is_without, _) => {
            let found = if is_without { "none" } else { "both" };
            let message = format!("expected `every` or `cron` in the source, but found {found}");
            options.report_section(&message, ONE_SCHEDULE);
            None
        }
    };
    zone?;
    Some(Schedule {
        times: times?,
        missed: Missed::Once,
        jitter: std::time::Duration::ZERO,
        limit: None,
    })
}

fn length(options: &mut Options<'_>, name: &str) -> Option<SignedDuration> {
    let given = (!options.lacks(name)).then(|| options.duration(name));
    given.map(|length| SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX))
}

fn identity(options: &mut Options<'_>) -> Option<Vec<PayloadPath>> {
    let items = options.items("identity", "paths");
    let Some(option) = options.get("identity") else {
        return Some(Vec::new());
    };
    let paths: Vec<_> = items
        .into_iter()
        .map(|(text, _)| payload_path(options, option, "identity", text, false))
        .collect();
    paths.into_iter().collect()
}

fn map(options: &mut Options<'_>) -> Option<Vec<(String, PayloadPath)>> {
    if options.lacks("map") {
        return Some(Vec::new());
    }
    let entries = options.json_object("map", MAP)?;
    let mut all: Vec<Option<(String, PayloadPath)>> = Vec::new();
    for entry in &entries {
        let option = options.get("map")?;
        let wrong = |message: String, hint: &str| (Problem::error(message, hint), entry.position);
        let name = &entry.name;
        let is_twice = all.iter().flatten().any(|(other, _)| other == name);
        let read = match &entry.value {
            _ if is_twice => Err(wrong(
                format!("`map` names `{name}` more than once"),
                "give each of them a name of its own: only one value fits under it",
            )),
            _ if name == IDENTITY => Err(wrong(
                format!("`map` cannot name a field `{IDENTITY}`"),
                "choose another name: under this one the payload has what tells it from others",
            )),
            Value::String(text) => PayloadPath::parse(text).map_err(|invalid| {
                let message = format!("`map`: {name}: {}", invalid.message);
                wrong(message, &invalid.hint)
            }),
            other => Err(wrong(
                format!("expected a path for `{name}` in `map`, but found `{other}`"),
                MAP,
            )),
        };
        all.push(match read {
            Ok(path) => Some((name.clone(), path)),
            Err((problem, position)) => {
                options.report(problem, option, position);
                None
            }
        });
    }
    all.into_iter().collect()
}

/// Reads `query`, and what of it the other options name.
fn query(options: &mut Options<'_>) -> Option<Query> {
    if options.lacks("query") {
        options.report_section("expected `query` in the source, but found none", QUERY);
        return None;
    }
    let body: Map<String, Value> = options
        .json_object("query", QUERY)?
        .into_iter()
        .map(|entry| (entry.name, entry.value))
        .collect();
    let template = object_template(options, "query", QUERY)?;
    let names = template.names();
    let unknown = names
        .iter()
        .find(|name| !NAMES.contains(&name.split('.').next().unwrap_or_default()));
    if let Some(unknown) = unknown {
        let message =
            format!("a template in `query` asks for `{unknown}`, which is not known there");
        let hint = "write `{{ since }}` or `{{ until }}`; what is no template is written with `{{ '{{' }}`";
        options.report_value("query", Problem::error(message, hint));
        return None;
    }
    let each = each(options, &body)?;
    let overlap = length(options, "overlap").unwrap_or_default();
    Some(Query::new(template, &body, each, overlap))
}

fn each(options: &mut Options<'_>, body: &Map<String, Value>) -> Option<Each> {
    let choices = || format!("`{}`", Each::choices(body).join("`, `"));
    let each = if let Some(text) = options.text("each") {
        let each = Each::named(text, body);
        if each.is_none() {
            let message = format!("the query has nothing that `each = {text}` could mean");
            let hint = format!("write one of {}", choices());
            options.report_value("each", Problem::error(message, hint));
        }
        each?
    } else {
        let each = Each::only(body);
        if each.is_none() {
            let message =
                "the query has several aggregations, and `each` does not say which makes events";
            options.report_section(message, &format!("write `each` with one of {}", choices()));
        }
        each?
    };
    if each == Each::Hits && body.get("size").and_then(Value::as_u64) == Some(0) {
        let message =
            "the query asks for no documents (`size` is 0), but documents are to make events"
                .to_owned();
        let hint = if aggregations(body).is_some() {
            "name an aggregation with `each`, or remove `size`"
        } else {
            "remove `size`: all documents are asked for, page by page"
        };
        options.report_value("query", Problem::error(message, hint));
        return None;
    }
    Some(each)
}

/// That options are there only where they mean something.
fn fits(options: &mut Options<'_>, query: &Query, making: &Making) -> Option<()> {
    let is_of_documents = query.each == Each::Hits && making.identity.is_empty();
    let (names, message, hint): (&[&str], _, _) = if is_of_documents {
        (
            &["backoff", "resolve_after"],
            "means nothing where each document is told once",
            "remove it, or say with `identity` what is the same in several documents, like `_source.host.name`",
        )
    } else {
        (
            &["overlap"],
            "is for documents that are told once each",
            "remove it: write times that overlap into `query`",
        )
    };
    let given: Vec<&&str> = names.iter().filter(|name| !options.lacks(name)).collect();
    for name in &given {
        options.report_value(name, Problem::error(format!("`{name}` {message}"), hint));
    }
    given.is_empty().then_some(())
}

fn login(options: &mut Options<'_>, folder: &Path) -> Result<Option<Login>, Reported> {
    let mut file = |name: &str| {
        let text = options.text(name)?;
        Some(credential_file(Path::new(text), folder))
    };
    let (key, token, password) = (
        file("api_key_file"),
        file("token_file"),
        file("password_file"),
    );
    let user = options.text("user").map(str::to_owned);
    let password = match (user, password) {
        (Some(user), Some(password)) => Some(Login::Password(user, password)),
        (None, None) => None,
        (user, _) => {
            let (found, lacks) = if user.is_some() {
                ("user", "password_file")
            } else {
                ("password_file", "user")
            };
            let message = format!("expected `{lacks}` beside `{found}`, but found none");
            options.report_value(
                found,
                Problem::error(message, "write both, or none of them"),
            );
            return Err(Reported);
        }
    };
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
