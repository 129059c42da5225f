//! What is done with arbitrary bytes, for each thing that is read from outside, and what must hold.
//!
//! Shared by the fuzz targets under `fuzz/`, which find bytes by coverage, and by the scenario that
//! replays what was kept and tries a few thousand variations. A promise that is broken is a panic.

// By their paths: the binaries under `fuzz/` take this file in from elsewhere.
#[path = "targets/answers.rs"]
pub(crate) mod answers;
#[path = "targets/configuration.rs"]
pub(crate) mod configuration;
#[path = "targets/deliveries.rs"]
pub(crate) mod deliveries;
#[path = "targets/rules.rs"]
pub(crate) mod rules;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use esi_event_actions::app::parts::{self, Config, Reading};
use esi_event_actions::core::event::Event;
use esi_event_actions::core::rules::Given;
use esi_event_actions::engine::intake::Decision;
use esi_event_actions::journal::Entry;
use esi_event_actions::sources::amqp::notification::Labels;
use esi_event_actions::sources::history::record::lacks;
use esi_event_actions::sources::{Arrival, Decoded, Interest, amqp};
use serde_json::Value;

/// Tries one input.
pub(crate) type Target = fn(&[u8]);

/// All targets by their names, which are those of the folders of kept inputs too.
pub(crate) const TARGETS: [(&str, Target); 17] = [
    ("batches", deliveries::batches),
    ("clouds", configuration::clouds),
    ("envelope", deliveries::envelope),
    ("expressions", rules::expressions),
    ("facts", deliveries::facts),
    ("filters", rules::filters),
    ("history", deliveries::history),
    ("ini", configuration::ini),
    ("jobs", answers::jobs),
    ("lines", deliveries::lines),
    ("messages", deliveries::messages),
    ("operators", rules::operators),
    ("posts", deliveries::posts),
    ("puts", deliveries::puts),
    ("searches", answers::searches),
    ("topics", deliveries::topics),
    ("transport_url", configuration::transport_url),
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

fn any_rules() -> &'static Config {
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
