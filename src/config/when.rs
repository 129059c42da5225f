//! When the runs of a rule start, and what makes them pointless: options → [`When`].

use jiff::tz::TimeZone;

use super::event_types::may_be_of_lease;
use super::fields::{is_of_lease, warn_of_unknown};
use super::filter_params::recheck;
use super::options::{DURATIONS, Options};
use super::rule::{event_types, one_path};
use super::zone::zone;
use crate::core::duration::positive_duration;
use crate::core::ini::problem::Problem;
use crate::core::rules::{EventPattern, StartAt, When};

/// Reads what a rule says of the time of its runs; with `of_leases`, all its events are ESI Leap's.
/// `events` are those that it is for.
pub(super) fn when(options: &mut Options<'_>, of_leases: bool, events: &[EventPattern]) -> When {
    let start_at = start_at(options, of_leases);
    let max_age = options.parse("max_age", DURATIONS, positive_duration);
    let cancelled_by = event_types(options, "cancelled_by", None);
    let cancel_running = options.switch("cancel_running");
    if cancel_running && cancelled_by.is_empty() && options.lacks("cancelled_by") {
        let message = "expected `cancelled_by` beside `cancel_running`, but found none".to_owned();
        let remedy = "name the types of event that make the runs pointless, or remove it";
        options.report_value("cancel_running", Problem::error(message, remedy));
    }
    let limit = options.get("limit").map(|_| options.number("limit"));
    let limit_by = one_path(options, "limit_by", "choose one field", of_leases);
    if limit_by.is_some() && limit.is_none() {
        let message = "expected `limit` beside `limit_by`, but found none".to_owned();
        let remedy = "say how many runs of the same value may run at once, like `limit = 2`";
        options.report_value("limit_by", Problem::error(message, remedy));
    }
    When {
        start_at,
        max_age,
        zone: zone(options, "times_without_zone", TimeZone::UTC),
        cancelled_by,
        cancel_running,
        limit,
        limit_by,
        recheck: recheck(
            options,
            events.is_empty() || events.iter().any(may_be_of_lease),
        ),
    }
}

fn start_at(options: &mut Options<'_>, of_leases: bool) -> Option<StartAt> {
    let text = options.text("start_at")?;
    let option = options.get("start_at")?;
    let start_at = match StartAt::parse(text) {
        Ok(start_at) => start_at,
        Err(invalid) => {
            let position = option.value.position_in(text, invalid.offset);
            options.report(
                Problem::error(invalid.message, invalid.hint),
                option,
                position,
            );
            return None;
        }
    };
    let position = option.value.position_in(text, 0);
    if start_at.is_always_over() {
        let message = format!("`start_at` is `{text}`, which is over when the event comes");
        let remedy = "remove it, or write `+`: runs start at once then";
        options.report(Problem::warning(message, remedy), option, position);
    }
    if !of_leases {
        return Some(start_at);
    }
    if let Some(path) = start_at.path() {
        warn_of_unknown(options, option, "start_at", path, position);
    }
    if let Some(field) = start_at.timeless_field(is_of_lease) {
        let problem = Problem::error(
            format!(
                "expected a time in `start_at`, but found `{field}`, which is none in any lease"
            ),
            "the times of a lease are `start_time`, `end_time`, `fulfill_time` and `expire_time`; `time` is \
             that of the event",
        );
        options.report(problem, option, position);
        return None;
    }
    if let Some(field) = start_at.local_field() {
        let (found, instead) = match field {
            "start_time" => (
                "of a lease that was made without one, that is the local time of ESI Leap's host, though it \
                 says `Z`",
                "if that host's zone is not UTC, start from `time` or `end_time`",
            ),
            "event_time" => (
                "that is the local time of ESI Leap's host",
                "say in `times_without_zone` which zone that is, or start from `time` or `end_time`",
            ),
            _ => (
                "ESI Leap writes the local time of its host there, though it says `Z`; on the bus it is null \
                 until the lease has ended",
                "say in `times_without_zone` which zone that is, or start from `time` or `end_time`",
            ),
        };
        let message = format!("`start_at` starts from `{field}`, which cannot be trusted: {found}");
        options.report(Problem::warning(message, instead), option, position);
    }
    Some(start_at)
}
