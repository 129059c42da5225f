//! The options of a search, and how they are read.

mod asked;
mod hosts;
mod rows;

use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(super) use hosts::{CERTIFICATE, KEY};
pub(super) use rows::OPTIONS;

use super::Search;
use super::each::Each;
use super::event::{IDENTITY, Making};
use super::memory::Telling;
use super::query::Query;
use crate::config::{Options, Problem, cron, every, payload_path, positive_duration, zone};
use crate::core::event::PayloadPath;
use crate::core::schedule::{Missed, Schedule, Times};
use asked::{Asked, asked};
use hosts::{addresses, login, trust};

const MAP: &str = r#"write it like `{"node": "key", "load": "avg_load.value"}`"#;
const ONE_SCHEDULE: &str = "write one of `every = 1m` and `cron = */5 * * * *`";

/// Reads a search; `None` if a problem makes it none. `now` tells which times never come.
pub(super) fn read(options: &mut Options<'_>, folder: &Path, now: Timestamp) -> Option<Search> {
    let Asked { query, index, api } = asked(options);
    let path = [index.as_deref().unwrap_or_default(), api];
    let path: Vec<&str> = path.into_iter().filter(|it| !it.is_empty()).collect();
    let addresses = addresses(options, &path);
    let schedule = schedule(options, now);
    let identity = identity(options);
    let map = map(options);
    let telling = Telling {
        backoff: length(options, "backoff"),
        resolve_after: (!options.lacks("resolve_after")).then(|| options.number("resolve_after")),
    };
    let takes_partial = options.switch("partial");
    let login = login(options, folder);
    let trust = trust(options, folder);
    let timeout = options.parse("request_timeout", "write it like `30s`", positive_duration);
    let making = Making {
        identity: identity?,
        map: map?,
    };
    let (mut addresses, query) = (addresses?, query?);
    fits(options, &query, &making)?;
    // ES|QL has such a parameter in some versions alone, and the others refuse it. Its answers say what they lack.
    if query.each != Each::Rows {
        for address in &mut addresses {
            address.set_query(Some(&format!(
                "allow_partial_search_results={takes_partial}"
            )));
        }
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
        trust: trust.ok()?,
        timeout: timeout?,
    })
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
            "remove it: write times that overlap into the query",
        )
    };
    let given: Vec<&&str> = names.iter().filter(|name| !options.lacks(name)).collect();
    for name in &given {
        options.report_value(name, Problem::error(format!("`{name}` {message}"), hint));
    }
    given.is_empty().then_some(())
}
