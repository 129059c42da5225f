//! What rules say of events: filters, operators, expressions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use esi_event_actions::app::parts;
use esi_event_actions::core::event::Event;
use esi_event_actions::core::rules::{Given, Verdict};
use esi_event_actions::core::throttle::Decision as Throttling;
use serde_json::Value;

use super::{decided, holds};

/// `filter_params` and, after a NUL, a lease to which the filters are put.
pub(crate) fn filters(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == 0);
    let (filter, lease) = data.split_at(at.unwrap_or(data.len()));
    let Ok(filter) = std::str::from_utf8(filter) else {
        return;
    };
    let filter = filter.replace('%', "%%").replace(['\n', '\r'], " ");
    let text = format!("[r]\nevents = *\nscript = x\nfilter_params = {filter}\n");
    let reading = parts::read(&text, Path::new("/etc/file"));
    holds(&text, &reading);
    let Some(config) = reading.config else {
        return;
    };
    let body = [
        br#"{"message_id":"1","event_type":"t","payload":{"esi_leap_object.data":"#,
        lease.get(1..).unwrap_or_default(),
        b"}}",
    ];
    decided(&config, &body.concat());
}

/// A list for `filter_any` and, after a NUL, a payload to whose field `f` and all within its filters are put. What
/// explains them says of each what decides.
pub(crate) fn operators(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == 0);
    let (filters, payload) = data.split_at(at.unwrap_or(data.len()));
    let Ok(filters) = std::str::from_utf8(filters) else {
        return;
    };
    let filters = filters.replace('%', "%%").replace(['\n', '\r'], " ");
    let text = format!("[r]\nevents = *\nscript = x\nfilter_any = {filters}\n");
    let reading = parts::read(&text, Path::new("/etc/file"));
    holds(&text, &reading);
    let payload = serde_json::from_slice(payload.get(1..).unwrap_or_default());
    let (Some(config), Ok(payload)) = (reading.config, payload) else {
        return;
    };
    let event = Event::new("1".into(), "t".into(), "now".into(), None, payload);
    let stored: BTreeMap<String, Value> = [("s".to_owned(), event.payload["s"].clone())].into();
    let given = Given {
        now: "2026-01-15T12:00:00Z".parse().expect("a time"),
        stored: &stored,
    };
    for rule in config.rules.all() {
        let findings = rule.findings(&event, |_| true, &given);
        let refused: BTreeSet<_> = (findings.iter())
            .filter(|finding| finding.refuses())
            .map(|finding| finding.alternative)
            .collect();
        let all: BTreeSet<_> = findings.iter().map(|it| it.alternative).collect();
        match rule.verdict(&event, &given) {
            Verdict::Refused(_) => assert_eq!(refused, all),
            Verdict::Run { .. } => assert!(all.is_empty() || refused != all),
            Verdict::FilterError(_) => assert!(findings.iter().any(|it| it.holds.is_err())),
            verdict => panic!("{verdict:?}"),
        }
    }
}

/// The options of a rule that are expressions, a line each, and, after a NUL, a payload to which they are put. A time
/// that cannot be told is told of, and counts nothing.
pub(crate) fn expressions(data: &[u8]) {
    const OPTIONS: [&str; 5] = [
        "start_at",
        "threshold",
        "throttle_by",
        "limit_by",
        "times_without_zone",
    ];
    let at = data.iter().position(|byte| *byte == 0);
    let (lines, payload) = data.split_at(at.unwrap_or(data.len()));
    let Ok(lines) = std::str::from_utf8(lines) else {
        return;
    };
    let lines = lines.replace('%', "%%").replace('\r', " ");
    let said = OPTIONS.into_iter().zip(lines.split('\n'));
    let said = said.filter(|(_, text)| !text.is_empty());
    let said: Vec<String> = said
        .map(|(name, text)| format!("{name} = {text}\n"))
        .collect();
    let text = format!("[r]\nevents = *\nscript = x\nlimit = 1\n{}", said.concat());
    let reading = parts::read(&text, Path::new("/etc/file"));
    holds(&text, &reading);
    let payload = serde_json::from_slice(payload.get(1..).unwrap_or_default());
    let (Some(config), Ok(payload)) = (reading.config, payload) else {
        return;
    };
    let time = "2026-01-15 12:00:00".to_owned();
    let event = Event::new("1".into(), "t".into(), time, None, payload);
    let now = "2026-01-15T12:00:00Z".parse().expect("a time");
    for rule in config.rules.all() {
        let Verdict::Run { key } = rule.verdict(&event, &Given::at(now)) else {
            panic!("nothing refuses it");
        };
        let plan = rule.plan(&event, &key);
        assert!(plan.share.is_some());
        match plan.timing.start_at {
            Err(why) => assert!(!why.is_empty() && plan.throttle.is_none()),
            Ok(_) => assert_eq!(plan.throttle.is_some(), rule.throttle.is_some()),
        }
        if let Some(throttled) = plan.throttle {
            let (decision, window) = throttled.decide(None, now);
            assert!(window.events == 1 && now < window.ends_at);
            assert!(!matches!(decision, Throttling::StartAt(_)), "{decision:?}");
        }
    }
}
