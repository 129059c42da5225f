//! A delivery → what is written down for it. Pure.

use flate2::Crc;

use crate::core::event::{Event, Key};
use crate::core::rules::{Rule, RuleSet, Verdict};
use crate::history::{Record, Row, needs_lease};
use crate::journal::{Acceptance, Entry, PlannedRun, Undecided};
use crate::notification::{
    Envelope, Labels, Undecodable, node_in_notification, node_in_row, without_context,
};
use crate::sources::HISTORY;

/// Of a quarantined delivery so many bytes are kept. ESI Leap's messages are about 2 kB.
pub const KEPT_IN_QUARANTINE: usize = 64 * 1024;

/// How a quarantined body begins that could not be decompressed, and so is not kept: it may hold
/// secrets that nobody could blank.
pub const NOT_KEPT: &str = "[compressed body, not kept";

/// What to write down for one delivery: nothing, if its type concerns no rule; the event with the
/// runs to make, none if every rule refuses it; the delivery itself, if it cannot be decoded or a
/// rule cannot be decided. One that cannot be decoded holds the later runs of its node, if that can be told.
#[must_use]
pub fn decide(
    rules: &RuleSet,
    source: &str,
    origin: &str,
    labels: &Labels,
    body: &[u8],
) -> Vec<Entry> {
    // What is kept is the decompressed body: secrets in a compressed one could not be blanked, and
    // who reads it later has no header.
    let body = match labels.decompress(body) {
        Ok(body) => body,
        Err(undecodable) => {
            return vec![Entry::Quarantine(Undecided {
                source: source.to_owned(),
                origin: origin.to_owned(),
                reason: format!("{undecodable}{labels}"),
                body: stand_in(body),
                size: body.len() as u64,
                key: node_in(source, &labels.decompressed_head(body)),
            })];
        }
    };
    let body = &*body;
    let quarantine = |reason: String, key: Option<Key>| {
        let kept = &body[..body.len().min(KEPT_IN_QUARANTINE)];
        Entry::Quarantine(Undecided {
            source: source.to_owned(),
            origin: origin.to_owned(),
            reason: format!("{reason}{labels}"),
            body: without_context(kept),
            size: body.len() as u64,
            key,
        })
    };
    match decide_event(rules, source, body) {
        Ok(None) => Vec::new(),
        Ok(Some((acceptance, undecidable))) => {
            // A rule that cannot be decided holds up no other one. Released from quarantine, the
            // event makes the runs that are still missing and no other.
            let mut entries = vec![Entry::Event(acceptance)];
            entries.extend(undecidable.map(|reason| quarantine(reason, None)));
            entries
        }
        Err(undecodable) => vec![quarantine(undecodable.to_string(), node_in(source, body))],
    }
}

/// The node that an undecodable body of a source is about, if that can be told.
fn node_in(source: &str, body: &[u8]) -> Option<Key> {
    let node = if source.starts_with(HISTORY) {
        node_in_row(body)
    } else {
        node_in_notification(body)
    };
    node.map(Key::node)
}

/// What is kept in the place of a compressed body that cannot be read. It tells bodies of the same
/// length apart, so that each has its own entry.
fn stand_in(body: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(body);
    format!("{NOT_KEPT}, checksum {:08x}]", sum.sum()).into_bytes()
}

/// The event that a body holds with the runs to make for it, and which rule could not be decided;
/// nothing, if its type concerns no rule.
///
/// # Errors
/// [`Undecodable`] if the body holds no event.
pub fn decide_event(
    rules: &RuleSet,
    source: &str,
    body: &[u8],
) -> Result<Option<(Acceptance, Option<String>)>, Undecodable> {
    let (event, is_whole) = if source.starts_with(HISTORY) {
        let record = Record::decode(body)?;
        if concerns_nobody(rules, &record.row.event_type, &record.row.id) {
            return Ok(None);
        }
        let is_whole = record.is_whole();
        (record.into_event(), is_whole)
    } else {
        let envelope = Envelope::open(body)?;
        let notification = envelope.notification()?;
        if concerns_nobody(rules, &notification.event_type, &notification.message_id) {
            return Ok(None);
        }
        (notification.into_event()?, true)
    };
    let (runs, undecidable) = plan(rules, &event, is_whole);
    let acceptance = Acceptance {
        source: source.to_owned(),
        body: event.to_json(),
        id: event.id,
        event_type: event.event_type,
        runs,
    };
    Ok(Some((acceptance, undecidable)))
}

/// Whether a rule may make a run of this row once its lease is shown, or wants it for its script.
#[must_use]
pub fn wants_lease(rules: &RuleSet, row: &Row) -> bool {
    let concerned = rules.concerned(&row.event_type);
    if concerned.is_empty() {
        return false;
    }
    let lease = None;
    let event = Record {
        row: row.clone(),
        lease,
    }
    .into_event();
    let refused = |rule: &Rule| {
        let verdict = rule.verdict_by(&event, |path| !needs_lease(path));
        matches!(verdict, Verdict::Refused(_))
    };
    !concerned.into_iter().all(|rule| refused(rule))
}

fn concerns_nobody(rules: &RuleSet, event_type: &str, id: &dyn std::fmt::Display) -> bool {
    let nobody = rules.concerned(event_type).is_empty();
    if nobody {
        tracing::debug!(event = %id, "no rule is for {event_type}");
    }
    nobody
}

/// The runs to make for an event, and which rule could not be decided. While the event is not whole,
/// a rule is refused by what is there, or awaits the rest if it asks for any of it.
fn plan(rules: &RuleSet, event: &Event, is_whole: bool) -> (Vec<PlannedRun>, Option<String>) {
    let mut runs = Vec::new();
    let mut undecidable = None;
    for rule in rules.concerned(&event.event_type) {
        match rule.verdict_by(event, |path| is_whole || !needs_lease(path)) {
            Verdict::Run { key } => runs.push(PlannedRun {
                rule: rule.name.clone(),
                key,
                awaits_lease: !is_whole && rule.paths().any(|(_, path)| needs_lease(path)),
            }),
            Verdict::Undecidable(why) => {
                undecidable.get_or_insert(format!(
                    "rule [{}] cannot be decided: {why}: write a pattern that repeats less within \
                     what it repeats, and retry the delivery",
                    rule.name
                ));
            }
            Verdict::Refused(mismatch) => tracing::info!(
                event = %event.id, rule = %rule.name,
                "refused: {mismatch}"
            ),
            Verdict::Disabled | Verdict::OtherType => {}
        }
    }
    (runs, undecidable)
}
