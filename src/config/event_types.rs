//! The types of ESI Leap's events and of those that tell of the ends of runs, and suggestions for a type or a glob
//! that is not one of them.

use crate::core::event::ends;
use crate::core::ini::problem::{Problem, nearest, nearest_within};
use crate::core::rules::EventPattern;

/// What ESI Leap sends.
const KNOWN: [&str; 6] = [
    "esi_leap.lease.delete.end",
    "esi_leap.lease.delete.error",
    "esi_leap.lease.delete.start",
    "esi_leap.lease.fulfill.end",
    "esi_leap.lease.fulfill.error",
    "esi_leap.lease.fulfill.start",
];

/// The names that a type has between its dots.
const NAMES: [&[&str]; 4] = [
    &["esi_leap"],
    &["lease"],
    &["fulfill", "delete"],
    &["start", "end", "error"],
];

const ALL: &str = "ESI Leap sends `esi_leap.lease.fulfill` and `esi_leap.lease.delete`, each with \
                   `.start`, `.end` or `.error`";

/// How else people call the ends of runs.
const OTHER_WORDS: [(&[&str], &str); 3] = [
    (
        &["success", "ok", "done", "finished", "completed", "ended"],
        "run.succeeded",
    ),
    (
        &["failed", "failure", "error", "given_up", "timeout", "dead"],
        "run.discarded",
    ),
    (&["canceled", "aborted", "skipped"], "run.cancelled"),
];

/// What is wrong with a pattern that no event has that there can be.
pub(super) fn problem(pattern: &EventPattern) -> Option<Problem> {
    let text = pattern.as_str();
    if !pattern.is_about_runs() {
        let remedy = remedy(pattern)?;
        return Some(Problem::warning(
            format!("ESI Leap sends no events of type `{text}`"),
            remedy,
        ));
    }
    if ends().any(|(_, event_type)| pattern.matches(event_type)) {
        return None;
    }
    let message = format!("no event of type `{text}` tells of the end of a run");
    let hint = end_meant(text).map_or_else(
        || "write `run.succeeded`, `run.discarded`, `run.cancelled` or `run.*`".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    Some(Problem::warning(message, hint))
}

/// The end of a run that was probably meant.
fn end_meant(text: &str) -> Option<&'static str> {
    let text = normal(text);
    let word = text.split('.').nth(1)?;
    let near = |words: &[&'static str]| nearest(word, words.iter().copied()).is_some();
    let other = OTHER_WORDS.iter().find(|(words, _)| near(words));
    let known = ends().map(|(_, event_type)| event_type);
    nearest(&text, known).or(other.map(|(_, meant)| *meant))
}

/// What to write instead, if events of ESI Leap are meant and none can match. Other services have
/// types of their own, which may look similar, but not this similar.
fn remedy(pattern: &EventPattern) -> Option<String> {
    if matches_any(pattern) {
        return None;
    }
    let text = pattern.as_str();
    if let Some(meant) = meant(text) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let names: Vec<String> = text.split('.').map(normal).collect();
    let (first, others) = names.split_first()?;
    nearest(first, NAMES[0].iter().copied())?;
    if others
        .iter()
        .any(|name| nearest(name, ["expire"]).is_some())
    {
        return Some(
            "no type is named after expiry: ESI Leap deletes a lease that expires, and sends \
             `esi_leap.lease.delete.end`"
                .to_owned(),
        );
    }
    Some(ALL.to_owned())
}

/// Whether events that are meant by this may be about a lease. A type that ESI Leap does not send yet is not known.
pub(super) fn may_be_of_lease(pattern: &EventPattern) -> bool {
    matches_any(pattern) || pattern.as_str().starts_with("esi_leap.lease.")
}

fn matches_any(pattern: &EventPattern) -> bool {
    KNOWN.iter().any(|known| pattern.matches(known))
}

/// The type or glob that was probably meant.
fn meant(text: &str) -> Option<String> {
    let whole = corrected(text, 0);
    let mut candidates = vec![format!("{whole}.*"), whole];
    // Globs without the beginning may well be those of other services.
    if !text.contains(['*', '?', '[']) {
        candidates.push(format!("esi_leap.lease.{}", corrected(text, 2)));
        candidates.push(format!("esi_leap.{}", corrected(text, 1)));
    }
    while let Some(candidate) = candidates.pop() {
        if EventPattern::parse(&candidate).is_ok_and(|pattern| matches_any(&pattern)) {
            return Some(candidate);
        }
    }
    nearest_within(2, text, KNOWN).map(str::to_owned)
}

/// The text with each name replaced by the nearest of those that stand in its place; the first one
/// stands in the place of this number.
fn corrected(text: &str, place: usize) -> String {
    let known = NAMES.into_iter().skip(place).map(Some);
    let known = known.chain(std::iter::repeat(None));
    let names = text.split('.').zip(known).map(|(name, known)| {
        let near = known.and_then(|known| nearest(&normal(name), known.iter().copied()));
        near.map_or_else(|| name.to_owned(), str::to_owned)
    });
    names.collect::<Vec<_>>().join(".")
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_run_ends_as_is_reported_with_a_suggestion() {
        let cases = [
            ("run.discarded", None),
            ("run.*", None),
            ("run.[sd]*", None),
            ("run.failed", Some("did you mean `run.discarded`?")),
            ("run.failures", Some("did you mean `run.discarded`?")),
            ("run.error", Some("did you mean `run.discarded`?")),
            ("run.discard", Some("did you mean `run.discarded`?")),
            ("run.canceled", Some("did you mean `run.cancelled`?")),
            ("run.Cancelled", Some("did you mean `run.cancelled`?")),
            ("run.success", Some("did you mean `run.succeeded`?")),
            ("run.finished", Some("did you mean `run.succeeded`?")),
            (
                "run.started",
                Some("write `run.succeeded`, `run.discarded`, `run.cancelled` or `run.*`"),
            ),
        ];
        for (text, hint) in cases {
            let pattern = EventPattern::parse(text).unwrap();
            let found = problem(&pattern);
            let found = found.as_ref().map(|problem| problem.hint.as_str());
            assert_eq!(found, hint, "{text}");
        }
    }

    #[test]
    fn what_esi_leap_never_sends_is_reported_with_a_suggestion() {
        let meant = |text| Some(format!("did you mean `{text}`?"));
        let end = "esi_leap.lease.fulfill.end";
        let cases = [
            (end, None),
            ("esi_leap.lease.[fd]*", None),
            ("*", None),
            ("*.end", None),
            ("compute.instance.delete.end", None),
            ("volume.delete.end", None),
            ("lease.event.end_lease", None),
            ("lease.*", None),
            ("baremetal.node.*", None),
            ("esi_leap.lease.fullfill.end", meant(end)),
            ("esi_leap.lease.fulfilled.ended", meant(end)),
            ("ESI_Leap.Lease.Fulfill.End", meant(end)),
            ("esi-leap.lease.fulfil.end", meant(end)),
            ("lease.fulfill.end", meant(end)),
            ("fulfill.end", meant(end)),
            ("esi_leaplease.fulfill.end", meant(end)),
            ("esi_leap.lease.fulfill", meant("esi_leap.lease.fulfill.*")),
            ("esi_leap", meant("esi_leap.*")),
            ("esi_leap.lease.fulfil.*", meant("esi_leap.lease.fulfill.*")),
            ("esi_leap.leases.*.end", meant("esi_leap.lease.*.end")),
            ("esi_leap.lease.create.*", Some(ALL.into())),
            ("esi_leap.offer.create.end", Some(ALL.into())),
        ];
        for (text, expected) in cases {
            let pattern = EventPattern::parse(text).unwrap();
            assert_eq!(remedy(&pattern), expected, "{text}");
        }
        let expired = EventPattern::parse("esi_leap.lease.expired.end").unwrap();
        assert!(
            remedy(&expired)
                .unwrap()
                .contains("esi_leap.lease.delete.end")
        );
    }
}
