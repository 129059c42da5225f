//! `filter_params`, `filter_any` and `recheck`: JSON → filters, each problem at its place in the file.

use super::fields::warn_of_unknown;
use super::json::Root;
use super::options::Options;
use crate::core::ini::problem::Problem;
use crate::core::located::{Entry, Json, Located};
use crate::core::rules::{Filter, Reader, Recheck};

const FORM: &str = r#"write it like `{"purpose": "test", "properties.vendor": "foo"}`"#;

const RECHECK_FORM: &str = r#"write it like `{"status": "active"}`"#;

const ANY_FORM: &str = r#"write it like `[{"purpose": "test"}, {"properties.vendor": "foo"}]`"#;

/// The filters of a rule; none if it has no `filter_params`.
pub(super) fn filter_params(options: &mut Options<'_>, of_leases: bool) -> Vec<Filter> {
    const NAME: &str = "filter_params";
    let located = options.json_located(NAME, Root::Object, FORM);
    let Some(Json::Object(entries)) = located.map(|it| it.json) else {
        return Vec::new();
    };
    let mut reader = Reader::default();
    let filters = reader.filters(&entries);
    report(options, NAME, reader);
    warn(options, NAME, of_leases, &entries, &filters);
    filters
}

/// What the lease has to be like when a run of a rule starts, whichever events the rule is for. `about_leases`
/// says whether any of them may be about a lease.
pub(super) fn recheck(options: &mut Options<'_>, about_leases: bool) -> Option<Recheck> {
    const NAME: &str = "recheck";
    let located = options.json_located(NAME, Root::Object, RECHECK_FORM)?;
    let written = located.to_value();
    let Json::Object(entries) = located.json else {
        return None;
    };
    let mut reader = Reader::default();
    if entries.is_empty() {
        let message = "expected filters in `recheck`, but found none in `{}`, which always holds";
        reader.mistake(located.at, message, RECHECK_FORM);
    }
    let filters = reader.filters(&entries);
    report(options, NAME, reader);
    warn(options, NAME, true, &entries, &filters);
    if !about_leases {
        let message = "`recheck` asks about the lease of an event, but no event in `events` is about a lease: no \
                       run of this rule would ever start";
        let remedy = "remove `recheck`, or name events like `esi_leap.lease.fulfill.end`";
        options.report_value(NAME, Problem::warning(message, remedy));
    }
    Some(Recheck { filters, written })
}

/// The alternatives of a rule; none if it has no `filter_any`.
pub(super) fn filter_any(options: &mut Options<'_>, of_leases: bool) -> Vec<Vec<Filter>> {
    const NAME: &str = "filter_any";
    let located = options.json_located(NAME, Root::List, ANY_FORM);
    let Some(Located { at, json }) = located else {
        return Vec::new();
    };
    let Json::List(items) = json else {
        return Vec::new();
    };
    let mut reader = Reader::default();
    if items.is_empty() {
        let message = "the list in `filter_any` is empty, so the rule would never match";
        reader.mistake(at, message, ANY_FORM);
    }
    let mut alternatives = Vec::new();
    for item in items {
        match item.json {
            Json::Object(entries) if !entries.is_empty() => {
                let filters = reader.filters(&entries);
                warn(options, NAME, of_leases, &entries, &filters);
                alternatives.push(filters);
            }
            Json::Object(_) => reader.mistake(
                item.at,
                "expected filters in each entry of `filter_any`, but found none in `{}`, which always holds",
                ANY_FORM,
            ),
            _ => {
                let found = item.to_value();
                let message =
                    format!("expected an object like `filter_params` in `filter_any`, but found `{found}`");
                reader.mistake(item.at, message, ANY_FORM);
            }
        }
    }
    report(options, NAME, reader);
    alternatives
}

fn report(options: &mut Options<'_>, name: &str, reader: Reader) {
    let Some(option) = options.get(name) else {
        return;
    };
    for (at, problem) in reader.into_mistakes() {
        options.report(problem, option, option.value.position_at(at));
    }
}

/// Warns of paths where no lease has anything.
fn warn(
    options: &mut Options<'_>,
    name: &str,
    of_leases: bool,
    entries: &[Entry],
    filters: &[Filter],
) {
    let Some(option) = options.get(name).filter(|_| of_leases) else {
        return;
    };
    for path in filters.iter().filter_map(Filter::path) {
        let entry = entries.iter().find(|entry| entry.name == path.as_str());
        if let Some(entry) = entry {
            let position = option.value.position_at(entry.at);
            warn_of_unknown(options, option, name, path, position);
        }
    }
}
