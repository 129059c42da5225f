//! What is done with arbitrary bytes, for each thing that is read from outside, and what must hold.
//!
//! Shared by the fuzz targets under `fuzz/`, which find bytes by coverage, and by the scenario that
//! replays what was kept and tries a few thousand variations. A promise that is broken is a panic.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use esi_event_actions::app::parts::{self, Config, Reading};
use esi_event_actions::core::event::{Event, PayloadPath};
use esi_event_actions::core::rules::{Given, Verdict};
use esi_event_actions::core::throttle::Decision as Throttling;
use esi_event_actions::engine::intake::Decision;
use esi_event_actions::http::posts::Post;
use esi_event_actions::http::refusal::Refusal;
use esi_event_actions::journal::Entry;
use esi_event_actions::sources::alertmanager::Alerts;
use esi_event_actions::sources::amqp::notification::Labels;
use esi_event_actions::sources::elasticsearch::{Each, Page, Paging};
use esi_event_actions::sources::history::record::{Row, lacks};
use esi_event_actions::sources::history::{self as event_history, Cloud, Variables};
use esi_event_actions::sources::kafka::{Message, Messages};
use esi_event_actions::sources::webhook::{Identity, Webhook};
use esi_event_actions::sources::{Arrival, Decoded, Interest, KeyPath, amqp, decode_event, exec};
use serde_json::Value;

/// Tries one input.
pub(crate) type Target = fn(&[u8]);

/// All targets by their names, which are those of the folders of kept inputs too.
pub(crate) const TARGETS: [(&str, Target); 12] = [
    ("clouds", clouds),
    ("envelope", envelope),
    ("expressions", expressions),
    ("filters", filters),
    ("history", history),
    ("ini", ini),
    ("lines", lines),
    ("messages", messages),
    ("operators", operators),
    ("posts", posts),
    ("searches", searches),
    ("transport_url", transport_url),
];

/// A password that no input holds, and no answer may.
const SECRET: &str = "hunter2-nobody-knows";

/// What a reading has to keep to: no configuration with errors or without them, places that are in
/// the file, and no password shown.
fn holds<F: std::fmt::Debug>(text: &str, reading: &Reading<F>) {
    assert_eq!(reading.config.is_none(), reading.problems.has_errors());
    let lines = u32::try_from(text.split(['\n', '\r']).count()).expect("a short text");
    for problem in &reading.problems {
        if let Some(position) = problem.position {
            assert!((1..=lines + 1).contains(&position.line), "{problem:?}");
            assert!(position.column > 0, "{problem:?}");
        }
    }
    let message = format!("{}{reading:?}", reading.problems.report("file"));
    assert!(!message.contains(SECRET), "shown: {message}");
}

fn read_all(text: &str) {
    let file = Path::new("/etc/file");
    holds(text, &parts::read_for_listen(text, file));
    holds(text, &parts::read_for_history(text, file));
}

/// A configuration, before or after passwords that it may refer to: by the length of it, as twice the
/// work would halve what can be tried.
pub(crate) fn ini(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains(SECRET) {
        return;
    }
    let secrets =
        format!("\n[DEFAULT]\npassword = {SECRET}\ntransport_url = rabbit://u:{SECRET}@h/\n");
    read_all(&if text.len().is_multiple_of(2) {
        format!("{secrets}{text}")
    } else {
        format!("{text}{secrets}")
    });
}

/// `transport_url` alone, and as what follows a password. The history's feed leaves it unread.
pub(crate) fn transport_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains([' ', '\t', '\n', '\r']) || text.contains(SECRET) {
        return;
    }
    let text = text.replace('%', "%%");
    let urls = [
        text.clone(),
        format!("rabbit://u:{SECRET}{text}@h/"),
        format!("rabbit://u:{SECRET}@{text}"),
    ];
    for url in urls {
        let text =
            format!("[DEFAULT]\nqueues = q\ntransport_url = {url}\n[r]\nevents = *\nscript = x\n");
        holds(
            &text,
            &parts::read_for_listen(&text, Path::new("/etc/file")),
        );
    }
}

/// Rules with filters of every kind, for any event.
const RULES: &str = r#"[DEFAULT]
script = x
events = *
[text]
filter_params = {"purpose": "a(?=b)|.*\\d$", "properties.vendor": ["foo", null, 1]}
script_params = purpose, properties, $..*
[path]
filter_params = {"$.properties[?@.rack.row > 2]": true, "$['a.b']": 1e400, "id": 9007199254740993}
script_params = $.properties[?length(@.tags) > 1], $.a[-1:0:2], event_id, a.b.0.c
order_by = project_id
[null]
filter_params = {"expire_time": null, "status": false}
"#;

fn rules() -> &'static Config {
    static RULES_READ: OnceLock<Config> = OnceLock::new();
    RULES_READ.get_or_init(|| {
        let reading = parts::read(RULES, Path::new("/etc/file"));
        let report = reading.problems.report("file").to_string();
        reading.config.unwrap_or_else(|| panic!("{report}"))
    })
}

/// Whether there is a `_context_*` field, at any depth.
fn names_context(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.starts_with("_context_") || names_context(value)),
        Value::Array(items) => items.iter().any(names_context),
        _ => false,
    }
}

/// What the rules of a configuration want.
fn interest(config: &Config) -> Interest {
    Interest::of(Arc::new(config.rules.clone()))
}

/// Decides a message; what cannot be decoded is kept with a reason.
fn decided(config: &Config, body: &[u8]) {
    let labels = Labels::default();
    match amqp::decoded(&interest(config), "bus", "queue", &labels, body.to_vec()) {
        None => {}
        Some(Decoded::Event(arrival)) => written(config, "bus", arrival, Some(body)),
        Some(Decoded::Undecodable(entry)) => {
            assert_eq!(entry.size, body.len() as u64);
            assert!(!entry.reason.is_empty());
        }
    }
}

/// Decides a row of the event history or a record, if it is one.
fn row_decided(config: &Config, body: &[u8]) {
    match event_history::decode(body, &interest(config)) {
        Ok(Some(arrival)) => written(config, "history:c", arrival, None),
        Ok(None) => {}
        Err(why) => assert!(!why.is_empty()),
    }
}

/// Decides an event; it can be read back, and makes arguments.
fn written(config: &Config, source: &str, arrival: Arrival, body: Option<&[u8]>) {
    let given = Given::at("2026-01-15T12:00:00Z".parse().expect("a time"));
    let Some(decision) = Decision::of(&config.rules, arrival, &given) else {
        return;
    };
    for entry in decision.into_entries(source) {
        match entry {
            Entry::Event(acceptance) => {
                let event: Event = serde_json::from_str(&acceptance.body).expect("our own form");
                let again = serde_json::to_string(&event).expect("our own form");
                assert_eq!(again, acceptance.body);
                assert!(!names_context(&event.payload), "{again}");
                let _ = lacks(&event);
                for rule in config.rules.all() {
                    let (_, command) = config.actions[&rule.name]
                        .describe(&event, &Arc::default())
                        .whole;
                    let words = command.as_array().expect("the words of a command");
                    // The program, and an argument for each path.
                    assert_eq!(words.len(), 1 + rule.asks.len());
                    let texts = || words.iter().filter_map(Value::as_str);
                    assert!(texts().all(|text| !text.contains('\0')));
                    // The most that Linux takes.
                    assert!(texts().map(str::len).sum::<usize>() <= 6 * 1024 * 1024);
                }
            }
            Entry::Quarantine(entry) => {
                if let Some(body) = body {
                    assert_eq!(entry.size, body.len() as u64);
                }
                assert!(!entry.reason.is_empty());
            }
            Entry::Progress(_) => panic!("nobody has read on"),
        }
    }
}

/// A body from the bus.
pub(crate) fn envelope(data: &[u8]) {
    decided(rules(), data);
}

/// What a program writes: the same events however its bytes come, and each can be decided.
pub(crate) fn lines(data: &[u8]) {
    let config = rules();
    let read = |pieces: &[&[u8]]| exec::decoded(&interest(config), "feed", pieces);
    let whole = read(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(format!("{whole:?}"), format!("{:?}", read(&bytes)));
    for decoded in whole {
        match decoded {
            Decoded::Event(arrival) => {
                let event_type = &arrival.event.event_type;
                assert!(event_type == "feed" || event_type.starts_with("feed."));
                assert!(arrival.event.payload.is_object());
                written(config, "exec:feed", arrival, None);
            }
            Decoded::Undecodable(entry) => assert!(!entry.reason.is_empty()),
        }
    }
}

/// A row of the event history, a record, or a list as the client prints it.
pub(crate) fn history(data: &[u8]) {
    row_decided(rules(), data);
    let rows = serde_json::from_slice::<Vec<Row>>(data).unwrap_or_default();
    for row in rows {
        let record = serde_json::to_vec(&row).expect("our own form");
        row_decided(rules(), &record);
    }
}

/// The body of a request to a webhook, and to a source of alerts.
pub(crate) fn posts(data: &[u8]) {
    let path = |text| PayloadPath::parse(text).expect("a path");
    let identities = ["payload.id", "$..id"].map(|text| Identity::Path(path(text)));
    let post = Post {
        endpoint: "a/b".to_owned(),
        body: data.to_vec(),
        ..Post::default()
    };
    let now = "2026-01-15T12:00:00Z".parse().expect("a time");
    for identity in identities.into_iter().chain([Identity::None]) {
        let webhook = Webhook {
            name: "s".to_owned(),
            identity,
            key: KeyPath::at(path("payload.id")),
        };
        kept(webhook.event(&post, now).map(|event| vec![event]));
    }
    for is_whole in [false, true] {
        let alerts = Alerts {
            name: "s".to_owned(),
            alerts: path(if is_whole { "alerts" } else { "$..alerts" }),
            is_whole,
            key: KeyPath::default(),
        };
        kept(alerts.of(&post, now));
    }
}

/// Events can be read back as they are kept, and have all that they need; where there are none, the sender is told why.
fn kept(events: Result<Vec<Event>, Refusal>) {
    for event in events.unwrap_or_else(|refusal| {
        assert!(!refusal.why.is_empty());
        Vec::new()
    }) {
        assert!(!event.id.is_empty() && !names_context(&event.payload));
        let again = decode_event(event.to_json().as_bytes(), &Interest::in_all());
        let again = again.expect("our own form").expect("all are wanted");
        assert_eq!(again.event, event);
    }
}

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

/// `clouds.yaml`, into which a password is put.
pub(crate) fn clouds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains(SECRET) {
        return;
    }
    let variables = Variables::from([("HOME".to_owned(), "/home/u".to_owned())]);
    let secure = format!("clouds:\n  a:\n    auth:\n      password: {SECRET}\n");
    for name in [None, Some("a")] {
        let read = |path: &Path| match path.file_name().and_then(|name| name.to_str()) {
            Some("clouds.yaml") => Ok(text.to_owned()),
            Some("secure.yaml") => Ok(secure.clone()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let found = format!("{:?}", Cloud::find(name, &variables, &read));
        assert!(!found.contains(SECRET), "shown: {found}");
    }
}

/// What answers to a search.
pub(crate) fn searches(data: &[u8]) {
    let names = |names: &[&str]| Each::Buckets(names.iter().map(|&it| it.to_owned()).collect());
    for each in [Each::Hits, Each::Rows, names(&["q"]), names(&["q", "in"])] {
        for (is_sorted, is_composite) in [(false, false), (true, true)] {
            let paging = Paging {
                size: 1,
                is_sorted,
                is_composite,
                may_stop_early: is_sorted,
            };
            match Page::read(data, &each, paging) {
                Ok(page) => {
                    assert!(page.found.iter().all(|finding| !finding.parts.is_empty()));
                    assert!(page.next.is_none() || (is_sorted && !page.found.is_empty()));
                }
                Err(why) => assert!(!why.is_empty()),
            }
        }
    }
}

/// A message of a topic: its key and a header before the first two line feeds, the rest is its value.
pub(crate) fn messages(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().map(<[u8]>::to_vec);
    let (key, header, value) = (part(), part().unwrap_or_default(), part());
    let name = String::from_utf8_lossy(&header[..header.len().min(12)]).into_owned();
    let message = Message {
        topic: "t".to_owned(),
        offset: 7,
        key,
        value: value.clone(),
        headers: [(name, header)].into(),
        millis: i64::try_from(data.len()).unwrap_or_default(),
        ..Message::default()
    };
    let path = PayloadPath::parse("meta.key").expect("a path");
    let source = Messages::new("s".to_owned(), KeyPath::at(path));
    let interest = Interest::in_all();
    let now = jiff::Timestamp::UNIX_EPOCH;
    match source.decoded(&interest, "kafka:s", &message, now) {
        Some(Decoded::Event(arrival)) => {
            // It is read back as it was, by whoever takes it out of the journal.
            let text = serde_json::to_vec(&arrival.event).expect("JSON");
            let again = decode_event(&text, &interest).expect("an event");
            assert_eq!(again.expect("wanted").event, arrival.event);
            assert_eq!(arrival.event.id, "t:0:7");
            if let Some(value) = value {
                assert!(std::str::from_utf8(&value).is_ok());
            }
        }
        Some(Decoded::Undecodable(entry)) => {
            let value = value.expect("what is nothing is null");
            assert!(std::str::from_utf8(&value).is_err());
            assert_eq!(entry.size, value.len() as u64);
        }
        None => panic!("all is wanted"),
    }
}
